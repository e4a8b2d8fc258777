package dev.gantry.e2e;

import java.util.List;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;

/** Clients that leave a trace of each message in a topic of their choice: sent, and consumed. */
final class Traces {
    private Traces() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(1);
        String traces = stage.topic("traces", 1);
        Inbox found = new Inbox();
        stage.consumeAll(stage.name("reader-of-traces"), traces, found);
        DefaultMQProducer producer = stage.prepared(new DefaultMQProducer(stage.name("traced"), true, traces));
        producer.start();
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.prepared(new DefaultMQPushConsumer(stage.name("group"), true, traces));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) inbox);
        consumer.start();
        List<Sent> sent = Samples.send(producer, topic, 3);
        inbox.await(sent.size());
        for (String kind : List.of("Pub", "SubBefore", "SubAfter")) {
            for (Sent each : sent) {
                Await.until(kind + " of " + each.uniqueKey(), () -> texts(found).contains(kind + "\u0001")
                    && texts(found).contains(each.uniqueKey()));
            }
        }
        Expect.that("of its region: " + texts(found), texts(found).contains("DefaultRegion"));
    }

    private static String texts(Inbox inbox) {
        return inbox.all().stream().map(message -> new String(message.getBody())).collect(Collectors.joining("\n"));
    }
}
