package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.common.message.MessageQueue;

/** The push consumers of one group, and which of them holds which queue. */
final class Members {
    private final List<DefaultMQPushConsumer> members = new ArrayList<>();

    void add(DefaultMQPushConsumer member) {
        members.add(member);
    }

    /** Every queue has exactly one holder and all members hold equally many. */
    void awaitEvenShare(String topic, int queues) throws InterruptedException {
        Await.until("the members share " + queues + " queues evenly", () -> {
            Set<MessageQueue> seen = new HashSet<>();
            for (DefaultMQPushConsumer member : members) {
                Set<MessageQueue> held = held(member, topic);
                if (held.size() != queues / members.size()) {
                    return false;
                }
                seen.addAll(held);
            }
            return seen.size() == queues;
        });
    }

    static Set<MessageQueue> held(DefaultMQPushConsumer member, String topic) {
        Set<MessageQueue> held = new HashSet<>();
        for (MessageQueue queue : member.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
            if (queue.getTopic().equals(topic)) {
                held.add(queue);
            }
        }
        return held;
    }
}
