package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** Sending to a topic that does not exist, on a broker that may create it and on one that may not. */
final class AutoCreatedTopic {
    private static final int NOT_FOUND_TOPIC_IN_CLIENT = 10005;

    private AutoCreatedTopic() {
    }

    static void created(Stage stage) throws Exception {
        String topic = stage.name("unheard-of");
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = Samples.send(producer, topic, 20);
        // The client asks for 4 queues; the broker would give up to 8.
        Await.until("the name server serves the new topic with 4 queues", () -> stage.producer().fetchPublishMessageQueues(topic).size() == 4);
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        Delivery.of(stage.broker()).isExactly(sent, inbox.await(sent.size()));
    }

    static void refused(Stage stage) throws Exception {
        String topic = stage.name("unheard-of");
        MQClientException failure = Expect.failure("send to an unknown topic", MQClientException.class,
            () -> stage.producer().send(Samples.message(topic, 0)));
        Expect.equal("code in the client, which found no default topic either", NOT_FOUND_TOPIC_IN_CLIENT, failure.getResponseCode());

        RemotingCommand answer = RawSend.to(topic).by(stage.broker());
        Expect.equal("code of the broker (" + answer.getRemark() + ")", ResponseCode.TOPIC_NOT_EXIST, answer.getCode());

        String known = stage.topic(4);
        List<Sent> sent = Samples.send(stage.producer(), known, 8);
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), known, inbox);
        Delivery.of(stage.broker()).isExactly(sent, inbox.await(sent.size()));
    }
}
