package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/** A subscription to {@code A || C} gets those tags and nothing else, whether sent before it was there or after. */
final class TagFilter {
    private static final List<String> TAGS = List.of("A", "B", "C", "D");
    private static final int ROUNDS = 50;

    private TagFilter() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(4);
        DefaultMQProducer producer = stage.producer();
        List<Sent> wanted = new ArrayList<>(sendAllTags(producer, topic, 0));

        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("group"));
        consumer.subscribe(topic, "A || C");
        consumer.registerMessageListener(inbox);
        consumer.start();
        inbox.await(wanted.size());

        wanted.addAll(sendAllTags(producer, topic, ROUNDS * TAGS.size()));
        wanted.addAll(Samples.sendLastOfEachQueue(producer, topic, "A", 2 * ROUNDS * TAGS.size()));
        Delivery.of(stage.broker()).isExactly(wanted, inbox.await(wanted.size()));
    }

    /** One untagged message to each round of tags; gives back those of A and C. */
    private static List<Sent> sendAllTags(DefaultMQProducer producer, String topic, int firstIndex) throws Exception {
        List<Sent> wanted = new ArrayList<>();
        for (int i = 0; i < ROUNDS * TAGS.size(); i++) {
            String tag = TAGS.get(i % TAGS.size());
            Message message = Samples.message(topic, tag, firstIndex + i);
            Sent sent = Sent.answered(message, producer.send(message));
            if (tag.equals("A") || tag.equals("C")) {
                wanted.add(sent);
            }
            if (i % TAGS.size() == 0) {
                producer.send(new Message(topic, Samples.text("without a tag")));
            }
        }
        return wanted;
    }
}
