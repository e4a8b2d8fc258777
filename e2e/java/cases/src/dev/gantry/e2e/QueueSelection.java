package dev.gantry.e2e;

import java.util.HashMap;
import java.util.Map;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.MessageQueue;

/** A message lands in the queue the producer chose; without a choice they are spread evenly. */
final class QueueSelection {
    private static final int QUEUES = 4;
    private static final int EACH = 6;

    private QueueSelection() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        int index = 0;

        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            for (long offset = 0; offset < EACH; offset++) {
                SendResult result = producer.send(Samples.message(topic, index++), queue);
                Expect.equal("queue of the answer", queue, result.getMessageQueue());
                Expect.equal("offset in queue " + queue.getQueueId(), offset, result.getQueueOffset());
            }
        }

        for (int hash = 0; hash < QUEUES * EACH; hash++) {
            SendResult result = producer.send(Samples.message(topic, index++),
                (queues, message, argument) -> queues.get((Integer) argument % queues.size()), hash);
            Expect.equal("queue chosen by the selector", hash % QUEUES, result.getMessageQueue().getQueueId());
        }

        Map<Integer, Integer> perQueue = new HashMap<>();
        for (int i = 0; i < QUEUES * EACH; i++) {
            perQueue.merge(producer.send(Samples.message(topic, index++)).getMessageQueue().getQueueId(), 1, Integer::sum);
        }
        for (int queue = 0; queue < QUEUES; queue++) {
            Expect.equal("messages without a choice in queue " + queue, EACH, perQueue.get(queue));
            stage.broker().awaitStored("messages in queue " + queue, 3L * EACH, topic, queue);
        }
    }
}
