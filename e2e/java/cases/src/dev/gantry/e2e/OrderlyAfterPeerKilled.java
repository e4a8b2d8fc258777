package dev.gantry.e2e;

import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;

/**
 * A member of an ordered group that is killed keeps its queue locks until they expire (60 s), then the others take its
 * queues over from its last committed offsets: nothing is lost and no key goes back further than that or skips ahead.
 */
final class OrderlyAfterPeerKilled {
    private static final int QUEUES = 4;
    private static final int KEYS = 12;
    private static final int MESSAGES_PER_SECOND = 100;
    private static final int ENOUGH = 100;

    private OrderlyAfterPeerKilled() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        String group = stage.name("group");
        Path deliveredToPeer = Files.createTempFile("orderly-peer", ".txt");
        KeyedFeed feed = new KeyedFeed(stage.producer(), topic, KEYS, MESSAGES_PER_SECOND);

        Queue<String> deliveredHere = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer member = join(stage, topic, group, body -> deliveredHere.add(body));
        stage.harness().startPeer("orderly-peer", topic, group, deliveredToPeer.toString());
        Await.until("the peer works", () -> Files.readAllLines(deliveredToPeer).size() >= ENOUGH);
        Await.until("the queues are shared", () -> Members.held(member, topic).size() == QUEUES / 2);

        stage.harness().killPeer();
        Await.until("the queues of the dead are taken over", () -> Members.held(member, topic).size() == QUEUES);
        feed.stop();

        List<String> fromPeer = Files.readAllLines(deliveredToPeer);
        Await.until("all arrived", () -> missing(feed, deliveredHere, fromPeer).isEmpty());
        isInOrder(List.copyOf(deliveredHere), new HashSet<>(fromPeer));
    }

    /** The other process: {@code orderly-peer <name server> <topic> <group> <file>}, until it is killed. */
    static void peer(Stage stage) throws Exception {
        BufferedWriter file = Files.newBufferedWriter(Path.of(stage.args().get(2)));
        join(stage, stage.args().get(0), stage.args().get(1), body -> {
            synchronized (file) {
                file.write(body + "\n");
                file.flush();
            }
        });
        new CountDownLatch(1).await();
    }

    private interface Listener {
        void delivered(String keyAndSequence) throws Exception;
    }

    private static DefaultMQPushConsumer join(Stage stage, String topic, String group, Listener listener) throws Exception {
        DefaultMQPushConsumer consumer = stage.pushConsumer(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            try {
                listener.delivered(new String(messages.get(0).getBody()));
                return ConsumeOrderlyStatus.SUCCESS;
            } catch (Exception e) {
                return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
            }
        });
        consumer.start();
        return consumer;
    }

    private static Set<String> missing(KeyedFeed feed, Queue<String> here, List<String> fromPeer) {
        Set<String> missing = new HashSet<>();
        for (int key = 0; key < KEYS; key++) {
            for (int sequence = 0; sequence < feed.sentOf(key); sequence++) {
                missing.add(key + " " + sequence);
            }
        }
        missing.removeAll(here);
        fromPeer.forEach(missing::remove);
        return missing;
    }

    /** When a message comes, all before it of its key have come: here, or to the peer while that lived. */
    private static void isInOrder(List<String> here, Set<String> fromPeer) {
        int[] next = new int[KEYS];
        for (String delivery : here) {
            String[] keyAndSequence = delivery.split(" ");
            int key = Integer.parseInt(keyAndSequence[0]);
            int sequence = Integer.parseInt(keyAndSequence[1]);
            while (next[key] < sequence && fromPeer.contains(key + " " + next[key])) {
                next[key]++;
            }
            Expect.that(sequence + " of key " + key + " comes after " + next[key], sequence <= next[key]);
            next[key] = Math.max(next[key], sequence + 1);
        }
    }
}
