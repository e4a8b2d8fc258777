package dev.gantry.e2e;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** POP: the broker keeps account of what it gave to whom. By the client, and in single requests. */
final class Pop {
    private static final int SET_MESSAGE_REQUEST_MODE = 401;
    private static final int POP_MESSAGE = 200050;
    private static final int ACK_MESSAGE = 200051;
    private static final int CHANGE_MESSAGE_INVISIBLETIME = 200053;
    private static final int NOTIFICATION = 200054;
    private static final int BATCH_ACK_MESSAGE = 200151;
    private static final int INVALID_PARAMETER = ResponseCode.INVALID_PARAMETER;
    private static final int NO_MESSAGE = 208;
    private static final int POLLING_TIMEOUT = 210;

    private final Broker broker;
    private final String topic;
    private final String group;

    private Pop(Broker broker, String topic, String group) {
        this.broker = broker;
        this.topic = topic;
        this.group = group;
    }

    /** A message, and the handle by which it is acknowledged. */
    private record Popped(MessageExt message, String handle) {
        String body() {
            return new String(message.getBody());
        }
    }

    // --- by the client

    static void push(Stage stage) throws Exception {
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.topic(4);
        String group = stage.name("group");
        RemotingCommand set = stage.broker().ask(SET_MESSAGE_REQUEST_MODE, Map.of(), Samples.text(
            "{\"topic\":\"" + topic + "\",\"consumerGroup\":\"" + group + "\",\"mode\":\"POP\",\"popShareQueueNum\":0}"));
        Expect.equal("code (" + set.getRemark() + ")", ResponseCode.SUCCESS, set.getCode());
        Inbox inbox = new Inbox();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(group);
            // Of 5.x alone: the broker shares out the queues.
            DefaultMQPushConsumer.class.getMethod("setClientRebalance", boolean.class).invoke(consumer, false);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                inbox.consumeMessage(messages, context);
                boolean fails = messages.stream().anyMatch(message -> message.getUserProperty("index").equals("3") && message.getReconsumeTimes() == 0);
                return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
        }
        List<Sent> sent = Samples.send(stage.producer(), topic, 40);
        // Once more the one that failed, or those that it was given with.
        Await.until("all are received, and what failed again", () -> ids(inbox).size() == sent.size()
            && inbox.all().stream().anyMatch(message -> message.getReconsumeTimes() > 0));
        Expect.equal("received", sent.stream().map(Sent::uniqueKey).collect(Collectors.toSet()), ids(inbox));
        for (MessageExt message : inbox.all()) {
            Expect.equal("topic", topic, message.getTopic());
        }
        MessageExt again = inbox.all().stream().filter(message -> message.getReconsumeTimes() > 0).findFirst().orElseThrow();
        Expect.equal("the one that failed", "3", again.getUserProperty("index"));
        Expect.equal("times", 1, again.getReconsumeTimes());
    }

    private static Set<String> ids(Inbox inbox) {
        return inbox.all().stream().map(MessageExt::getMsgId).collect(Collectors.toSet());
    }

    // --- in single requests

    static void raw(Stage stage) throws Exception {
        String topic = stage.topic(2);
        Pop pop = new Pop(stage.broker(), topic, stage.name("group"));
        Expect.equal("of an empty topic", POLLING_TIMEOUT, pop.ask(-1, 8, 60_000, false, null, Map.of()).getCode());
        Expect.equal("notice of an empty topic", "false", pop.notice(0));
        pop.send(0, "a0", "a1", "a2");
        pop.send(1, "b0");
        Expect.equal("notice", "true", pop.notice(0));

        List<Popped> some = pop.pop(0, 2, 60_000);
        Expect.equal("of queue 0", List.of("a0", "a1"), bodies(some));
        List<Popped> rest = pop.pop(-1, 8, 60_000);
        Expect.equal("of all queues", Set.of("a2", "b0"), Set.copyOf(bodies(rest)));
        Expect.equal("nothing is left", List.of(), pop.pop(-1, 8, 60_000));
        for (Popped popped : rest) {
            Expect.equal("code of the ack", ResponseCode.SUCCESS, pop.ack(popped));
            Expect.equal("code of another ack", ResponseCode.SUCCESS, pop.ack(popped));
        }
        Expect.equal("code of the batch ack", ResponseCode.SUCCESS, pop.batchAck(some));

        // What is not acknowledged comes again, from the retry topic, as it was sent.
        pop.send(1, "c0", "c1");
        List<Popped> left = pop.pop(1, 8, 2_000);
        Expect.equal("given", List.of("c0", "c1"), bodies(left));
        Expect.equal("code of the ack", ResponseCode.SUCCESS, pop.ack(left.get(0)));
        List<Popped> again = pop.await(1, 2_000);
        Expect.equal("again", List.of("c1"), bodies(again));
        MessageExt message = again.get(0).message();
        Expect.equal("topic", topic, message.getTopic());
        Expect.equal("times", 1, message.getReconsumeTimes());
        Expect.equal("keys", "key-c1", message.getKeys());
        // Later than it would have.
        long now = System.currentTimeMillis();
        RemotingCommand changed = pop.change(again.get(0), 6_000);
        Expect.equal("code of the change (" + changed.getRemark() + ")", ResponseCode.SUCCESS, changed.getCode());
        Expect.equal("invisible time", "6000", changed.getExtFields().get("invisibleTime"));
        List<Popped> later = pop.await(1, 60_000);
        Expect.equal("later", List.of("c1"), bodies(later));
        Expect.that("after its time", System.currentTimeMillis() >= now + 5_000);
        Expect.equal("times", 2, later.get(0).message().getReconsumeTimes());
        Expect.equal("code of the ack", ResponseCode.SUCCESS, pop.ack(later.get(0)));

        // Filtered.
        pop.send(0, "d0", "d1");
        RemotingCommand filtered = pop.ask(0, 8, 60_000, false, null, Map.of("exp", "tag-d1", "expType", "TAG"));
        Expect.equal("filtered", List.of("d1"), bodies(pop.read(filtered, 60_000)));

        Expect.equal("33 messages", INVALID_PARAMETER, pop.ask(-1, 33, 60_000, false, null, Map.of()).getCode());
        Expect.equal("queue 2", INVALID_PARAMETER, pop.ask(2, 8, 60_000, false, null, Map.of()).getCode());
        Pop none = new Pop(stage.broker(), stage.name("none"), pop.group);
        Expect.equal("no topic", ResponseCode.TOPIC_NOT_EXIST, none.ask(-1, 8, 60_000, false, null, Map.of()).getCode());
        RemotingCommand beyond = pop.broker.ask(ACK_MESSAGE, pop.fields(later.get(0), 1_000));
        Expect.equal("offset that was never", NO_MESSAGE, beyond.getCode());
    }

    static void inOrder(Stage stage) throws Exception {
        Pop pop = new Pop(stage.broker(), stage.topic(1), stage.name("group"));
        pop.send(0, "a", "b", "c", "d");
        List<Popped> first = pop.read(pop.ask(-1, 2, 3_000, true, "1", Map.of()), 3_000);
        Expect.equal("first", List.of("a", "b"), bodies(first));
        Expect.equal("blocked", POLLING_TIMEOUT, pop.ask(-1, 2, 3_000, true, "2", Map.of()).getCode());
        Expect.equal("the same attempt", List.of("a", "b"), bodies(pop.read(pop.ask(-1, 2, 3_000, true, "1", Map.of()), 3_000)));
        first = pop.read(pop.ask(-1, 2, 3_000, true, "1", Map.of()), 3_000);
        Expect.equal("code of the ack", ResponseCode.SUCCESS, pop.ack(first.get(0)));
        Expect.equal("blocked still", POLLING_TIMEOUT, pop.ask(-1, 2, 3_000, true, "2", Map.of()).getCode());
        // Its time is over: it comes again from where it is, and what comes after it.
        List<Popped> again = Await.value("given again", () -> {
            RemotingCommand answer = pop.ask(-1, 2, 60_000, true, "3", Map.of());
            return answer.getCode() == ResponseCode.SUCCESS ? pop.read(answer, 60_000) : null;
        });
        Expect.equal("again", List.of("b", "c"), bodies(again));
        for (Popped popped : again) {
            Expect.equal("code of the ack", ResponseCode.SUCCESS, pop.ack(popped));
        }
        Expect.equal("then", List.of("d"), bodies(pop.read(pop.ask(-1, 2, 60_000, true, "4", Map.of()), 60_000)));
    }

    private void send(int queue, String... bodies) throws Exception {
        for (String body : bodies) {
            RemotingCommand sent = RawSend.to(topic).queue(queue).body(Samples.text(body))
                .properties("KEYS\u0001key-" + body + "\u0002TAGS\u0001tag-" + body + "\u0002").by(broker);
            Expect.equal("code of the send (" + sent.getRemark() + ")", ResponseCode.SUCCESS, sent.getCode());
        }
    }

    private RemotingCommand ask(int queue, int most, long invisible, boolean order, String attempt, Map<String, String> more) throws Exception {
        Map<String, String> fields = new HashMap<>(Map.of(
            "consumerGroup", group, "topic", topic, "queueId", String.valueOf(queue), "maxMsgNums", String.valueOf(most),
            "invisibleTime", String.valueOf(invisible), "pollTime", "0", "bornTime", String.valueOf(System.currentTimeMillis()), "initMode", "0"));
        fields.putAll(more);
        fields.put("order", String.valueOf(order));
        if (attempt != null) {
            fields.put("attemptId", attempt);
        }
        return broker.ask(POP_MESSAGE, fields);
    }

    private List<Popped> pop(int queue, int most, long invisible) throws Exception {
        return read(ask(queue, most, invisible, false, null, Map.of()), invisible);
    }

    /** So many, however often it has to be asked. */
    private List<Popped> await(int count, long invisible) throws Exception {
        List<Popped> all = new ArrayList<>();
        Await.until(count + " are given again", () -> {
            all.addAll(pop(-1, 8, invisible));
            return all.size() >= count;
        });
        return all;
    }

    private List<Popped> read(RemotingCommand answer, long invisible) {
        if (answer.getCode() == POLLING_TIMEOUT) {
            return List.of();
        }
        Map<String, String> fields = answer.getExtFields();
        Expect.equal("code of the pop (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
        Expect.equal("invisible time", String.valueOf(invisible), fields.get("invisibleTime"));
        Map<String, String> starts = new HashMap<>();
        for (String one : fields.get("startOffsetInfo").split(";")) {
            starts.put(one.substring(0, one.lastIndexOf(' ')), one.substring(one.lastIndexOf(' ') + 1));
        }
        List<Popped> all = new ArrayList<>();
        for (MessageExt message : MessageDecoder.decodes(ByteBuffer.wrap(answer.getBody()))) {
            String handle = message.getProperty("POP_CK");
            if (handle == null) {
                handle = String.join(" ", starts.get("0 " + message.getQueueId()), fields.get("popTime"), String.valueOf(invisible),
                    fields.get("reviveQid"), "0", broker.name(), String.valueOf(message.getQueueId()));
            }
            String key = handle.split(" ")[4] + " " + message.getQueueId();
            boolean isListed = Arrays.stream(fields.get("msgOffsetInfo").split(";")).filter(one -> one.startsWith(key + " "))
                .anyMatch(one -> List.of(one.substring(key.length() + 1).split(",")).contains(String.valueOf(message.getQueueOffset())));
            Expect.that(key + " has " + message.getQueueOffset() + ": " + fields, isListed);
            all.add(new Popped(message, handle));
        }
        return all;
    }

    private Map<String, String> fields(Popped popped, long offset) {
        return new HashMap<>(Map.of("consumerGroup", group, "topic", topicOf(popped), "queueId", String.valueOf(popped.message().getQueueId()),
            "extraInfo", popped.handle(), "offset", String.valueOf(offset)));
    }

    /** As the client does: what was read from the retry topic is acknowledged there. */
    private String topicOf(Popped popped) {
        return popped.handle().split(" ")[4].equals("0") ? topic : "%RETRY%" + group + "_" + topic;
    }

    private int ack(Popped popped) throws Exception {
        return broker.ask(ACK_MESSAGE, fields(popped, popped.message().getQueueOffset())).getCode();
    }

    private RemotingCommand change(Popped popped, long invisible) throws Exception {
        Map<String, String> fields = fields(popped, popped.message().getQueueOffset());
        fields.put("invisibleTime", String.valueOf(invisible));
        return broker.ask(CHANGE_MESSAGE_INVISIBLETIME, fields);
    }

    /** All of one flight. */
    private int batchAck(List<Popped> flight) throws Exception {
        String[] handle = flight.get(0).handle().split(" ");
        long start = Long.parseLong(handle[0]);
        BitSet bits = new BitSet();
        flight.forEach(popped -> bits.set((int) (popped.message().getQueueOffset() - start)));
        String body = "{\"brokerName\":\"" + broker.name() + "\",\"acks\":[{\"c\":\"" + group + "\",\"t\":\"" + topic + "\",\"r\":\"0\",\"so\":" + start
            + ",\"q\":" + handle[6] + ",\"rq\":" + handle[3] + ",\"pt\":" + handle[1] + ",\"it\":" + handle[2] + ",\"b\":\""
            + Base64.getEncoder().encodeToString(bits.toByteArray()) + "\"}]}";
        return broker.ask(BATCH_ACK_MESSAGE, Map.of(), Samples.text(body)).getCode();
    }

    private String notice(long poll) throws Exception {
        RemotingCommand answer = broker.ask(NOTIFICATION, Map.of("consumerGroup", group, "topic", topic, "queueId", "-1",
            "pollTime", String.valueOf(poll), "bornTime", String.valueOf(System.currentTimeMillis())));
        Expect.equal("code of the notification (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
        return answer.getExtFields().get("hasMsg");
    }

    private static List<String> bodies(List<Popped> popped) {
        return popped.stream().map(Popped::body).toList();
    }
}
