package dev.gantry.e2e;

import static dev.gantry.e2e.ResponseCode.NO_PERMISSION;
import static dev.gantry.e2e.ResponseCode.SUCCESS;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageDecoder;

/** What is set for a consumer group holds at once, for those who wait already too, and until it is set otherwise. */
final class GroupSettings {
    private static final int CONSUMER_SEND_MSG_BACK = 36;

    private GroupSettings() {
    }

    /** A group that is suspended gets nothing, and goes on by itself. */
    static void suspended(Stage stage) throws Exception {
        String topic = stage.topic(1);
        String group = stage.name("group");
        Inbox suspended = new Inbox();
        stage.consumeAll(group, topic, suspended);
        follow(stage, topic, group, suspended, "consumeEnable");
    }

    /** The same for one whose members may not each have all of it. */
    static void notBroadcast(Stage stage) throws Exception {
        String topic = stage.topic(1);
        String group = stage.name("group");
        Inbox each = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        // The two clients keep this class in different packages.
        consumer.setMessageModel(consumer.getMessageModel().valueOf("BROADCASTING"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) each);
        consumer.start();
        follow(stage, topic, group, each, "consumeBroadcastEnable");
    }

    private static void follow(Stage stage, String topic, String group, Inbox inbox, String setting) throws Exception {
        Broker broker = stage.broker();
        DefaultMQProducer producer = stage.producer();
        Inbox beside = new Inbox();
        stage.consumeAll(stage.name("beside"), topic, beside);
        Samples.send(producer, topic, 0, 1);
        inbox.await(1);
        Codes codes = new Codes();
        codes.expect(SUCCESS, "a pull", RawPull.of(topic, group).withoutSubscription().by(broker));

        broker.setGroup(group, "\"" + setting + "\":false");
        codes.expect(NO_PERMISSION, "a pull without " + setting, RawPull.of(topic, group).withoutSubscription().by(broker));
        Samples.send(producer, topic, 1, 2);
        // Both groups have been waiting for the same message.
        beside.await(3);
        Expect.equal("messages without " + setting, 1, inbox.size());

        broker.setGroup(group, "\"" + setting + "\":true");
        Expect.equal("messages in the end", 3, inbox.await(3).size());
        codes.expect(SUCCESS, "a pull in the end", RawPull.of(topic, group).withoutSubscription().by(broker));
        codes.areAsExpected();
    }

    /** How often a message comes again, as the group says when the client does not. */
    static void retries(Stage stage) throws Exception {
        Broker broker = stage.broker();
        String topic = stage.topic(1);
        Sent sent = Samples.send(stage.producer(), topic, 1).get(0);

        String never = stage.name("never");
        broker.setGroup(never, "\"retryMaxTimes\":0");
        sendBack(broker, never, sent.offsetMsgId(), Map.of());
        broker.awaitStored("dead letters at once", 1, "%DLQ%" + never, 0);
        sendBack(broker, never, sent.offsetMsgId(), Map.of("maxReconsumeTimes", "3"));
        broker.awaitStored("what the client says comes first", 1, "%RETRY%" + never, 0);
        broker.awaitStored("dead letters", 1, "%DLQ%" + never, 0);

        String once = stage.name("once");
        broker.setGroup(once, "\"retryMaxTimes\":1");
        sendBack(broker, once, sent.offsetMsgId(), Map.of());
        broker.awaitStored("it comes again", 1, "%RETRY%" + once, 0);
        Expect.equal("dead letters", 0L, broker.maxOffset("%DLQ%" + once, 0));
        sendBack(broker, once, firstOf("%RETRY%" + once, broker), Map.of());
        broker.awaitStored("dead letters of what came again", 1, "%DLQ%" + once, 0);

        String nowhere = stage.name("nowhere");
        broker.setGroup(nowhere, "\"retryQueueNums\":0");
        sendBack(broker, nowhere, sent.offsetMsgId(), Map.of());
        sendBack(broker, nowhere, sent.offsetMsgId(), Map.of("delayLevel", "-1"));
        Expect.equal("what a group without a queue for it gets again", 0L, broker.maxOffset("%RETRY%" + nowhere, 0));
        Expect.equal("its dead letters", 0L, broker.maxOffset("%DLQ%" + nowhere, 0));

        String negative = stage.name("negative");
        sendBack(broker, negative, sent.offsetMsgId(), Map.of("delayLevel", "-1"));
        broker.awaitStored("dead letters that were asked for", 1, "%DLQ%" + negative, 0);
    }

    /** After a second, if at all. */
    private static void sendBack(Broker broker, String group, String offsetMsgId, Map<String, String> more) throws Exception {
        Map<String, String> fields = new HashMap<>(Map.of("group", group, "delayLevel", "1", "unitMode", "false", "originTopic", "any", "originMsgId", "any",
            "offset", String.valueOf(Long.parseLong(offsetMsgId.substring(offsetMsgId.length() - 16), 16))));
        fields.putAll(more);
        var answer = broker.ask(CONSUMER_SEND_MSG_BACK, fields);
        Expect.equal("code of the answer (" + answer.getRemark() + ")", SUCCESS, answer.getCode());
    }

    private static String firstOf(String topic, Broker broker) throws Exception {
        var pulled = RawPull.of(topic, "reader").by(broker);
        Expect.equal("code of the pull (" + pulled.getRemark() + ")", SUCCESS, pulled.getCode());
        var message = MessageDecoder.decodes(ByteBuffer.wrap(pulled.getBody())).get(0);
        return String.format("%016X", message.getCommitLogOffset());
    }
}
