package dev.gantry.e2e;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;

/** The broker tells the members of a group when one joins or leaves; they need not wait for their own timer to find out. */
final class RebalanceAnnounced {
    private static final int QUEUES = 4;

    private RebalanceAnnounced() {
    }

    static void run(Stage stage) throws Exception {
        // Longer than this case may take: without a word from the broker nobody would ever rebalance.
        System.setProperty("rocketmq.client.rebalance.waitInterval", "3600000");
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");

        DefaultMQPushConsumer first = stage.consumeAll(group, topic, new Inbox());
        Await.until("the only member holds all queues", () -> Members.held(first, topic).size() == QUEUES);

        DefaultMQPushConsumer second = stage.consumeAll(group, topic, new Inbox());
        Members both = new Members();
        both.add(first);
        both.add(second);
        both.awaitEvenShare(topic, QUEUES);

        second.shutdown();
        Await.until("the member who stayed holds all queues again", () -> Members.held(first, topic).size() == QUEUES);
    }
}
