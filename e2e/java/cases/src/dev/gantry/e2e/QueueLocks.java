package dev.gantry.e2e;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** A queue of an ordered group has one holder. */
final class QueueLocks {
    private static final int LOCK_BATCH_MQ = 41;
    private static final int UNLOCK_BATCH_MQ = 42;
    private static final Pattern QUEUE_ID = Pattern.compile("\"queueId\":(\\d+)");
    /** A lock that is not given back is free after 60 s. */
    private static final long EXPIRY_MILLIS = 60_000;

    private final Broker broker;
    private final String group;
    private final String topic;

    private QueueLocks(Broker broker, String group, String topic) {
        this.broker = broker;
        this.group = group;
        this.topic = topic;
    }

    static void raw(Stage stage) throws Exception {
        String topic = stage.topic(3);
        QueueLocks locks = new QueueLocks(stage.broker(), stage.name("group"), topic);
        Expect.equal("both are free", Set.of(0, 1), locks.lock("one", 0, 1));
        Expect.equal("one is taken", Set.of(2), locks.lock("two", 1, 2));
        Expect.equal("renewed", Set.of(0, 1), locks.lock("one", 0, 1));
        Expect.equal("another group has locks of its own", Set.of(0, 1, 2),
            new QueueLocks(stage.broker(), stage.name("other"), topic).lock("two", 0, 1, 2));

        locks.unlock("two", 0, 1);
        Expect.equal("nobody gives back what another holds", Set.of(), locks.lock("two", 0, 1));
        locks.unlock("one", 0);
        Expect.equal("given back", Set.of(0), locks.lock("two", 0, 1));
        locks.unlock("one", 0, 1);
        Expect.equal("the rest is given back", Set.of(0, 1, 2), locks.lock("two", 0, 1, 2));
        Expect.equal("a queue that is not there can be locked", Set.of(9), locks.lock("one", 9));
    }

    /** A consumer gets nothing of a queue that another holds, and goes on by itself when it is free. */
    static void consumed(Stage stage) throws Exception {
        System.setProperty("rocketmq.client.rebalance.waitInterval", "1000");
        String topic = stage.topic(2);
        QueueLocks locks = new QueueLocks(stage.broker(), stage.name("group"), topic);
        Expect.equal("free", Set.of(0), locks.lock("somebody", 0));
        DefaultMQPushConsumer consumer = stage.pushConsumer(locks.group);
        ConcurrentLinkedQueue<MessageExt> received = new ConcurrentLinkedQueue<>();
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            received.addAll(messages);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        sendToEach(stage, topic);
        Await.until("the other queue is consumed", () -> {
            // However long that takes, the lock must not expire.
            Expect.equal("still held", Set.of(0), locks.lock("somebody", 0));
            return queuesOf(received).contains(1);
        });
        Expect.equal("queues that the consumer reads", Set.of(1), ids(Members.held(consumer, topic)));
        Expect.equal("queues that it got messages of", Set.of(1), queuesOf(received));

        // Whoever knows the holder's name can free what it holds: there is no other way to force it.
        locks.unlock("somebody", 0);
        Await.until("the queue is consumed by itself", () -> queuesOf(received).contains(0));
        Expect.equal("nobody else gets it now", Set.of(), locks.lock("somebody", 0, 1));

        long start = System.currentTimeMillis();
        consumer.shutdown();
        Await.until("the consumer gave back what it held", () -> locks.lock("somebody", 0, 1).size() == 2);
        Expect.that("without waiting for the locks to expire", System.currentTimeMillis() - start < EXPIRY_MILLIS / 2);
    }

    private static void sendToEach(Stage stage, String topic) throws Exception {
        DefaultMQProducer producer = stage.producer();
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            producer.send(Samples.message(topic, queue.getQueueId()), queue);
        }
    }

    private static Set<Integer> queuesOf(Iterable<MessageExt> messages) {
        Set<Integer> ids = new TreeSet<>();
        messages.forEach(message -> ids.add(message.getQueueId()));
        return ids;
    }

    private static Set<Integer> ids(Set<MessageQueue> queues) {
        return queues.stream().map(MessageQueue::getQueueId).collect(Collectors.toSet());
    }

    /** Which of them it has now. */
    private Set<Integer> lock(String client, int... queues) throws Exception {
        Set<Integer> locked = new TreeSet<>();
        Matcher ids = QUEUE_ID.matcher(new String(ask(LOCK_BATCH_MQ, client, queues).getBody()));
        while (ids.find()) {
            locked.add(Integer.parseInt(ids.group(1)));
        }
        return locked;
    }

    private void unlock(String client, int... queues) throws Exception {
        ask(UNLOCK_BATCH_MQ, client, queues);
    }

    private RemotingCommand ask(int code, String client, int... queues) throws Exception {
        String set = IntStream.of(queues)
            .mapToObj(id -> "{\"brokerName\":\"" + broker.name() + "\",\"queueId\":" + id + ",\"topic\":\"" + topic + "\"}")
            .collect(Collectors.joining(","));
        RemotingCommand answer = broker.ask(code, Map.of(), Samples.text(
            "{\"consumerGroup\":\"" + group + "\",\"clientId\":\"" + client + "\",\"mqSet\":[" + set + "]}"));
        Expect.equal("code of the answer (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
        return answer;
    }
}
