package dev.gantry.e2e;

import static dev.gantry.e2e.ResponseCode.INVALID_PARAMETER;
import static dev.gantry.e2e.ResponseCode.NO_PERMISSION;
import static dev.gantry.e2e.ResponseCode.SUCCESS;
import static dev.gantry.e2e.ResponseCode.SYSTEM_ERROR;

import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;

/** Topics that may not be written, or not be read, or have no queue for it. */
final class Permissions {
    private static final int READ = 4;
    private static final int WRITE = 2;
    private static final int QUEUES = 2;

    private Permissions() {
    }

    /** What the broker answers to those who ask it whatever the route says. */
    static void raw(Stage stage) throws Exception {
        Broker broker = stage.broker();
        String group = stage.name("group");
        Codes codes = new Codes();

        String readable = stage.topic("readable", QUEUES);
        codes.expect(SUCCESS, "a send", RawSend.to(readable).by(broker));
        broker.setTopic(readable, QUEUES, QUEUES, READ);
        // The route keeps producers away; the broker asks no more than whether there is such a queue.
        codes.expect(SUCCESS, "a send to a topic that is only read", RawSend.to(readable).by(broker));
        codes.expect(SUCCESS, "a pull of it", RawPull.of(readable, group).by(broker));

        String writable = stage.topic("writable", QUEUES);
        broker.setTopic(writable, QUEUES, QUEUES, WRITE);
        codes.expect(SUCCESS, "a send to a topic that is only written", RawSend.to(writable).by(broker));
        codes.expect(NO_PERMISSION, "a pull of it", RawPull.of(writable, group).by(broker));

        String closed = stage.topic("closed", QUEUES);
        broker.setTopic(closed, QUEUES, QUEUES, 0);
        codes.expect(SUCCESS, "a send to a topic of nobody", RawSend.to(closed).by(broker));
        codes.expect(NO_PERMISSION, "a pull of it", RawPull.of(closed, group).by(broker));

        String unwritten = stage.topic("unwritten", QUEUES);
        broker.setTopic(unwritten, QUEUES, 0, READ | WRITE);
        codes.expect(SUCCESS, "a send to a queue that is only read", RawSend.to(unwritten).by(broker));
        codes.expect(INVALID_PARAMETER, "a send past the queues that are read", RawSend.to(unwritten).queue(QUEUES).by(broker));
        codes.expect(SYSTEM_ERROR, "a send that leaves the queue to the broker, of none", RawSend.to(unwritten).queue(-1).by(broker));
        codes.expect(SUCCESS, "a pull", RawPull.of(unwritten, group).by(broker));

        String unread = stage.topic("unread", QUEUES);
        broker.setTopic(unread, 0, QUEUES, READ | WRITE);
        codes.expect(SUCCESS, "a send to a queue that is only written", RawSend.to(unread).by(broker));
        codes.expect(INVALID_PARAMETER, "a pull of it", RawPull.of(unread, group).by(broker));
        codes.areAsExpected();
    }

    /** A producer that knows the route does not even ask, and sends again when it may. */
    static void notWritten(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        DefaultMQProducer producer = stage.producer();
        Samples.send(producer, topic, 0, 1);
        int[][] closed = {{QUEUES, READ}, {0, READ | WRITE}};
        for (int[] each : closed) {
            stage.broker().setTopic(topic, QUEUES, each[0], each[1]);
            Await.until("a send is refused by the client", () -> isRefused(producer, topic));
            stage.broker().setTopic(topic, QUEUES, QUEUES, READ | WRITE);
            Await.until("a send goes well", () -> !isRefused(producer, topic));
        }
    }

    private static boolean isRefused(DefaultMQProducer producer, String topic) throws Exception {
        try {
            Samples.send(producer, topic, 1, 1);
            return false;
        } catch (MQClientException e) {
            return true;
        }
    }

    /** A consumer gets nothing while it may not, and goes on by itself when it may. */
    static void notRead(Stage stage) throws Exception {
        String topic = stage.topic(1);
        Inbox inbox = new Inbox();
        AtomicBoolean isClosed = new AtomicBoolean();
        AtomicBoolean gotThrough = new AtomicBoolean();
        stage.consumeAll(stage.name("group"), topic, (messages, context) -> {
            gotThrough.compareAndSet(false, isClosed.get());
            inbox.consumeMessage(messages, context);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        DefaultMQProducer producer = stage.producer();
        int[][] closed = {{1, WRITE}, {0, READ | WRITE}};
        int sent = 0;
        for (int[] each : closed) {
            Samples.send(producer, topic, sent++, 1);
            inbox.await(sent);
            stage.broker().setTopic(topic, each[0], 1, each[1]);
            isClosed.set(true);
            Samples.send(producer, topic, sent++, 1);
            stage.broker().awaitStored("messages stored", sent, topic, 0);
            int code = RawPull.of(topic, stage.name("raw")).offset(sent - 1).by(stage.broker()).getCode();
            Expect.that("a pull is refused: " + code, code == NO_PERMISSION || code == INVALID_PARAMETER);
            isClosed.set(false);
            stage.broker().setTopic(topic, 1, 1, READ | WRITE);
            inbox.await(sent);
        }
        Expect.that("nothing got through", !gotThrough.get());
    }
}
