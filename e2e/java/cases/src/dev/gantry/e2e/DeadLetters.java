package dev.gantry.e2e;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** What fails as often as it may goes to the dead letters, and holds up nobody from there. */
final class DeadLetters {
    private static final int RETRIES = 2;

    private DeadLetters() {
    }

    static void concurrently(Stage stage) throws Exception {
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.topic(1);
        String group = stage.name("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.setMaxReconsumeTimes(RETRIES);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            inbox.consumeMessage(messages, context);
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        Message message = Samples.message(topic, 0);
        Sent sent = Sent.answered(message, stage.producer().send(message));
        isDead(stage, group, message, sent.offsetMsgId(), topic);
        Expect.equal("tries", 1 + RETRIES, inbox.size());
    }

    static void inOrder(Stage stage) throws Exception {
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.topic(1);
        String group = stage.name("group");
        Queue<String> tried = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.setMaxReconsumeTimes(RETRIES);
        consumer.setSuspendCurrentQueueTimeMillis(200);
        consumer.setConsumeMessageBatchMaxSize(1);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            String index = messages.get(0).getUserProperty("index");
            tried.add(index + "/" + messages.get(0).getReconsumeTimes());
            // The second never goes well, the third does at its second try.
            boolean fails = index.equals("1") || index.equals("2") && messages.get(0).getReconsumeTimes() == 0;
            return fails ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        DefaultMQProducer producer = stage.producer();
        Message dead = null;
        Sent sent = null;
        for (int i = 0; i < 4; i++) {
            Message message = Samples.message(topic, i);
            Sent answered = Sent.answered(message, producer.send(message));
            if (i == 1) {
                dead = message;
                sent = answered;
            }
        }
        // This one is sent by the client, which knows it by its unique key.
        isDead(stage, group, dead, sent.uniqueKey(), topic);
        Await.until("the last is consumed", () -> tried.contains("3/0"));
        Expect.equal("tries", List.of("0/0", "1/0", "1/1", "1/2", "2/0", "2/1", "3/0"), List.copyOf(tried));
    }

    private static void isDead(Stage stage, String group, Message message, String id, String topic) throws Exception {
        String letters = "%DLQ%" + group;
        stage.broker().awaitStored("a dead letter", 1, letters, 0);
        RemotingCommand answer = RawPull.of(letters, stage.name("reader")).by(stage.broker());
        Expect.equal("code of the pull (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
        MessageExt letter = MessageDecoder.decodes(ByteBuffer.wrap(answer.getBody())).get(0);
        Expect.equalBytes("body", message.getBody(), letter.getBody());
        Expect.equal("keys", message.getKeys(), letter.getKeys());
        Expect.equal("original topic", topic, letter.getProperty("RETRY_TOPIC"));
        Expect.equal("original id", id, letter.getProperty("ORIGIN_MESSAGE_ID"));
    }
}
