package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;

/** Transactional messages: seen when they are committed, and only then; who does not decide is asked. */
final class Transactions {
    private static final int QUEUES = 4;
    private static final int OF_EACH = 4;

    /** What the producer decides at once, and what when it is asked for the first and the second time. */
    private enum Plan {
        COMMIT(LocalTransactionState.COMMIT_MESSAGE),
        ROLLBACK(LocalTransactionState.ROLLBACK_MESSAGE),
        COMMIT_WHEN_ASKED(LocalTransactionState.UNKNOW, LocalTransactionState.COMMIT_MESSAGE),
        ROLLBACK_WHEN_ASKED(LocalTransactionState.UNKNOW, LocalTransactionState.ROLLBACK_MESSAGE),
        COMMIT_WHEN_ASKED_AGAIN(LocalTransactionState.UNKNOW, LocalTransactionState.UNKNOW, LocalTransactionState.COMMIT_MESSAGE);

        private final List<LocalTransactionState> answers;

        Plan(LocalTransactionState... answers) {
            this.answers = List.of(answers);
        }

        boolean commits() {
            return answers.get(answers.size() - 1) == LocalTransactionState.COMMIT_MESSAGE;
        }
    }

    /** A producer's side: what it sent, and how often it was asked about each. */
    private static final class Book implements TransactionListener {
        private final Map<String, Plan> plans = new ConcurrentHashMap<>();
        private final Map<String, Integer> asked = new ConcurrentHashMap<>();

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object plan) {
            plans.put(message.getTransactionId(), (Plan) plan);
            return ((Plan) plan).answers.get(0);
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            Plan plan = plans.get(message.getTransactionId());
            if (plan == null) {
                return LocalTransactionState.UNKNOW;
            }
            // Apache's broker may ask about what was decided, too.
            int times = asked.merge(message.getTransactionId(), 1, Integer::sum);
            return plan.answers.get(Math.min(times, plan.answers.size() - 1));
        }
    }

    private record Half(Message message, Plan plan, TransactionSendResult result) {
        String id() {
            return MessageClientIDSetter.getUniqID(message);
        }
    }

    private Transactions() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        Book book = new Book();
        TransactionMQProducer producer = stage.transactionProducer("transactions", book);
        List<Half> halves = send(producer, topic, Plan.values());

        List<Half> visible = halves.stream().filter(half -> half.plan().commits()).toList();
        Await.until("all that was committed is received", () -> ids(inbox).containsAll(visible.stream().map(Half::id).toList()));
        Await.until("asked about each that it left open", () -> halves.stream()
            .allMatch(half -> book.asked.getOrDefault(half.id(), 0) >= half.plan().answers.size() - 1));
        for (Half half : visible) {
            // Apache's broker may ask again before it has noted the answer, and then commits twice.
            for (MessageExt message : inbox.all()) {
                if (message.getMsgId().equals(half.id())) {
                    isCommitted(half, message, topic);
                }
            }
        }
        hasNothingElse(stage, topic, inbox, visible.size());
    }

    /** Who is killed with transactions open asks about them when it is back. */
    static void surviveKill(Stage stage) throws Exception {
        String topic = stage.topic(QUEUES);
        Book book = new Book();
        TransactionMQProducer producer = stage.transactionProducer("transactions", book);
        List<Half> halves = new ArrayList<>(send(producer, topic, Plan.COMMIT, Plan.ROLLBACK, Plan.COMMIT_WHEN_ASKED_AGAIN, Plan.ROLLBACK_WHEN_ASKED));
        stage.harness().killBroker();
        Inbox inbox = new Inbox();
        stage.consumeAll(stage.name("group"), topic, inbox);
        List<Half> visible = halves.stream().filter(half -> half.plan().commits()).toList();
        Set<String> committed = visible.stream().map(Half::id).collect(Collectors.toSet());
        Await.until("all that was committed is received", () -> ids(inbox).containsAll(committed));
        Expect.equal("received", committed, ids(inbox));
    }

    private static List<Half> send(TransactionMQProducer producer, String topic, Plan... plans) throws Exception {
        List<Half> halves = new ArrayList<>();
        for (Plan plan : plans) {
            for (int i = 0; i < OF_EACH; i++) {
                Message message = Samples.message(topic, halves.size());
                TransactionSendResult result = producer.sendMessageInTransaction(message, plan);
                Expect.equal("status of the send", SendStatus.SEND_OK, result.getSendStatus());
                Expect.equal("transaction id", MessageClientIDSetter.getUniqID(message), result.getTransactionId());
                halves.add(new Half(message, plan, result));
            }
        }
        return halves;
    }

    private static void isCommitted(Half half, MessageExt message, String topic) throws Exception {
        Message sent = half.message();
        Expect.equal("topic", topic, message.getTopic());
        Expect.equalBytes("body", sent.getBody(), message.getBody());
        if (half.plan() == Plan.COMMIT) {
            // Apache's broker loses it when it asks.
            Expect.equal("flag", sent.getFlag(), message.getFlag());
        }
        Expect.equal("tags", sent.getTags(), message.getTags());
        Expect.equal("keys", sent.getKeys(), message.getKeys());
        Expect.equal("colour", sent.getUserProperty("colour"), message.getUserProperty("colour"));
        Expect.equal("transaction id", half.id(), message.getTransactionId());
        Expect.equal("transaction id of the broker", half.id(), message.getProperty("__transactionId__"));
        Expect.equal("transaction bits", 8, message.getSysFlag() & 12);
        Expect.equal("queue", half.result().getMessageQueue().getQueueId(), message.getQueueId());
        Expect.equal(MessageConst.PROPERTY_PRODUCER_GROUP, sent.getProperty(MessageConst.PROPERTY_PRODUCER_GROUP), message.getProperty(MessageConst.PROPERTY_PRODUCER_GROUP));
        Expect.equal(MessageConst.PROPERTY_TRANSACTION_PREPARED, "true", message.getProperty(MessageConst.PROPERTY_TRANSACTION_PREPARED));
        Expect.equal(MessageConst.PROPERTY_REAL_TOPIC, null, message.getProperty(MessageConst.PROPERTY_REAL_TOPIC));
        Expect.equal(MessageConst.PROPERTY_REAL_QUEUE_ID, null, message.getProperty(MessageConst.PROPERTY_REAL_QUEUE_ID));
        Expect.that("the half lies before it", message.getPreparedTransactionOffset() < message.getCommitLogOffset());
    }

    /** The end of each queue is received, and nothing beside what is known. */
    private static void hasNothingElse(Stage stage, String topic, Inbox inbox, int known) throws Exception {
        DefaultMQProducer producer = stage.producer();
        Samples.sendLastOfEachQueue(producer, topic, "last", 1000);
        Await.until("the end of each queue", () -> inbox.all().stream().filter(each -> each.getTags().equals("last")).count() == QUEUES);
        Expect.equal("messages in all", known + QUEUES, ids(inbox).size());
    }

    private static Set<String> ids(Inbox inbox) {
        return inbox.all().stream().map(MessageExt::getMsgId).collect(Collectors.toSet());
    }
}
