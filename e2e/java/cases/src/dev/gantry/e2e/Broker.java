package dev.gantry.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.Map;

import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** The one broker of the cluster, spoken to in single requests, below what producers and consumers check themselves. */
final class Broker {
    private static final long TIMEOUT_MILLIS = 20_000;
    private static final int READ_AND_WRITE = 6;

    private final DefaultMQProducer client;
    private final String name;
    private final String address;

    Broker(DefaultMQProducer client) throws Exception {
        this.client = client;
        // A client that has just started shares this connection with a thread of its own that looks up routes. When that one
        // has waited 3 s, as it can on a machine that is busy starting clients, 4.9 closes the connection under everybody.
        // "var", because the two clients keep these classes in different packages.
        var cluster = Await.value("the name server tells of the broker", () -> api().getBrokerClusterInfo(TIMEOUT_MILLIS));
        var brokers = cluster.getBrokerAddrTable().values();
        Expect.equal("brokers in the cluster", 1, brokers.size());
        var only = brokers.iterator().next();
        this.name = only.getBrokerName();
        this.address = only.selectBrokerAddr();
    }

    String name() {
        return name;
    }

    /** The {@code ip:port} it registered. */
    String address() {
        return address;
    }

    InetSocketAddress socketAddress() {
        int colon = address.lastIndexOf(':');
        return new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
    }

    /** The address of this machine on the way to the broker: where its messages are born, unless something translates addresses. */
    String clientHost() {
        try (DatagramSocket socket = new DatagramSocket()) {
            // Sends nothing.
            socket.connect(socketAddress());
            return socket.getLocalAddress().getHostAddress();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void createTopic(String topic, int readQueues, int writeQueues) throws Exception {
        api().createTopic(address, "TBW102", new TopicConfig(topic, readQueues, writeQueues, READ_AND_WRITE), TIMEOUT_MILLIS);
        Await.until("the name server serves " + writeQueues + " queues of " + topic,
            () -> client.fetchPublishMessageQueues(topic).size() == writeQueues);
    }

    /** Changes a topic or makes one; permissions: 4 to read, 2 to write. */
    void setTopic(String topic, int readQueues, int writeQueues, int permissions) throws Exception {
        done(ask(17, Map.of("topic", topic, "defaultTopic", "TBW102", "readQueueNums", String.valueOf(readQueues),
            "writeQueueNums", String.valueOf(writeQueues), "perm", String.valueOf(permissions), "topicFilterType", "SINGLE_TAG", "order", "false")));
    }

    /** Changes a group or makes one; settings in JSON, without the braces: the others are as usual. */
    void setGroup(String group, String settings) throws Exception {
        done(ask(200, Map.of(), Samples.text("{\"groupName\":\"" + group + "\"," + settings + "}")));
    }

    /** The flags of a topic that the name server tells, or null when it does not know the topic. */
    Integer flagsOf(String topic) throws Exception {
        try {
            return api().getTopicRouteInfoFromNameServer(topic, TIMEOUT_MILLIS).getQueueDatas().get(0).getTopicSysFlag();
        } catch (MQClientException e) {
            return null;
        }
    }

    RemotingCommand ask(int code, Map<String, String> fields) throws Exception {
        return ask(code, fields, null);
    }

    RemotingCommand ask(int code, Map<String, String> fields, byte[] body) throws Exception {
        RemotingCommand request = RemotingCommand.createRequestCommand(code, null);
        fields.forEach(request::addExtField);
        request.setBody(body);
        return api().getRemotingClient().invokeSync(address, request, TIMEOUT_MILLIS);
    }

    /** The offset the next message of that queue will get. */
    long maxOffset(String topic, int queueId) throws Exception {
        return offsetIn(ask(30, Map.of("topic", topic, "queueId", String.valueOf(queueId))));
    }

    /** So many messages were ever in that queue. Apache's broker writes queues a moment after it answered a send. */
    void awaitStored(String what, long count, String topic, int queueId) throws Exception {
        Await.until(what, () -> maxOffset(topic, queueId) >= count);
        Expect.equal(what, count, maxOffset(topic, queueId));
    }

    /** The offset of the first message of that queue that is still there. */
    long minOffset(String topic, int queueId) throws Exception {
        return offsetIn(ask(31, Map.of("topic", topic, "queueId", String.valueOf(queueId))));
    }

    /** What the broker answers a consumer of that group that asks where to go on. */
    long committedOffset(String group, String topic, int queueId) throws Exception {
        return offsetIn(ask(14, Map.of("consumerGroup", group, "topic", topic, "queueId", String.valueOf(queueId))));
    }

    /** The bytes of the record at that offset of the log. */
    byte[] recordAt(long physicalOffset) throws Exception {
        RemotingCommand answer = ask(33, Map.of("offset", String.valueOf(physicalOffset)));
        done(answer);
        return answer.getBody();
    }

    /** Every message of the topic is behind that group. */
    void awaitAllCommitted(String group, String topic, int queues) throws Exception {
        for (int id = 0; id < queues; id++) {
            int queue = id;
            long end = maxOffset(topic, queue);
            Await.until("group " + group + " committed " + end + " in queue " + queue, () -> committedOffset(group, topic, queue) == end);
        }
    }

    private static void done(RemotingCommand answer) {
        Expect.equal("code of the answer (" + answer.getRemark() + ")", ResponseCode.SUCCESS, answer.getCode());
    }

    private static long offsetIn(RemotingCommand answer) {
        done(answer);
        return Long.parseLong(answer.getExtFields().get("offset"));
    }

    private MQClientAPIImpl api() {
        return client.getDefaultMQProducerImpl().getMqClientFactory().getMQClientAPIImpl();
    }
}
