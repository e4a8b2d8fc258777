package dev.gantry.e2e;

import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientIDSetter;

/** A message that was sent, and where the broker said it put it: queue -1 when it was not asked. */
record Sent(Message message, int queueId, long queueOffset, String offsetMsgId) {
    static Sent answered(Message message, SendResult result) {
        Expect.equal("status of the send", SendStatus.SEND_OK, result.getSendStatus());
        Expect.equal("message id of the send", MessageClientIDSetter.getUniqID(message), result.getMsgId());
        return new Sent(message, result.getMessageQueue().getQueueId(), result.getQueueOffset(), result.getOffsetMsgId());
    }

    static Sent unanswered(Message message) {
        return new Sent(message, -1, -1, null);
    }

    boolean wasAnswered() {
        return queueId >= 0;
    }

    /** The id the client made up, which the message keeps through retries. */
    String uniqueKey() {
        return MessageClientIDSetter.getUniqID(message);
    }
}
