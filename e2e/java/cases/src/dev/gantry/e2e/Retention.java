package dev.gantry.e2e;

import java.util.Map;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/** Makes messages expire, on a broker with {@code mappedFileSizeCommitLog=1048576} and {@code fileReservedTime=0}. */
final class Retention {
    private static final int DELETE_EXPIRED_COMMITLOG = 329;
    private static final int FILLER = 64 * 1024;
    /** Two files' worth, so that nothing from before is in the last one, which is never deleted. */
    private static final int FILLERS = 40;

    private Retention() {
    }

    /** Returns when the topic, which has been written to in each queue, is empty again. */
    static void expireAllSoFar(Stage stage, String topic, int queues) throws Exception {
        String other = stage.topic("filler", 1);
        DefaultMQProducer producer = stage.producer();
        for (int i = 0; i < FILLERS; i++) {
            producer.send(new Message(other, Samples.noise(FILLER, i)));
        }
        Broker broker = stage.broker();
        Expect.equal("code of the deletion", ResponseCode.SUCCESS, broker.ask(DELETE_EXPIRED_COMMITLOG, Map.of()).getCode());
        for (int id = 0; id < queues; id++) {
            int queue = id;
            long end = broker.maxOffset(topic, queue);
            Expect.that("queue " + queue + " was written to", end > 0);
            Await.until("queue " + queue + " begins at its end " + end, () -> broker.minOffset(topic, queue) == end);
        }
    }
}
