package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** A namespace that is told in each request and is no part of the names: to this broker all of them are one. */
final class NamespacesV2 {
    private NamespacesV2() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(2);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("group"));
        setNamespace(consumer, stage.name("space-0"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) inbox);
        consumer.start();
        DefaultMQProducer producer = stage.prepared(new DefaultMQProducer(stage.name("producer")));
        setNamespace(producer, stage.name("space-1"));
        producer.start();
        List<Sent> sent = Samples.send(producer, topic, 6);
        List<MessageExt> received = inbox.await(sent.size());
        Delivery.of(stage.broker()).isExactly(sent, received);
    }

    /** The 4.9 client, for which this is compiled too, has no such thing. */
    private static void setNamespace(ClientConfig client, String namespace) throws ReflectiveOperationException {
        ClientConfig.class.getMethod("setNamespaceV2", String.class).invoke(client, namespace);
    }
}
