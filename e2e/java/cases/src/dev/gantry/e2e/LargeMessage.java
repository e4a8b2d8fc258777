package dev.gantry.e2e;

import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** 4 MiB is the limit: just under it passes, just over it is refused by client and broker. */
final class LargeMessage {
    private static final int LIMIT = 4 * 1024 * 1024;

    private LargeMessage() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(1);
        DefaultMQProducer producer = stage.producer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);

        byte[] justUnder = Samples.noise(LIMIT - 100 * 1024, 1);
        Message fits = new Message(topic, "tag", "key", justUnder);
        Sent sent = Sent.answered(fits, producer.send(fits));

        Message tooLarge = new Message(topic, Samples.noise(LIMIT + 1, 2));
        MQClientException byClient = Expect.failure("too large for the client", MQClientException.class, () -> producer.send(tooLarge));
        Expect.equal("code in the client", ResponseCode.MESSAGE_ILLEGAL, byClient.getResponseCode());

        producer.setMaxMessageSize(2 * LIMIT);
        MQBrokerException byBroker = Expect.failure("too large for the broker", MQBrokerException.class, () -> producer.send(tooLarge));
        Expect.equal("code of the broker (" + byBroker.getErrorMessage() + ")", ResponseCode.MESSAGE_ILLEGAL, byBroker.getResponseCode());

        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        MessageExt only = inbox.await(1).get(0);
        Delivery.of(stage.broker()).isEqual(sent, only);
        stage.broker().awaitStored("messages in the queue", 1, topic, 0);
    }
}
