package dev.gantry.e2e;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/** What one case runs on: a name server, names no other run uses, and clients that are closed when the case is over. */
final class Stage implements AutoCloseable {
    private final String prefix;
    private final String namesrv;
    private final List<String> args;
    private final Harness harness;
    private final Deque<Runnable> closers = new ArrayDeque<>();
    private int clients;
    private Broker broker;

    Stage(String caseName, String namesrv, List<String> args, Harness harness) {
        this.prefix = caseName + "-" + Long.toString(System.currentTimeMillis(), 36) + Long.toString(ProcessHandle.current().pid(), 36);
        this.namesrv = namesrv;
        this.args = args;
        this.harness = harness;
    }

    Harness harness() {
        return harness;
    }

    List<String> args() {
        return args;
    }

    String arg(int index, String otherwise) {
        return index < args.size() ? args.get(index) : otherwise;
    }

    /** A topic or group name that only this run of this case uses. */
    String name(String part) {
        return prefix + "-" + part;
    }

    /** A new topic with that many queues, known to the name server. */
    String topic(int queues) throws Exception {
        return topic("topic", queues);
    }

    String topic(String part, int queues) throws Exception {
        String topic = name(part);
        broker().createTopic(topic, queues, queues);
        return topic;
    }

    Broker broker() throws Exception {
        if (broker == null) {
            broker = new Broker(producer("admin"));
        }
        return broker;
    }

    DefaultMQProducer producer() throws MQClientException {
        return producer("producer");
    }

    private DefaultMQProducer producer(String part) throws MQClientException {
        DefaultMQProducer producer = prepared(new DefaultMQProducer(name(part + "-" + clients)));
        producer.start();
        return producer;
    }

    /** For the case to start. */
    DefaultMQProducer prepared(DefaultMQProducer producer) {
        prepare(producer);
        // The default of 3 s is for a broker that has the machine to itself.
        producer.setSendMsgTimeout(20_000);
        return producer;
    }

    TransactionMQProducer transactionProducer(String part, TransactionListener listener) throws MQClientException {
        TransactionMQProducer producer = new TransactionMQProducer(name(part));
        producer.setTransactionListener(listener);
        prepare(producer);
        producer.setSendMsgTimeout(20_000);
        // Who registers only by the next heartbeat is not asked.
        producer.setHeartbeatBrokerInterval(1_000);
        producer.start();
        return producer;
    }

    /** A push consumer of everything in a topic, from its beginning, already started. */
    DefaultMQPushConsumer consumeAll(String group, String topic, MessageListenerConcurrently listener) throws MQClientException {
        DefaultMQPushConsumer consumer = pushConsumer(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(listener);
        consumer.start();
        return consumer;
    }

    /** A push consumer that starts at the beginning of its topics; the case subscribes and starts it. */
    DefaultMQPushConsumer pushConsumer(String group) {
        return prepared(new DefaultMQPushConsumer(group));
    }

    DefaultMQPushConsumer prepared(DefaultMQPushConsumer consumer) {
        prepare(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAwaitTerminationMillisWhenShutdown(10_000);
        closers.push(consumer::shutdown);
        return consumer;
    }

    DefaultLitePullConsumer litePullConsumer(String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        prepare(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        closers.push(consumer::shutdown);
        return consumer;
    }

    private void prepare(ClientConfig client) {
        client.setNamesrvAddr(namesrv);
        // Clients of one instance name share one connection and one client id; here each is its own member of its group.
        client.setInstanceName(name("client-" + clients++));
        client.setPersistConsumerOffsetInterval(500);
        // A new group learns the route of its retry topic at the next poll.
        client.setPollNameServerInterval(1_000);
        if (client instanceof DefaultMQProducer producer) {
            closers.push(producer::shutdown);
        }
    }

    @Override
    public void close() {
        while (!closers.isEmpty()) {
            closers.pop().run();
        }
    }
}
