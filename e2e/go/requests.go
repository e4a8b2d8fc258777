package main

import (
	"context"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// requestReply: a message that is a question; the answer comes back to the producer that asked.
func requestReply(s *stage) {
	const patience = 60 * time.Second
	topic := s.topic(2)
	asks, answers := s.producer(), s.producer()
	s.consume(s.name("group"), topic, "*", func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		for _, question := range messages {
			if question.GetTags() == "none" {
				continue
			}
			answer, err := consumer.CreateReplyMessage(question, nil)
			if err != nil {
				return consumer.ConsumeRetryLater, err
			}
			// What this client does with a body that it is given is read properties from it.
			answer.Body = []byte("answer to " + string(question.Body))
			if err := answerOnce(ctx, answers, answer); err != nil {
				return consumer.ConsumeRetryLater, err
			}
		}
		return consumer.ConsumeSuccess, nil
	})

	for _, text := range []string{"first", "second"} {
		answer, err := asks.Request(context.Background(), patience, primitive.NewMessage(topic, []byte(text)))
		must("asking", err)
		expectEqual("answer", "answer to "+text, string(answer.Body))
	}
	later := make(chan *primitive.Message, 1)
	must("asking", asks.RequestAsync(context.Background(), patience, func(_ context.Context, answer *primitive.Message, err error) {
		later <- answer
	}, primitive.NewMessage(topic, []byte("later"))))
	select {
	case answer := <-later:
		expectEqual("answer", "answer to later", string(answer.Body))
	case <-time.After(patience):
		fail("no answer that was asked for without waiting")
	}
	_, err := asks.Request(context.Background(), 1500*time.Millisecond, primitive.NewMessage(topic, []byte("?")).WithTag("none"))
	expect("a question that nobody answers fails", err != nil)
}

// answerOnce: who asks is known to the broker from its heartbeat on, which this client may send behind its first question.
func answerOnce(ctx context.Context, p rocketmq.Producer, answer *primitive.Message) error {
	for {
		_, err := p.SendSync(ctx, answer)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(poll):
		}
	}
}
