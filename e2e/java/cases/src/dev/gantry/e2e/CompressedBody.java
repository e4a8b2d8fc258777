package dev.gantry.e2e;

import java.nio.ByteBuffer;
import java.util.List;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** A body over 4 KiB travels compressed. The broker keeps it so, with the bits that say how. */
final class CompressedBody {
    private static final int COMPRESSED = 0x1;
    private static final int SYSTEM_FLAG_IN_RECORD = 36;

    private CompressedBody() {
    }

    /** {@code compressed-body [zlib|lz4|zstd]}. */
    static void run(Stage stage) throws Exception {
        String algorithm = stage.arg(0, "zlib");
        // Read by the producer of 5.x when it is made.
        System.setProperty("rocketmq.message.compressType", algorithm);
        String topic = stage.topic(1);
        DefaultMQProducer producer = stage.producer();
        System.clearProperty("rocketmq.message.compressType");
        byte[] body = Samples.text("All work and no play makes Jack a dull boy. ".repeat(2_000));
        Message message = new Message(topic, "tag", "key", body);
        Sent sent = Sent.answered(message, producer.send(message));

        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        List<MessageExt> received = inbox.await(1);
        MessageExt only = received.get(0);
        Expect.equalBytes("inflated body", body, only.getBody());
        Expect.equal("unique key", sent.uniqueKey(), only.getMsgId());
        Expect.that("stored small: " + only.getStoreSize(), only.getStoreSize() < body.length / 10);
        Expect.equal("system flag of the record", COMPRESSED | bitsOf(algorithm), storedSystemFlag(stage.broker(), only));
    }

    private static int bitsOf(String algorithm) {
        return switch (algorithm) {
            case "lz4" -> 0x100;
            case "zstd" -> 0x200;
            case "zlib" -> 0x300;
            default -> throw new IllegalArgumentException(algorithm);
        };
    }

    /** As the broker has it: the client of 5.x clears the first bit when it inflates, that of 4.9 does not. */
    private static int storedSystemFlag(Broker broker, MessageExt message) throws Exception {
        return ByteBuffer.wrap(broker.recordAt(message.getCommitLogOffset())).getInt(SYSTEM_FLAG_IN_RECORD);
    }
}
