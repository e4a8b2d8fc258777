package dev.gantry.e2e;

import java.util.HashMap;
import java.util.Map;

import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** PULL_MESSAGE as it stands on the wire, answered at once instead of waiting for a message. */
final class RawPull {
    private static final int PULL_MESSAGE = 11;
    private static final int WITH_SUBSCRIPTION = 4;

    private final Map<String, String> fields = new HashMap<>();

    private RawPull() {
    }

    static RawPull of(String topic, String group) {
        RawPull pull = new RawPull();
        pull.fields.putAll(Map.of("topic", topic, "consumerGroup", group, "queueId", "0", "queueOffset", "0", "maxMsgNums", "32",
            "commitOffset", "0", "suspendTimeoutMillis", "0", "subVersion", "1"));
        return pull.subscription("*");
    }

    RawPull queue(int queueId) {
        fields.put("queueId", String.valueOf(queueId));
        return this;
    }

    RawPull offset(long offset) {
        fields.put("queueOffset", String.valueOf(offset));
        return this;
    }

    RawPull subscription(String tags) {
        fields.put("subscription", tags);
        fields.put("sysFlag", String.valueOf(WITH_SUBSCRIPTION));
        return this;
    }

    RawPull sql(String expression) {
        fields.put("expressionType", "SQL92");
        return subscription(expression);
    }

    RawPull withoutSubscription() {
        fields.remove("subscription");
        fields.put("sysFlag", "0");
        return this;
    }

    RemotingCommand by(Broker broker) throws Exception {
        return broker.ask(PULL_MESSAGE, fields);
    }
}
