package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** The ways to send; each is checked by consuming everything back. */
final class Sending {
    private static final int QUEUES = 4;
    private static final int COUNT = 60;
    private static final int BATCHES = 5;

    private Sending() {
    }

    static void sync(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        List<Sent> sent = Samples.send(stage.producer(), topic, COUNT);
        consumeBack(stage, topic, sent, Delivery.of(stage.broker()));
    }

    static void async(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        Queue<Sent> sent = new ConcurrentLinkedQueue<>();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        for (Message message : Samples.messages(topic, COUNT)) {
            producer.send(message, new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    sent.add(Sent.answered(message, result));
                }

                @Override
                public void onException(Throwable e) {
                    failures.add(e);
                }
            });
        }
        Await.until("every callback was called", () -> sent.size() + failures.size() == COUNT);
        Expect.that("no send failed: " + failures, failures.isEmpty());
        consumeBack(stage, topic, List.copyOf(sent), Delivery.of(stage.broker()));
    }

    static void oneway(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = new ArrayList<>();
        for (Message message : Samples.messages(topic, COUNT)) {
            producer.sendOneway(message);
            sent.add(Sent.unanswered(message));
        }
        consumeBack(stage, topic, sent, Delivery.of(stage.broker()));
    }

    static void batch(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        List<Message> messages = Samples.messages(topic, COUNT);
        List<Sent> sent = new ArrayList<>();
        int size = COUNT / BATCHES;
        for (int from = 0; from < COUNT; from += size) {
            List<Message> batch = messages.subList(from, from + size);
            sent.addAll(each(batch, producer.send(batch)));
        }
        consumeBack(stage, topic, sent, Delivery.ofBatches(stage.broker()));
    }

    /** A batch lies in one queue without a gap; its ids come joined by commas and its offset is that of the first message. */
    static List<Sent> each(List<Message> batch, SendResult result) {
        Expect.equal("status of the send", SendStatus.SEND_OK, result.getSendStatus());
        String[] uniqueKeys = result.getMsgId().split(",");
        String[] offsetIds = result.getOffsetMsgId().split(",");
        Expect.equal("offset ids of the batch", batch.size(), offsetIds.length);
        List<Sent> sent = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            Sent one = new Sent(batch.get(i), result.getMessageQueue().getQueueId(), result.getQueueOffset() + i, offsetIds[i]);
            Expect.equal("message id in the batch", one.uniqueKey(), uniqueKeys[i]);
            sent.add(one);
        }
        return sent;
    }

    static void consumeBack(Stage stage, String topic, List<Sent> sent, Delivery delivery) throws Exception {
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        List<MessageExt> received = inbox.await(sent.size());
        delivery.isExactly(sent, received);
        delivery.hasDenseOffsets(received);
    }
}
