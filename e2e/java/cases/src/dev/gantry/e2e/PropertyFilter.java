package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/** Subscriptions by an expression on properties: the broker gives out what it is true of, and nothing else. */
final class PropertyFilter {
    private static final int QUEUES = 4;
    private static final int COUNT = 60;

    private PropertyFilter() {
    }

    static void run(Stage stage) throws Exception {
        receives(stage, "numbers", "index BETWEEN 10 AND 19 OR index >= 55", i -> i >= 10 && i < 20 || i >= 55);
        receives(stage, "text", "colour = '青' AND TAGS IN ('tag-0', 'tag-1')", i -> i % 2 == 1 && i % 3 != 2);
        receives(stage, "absent", "rare IS NOT NULL AND rare <> 'no' OR index = 1", i -> i % 10 == 0 || i == 1);
        receives(stage, "parts", "colour CONTAINS 'meraud'", i -> i % 2 == 0);
        MQClientException refused = Expect.failure("a bad expression", MQClientException.class, () -> {
            DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("bad"));
            consumer.subscribe(stage.topic("bad", QUEUES), MessageSelector.bySql("index ! 1"));
            consumer.registerMessageListener(new Inbox());
            consumer.start();
        });
        Expect.equal("code of the refusal", 23, refused.getResponseCode());
    }

    private static void receives(Stage stage, String name, String expression, IntPredicate wanted) throws Exception {
        String topic = stage.topic(name, QUEUES);
        DefaultMQProducer producer = stage.producer();
        List<Sent> expected = new ArrayList<>(send(producer, topic, 0, COUNT / 2, wanted));
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name(name));
        consumer.subscribe(topic, MessageSelector.bySql("(" + expression + ") OR TAGS = 'last'"));
        consumer.registerMessageListener(inbox);
        consumer.start();
        inbox.await(expected.size());
        expected.addAll(send(producer, topic, COUNT / 2, COUNT / 2, wanted));
        expected.addAll(Samples.sendLastOfEachQueue(producer, topic, "last", 1000));
        Delivery.of(stage.broker()).isExactly(expected, inbox.await(expected.size()));
    }

    private static List<Sent> send(DefaultMQProducer producer, String topic, int from, int count, IntPredicate wanted) throws Exception {
        List<Sent> expected = new ArrayList<>();
        for (int i = from; i < from + count; i++) {
            Message message = Samples.message(topic, i);
            if (i % 10 == 0) {
                message.putUserProperty("rare", "yes");
            }
            Sent sent = Sent.answered(message, producer.send(message));
            if (wanted.test(i)) {
                expected.add(sent);
            }
        }
        return expected;
    }
}
