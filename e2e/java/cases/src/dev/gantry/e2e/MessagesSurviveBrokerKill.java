package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** The broker process is killed under load: every message it acknowledged is there when it comes back, where it said. */
final class MessagesSurviveBrokerKill {
    private static final int QUEUES = 4;
    private static final int THREADS = 8;
    private static final int ENOUGH = 2_000;

    private MessagesSurviveBrokerKill() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        // A send that is tried again may be stored twice, and then it is not this broker's fault.
        producer.setRetryTimesWhenSendFailed(0);

        Queue<Sent> acknowledged = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int first = i;
            Thread thread = new Thread(() -> sendUntilItFails(producer, topic, first, acknowledged));
            thread.start();
            threads.add(thread);
        }
        Await.until("messages are acknowledged", () -> acknowledged.size() >= ENOUGH);
        stage.harness().killBroker();
        for (Thread thread : threads) {
            thread.join();
        }

        Await.until("the broker takes messages again", () -> {
            acknowledged.addAll(Samples.sendLastOfEachQueue(producer, topic, "last", 0));
            return true;
        });
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        Await.until("all that was acknowledged is received", () -> inbox.size() >= acknowledged.size());
        Map<String, MessageExt> received = new HashMap<>();
        Await.until("the end of each queue is received", () -> {
            inbox.all().forEach(message -> received.put(message.getMsgId(), message));
            return acknowledged.stream().filter(each -> each.message().getTags().equals("last")).allMatch(each -> received.containsKey(each.uniqueKey()));
        });

        Delivery delivery = Delivery.of(stage.broker());
        for (Sent each : acknowledged) {
            MessageExt message = received.get(each.uniqueKey());
            Expect.that("still there: " + each, message != null);
            delivery.isEqual(each, message);
        }
        delivery.hasDenseOffsets(inbox.all());
        System.out.println(acknowledged.size() + " acknowledged, " + inbox.size() + " stored");
    }

    private static void sendUntilItFails(DefaultMQProducer producer, String topic, int first, Queue<Sent> acknowledged) {
        for (int index = first; ; index += THREADS) {
            Message message = Samples.message(topic, index);
            try {
                acknowledged.add(Sent.answered(message, producer.send(message)));
            } catch (Exception e) {
                return;
            }
        }
    }
}
