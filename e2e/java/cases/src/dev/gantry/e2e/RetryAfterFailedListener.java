package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;

/** A message whose listener fails comes back after the delay it asked for, as the same message, counting its tries. */
final class RetryAfterFailedListener {
    private static final int FAILURES = 2;
    /** The first delay level: one second. */
    private static final int SHORTEST_DELAY = 1;

    private RetryAfterFailedListener() {
    }

    static void run(Stage stage) throws Exception {
        // A new group finds its retry topic at a rebalance, and by default there is one every 20 s.
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.topic(2);
        String group = stage.name("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            inbox.consumeMessage(messages, context);
            if (messages.get(0).getReconsumeTimes() < FAILURES) {
                context.setDelayLevelWhenNextConsume(SHORTEST_DELAY);
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();

        Message message = Samples.message(topic, 0);
        Sent sent = Sent.answered(message, stage.producer().send(message));
        List<MessageExt> deliveries = inbox.await(1 + FAILURES);

        for (int tries = 0; tries < deliveries.size(); tries++) {
            MessageExt delivery = deliveries.get(tries);
            String which = "of delivery " + tries + " ";
            Expect.equal("tries before " + which, tries, delivery.getReconsumeTimes());
            Expect.equal("message id " + which, sent.uniqueKey(), delivery.getMsgId());
            Expect.equal("topic " + which, topic, delivery.getTopic());
            Expect.equalBytes("body " + which, message.getBody(), delivery.getBody());
            Expect.equal("keys " + which, message.getKeys(), delivery.getKeys());
            Expect.equal("tags " + which, message.getTags(), delivery.getTags());
            Expect.equal("flag " + which, message.getFlag(), delivery.getFlag());
            Expect.equal("user property " + which, message.getUserProperty("colour"), delivery.getUserProperty("colour"));
            Expect.equal("time of birth " + which, deliveries.get(0).getBornTimestamp(), delivery.getBornTimestamp());
            if (tries > 0) {
                isFromTheRetryTopic(delivery, group, sent);
                long waited = delivery.getStoreTimestamp() - deliveries.get(tries - 1).getStoreTimestamp();
                Expect.that("delayed by a second " + which + ": " + waited + " ms", waited >= 1_000);
            }
        }
        Await.until("all retries are committed", () -> stage.broker().committedOffset(group, "%RETRY%" + group, 0) == FAILURES);
    }

    private static void isFromTheRetryTopic(MessageExt delivery, String group, Sent first) {
        Expect.equal("original id", first.offsetMsgId(), MessageAccessor.getOriginMessageId(delivery));
        Expect.that("another record", !first.offsetMsgId().equals(((MessageClientExt) delivery).getOffsetMsgId()));
        Expect.equal("real topic", "%RETRY%" + group, delivery.getProperty("REAL_TOPIC"));
        Expect.equal("real queue", "0", delivery.getProperty("REAL_QID"));
        Expect.equal("delay level", String.valueOf(SHORTEST_DELAY), delivery.getProperty("DELAY"));
        Expect.equal("queue", 0, delivery.getQueueId());
        Expect.equal("offset in the retry queue", delivery.getReconsumeTimes() - 1L, delivery.getQueueOffset());
    }
}
