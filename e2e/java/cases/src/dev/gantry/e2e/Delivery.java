package dev.gantry.e2e;

import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;

/** Compares what was received with what was sent, field by field. */
final class Delivery {
    /** Put into the received message by the consuming client itself. */
    private static final Set<String> OF_THE_CONSUMER = Set.of("MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME");

    /** Put into each stored message by the broker. */
    private static final Map<String, String> OF_THE_BROKER =
        Map.of("MSG_REGION", "DefaultRegion", "TRACE_ON", "true", "CLUSTER", "DefaultCluster");

    private static final int BORN_HOST_V6 = 0x10;
    private static final int STORE_HOST_V6 = 0x20;

    private final Broker broker;
    private final Map<String, String> addedByBroker;

    private Delivery(Broker broker, Map<String, String> addedByBroker) {
        this.broker = broker;
        this.addedByBroker = addedByBroker;
    }

    static Delivery of(Broker broker) {
        return new Delivery(broker, OF_THE_BROKER);
    }

    /** The broker stores the messages of a batch as they are: what it adds goes to the batch, which is not stored. */
    static Delivery ofBatches(Broker broker) {
        return new Delivery(broker, Map.of());
    }

    /** Each exactly once, equal in everything, and nothing else. */
    void isExactly(List<Sent> sent, List<MessageExt> received) {
        Map<String, MessageExt> byKey = new HashMap<>();
        for (MessageExt message : received) {
            MessageExt before = byKey.put(message.getMsgId(), message);
            Expect.that("delivered once: " + message + " and " + before, before == null);
        }
        for (Sent each : sent) {
            MessageExt message = byKey.remove(each.uniqueKey());
            Expect.that("delivered: " + each, message != null);
            isEqual(each, message);
            Expect.equal("broker name of " + each.uniqueKey(), broker.name(), message.getBrokerName());
        }
        Expect.that("nothing else delivered: " + byKey.values(), byKey.isEmpty());
    }

    /** A topic nobody else writes to: each queue counts its messages from 0 without a hole. */
    void hasDenseOffsets(List<MessageExt> received) {
        Map<Integer, TreeMap<Long, MessageExt>> queues = new TreeMap<>();
        for (MessageExt message : received) {
            MessageExt before = queues.computeIfAbsent(message.getQueueId(), id -> new TreeMap<>()).put(message.getQueueOffset(), message);
            Expect.that("one message at an offset: " + message + " and " + before, before == null);
        }
        queues.forEach((id, queue) -> {
            Expect.equal("first offset of queue " + id, 0L, queue.firstKey());
            Expect.equal("last offset of queue " + id, queue.size() - 1L, queue.lastKey());
        });
    }

    void isEqual(Sent sent, MessageExt received) {
        String which = "of " + sent.uniqueKey() + ": ";
        Expect.equal("topic " + which, sent.message().getTopic(), received.getTopic());
        Expect.equalBytes("body " + which, sent.message().getBody(), received.getBody());
        Expect.equal("flag " + which, sent.message().getFlag(), received.getFlag());
        Expect.equal("tags " + which, sent.message().getTags(), received.getTags());
        Expect.equal("keys " + which, sent.message().getKeys(), received.getKeys());
        Expect.equal("properties " + which, expectedProperties(sent), storedProperties(received));
        Expect.equal("reconsume times " + which, 0, received.getReconsumeTimes());
        Expect.equal("system flag " + which, flagsOfHosts(), received.getSysFlag());
        Expect.equal("crc of the body " + which, UtilAll.crc32(sent.message().getBody()), received.getBodyCRC());
        Expect.equal("store host " + which, broker.socketAddress(), received.getStoreHost());
        Expect.equal("born host " + which, broker.clientHost(), received.getBornHostString());
        Expect.that("stored after it was born " + which, received.getStoreTimestamp() >= received.getBornTimestamp());
        Expect.equal("offset id " + which, offsetId(received), ((MessageClientExt) received).getOffsetMsgId());
        if (sent.wasAnswered()) {
            Expect.equal("queue " + which, sent.queueId(), received.getQueueId());
            Expect.equal("queue offset " + which, sent.queueOffset(), received.getQueueOffset());
            Expect.equal("offset id " + which, sent.offsetMsgId(), ((MessageClientExt) received).getOffsetMsgId());
        }
    }

    private Map<String, String> expectedProperties(Sent sent) {
        Map<String, String> properties = new TreeMap<>(sent.message().getProperties());
        properties.putAll(addedByBroker);
        return properties;
    }

    private static Map<String, String> storedProperties(MessageExt received) {
        Map<String, String> properties = new TreeMap<>(received.getProperties());
        properties.keySet().removeAll(OF_THE_CONSUMER);
        return properties;
    }

    /** How long the two hosts are in the record. */
    private int flagsOfHosts() {
        boolean isLong = broker.socketAddress().getAddress() instanceof Inet6Address;
        return isLong ? BORN_HOST_V6 | STORE_HOST_V6 : 0;
    }

    /** The id that says where the record lies: the broker's address and the offset in its log. */
    private static String offsetId(MessageExt message) {
        InetSocketAddress host = (InetSocketAddress) message.getStoreHost();
        String address = HexFormat.of().withUpperCase().formatHex(host.getAddress().getAddress());
        return address + String.format("%08X%016X", host.getPort(), message.getCommitLogOffset());
    }
}
