package dev.gantry.e2e;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** A message that is a question: the answer comes back to the producer that asked. */
final class RequestReply {
    private static final long PATIENCE_MILLIS = 60_000;

    private RequestReply() {
    }

    static void run(Stage stage) throws Exception {
        String topic = stage.topic(2);
        DefaultMQProducer asks = stage.producer();
        DefaultMQProducer answers = stage.producer();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt question : messages) {
                if (!"none".equals(question.getTags())) {
                    answer(answers, question);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();

        for (String text : List.of("first", "second")) {
            Message answer = asks.request(new Message(topic, Samples.text(text)), PATIENCE_MILLIS);
            Expect.equal("answer", "answer to " + text, new String(answer.getBody()));
        }
        CompletableFuture<Message> later = new CompletableFuture<>();
        asks.request(new Message(topic, Samples.text("later")), new RequestCallback() {
            @Override
            public void onSuccess(Message answer) {
                // The client calls this when the question is sent, too.
                if (answer != null) {
                    later.complete(answer);
                }
            }

            @Override
            public void onException(Throwable e) {
                later.completeExceptionally(e);
            }
        }, PATIENCE_MILLIS);
        Expect.equal("answer", "answer to later", new String(later.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS).getBody()));
        Expect.failure("a question that nobody answers", RequestTimeoutException.class,
            () -> asks.request(new Message(topic, "none", Samples.text("?")), 1_500));
    }

    private static void answer(DefaultMQProducer producer, MessageExt question) {
        try {
            producer.send(MessageUtil.createReplyMessage(question, Samples.text("answer to " + new String(question.getBody()))));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
