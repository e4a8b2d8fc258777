package dev.gantry.e2e;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Producers that number the messages of each key, and orderly consumers, both told what to do on standard input; what was sent,
 * acknowledged and received is a line each on standard output, for somebody else to judge.
 *
 * <p>{@code OrderedTraffic <name server> <topic> [producers=3] [keys=64] [rate=300] [stagger=0] [producerPoll=30000] [firstProducerPoll=producerPoll]
 * [consumerPoll=30000]}
 *
 * <p>Commands: {@code send}, {@code stop-sending}, {@code consume GROUP MEMBERS MILLIS_PER_MESSAGE}, {@code pause GROUP MILLIS},
 * {@code stop-consuming GROUP}, {@code exit}.
 */
public final class OrderedTraffic {
    private static final int THREADS_PER_PRODUCER = 4;

    private final PrintStream out = new PrintStream(
        new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);
    private final String namesrv;
    private final String topic;
    private final Map<String, String> options = new HashMap<>();
    private final ReentrantLock[] locks;
    private final long[] nextOfKey;
    private final AtomicInteger clients = new AtomicInteger();
    private final List<Thread> senders = new ArrayList<>();
    private final Map<String, List<DefaultMQPushConsumer>> consumers = new HashMap<>();
    private final Map<String, Long> pausedUntil = new ConcurrentHashMap<>();
    private volatile boolean sending;

    private OrderedTraffic(String[] args) {
        namesrv = args[0];
        topic = args[1];
        for (int i = 2; i < args.length; i++) {
            String[] option = args[i].split("=", 2);
            options.put(option[0], option[1]);
        }
        int keys = number("keys", 64);
        nextOfKey = new long[keys];
        locks = new ReentrantLock[keys];
        for (int key = 0; key < keys; key++) {
            locks[key] = new ReentrantLock();
        }
    }

    public static void main(String[] args) throws Exception {
        new OrderedTraffic(args).run();
        System.exit(0);
    }

    private int number(String option, int otherwise) {
        return Integer.parseInt(options.getOrDefault(option, String.valueOf(otherwise)));
    }

    private void run() throws Exception {
        Thread flusher = new Thread(() -> {
            while (true) {
                LockSupport.parkNanos(20_000_000);
                out.flush();
            }
        });
        flusher.setDaemon(true);
        flusher.start();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "send" -> send();
                case "stop-sending" -> stopSending();
                case "consume" -> consume(words[1], Integer.parseInt(words[2]), Long.parseLong(words[3]));
                case "pause" -> pausedUntil.put(words[1], System.currentTimeMillis() + Long.parseLong(words[2]));
                case "stop-consuming" -> consumers.remove(words[1]).forEach(DefaultMQPushConsumer::shutdown);
                case "exit" -> {
                    out.flush();
                    return;
                }
                default -> throw new IllegalArgumentException(line);
            }
            tell("did " + line);
        }
    }

    private void tell(String line) {
        synchronized (out) {
            out.println(line);
        }
    }

    private void prepare(ClientConfig client, String name, int pollMillis) {
        client.setNamesrvAddr(namesrv);
        client.setInstanceName(name + "-" + clients.getAndIncrement());
        client.setPollNameServerInterval(pollMillis);
    }

    /** Started apart, so that their looks at the route are apart, too. */
    private void send() throws Exception {
        int producers = number("producers", 3);
        long pauseNanos = 1_000_000_000L * producers * THREADS_PER_PRODUCER / number("rate", 300);
        sending = true;
        for (int i = 0; i < producers; i++) {
            if (i > 0) {
                Thread.sleep(number("stagger", 0));
            }
            String name = "p" + i;
            DefaultMQProducer producer = new DefaultMQProducer("producers-of-" + topic);
            int poll = number("producerPoll", 30_000);
            prepare(producer, name, i == 0 ? number("firstProducerPoll", poll) : poll);
            producer.start();
            for (int thread = 0; thread < THREADS_PER_PRODUCER; thread++) {
                Thread sender = new Thread(() -> sendKeys(producer, name, pauseNanos), name + "-" + thread);
                senders.add(sender);
                sender.start();
            }
        }
    }

    private void stopSending() throws InterruptedException {
        sending = false;
        for (Thread sender : senders) {
            sender.join();
        }
        senders.clear();
    }

    private void sendKeys(DefaultMQProducer producer, String name, long pauseNanos) {
        SelectMessageQueueByHash selector = new SelectMessageQueueByHash();
        while (sending) {
            int key = ThreadLocalRandom.current().nextInt(nextOfKey.length);
            locks[key].lock();
            try {
                sendNext(producer, selector, name, key);
            } finally {
                locks[key].unlock();
            }
            LockSupport.parkNanos(pauseNanos);
        }
    }

    /** The next message of a key, again until it is acknowledged: so its place in the order of real time is known. */
    private void sendNext(DefaultMQProducer producer, SelectMessageQueueByHash selector, String name, int key) {
        String body = "key-" + key + ":" + nextOfKey[key] + ":" + name;
        tell("begun " + body);
        Message message = new Message(topic, "", "key-" + key, body.getBytes(StandardCharsets.UTF_8));
        for (boolean sent = false; !sent; ) {
            try {
                sent = producer.send(message, selector, "key-" + key).getSendStatus() == SendStatus.SEND_OK;
                if (!sent) {
                    tell("failed " + body + " not SEND_OK");
                }
            } catch (Exception e) {
                tell("failed " + body + " " + String.valueOf(e.getMessage()).replace('\n', ' '));
                LockSupport.parkNanos(50_000_000);
            }
        }
        tell("acknowledged " + body);
        nextOfKey[key]++;
    }

    private void consume(String group, int members, long millisPerMessage) throws Exception {
        for (int i = 0; i < members; i++) {
            // On a machine that is busy starting clients the first look at the route may take too long, and start gives up.
            DefaultMQPushConsumer joined = Await.value("a member of " + group + " starts", () -> join(group, millisPerMessage));
            consumers.computeIfAbsent(group, none -> new ArrayList<>()).add(joined);
        }
    }

    private DefaultMQPushConsumer join(String group, long millisPerMessage) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        prepare(consumer, group, number("consumerPoll", 30_000));
        // The default, on purpose: what comes to new queues must not be passed over.
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            for (MessageExt message : messages) {
                long pause = pausedUntil.getOrDefault(group, 0L) - System.currentTimeMillis();
                LockSupport.parkNanos(1_000_000L * (Math.max(pause, 0) + millisPerMessage));
                int queue = context.getMessageQueue().getQueueId();
                tell("received " + group + " " + queue + " " + new String(message.getBody(), StandardCharsets.UTF_8));
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        try {
            consumer.start();
        } catch (Exception e) {
            consumer.shutdown();
            throw e;
        }
        return consumer;
    }
}
