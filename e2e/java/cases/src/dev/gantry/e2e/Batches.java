package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageQueue;

/** What a batch may be, and what of it is refused and by whom. */
final class Batches {
    private static final int QUEUES = 2;
    private static final int COUNT = 5;
    private static final int MAX_BODY = 4 * 1024 * 1024;

    private Batches() {
    }

    /** Each message of a batch has an id of its own by which it is found, with its own properties and those it shares. */
    static void each(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        Delivery delivery = Delivery.ofBatches(stage.broker());
        List<Sent> sent = new ArrayList<>();
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            for (boolean wait : new boolean[] {true, false}) {
                List<Message> batch = samples(topic, sent.size(), COUNT);
                batch.forEach(message -> message.setWaitStoreMsgOK(wait));
                sent.addAll(Sending.each(batch, producer.send(batch, queue)));
            }
            List<Message> one = samples(topic, sent.size(), 1);
            sent.addAll(Sending.each(one, producer.send(one, queue)));
        }
        for (Sent one : sent) {
            delivery.isEqual(one, producer.viewMessage(topic, one.offsetMsgId()));
        }
        Sending.consumeBack(stage, topic, sent, delivery);
    }

    static void refused(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        refusedByClient(producer, "different topics", samples(topic, 0, 1), samples(stage.topic("other", 1), 1, 1));
        List<Message> delayed = samples(topic, 0, 2);
        delayed.get(1).setDelayTimeLevel(1);
        refusedByClient(producer, "a delay", delayed, List.of());
        List<Message> hasty = samples(topic, 0, 2);
        hasty.get(1).setWaitStoreMsgOK(false);
        refusedByClient(producer, "different waits for the store", hasty, List.of());
        refusedByClient(producer, "a retry topic", samples("%RETRY%" + stage.name("group"), 0, 2), List.of());
        refusedByClient(producer, "too much", large(topic, 5), List.of());

        // A client that allows more is told by the broker: Apache's by a mistake of its own, after which clients try again.
        producer.setMaxMessageSize(2 * MAX_BODY);
        Exception tooLarge = Expect.failure("a batch that is too large", Exception.class, () -> producer.send(large(topic, 5)));
        int code = tooLarge instanceof MQBrokerException refusal ? refusal.getResponseCode() : ((MQClientException) tooLarge).getResponseCode();
        Expect.that("code for a batch that is too large: " + code, code == ResponseCode.MESSAGE_ILLEGAL || code == ResponseCode.SYSTEM_ERROR);
        List<Message> small = samples(topic, 0, COUNT);
        Expect.equal("messages of a small one after that", COUNT, Sending.each(small, producer.send(small)).size());
        refusedByBroker(stage, topic);
    }

    private static void refusedByBroker(Stage stage, String topic) throws Exception {
        Broker broker = stage.broker();
        Codes codes = new Codes();
        byte[] body = MessageDecoder.encodeMessages(samples(topic, 0, COUNT));
        codes.expect(ResponseCode.SUCCESS, "a batch", RawSend.to(topic).batch(body).by(broker));
        codes.expect(ResponseCode.SUCCESS, "a batch that leaves the queue to the broker", RawSend.to(topic).batch(body).queue(-1).by(broker));
        codes.expect(ResponseCode.INVALID_PARAMETER, "a batch past the last queue", RawSend.to(topic).batch(body).queue(QUEUES).by(broker));
        codes.expect(ResponseCode.INVALID_PARAMETER, "a batch to no topic", RawSend.to("bad topic").batch(body).by(broker));
        codes.expect(ResponseCode.NO_PERMISSION, "a batch to a system topic", RawSend.to("SCHEDULE_TOPIC_XXXX").batch(body).by(broker));
        codes.expect(ResponseCode.MESSAGE_ILLEGAL, "a batch to a retry topic", RawSend.to("%RETRY%" + stage.name("group")).batch(body).by(broker));
        codes.expect(ResponseCode.MESSAGE_ILLEGAL, "a batch with a level of delay", RawSend.to(topic).batch(body).properties("DELAY\u00011").by(broker));
        // What else is said of a batch, and not of its messages, is not heard.
        for (String properties : List.of("TRAN_MSG\u0001true", "TIMER_DELAY_SEC\u00013")) {
            codes.expect(ResponseCode.SUCCESS, "a batch with " + properties.replace('\u0001', '='), RawSend.to(topic).batch(body).properties(properties).by(broker));
        }
        codes.areAsExpected();
    }

    private static void refusedByClient(DefaultMQProducer producer, String why, List<Message> some, List<Message> more) {
        List<Message> batch = new ArrayList<>(some);
        batch.addAll(more);
        Expect.failure("a batch of " + why, MQClientException.class, () -> producer.send(batch));
    }

    private static List<Message> samples(String topic, int from, int count) {
        List<Message> samples = new ArrayList<>();
        for (int i = from; i < from + count; i++) {
            samples.add(Samples.message(topic, i));
        }
        return samples;
    }

    /** Each is small enough alone. */
    private static List<Message> large(String topic, int mebibytes) {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < mebibytes; i++) {
            messages.add(new Message(topic, Samples.noise(1024 * 1024, i)));
        }
        return messages;
    }
}
