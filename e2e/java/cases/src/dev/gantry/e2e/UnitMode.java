package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** Clients of a unit send, consume and retry as others do; the topics made for them say so. */
final class UnitMode {
    private static final int OF_A_UNIT = 1;
    private static final int WITH_SUBSCRIBERS_OF_UNITS = 2;

    private UnitMode() {
    }

    static void run(Stage stage) throws Exception {
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.name("topic");
        String group = stage.name("group");
        DefaultMQProducer producer = stage.prepared(new DefaultMQProducer(stage.name("producer")));
        producer.setUnitMode(true);
        producer.setUnitName("unit");
        producer.start();
        List<Sent> sent = Samples.send(producer, topic, 8);
        Await.until("the topic has the flags of a unit", () -> stage.broker().flagsOf(topic) == OF_A_UNIT);

        Inbox inbox = new Inbox();
        Inbox retried = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.setUnitMode(true);
        consumer.setUnitName("unit");
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            context.setDelayLevelWhenNextConsume(1);
            if (message.getReconsumeTimes() == 1) {
                return retried.consumeMessage(messages, context);
            }
            inbox.consumeMessage(messages, context);
            return message.getUserProperty("index").equals("3") ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Delivery.of(stage.broker()).isExactly(sent, inbox.await(sent.size()));
        Expect.equal("the message that came again", sent.get(3).uniqueKey(), retried.await(1).get(0).getMsgId());
        Await.until("the group's own topic has the flags of its unit", () -> stage.broker().flagsOf("%RETRY%" + group) == WITH_SUBSCRIBERS_OF_UNITS);
    }
}
