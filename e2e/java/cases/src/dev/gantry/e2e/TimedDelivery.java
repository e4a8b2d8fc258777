package dev.gantry.e2e;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** Messages with a time of delivery: kept until then, delivered once, or taken back before. */
final class TimedDelivery {
    private static final int QUEUES = 2;
    private static final int RECALL_MESSAGE = 370;
    private static final long DAY_MILLIS = 24 * 3_600_000L;
    /** Apache's broker knows whole seconds, and a full second is the one before. */
    private static final long EARLY_MILLIS = 2_000;

    private record Timed(Message message, SendResult result, long due) {
    }

    private TimedDelivery() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        DefaultMQProducer producer = stage.producer();
        long start = System.currentTimeMillis();
        Map<String, Timed> timed = new LinkedHashMap<>();
        send(timed, producer, topic, start + 3_000, "TIMER_DELAY_SEC", "3");
        send(timed, producer, topic, start + 3_500, "TIMER_DELAY_MS", "3500");
        send(timed, producer, topic, start + 4_000, "TIMER_DELIVER_MS", String.valueOf(start + 4_000));
        // Seconds come before milliseconds, these before a time.
        send(timed, producer, topic, start + 2_000, "TIMER_DELIVER_MS", String.valueOf(start + DAY_MILLIS), "TIMER_DELAY_MS", "100000", "TIMER_DELAY_SEC", "2");
        // What is over is now.
        send(timed, producer, topic, start, "TIMER_DELIVER_MS", String.valueOf(start - 5_000));
        send(timed, producer, topic, start, "TIMER_DELAY_MS", "-1");
        // A level comes before all of them, and they are forgotten.
        send(timed, producer, topic, start + 1_000 + EARLY_MILLIS, "DELAY", "1", "TIMER_DELAY_SEC", "86400");

        List<MessageExt> received = inbox.await(timed.size());
        for (MessageExt message : received) {
            Timed expected = timed.get(message.getMsgId());
            Message sent = expected.message();
            Expect.equal("topic", topic, message.getTopic());
            Expect.equalBytes("body", sent.getBody(), message.getBody());
            Expect.equal("flag", sent.getFlag(), message.getFlag());
            Expect.equal("keys", sent.getKeys(), message.getKeys());
            Expect.equal("tags", sent.getTags(), message.getTags());
            Expect.equal("colour", sent.getUserProperty("colour"), message.getUserProperty("colour"));
            Expect.equal("queue", expected.result().getMessageQueue().getQueueId(), message.getQueueId());
            long early = expected.due() - EARLY_MILLIS - message.getStoreTimestamp();
            Expect.that(early + " ms too early: " + message.getProperties(), early <= 0);
            boolean waited = expected.due() > start && sent.getDelayTimeLevel() == 0;
            for (String stamp : List.of("TIMER_OUT_MS", "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS")) {
                Expect.equal("has " + stamp + ": " + message.getProperties(), waited, message.getProperty(stamp) != null);
            }
            boolean hasLevel = sent.getDelayTimeLevel() > 0;
            Expect.equal("real topic", waited || hasLevel ? topic : null, message.getProperty("REAL_TOPIC"));
            Expect.equal("keeps its times", !hasLevel, message.getProperties().keySet().stream().anyMatch(Set.of("TIMER_DELAY_SEC", "TIMER_DELAY_MS", "TIMER_DELIVER_MS")::contains));
        }
        hasNothingElse(stage, topic, inbox, timed.size());
    }

    private static void send(Map<String, Timed> all, DefaultMQProducer producer, String topic, long due, String... properties) throws Exception {
        Message message = Samples.message(topic, all.size());
        for (int i = 0; i < properties.length; i += 2) {
            MessageAccessor.putProperty(message, properties[i], properties[i + 1]);
        }
        SendResult result = producer.send(message);
        Expect.equal("status of the send", SendStatus.SEND_OK, result.getSendStatus());
        all.put(result.getMsgId(), new Timed(message, result, due));
    }

    /** The end of each queue is received, and nothing beside what is known. */
    private static void hasNothingElse(Stage stage, String topic, Inbox inbox, int known) throws Exception {
        List<Sent> last = Samples.sendLastOfEachQueue(stage.producer(), topic, "last", 1_000);
        inbox.await(known + last.size());
        Expect.equal("messages", known + last.size(), inbox.size());
    }

    /** Taken back by handle, and by a message that names it. */
    static void recall(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        Broker broker = stage.broker();
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        long due = System.currentTimeMillis() + 8_000;
        String kept = send(broker, topic, due, "kept");
        String first = send(broker, topic, due, "first");
        String last = send(broker, topic, due, "last");
        send(broker, topic, due, "named");

        RemotingCommand taken = broker.ask(RECALL_MESSAGE, Map.of("producerGroup", "g", "topic", topic, "recallHandle", first));
        Expect.equal("code of the recall (" + taken.getRemark() + ")", ResponseCode.SUCCESS, taken.getCode());
        Expect.equal("id", "first", taken.getExtFields().get("msgId"));
        recalled(broker, topic, last, ResponseCode.SUCCESS);
        recalled(broker, topic, last, ResponseCode.SUCCESS);
        RemotingCommand named = RawSend.to(topic).properties(
            "TIMER_DELIVER_MS\u0001" + due + "\u0002TIMER_DEL_UNIQKEY\u0001named\u0002UNIQ_KEY\u0001other\u0002").by(broker);
        Expect.equal("code of the send (" + named.getRemark() + ")", ResponseCode.SUCCESS, named.getCode());

        recalled(broker, topic, "no handle", ResponseCode.ILLEGAL_OPERATION);
        recalled(broker, stage.topic("other", 1), kept, ResponseCode.ILLEGAL_OPERATION);
        recalled(broker, stage.name("none"), kept, ResponseCode.TOPIC_NOT_EXIST);

        // One that is due after all of them: when it is here, so would they be.
        send(broker, topic, due + 4_000, "end");
        List<MessageExt> received = inbox.await(2);
        Expect.equal("received", Set.of("kept", "end"), received.stream().map(MessageExt::getMsgId).collect(Collectors.toSet()));
        recalled(broker, topic, kept, ResponseCode.ILLEGAL_OPERATION);
    }

    /** Gives the handle. */
    private static String send(Broker broker, String topic, long due, String key) throws Exception {
        RemotingCommand answer = RawSend.to(topic).properties("TIMER_DELIVER_MS\u0001" + due + "\u0002UNIQ_KEY\u0001" + key + "\u0002").by(broker);
        Expect.equal("code of the send (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
        return answer.getExtFields().get("recallHandle");
    }

    private static void recalled(Broker broker, String topic, String handle, int code) throws Exception {
        RemotingCommand answer = broker.ask(RECALL_MESSAGE, Map.of("producerGroup", "g", "topic", topic, "recallHandle", handle));
        Expect.equal("code of the recall (" + answer.getRemark() + ")", code, answer.getCode());
    }

    /** Who is killed with messages waiting delivers them when it is back. */
    static void surviveKill(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        Map<String, Timed> timed = new LinkedHashMap<>();
        for (int i = 0; i < 20; i++) {
            long delay = 1_000 + i * 400;
            send(timed, producer, topic, System.currentTimeMillis() + delay, "TIMER_DELAY_MS", String.valueOf(delay));
        }
        stage.harness().killBroker();
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        Await.until("all are received", () -> inbox.all().stream().map(MessageExt::getMsgId).collect(Collectors.toSet()).equals(timed.keySet()));
        for (MessageExt message : inbox.all()) {
            long early = timed.get(message.getMsgId()).due() - EARLY_MILLIS - message.getStoreTimestamp();
            Expect.that(early + " ms too early", early <= 0);
        }
    }
}
