package dev.gantry.e2e;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/** Sends numbered messages for a set of keys, each key always to its queue, until it is stopped. */
final class KeyedFeed {
    private static final int THREADS = 2;
    private final DefaultMQProducer producer;
    private final String topic;
    private final long pauseNanos;
    private final AtomicIntegerArray sent;
    private final Thread[] threads = new Thread[THREADS];
    private volatile boolean stopped;
    private volatile Exception failure;

    KeyedFeed(DefaultMQProducer producer, String topic, int keys, int messagesPerSecond) {
        this.producer = producer;
        this.topic = topic;
        this.pauseNanos = 1_000_000_000L * THREADS / messagesPerSecond;
        this.sent = new AtomicIntegerArray(keys);
        for (int i = 0; i < THREADS; i++) {
            int first = i;
            threads[i] = new Thread(() -> sendKeys(first), "feed-" + i);
            threads[i].start();
        }
    }

    int sentOf(int key) {
        return sent.get(key);
    }

    int keys() {
        return sent.length();
    }

    void stop() throws Exception {
        stopped = true;
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** A thread owns every THREADS-th key, and goes on with a key only when its last message was acknowledged. */
    private void sendKeys(int first) {
        try {
            while (!stopped) {
                for (int key = first; key < sent.length() && !stopped; key += THREADS) {
                    Message message = new Message(topic, "", String.valueOf(key), Samples.text(key + " " + sent.get(key)));
                    producer.send(message, (queues, ignored, argument) -> queues.get((Integer) argument % queues.size()), key);
                    sent.incrementAndGet(key);
                    LockSupport.parkNanos(pauseNanos);
                }
            }
        } catch (Exception e) {
            failure = e;
        }
    }
}
