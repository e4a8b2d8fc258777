package dev.gantry.e2e;

import java.util.HashMap;
import java.util.Map;

import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE as they stand on the wire, for sends which the client itself would refuse. */
final class RawSend {
    private static final int SEND_MESSAGE_V2 = 310;
    private static final int SEND_BATCH_MESSAGE = 320;

    private final Map<String, String> fields = new HashMap<>();
    private int code = SEND_MESSAGE_V2;
    private byte[] body = Samples.text("raw");

    private RawSend() {
    }

    static RawSend to(String topic) {
        RawSend send = new RawSend();
        send.fields.putAll(Map.of(
            "a", "raw-producer", "b", topic, "c", "TBW102", "d", "4", "e", "0",
            "f", "0", "g", String.valueOf(System.currentTimeMillis()), "h", "0", "j", "0", "k", "false"));
        send.fields.put("m", "false");
        return send;
    }

    RawSend queue(int queueId) {
        fields.put("e", String.valueOf(queueId));
        return this;
    }

    RawSend body(byte[] body) {
        this.body = body;
        return this;
    }

    /** The messages of a batch, one behind the other. */
    RawSend batch(byte[] messages) {
        code = SEND_BATCH_MESSAGE;
        fields.put("m", "true");
        return body(messages);
    }

    RawSend properties(String properties) {
        fields.put("i", properties);
        return this;
    }

    RemotingCommand by(Broker broker) throws Exception {
        return broker.ask(code, fields, body);
    }
}
