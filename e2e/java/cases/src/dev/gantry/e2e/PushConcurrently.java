package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** Two members of a group share a topic: together they get what was sent before and after they came, each message once. */
final class PushConcurrently {
    private static final int QUEUES = 8;
    private static final int COUNT = 400;

    private PushConcurrently() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        DefaultMQProducer producer = stage.producer();
        List<Sent> sent = new ArrayList<>(Samples.send(producer, topic, 0, COUNT / 2));

        Inbox first = new Inbox();
        Inbox second = new Inbox();
        Members members = new Members();
        members.add(stage.consumeAll(group, topic, first));
        first.await(COUNT / 2);
        // What is not committed when a queue changes hands is delivered again.
        stage.broker().awaitAllCommitted(group, topic, QUEUES);
        members.add(stage.consumeAll(group, topic, second));
        members.awaitEvenShare(topic, QUEUES);

        sent.addAll(Samples.send(producer, topic, COUNT / 2, COUNT / 2));
        Await.until("all received", () -> first.size() + second.size() >= COUNT);
        List<MessageExt> received = first.all();
        received.addAll(second.all());
        Delivery.of(stage.broker()).isExactly(sent, received);
        Expect.equal("messages of the second member", COUNT / 4, second.size());
    }
}
