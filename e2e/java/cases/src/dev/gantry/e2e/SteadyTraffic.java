package dev.gantry.e2e;

import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends and consumes while the harness disturbs the servers: everything that was acknowledged is received. A send that
 * fails is repeated, as an application does that must not lose anything; a message may be received twice.
 *
 * <p>The first argument names the topic, which exists.
 */
final class SteadyTraffic {
    private static final int THREADS = 4;
    private static final int ENOUGH = 200;

    private final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    private final Set<String> received = ConcurrentHashMap.newKeySet();
    private final AtomicInteger duplicates = new AtomicInteger();
    private final AtomicInteger failures = new AtomicInteger();
    private final AtomicLong lastAcknowledged = new AtomicLong(System.nanoTime());
    private final AtomicLong longestPause = new AtomicLong();
    private volatile boolean stop;

    private SteadyTraffic() {
    }

    static void run(Stage stage) throws Exception {
        new SteadyTraffic().run(stage, stage.arg(0, "orders"));
    }

    private void run(Stage stage, String topic) throws Exception {
        String run = stage.name("run");
        stage.consumeAll(stage.name("group"), topic, (messages, context) -> {
            messages.forEach(message -> {
                String body = new String(message.getBody(), StandardCharsets.UTF_8);
                // Others may have used the topic before.
                if (body.startsWith(run) && !received.add(body)) {
                    duplicates.incrementAndGet();
                }
            });
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        DefaultMQProducer producer = stage.producer();
        producer.setSendMsgTimeout(3_000);
        Thread[] threads = new Thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            String prefix = run + "/" + i + "/";
            threads[i] = new Thread(() -> send(producer, topic, prefix));
            threads[i].start();
        }
        moreAcknowledged("before the disturbance");
        stage.harness().disturb();
        moreAcknowledged("after the disturbance");
        stop = true;
        for (Thread thread : threads) {
            thread.join();
        }
        Await.until("everything acknowledged is received", () -> received.containsAll(acknowledged));
        System.out.printf("%d acknowledged, all received; %d sends failed and were repeated; %d received twice; longest pause %d ms%n",
            acknowledged.size(), failures.get(), duplicates.get(), longestPause.get() / 1_000_000);
    }

    private void moreAcknowledged(String when) throws InterruptedException {
        int before = acknowledged.size();
        Await.until("messages are acknowledged " + when, () -> acknowledged.size() >= before + ENOUGH);
    }

    private void send(DefaultMQProducer producer, String topic, String prefix) {
        for (int index = 0; !stop; index++) {
            String body = prefix + index;
            while (!stop && !isAcknowledged(producer, new Message(topic, body.getBytes(StandardCharsets.UTF_8)))) {
                failures.incrementAndGet();
                pause(100);
            }
            if (!stop) {
                acknowledged.add(body);
                long now = System.nanoTime();
                longestPause.accumulateAndGet(now - lastAcknowledged.getAndSet(now), Math::max);
            }
            // A few hundred a second: what counts is that it never stops.
            pause(10);
        }
    }

    private static boolean isAcknowledged(DefaultMQProducer producer, Message message) {
        try {
            return producer.send(message).getSendStatus() == SendStatus.SEND_OK;
        } catch (Exception e) {
            return false;
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
