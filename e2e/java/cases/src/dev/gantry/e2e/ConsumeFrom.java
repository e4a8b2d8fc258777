package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/**
 * Where a new group starts on a topic that has messages.
 *
 * The client asks the broker for its offset first, and goes by its own setting only when there is none. As long as a
 * queue still has its very first message, in memory, the broker answers 0 to a group it never saw: such a group starts
 * at the beginning whatever it asked for. {@link #whenOld} has the first messages expire, and there the setting decides.
 */
final class ConsumeFrom {
    private static final int QUEUES = 4;
    private static final int COUNT = 40;

    private final Stage stage;
    private final String topic;
    private final DefaultMQProducer producer;
    private int sent;

    private ConsumeFrom(Stage stage) throws Exception {
        this.stage = stage;
        this.topic = stage.topic(QUEUES);
        this.producer = stage.producer();
    }

    static void firstWhileYoung(Stage stage) throws Exception {
        new ConsumeFrom(stage).whileYoung(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
    }

    static void lastWhileYoung(Stage stage) throws Exception {
        new ConsumeFrom(stage).whileYoung(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
    }

    static void timestampWhileYoung(Stage stage) throws Exception {
        new ConsumeFrom(stage).whileYoung(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
    }

    private void whileYoung(ConsumeFromWhere where) throws Exception {
        List<Sent> messages = new ArrayList<>(send());
        String time = nextSecond();
        messages.addAll(send());
        newGroupGets(where, time, messages);
    }

    /** On a broker with small log files that keeps them for no time at all. */
    static void whenOld(Stage stage) throws Exception {
        ConsumeFrom it = new ConsumeFrom(stage);
        it.send();
        Retention.expireAllSoFar(stage, it.topic, QUEUES);

        List<Sent> early = it.send();
        String time = it.nextSecond();
        List<Sent> late = it.send();
        List<Sent> all = new ArrayList<>(early);
        all.addAll(late);

        List<Sent> lastOfAll = it.newGroupGets(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET, time, List.of());
        late.addAll(lastOfAll);
        all.addAll(lastOfAll);
        lastOfAll = it.newGroupGets(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP, time, late);
        all.addAll(lastOfAll);
        it.newGroupGets(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET, time, all);
    }

    private List<Sent> send() throws Exception {
        sent += COUNT;
        return Samples.send(producer, topic, sent - COUNT, COUNT);
    }

    /** A point in time between what was sent and what will be, in the whole seconds the setting knows. */
    private String nextSecond() throws InterruptedException {
        long start = (System.currentTimeMillis() / 1000 + 1) * 1000;
        Await.until("the next second has begun", () -> System.currentTimeMillis() >= start);
        return UtilAll.timeMillisToHumanString3(start);
    }

    /** A new group gets those messages and then the next of each queue, which this sends and gives back. */
    private List<Sent> newGroupGets(ConsumeFromWhere where, String time, List<Sent> messages) throws Exception {
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name(where.name()));
        consumer.setConsumeFromWhere(where);
        consumer.setConsumeTimestamp(time);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox);
        consumer.start();
        // A client takes a queue up only when it knows where to start in it.
        Await.until("the starting offsets are known", () -> Members.held(consumer, topic).size() == QUEUES);

        List<Sent> next = Samples.sendLastOfEachQueue(producer, topic, "last", sent);
        sent += next.size();
        List<Sent> expected = new ArrayList<>(messages);
        expected.addAll(next);
        Delivery.of(stage.broker()).isExactly(expected, inbox.await(expected.size()));
        return next;
    }
}
