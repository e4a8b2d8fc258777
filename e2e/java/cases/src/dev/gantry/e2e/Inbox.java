package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageExt;

/** A listener that keeps every message it is given, in the order it is given. */
final class Inbox implements MessageListenerConcurrently {
    private final Queue<MessageExt> received = new ConcurrentLinkedQueue<>();

    @Override
    public ConsumeConcurrentlyStatus consumeMessage(List<MessageExt> messages, ConsumeConcurrentlyContext context) {
        received.addAll(messages);
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
    }

    int size() {
        return received.size();
    }

    List<MessageExt> all() {
        return new ArrayList<>(received);
    }

    List<MessageExt> await(int count) throws InterruptedException {
        Await.until("received " + count + " messages", () -> received.size() >= count);
        return all();
    }
}
