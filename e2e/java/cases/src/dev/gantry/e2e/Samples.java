package dev.gantry.e2e;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** Messages that carry one of everything a user can set, and differ from each other in all of it. */
final class Samples {
    private Samples() {
    }

    static Message message(String topic, int index) {
        return message(topic, "tag-" + index % 3, index);
    }

    static Message message(String topic, String tag, int index) {
        Message message = new Message(topic, tag, "key-" + index + " also-" + index, index, text("body " + index + " — ☃"), true);
        message.putUserProperty("index", String.valueOf(index));
        message.putUserProperty("colour", index % 2 == 0 ? "vert émeraude" : "青");
        return message;
    }

    static List<Message> messages(String topic, int count) {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            messages.add(message(topic, i));
        }
        return messages;
    }

    static List<Sent> send(DefaultMQProducer producer, String topic, int count) throws Exception {
        return send(producer, topic, 0, count);
    }

    static List<Sent> send(DefaultMQProducer producer, String topic, int from, int count) throws Exception {
        List<Sent> sent = new ArrayList<>();
        for (int i = from; i < from + count; i++) {
            Message message = message(topic, i);
            sent.add(Sent.answered(message, producer.send(message)));
        }
        return sent;
    }

    /** One message with that tag at the end of each queue: whoever has it has been offered all before it. */
    static List<Sent> sendLastOfEachQueue(DefaultMQProducer producer, String topic, String tag, int firstIndex) throws Exception {
        List<Sent> sent = new ArrayList<>();
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            Message message = message(topic, tag, firstIndex + sent.size());
            sent.add(Sent.answered(message, producer.send(message, queue)));
        }
        return sent;
    }

    /** Bytes that no compression makes smaller. */
    static byte[] noise(int size, long seed) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
