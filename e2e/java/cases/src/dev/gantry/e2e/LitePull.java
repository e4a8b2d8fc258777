package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** The consumer that is asked for messages instead of being given them: with queues it picked, and as a member of a group. */
final class LitePull {
    private static final int QUEUES = 2;
    private static final int COUNT = 60;

    private LitePull() {
    }

    static void assign(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        List<Sent> sent = Samples.send(stage.producer(), topic, COUNT);

        DefaultLitePullConsumer consumer = stage.litePullConsumer(group);
        consumer.setAutoCommit(false);
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(topic);
        Expect.equal("queues of the topic", QUEUES, queues.size());
        consumer.assign(queues);
        for (MessageQueue queue : queues) {
            consumer.seekToBegin(queue);
        }
        // A pull that was under way when the seek came may still be delivered: then its messages come twice, from any broker.
        Delivery.of(stage.broker()).isExactly(sent, pollDistinct(consumer, COUNT));

        MessageQueue one = queues.iterator().next();
        long end = stage.broker().maxOffset(topic, one.getQueueId());
        long middle = end / 2;
        consumer.seek(one, middle);
        List<MessageExt> again = poll(consumer, (int) (end - middle));
        for (int i = 0; i < again.size(); i++) {
            Expect.equal("queue after a seek", one.getQueueId(), again.get(i).getQueueId());
            Expect.equal("offset after a seek", middle + i, again.get(i).getQueueOffset());
        }

        Expect.equal("first offset not before the beginning of time", 0L, consumer.offsetForTimestamp(one, 0L));
        Expect.equal("first offset not before tomorrow", end,
            consumer.offsetForTimestamp(one, System.currentTimeMillis() + 86_400_000));

        consumer.commitSync();
        stage.broker().awaitAllCommitted(group, topic, QUEUES);
        consumer.shutdown();
        DefaultLitePullConsumer successor = stage.litePullConsumer(group);
        successor.start();
        successor.assign(queues);
        Expect.equal("committed offset as a successor sees it", end, successor.committed(one));
    }

    static void subscribe(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = Samples.send(producer, topic, COUNT);

        DefaultLitePullConsumer consumer = subscriber(stage, group, topic);
        Delivery.of(stage.broker()).isExactly(sent, poll(consumer, COUNT));
        consumer.commitSync();
        stage.broker().awaitAllCommitted(group, topic, QUEUES);
        consumer.shutdown();

        List<Sent> later = Samples.send(producer, topic, COUNT, COUNT);
        Delivery.of(stage.broker()).isExactly(later, poll(subscriber(stage, group, topic), COUNT));
    }

    private static DefaultLitePullConsumer subscriber(Stage stage, String group, String topic) throws Exception {
        DefaultLitePullConsumer consumer = stage.litePullConsumer(group);
        consumer.setAutoCommit(false);
        consumer.subscribe(topic, "*");
        consumer.start();
        return consumer;
    }

    private static List<MessageExt> poll(DefaultLitePullConsumer consumer, int count) throws Exception {
        List<MessageExt> polled = new ArrayList<>();
        Await.until("polled " + count + " messages", () -> polled.addAll(consumer.poll(100)) && polled.size() >= count);
        return polled;
    }

    /** That many different messages. */
    private static List<MessageExt> pollDistinct(DefaultLitePullConsumer consumer, int count) throws Exception {
        Map<String, MessageExt> distinct = new LinkedHashMap<>();
        Await.until("polled " + count + " different messages", () -> {
            for (MessageExt message : consumer.poll(100)) {
                distinct.putIfAbsent(message.getQueueId() + ":" + message.getQueueOffset(), message);
            }
            return distinct.size() >= count;
        });
        return List.copyOf(distinct.values());
    }
}
