package dev.gantry.e2e;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.message.MessageExt;

/** The order of a key holds while a second member joins the group under load and leaves it again. */
final class PushOrderly {
    private static final int QUEUES = 8;
    private static final int KEYS = 24;
    private static final int MESSAGES_PER_SECOND = 500;
    private static final int ENOUGH = 300;

    private PushOrderly() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        KeyOrder order = new KeyOrder(KEYS);
        KeyedFeed feed = new KeyedFeed(stage.producer(), topic, KEYS, MESSAGES_PER_SECOND);

        join(stage, topic, group, "first", order);
        Await.until("the first member works", () -> order.deliveredTo("first") >= ENOUGH);

        DefaultMQPushConsumer second = join(stage, topic, group, "second", order);
        Await.until("the second member works", () -> order.deliveredTo("second") >= ENOUGH);
        int whileShared = order.deliveredTo("first");
        Await.until("the first member still works", () -> order.deliveredTo("first") >= whileShared + ENOUGH);

        second.shutdown();
        for (int id = 0; id < QUEUES; id++) {
            int queue = id;
            int before = order.deliveredTo("first", queue);
            Await.until("the first member has queue " + queue + " again", () -> order.deliveredTo("first", queue) > before);
        }

        feed.stop();
        for (int each = 0; each < KEYS; each++) {
            int key = each;
            Await.until("all of key " + key + " arrived", () -> order.nextOf(key) == feed.sentOf(key));
        }
        order.isKept();
    }

    private static DefaultMQPushConsumer join(Stage stage, String topic, String group, String member, KeyOrder order) throws Exception {
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            int queue = context.getMessageQueue().getQueueId();
            order.begin(member, queue);
            for (MessageExt message : messages) {
                String[] keyAndSequence = new String(message.getBody()).split(" ");
                order.delivered(member, queue, Integer.parseInt(keyAndSequence[0]), Integer.parseInt(keyAndSequence[1]));
            }
            order.end(queue);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        return consumer;
    }
}
