package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Messages with a level of delay are kept for what the level says, come in the order they were sent, once. */
final class DelayLevels {
    private static final int QUEUES = 2;
    private static final int ROUNDS = 4;
    /** By level: 0 is no delay. */
    private static final long[] DELAY_MILLIS = {0, 1_000, 5_000, 10_000};
    private static final long LATE_MILLIS = 1_500;
    private static final int HIGHEST_LEVEL = 18;
    private static final String SCHEDULE_TOPIC = "SCHEDULE_TOPIC_XXXX";

    private record Delayed(Message message, int queueId, long from, long until) {
    }

    private DelayLevels() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        DefaultMQProducer producer = stage.producer();
        Map<String, Delayed> sent = new LinkedHashMap<>();
        for (int round = 0; round < ROUNDS; round++) {
            for (int level = 0; level < DELAY_MILLIS.length; level++) {
                Message message = Samples.message(topic, sent.size());
                message.setDelayTimeLevel(level);
                send(sent, producer, message, DELAY_MILLIS[level]);
            }
        }
        isKeptForTheHighest(stage.broker(), producer, topic);

        for (MessageExt message : inbox.await(sent.size())) {
            isAsSent(sent.get(message.getMsgId()), message, topic);
        }
        isInOrder(inbox.all());
        List<Sent> last = Samples.sendLastOfEachQueue(producer, topic, "last", 1_000);
        Expect.equal("messages", sent.size() + last.size(), inbox.await(sent.size() + last.size()).size());
    }

    private static void send(Map<String, Delayed> all, DefaultMQProducer producer, Message message, long delay) throws Exception {
        long before = System.currentTimeMillis();
        SendResult result = producer.send(message);
        long after = System.currentTimeMillis();
        Expect.equal("status of the send", SendStatus.SEND_OK, result.getSendStatus());
        Expect.equal("topic of the answer", message.getTopic(), result.getMessageQueue().getTopic());
        all.put(result.getMsgId(), new Delayed(message, result.getMessageQueue().getQueueId(), before + delay, after + delay + LATE_MILLIS));
    }

    /** What asks for more than there is waits with the last level, which is hours. */
    private static void isKeptForTheHighest(Broker broker, DefaultMQProducer producer, String topic) throws Exception {
        long before = broker.maxOffset(SCHEDULE_TOPIC, HIGHEST_LEVEL - 1);
        Message message = Samples.message(topic, 500);
        message.setDelayTimeLevel(99);
        Expect.equal("status of the send", SendStatus.SEND_OK, producer.send(message).getSendStatus());
        Await.until("it waits with the last level", () -> broker.maxOffset(SCHEDULE_TOPIC, HIGHEST_LEVEL - 1) > before);
    }

    private static void isAsSent(Delayed sent, MessageExt received, String topic) {
        Expect.that("was sent: " + received, sent != null);
        Message message = sent.message();
        int level = message.getDelayTimeLevel();
        String which = "of level " + level + ": ";
        long stored = received.getStoreTimestamp();
        Expect.that("not early " + which + (stored - sent.from()) + " ms", stored >= sent.from());
        Expect.that("not late " + which + (stored - sent.until()) + " ms", stored <= sent.until());
        Expect.equal("topic " + which, topic, received.getTopic());
        Expect.equal("queue " + which, sent.queueId(), received.getQueueId());
        Expect.equalBytes("body " + which, message.getBody(), received.getBody());
        Expect.equal("flag " + which, message.getFlag(), received.getFlag());
        Expect.equal("keys " + which, message.getKeys(), received.getKeys());
        Expect.equal("tags " + which, message.getTags(), received.getTags());
        Expect.equal("colour " + which, message.getUserProperty("colour"), received.getUserProperty("colour"));
        Expect.equal("reconsume times " + which, 0, received.getReconsumeTimes());
        Expect.equal("level " + which, level, received.getDelayTimeLevel());
        Expect.equal("real topic " + which, level > 0 ? topic : null, received.getProperty("REAL_TOPIC"));
        Expect.equal("real queue " + which, level > 0 ? String.valueOf(sent.queueId()) : null, received.getProperty("REAL_QID"));
    }

    /** Of one level and one queue. */
    private static void isInOrder(List<MessageExt> received) {
        Map<String, List<Integer>> orders = new LinkedHashMap<>();
        received.sort(Comparator.comparingLong(MessageExt::getQueueOffset));
        for (MessageExt message : received) {
            orders.computeIfAbsent("level " + message.getDelayTimeLevel() + " in queue " + message.getQueueId(), key -> new ArrayList<>())
                .add(Integer.parseInt(message.getUserProperty("index")));
        }
        orders.forEach((which, order) -> Expect.equal("order of " + which, order.stream().sorted().toList(), order));
    }
}
