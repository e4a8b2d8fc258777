package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;

/** Each member of a broadcasting group gets every message. */
final class Broadcasting {
    private static final int COUNT = 100;

    private Broadcasting() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(4);
        String group = stage.name("group");
        DefaultMQProducer producer = stage.producer();

        Inbox first = listener(stage, group, topic);
        List<Sent> sent = new ArrayList<>(Samples.send(producer, topic, 0, COUNT / 2));
        Inbox second = listener(stage, group, topic);
        sent.addAll(Samples.send(producer, topic, COUNT / 2, COUNT / 2));

        Delivery delivery = Delivery.of(stage.broker());
        delivery.isExactly(sent, first.await(COUNT));
        delivery.isExactly(sent, second.await(COUNT));
    }

    private static Inbox listener(Stage stage, String group, String topic) throws Exception {
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        // By way of the current value, because the two clients keep this enum in different packages.
        consumer.setMessageModel(consumer.getMessageModel().valueOf("BROADCASTING"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox);
        consumer.start();
        return inbox;
    }
}
