package dev.gantry.e2e;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;

import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** {@code bulk <messages> <bytes> <threads> <groups>}: many messages from many threads, all of them to each group, once. */
final class Bulk {
    private static final int QUEUES = 8;

    private Bulk() {
    }

    static void run(Stage stage) throws Exception {
        int count = Integer.parseInt(stage.arg(0, "100000"));
        int size = Integer.parseInt(stage.arg(1, "1024"));
        int threads = Integer.parseInt(stage.arg(2, "64"));
        int groups = Integer.parseInt(stage.arg(3, "2"));
        String topic = stage.topic(QUEUES);

        List<Tally> tallies = new ArrayList<>();
        for (int i = 0; i < groups; i++) {
            Tally tally = new Tally(count, size);
            stage.consumeAll(stage.name("group-" + i), topic, tally);
            tallies.add(tally);
        }
        long start = System.nanoTime();
        sendAll(stage.producer(), topic, count, size, threads);
        System.out.printf("sent %d messages of %d bytes from %d threads in %d ms%n", count, size, threads, (System.nanoTime() - start) / 1_000_000);

        for (Tally tally : tallies) {
            Await.until("the group got all " + count, () -> tally.distinct.get() == count || tally.failure.get() != null);
        }
        for (Tally tally : tallies) {
            Expect.equal("first wrong message", null, tally.failure.get());
            Expect.equal("deliveries", count, tally.deliveries.get());
        }
        long stored = 0;
        for (int queue = 0; queue < QUEUES; queue++) {
            stored += stage.broker().maxOffset(topic, queue);
        }
        Expect.equal("messages stored", (long) count, stored);
    }

    private static void sendAll(DefaultMQProducer producer, String topic, int count, int size, int threads) throws Exception {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<Exception> failure = new AtomicReference<>();
        List<Thread> senders = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Thread sender = new Thread(() -> {
                try {
                    for (int index = next.getAndIncrement(); index < count && failure.get() == null; index = next.getAndIncrement()) {
                        Message message = new Message(topic, body(index, size));
                        Sent.answered(message, producer.send(message));
                    }
                } catch (Exception e) {
                    failure.compareAndSet(null, e);
                }
            });
            sender.start();
            senders.add(sender);
        }
        for (Thread sender : senders) {
            sender.join();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
    }

    /** Starts with its index; the rest follows from that, so that any mix-up shows. */
    private static byte[] body(int index, int size) {
        byte[] body = new byte[size];
        new Random(index).nextBytes(body);
        ByteBuffer.wrap(body).putInt(index);
        return body;
    }

    /** What one group received. */
    private static final class Tally implements MessageListenerConcurrently {
        private final AtomicInteger deliveries = new AtomicInteger();
        private final AtomicInteger distinct = new AtomicInteger();
        private final AtomicReference<String> failure = new AtomicReference<>();
        private final AtomicIntegerArray timesDelivered;
        private final int size;

        Tally(int count, int size) {
            this.timesDelivered = new AtomicIntegerArray(count);
            this.size = size;
        }

        @Override
        public ConsumeConcurrentlyStatus consumeMessage(List<MessageExt> messages, ConsumeConcurrentlyContext context) {
            for (MessageExt message : messages) {
                deliveries.incrementAndGet();
                int index = ByteBuffer.wrap(message.getBody()).getInt();
                if (!Arrays.equals(body(index, size), message.getBody())) {
                    failure.compareAndSet(null, "wrong body: " + message);
                }
                if (timesDelivered.getAndIncrement(index) == 0) {
                    distinct.incrementAndGet();
                } else {
                    failure.compareAndSet(null, "delivered twice: " + message);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        }
    }
}
