package dev.gantry.e2e;

import static dev.gantry.e2e.ResponseCode.CONSUMER_NOT_ONLINE;
import static dev.gantry.e2e.ResponseCode.INVALID_PARAMETER;
import static dev.gantry.e2e.ResponseCode.MESSAGE_ILLEGAL;
import static dev.gantry.e2e.ResponseCode.NO_PERMISSION;
import static dev.gantry.e2e.ResponseCode.PULL_NOT_FOUND;
import static dev.gantry.e2e.ResponseCode.PULL_OFFSET_MOVED;
import static dev.gantry.e2e.ResponseCode.PULL_RETRY_IMMEDIATELY;
import static dev.gantry.e2e.ResponseCode.QUERY_NOT_FOUND;
import static dev.gantry.e2e.ResponseCode.REQUEST_CODE_NOT_SUPPORTED;
import static dev.gantry.e2e.ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST;
import static dev.gantry.e2e.ResponseCode.SUBSCRIPTION_NOT_EXIST;
import static dev.gantry.e2e.ResponseCode.SUBSCRIPTION_PARSE_FAILED;
import static dev.gantry.e2e.ResponseCode.SUCCESS;
import static dev.gantry.e2e.ResponseCode.SYSTEM_ERROR;
import static dev.gantry.e2e.ResponseCode.TOPIC_NOT_EXIST;

import java.util.List;
import java.util.Map;

import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/**
 * Requests a broker must refuse, or answer with something other than success, and the code by which clients and
 * operators know why. They are sent below the client's own checks.
 */
final class Refusals {
    private static final int MAX_BODY = 4 * 1024 * 1024;
    private static final int MAX_PROPERTIES = 32_767;

    private static final List<String> FORBIDDEN_TO_SEND_TO = List.of("SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC",
        "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT");

    private static final List<String> NO_TOPIC_NAMES = List.of("", "bad topic", "bad/topic", "../../etc", "bad.topic", "ü", "a".repeat(128));

    private Refusals() {
    }

    static void sends(Stage stage) throws Exception {
        Broker broker = stage.broker();
        String topic = stage.topic(4);
        expect(SUCCESS, "a plain send", RawSend.to(topic).by(broker));
        expect(SUCCESS, "a send that leaves the queue to the broker", RawSend.to(topic).queue(-1).by(broker));
        expect(INVALID_PARAMETER, "a send past the last queue", RawSend.to(topic).queue(4).by(broker));

        for (String name : NO_TOPIC_NAMES) {
            expect(INVALID_PARAMETER, "a send to topic <" + name + ">", RawSend.to(name).by(broker));
        }
        for (String name : FORBIDDEN_TO_SEND_TO) {
            expect(NO_PERMISSION, "a send to " + name, RawSend.to(name).by(broker));
        }

        expect(SUCCESS, "a body of 4 MiB", RawSend.to(topic).body(new byte[MAX_BODY]).by(broker));
        expect(MESSAGE_ILLEGAL, "a byte more", RawSend.to(topic).body(new byte[MAX_BODY + 1]).by(broker));
        // The broker adds some of its own.
        expect(SUCCESS, "long properties", RawSend.to(topic).properties(propertiesOf(MAX_PROPERTIES - 200)).by(broker));
        expect(MESSAGE_ILLEGAL, "properties of more than 32 KiB", RawSend.to(topic).properties(propertiesOf(MAX_PROPERTIES + 1)).by(broker));
    }

    static void pulls(Stage stage) throws Exception {
        Broker broker = stage.broker();
        String group = stage.name("group");
        String topic = stage.name("topic");
        int readQueues = 2;
        int writeQueues = 4;
        broker.createTopic(topic, readQueues, writeQueues);
        for (int queue = 0; queue < writeQueues; queue++) {
            expect(SUCCESS, "a send to queue " + queue, RawSend.to(topic).queue(queue).by(broker));
        }

        for (int queue = 0; queue < readQueues; queue++) {
            expectPull(SUCCESS, 1, "a pull of queue " + queue, RawPull.of(topic, group).queue(queue).by(broker));
        }
        for (int queue : new int[] {-1, readQueues, writeQueues - 1, writeQueues}) {
            expect(INVALID_PARAMETER, "a pull of queue " + queue, RawPull.of(topic, group).queue(queue).by(broker));
        }
        expectPull(PULL_NOT_FOUND, 1, "a pull at the end", RawPull.of(topic, group).offset(1).by(broker));
        expectPull(PULL_OFFSET_MOVED, 1, "a pull past the end", RawPull.of(topic, group).offset(5).by(broker));
        expectPull(PULL_OFFSET_MOVED, 0, "a pull before the beginning", RawPull.of(topic, group).offset(-1).by(broker));
        expectPull(PULL_RETRY_IMMEDIATELY, 1, "a pull of a tag nobody sent", RawPull.of(topic, group).subscription("none").by(broker));

        String empty = stage.topic("empty", 1);
        expectPull(PULL_NOT_FOUND, 0, "a pull of an empty queue", RawPull.of(empty, group).by(broker));
        expectPull(PULL_OFFSET_MOVED, 0, "a pull past the end of an empty queue", RawPull.of(empty, group).offset(3).by(broker));

        expect(TOPIC_NOT_EXIST, "a pull of no topic", RawPull.of(stage.name("none"), group).by(broker));
        expect(SUBSCRIPTION_PARSE_FAILED, "a pull with nonsense for a filter", RawPull.of(topic, group).subscription("||").by(broker));
        expect(SUBSCRIPTION_NOT_EXIST, "a pull without a filter by a group that is not there", RawPull.of(topic, group).withoutSubscription().by(broker));
        expect(SUBSCRIPTION_GROUP_NOT_EXIST, "a pull by a group that cannot be", RawPull.of(topic, "bad group").by(broker));
        expect(SYSTEM_ERROR, "a pull with SQL, which is off by default", RawPull.of(topic, group).sql("a > 1").by(broker));
    }

    static void others(Stage stage) throws Exception {
        Broker broker = stage.broker();
        String topic = stage.topic(2);
        String nobody = stage.name("nobody");
        String nothing = stage.name("nothing");

        expect(REQUEST_CODE_NOT_SUPPORTED, "a code that does not exist", broker.ask(31_999, Map.of()));
        expect(SYSTEM_ERROR, "the members of a group without members", broker.ask(38, Map.of("consumerGroup", nobody)));
        expect(CONSUMER_NOT_ONLINE, "the connections of a group without members", broker.ask(203, Map.of("consumerGroup", nobody)));
        expect(SYSTEM_ERROR, "the connections of a producer group without members", broker.ask(204, Map.of("producerGroup", nobody)));
        expect(SYSTEM_ERROR, "what a client that is not there is doing",
            broker.ask(307, Map.of("consumerGroup", nobody, "clientId", nobody, "jstackEnable", "false")));

        expect(QUERY_NOT_FOUND, "the offset of a group that never committed",
            broker.ask(14, Map.of("consumerGroup", nobody, "topic", topic, "queueId", "0")));
        expect(SUBSCRIPTION_GROUP_NOT_EXIST, "an offset committed by an unknown group",
            broker.ask(15, Map.of("consumerGroup", nobody, "topic", topic, "queueId", "0", "commitOffset", "3")));
        expect(QUERY_NOT_FOUND, "messages of a key nobody used",
            broker.ask(12, Map.of("topic", topic, "key", nothing, "maxNum", "32", "beginTimestamp", "0", "endTimestamp", String.valueOf(Long.MAX_VALUE))));
        expect(SYSTEM_ERROR, "the message behind the end of the log", broker.ask(33, Map.of("offset", "99999999999")));

        expect(TOPIC_NOT_EXIST, "the configuration of no topic", broker.ask(351, Map.of("topic", nothing)));
        expect(TOPIC_NOT_EXIST, "the state of no topic", broker.ask(202, Map.of("topic", nothing)));
        expect(SUCCESS, "the deletion of no topic", broker.ask(215, Map.of("topic", nothing)));
        expect(INVALID_PARAMETER, "the deletion of a system topic", broker.ask(215, Map.of("topic", "TBW102")));
        expect(INVALID_PARAMETER, "a change to a system topic", broker.ask(17, topicFields("SCHEDULE_TOPIC_XXXX")));
        for (String name : NO_TOPIC_NAMES) {
            expect(INVALID_PARAMETER, "the creation of topic <" + name + ">", broker.ask(17, topicFields(name)));
        }
        expect(INVALID_PARAMETER, "a group that cannot be", broker.ask(200, Map.of(), Samples.text("{\"groupName\":\"bad group\"}")));
        expect(SYSTEM_ERROR, "statistics that are not kept", broker.ask(315, Map.of("statsName", "none", "statsKey", "none")));
        expect(NO_PERMISSION, "a recall, which is off by default", broker.ask(370, Map.of("topic", topic, "recallHandle", "none")));

        // Asking about a topic or queue that is not there is no mistake: the answer is an empty queue.
        for (int code : new int[] {30, 31}) {
            Expect.equal("offset by code " + code, "0",
                broker.ask(code, Map.of("topic", nothing, "queueId", "0")).getExtFields().get("offset"));
            Expect.equal("offset by code " + code, "0",
                broker.ask(code, Map.of("topic", topic, "queueId", "9")).getExtFields().get("offset"));
        }
    }

    private static void expect(int code, String what, RemotingCommand answer) {
        Expect.equal("code for " + what + " (" + answer.getRemark() + ")", code, answer.getCode());
    }

    /** Clients read all of these fields whatever the code, and go on at the offset they are told. */
    private static void expectPull(int code, long nextOffset, String what, RemotingCommand answer) {
        expect(code, what, answer);
        Map<String, String> fields = answer.getExtFields();
        Expect.equal("next offset after " + what, String.valueOf(nextOffset), fields.get("nextBeginOffset"));
        Expect.equal("first offset told by " + what, "0", fields.get("minOffset"));
        Expect.that("end told by " + what, fields.containsKey("maxOffset"));
        Expect.equal("broker suggested by " + what, "0", fields.get("suggestWhichBrokerId"));
    }

    private static String propertiesOf(int length) {
        return "a\u0001" + "b".repeat(length - 2);
    }

    private static Map<String, String> topicFields(String topic) {
        return Map.of("topic", topic, "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6",
            "topicFilterType", "SINGLE_TAG", "order", "false");
    }
}
