package dev.gantry.e2e;

import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** A namespace keeps topics and groups of one name apart, and clients see neither it nor each other. */
final class Namespaces {
    private Namespaces() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.name("topic");
        String group = stage.name("group");
        Inbox[] inboxes = {new Inbox(), new Inbox()};
        for (int i = 0; i < 2; i++) {
            String namespace = stage.name("space-" + i);
            stage.broker().createTopic(namespace + "%" + topic, 2, 2);
            DefaultMQPushConsumer consumer = stage.pushConsumer(group);
            consumer.setNamespace(namespace);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener((MessageListenerConcurrently) inboxes[i]);
            consumer.start();
            DefaultMQProducer producer = stage.prepared(new DefaultMQProducer(stage.name("producer")));
            producer.setNamespace(namespace);
            producer.start();
            Samples.send(producer, topic, 10 * i, 5);
        }
        for (int i = 0; i < 2; i++) {
            List<MessageExt> received = inboxes[i].await(5);
            Expect.equal("messages", 5, received.size());
            for (MessageExt message : received) {
                Expect.equal("topic", topic, message.getTopic());
                Expect.equal("of space " + i, i, Integer.parseInt(message.getUserProperty("index")) / 10);
            }
        }
    }
}
