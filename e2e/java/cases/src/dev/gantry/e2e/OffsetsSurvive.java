package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;

/** A group that comes back goes on where it stopped. */
final class OffsetsSurvive {
    private static final int QUEUES = 4;
    private static final int COUNT = 80;

    @FunctionalInterface
    private interface Interruption {
        void happen() throws Exception;
    }

    private OffsetsSurvive() {
    }

    static void consumerRestart(Stage stage) throws Exception {
        goesOnAfter(stage, () -> { });
    }

    static void brokerRestart(Stage stage) throws Exception {
        goesOnAfter(stage, stage.harness()::restartBroker);
    }

    private static void goesOnAfter(Stage stage, Interruption interruption) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        DefaultMQProducer producer = stage.producer();
        Delivery delivery = Delivery.of(stage.broker());

        List<Sent> before = Samples.send(producer, topic, 0, COUNT);
        Inbox first = new Inbox();
        DefaultMQPushConsumer consumer = stage.consumeAll(group, topic, first);
        delivery.isExactly(before, first.await(COUNT));
        consumer.shutdown();

        interruption.happen();

        List<Sent> after = Samples.send(producer, topic, COUNT, COUNT);
        Inbox second = new Inbox();
        stage.consumeAll(group, topic, second);
        delivery.isExactly(after, second.await(COUNT));

        // A group nobody knows yet still finds everything, at the offsets the sends were answered with.
        List<Sent> all = new ArrayList<>(before);
        all.addAll(after);
        Inbox third = new Inbox();
        stage.consumeAll(stage.name("other-group"), topic, third);
        delivery.isExactly(all, third.await(2 * COUNT));
        delivery.hasDenseOffsets(third.all());
    }
}
