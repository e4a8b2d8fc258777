package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Finding single messages again: by a key of the user's, by the client's id and by the place in the log. */
final class Query {
    private static final int COUNT = 20;
    private static final int MOST = 32;
    private static final int NO_MESSAGE = 208;

    private Query() {
    }

    static void byKey(Stage stage) throws Exception {
        String topic = stage.topic(4);
        DefaultMQProducer producer = stage.producer();
        // The index counts whole seconds from its first entry, rounded down: a message can look up to a second older than it is.
        long start = System.currentTimeMillis() - 1_000;
        List<Sent> sent = Samples.send(producer, topic, COUNT);
        Message twin = Samples.message(topic, 7);
        Sent twinSent = Sent.answered(twin, producer.send(twin));
        long end = System.currentTimeMillis();
        Delivery delivery = Delivery.of(stage.broker());

        // The index is written behind the log.
        Await.until("the last message is indexed", () -> producer.queryMessage(topic, "key-7", MOST, start, end).getMessageList().size() == 2);

        for (Sent each : sent) {
            if (each.message().getKeys().equals(twin.getKeys())) {
                continue;
            }
            for (String key : each.message().getKeys().split(" ")) {
                QueryResult found = producer.queryMessage(topic, key, MOST, start, end);
                Expect.equal("messages with " + key, 1, found.getMessageList().size());
                delivery.isEqual(each, found.getMessageList().get(0));
                Expect.that("time of the index", found.getIndexLastUpdateTimestamp() >= start);
            }
        }
        List<MessageExt> twins = producer.queryMessage(topic, "also-7", MOST, start, end).getMessageList();
        Expect.equal("messages with one key", 2, twins.size());
        Expect.that("the twin is among them: " + twins, twins.stream().anyMatch(each -> each.getMsgId().equals(twinSent.uniqueKey())));
        Expect.equal("at most as many as asked for", 1, producer.queryMessage(topic, "also-7", 1, start, end).getMessageList().size());

        allOfACommonKeyAreFound(stage, producer);

        isNotFound(producer, topic, "key-none", start, end);
        isNotFound(producer, stage.topic("other", 1), "key-1", start, end);
        isNotFound(producer, topic, "key-1", start - 7_200_000, start - 3_600_000);
    }

    /** A broker answers up to 64 at a time to one who asks for so many. */
    private static void allOfACommonKeyAreFound(Stage stage, DefaultMQProducer producer) throws Exception {
        int many = 40;
        String topic = stage.topic("common", 4);
        for (int i = 0; i < many; i++) {
            producer.send(new Message(topic, "tag", "common", Samples.text("body " + i)));
        }
        Await.until("all messages with the common key are found",
            () -> producer.queryMessage(topic, "common", 64, 0, Long.MAX_VALUE).getMessageList().size() == many);
    }

    static void byUniqueKey(Stage stage) throws Exception {
        String topic = stage.topic(4);
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = Samples.send(producer, topic, COUNT);
        Delivery delivery = Delivery.of(stage.broker());
        Await.until("the last message is indexed", () -> producer.viewMessage(topic, sent.get(COUNT - 1).uniqueKey()) != null);
        for (Sent each : sent) {
            delivery.isEqual(each, producer.viewMessage(topic, each.uniqueKey()));
        }
    }

    static void byOffsetId(Stage stage) throws Exception {
        String topic = stage.topic(4);
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = Samples.send(producer, topic, COUNT);
        Delivery delivery = Delivery.of(stage.broker());
        for (Sent each : sent) {
            delivery.isEqual(each, producer.viewMessage(topic, each.offsetMsgId()));
        }
    }

    private static void isNotFound(DefaultMQProducer producer, String topic, String key, long start, long end) {
        MQClientException failure = Expect.failure("query for " + key, MQClientException.class,
            () -> producer.queryMessage(topic, key, MOST, start, end));
        Expect.equal("code in the client", NO_MESSAGE, failure.getResponseCode());
    }
}
