package main

import (
	"context"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

func consumeFromFirst(s *stage) { newGroupGetsEverything(s, consumer.ConsumeFromFirstOffset) }

// consumeFromLast: as long as a queue still has its very first message, in memory, the broker answers 0 to a group it
// never saw. Such a group starts at the beginning whatever it asked for.
func consumeFromLast(s *stage) { newGroupGetsEverything(s, consumer.ConsumeFromLastOffset) }

func newGroupGetsEverything(s *stage, where consumer.ConsumeFromWhere) {
	const old = 40
	topic := s.topic(queuesOfUsualTopic)
	all := sendSamples(s.producer(), topic, 0, old)
	var in inbox
	s.consume(s.name("group"), topic, "*", in.listen, consumer.WithConsumeFromWhere(where))
	in.await(old)
	all = append(all, sendLastOfEachQueue(s, topic, "last", queuesOfUsualTopic, old)...)
	deliveryOf(s.theBroker()).isExactly(all, in.await(len(all)))
}

// offsetsSurviveConsumerRestart: a group that comes back goes on where it stopped.
func offsetsSurviveConsumerRestart(s *stage) {
	const count = 80
	topic := s.topic(queuesOfUsualTopic)
	group := s.name("group")
	p := s.producer()
	d := deliveryOf(s.theBroker())

	before := sendSamples(p, topic, 0, count)
	var first inbox
	c := s.consume(group, topic, "*", first.listen)
	d.isExactly(before, first.await(count))
	// Closing this client saves the offsets of what was processed; without this the last could still be under way.
	s.theBroker().awaitAllCommitted(group, topic, queuesOfUsualTopic)
	must("closing the consumer", c.Shutdown())

	after := sendSamples(p, topic, count, count)
	var second inbox
	s.consume(group, topic, "*", second.listen)
	d.isExactly(after, second.await(count))
}

// retryAfterFailedListener: a message whose listener fails comes back after the delay it asked for, as the same message,
// counting its tries. This client finds the retry topic of a new group at its next route poll, up to 30 s later.
func retryAfterFailedListener(s *stage) {
	const failures, shortestDelay = 2, 1
	topic := s.topic(2)
	group := s.name("group")
	var in inbox
	s.consume(group, topic, "*", func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		if result, err := in.listen(ctx, messages...); err != nil || messages[0].ReconsumeTimes >= failures {
			return result, err
		}
		if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			concurrently.DelayLevelWhenNextConsume = shortestDelay
		}
		return consumer.ConsumeRetryLater, nil
	})

	one := send(s.producer(), sample(topic, "tag", 0))
	deliveries := in.await(1 + failures)
	for tries, delivery := range deliveries {
		expectEqual("tries before", int32(tries), delivery.ReconsumeTimes)
		expectEqual("message id", one.message.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex), delivery.MsgId)
		expectEqual("body", string(one.message.Body), string(delivery.Body))
		expectEqual("keys", one.message.GetKeys(), delivery.GetKeys())
		expectEqual("tag", one.message.GetTags(), delivery.GetTags())
		expectEqual("user property", one.message.GetProperty("colour"), delivery.GetProperty("colour"))
		if tries > 0 {
			expectEqual("original id", one.offsetID, delivery.GetProperty("ORIGIN_MESSAGE_ID"))
			expectEqual("original topic", topic, delivery.GetProperty("RETRY_TOPIC"))
			expectEqual("real topic", "%RETRY%"+group, delivery.GetProperty("REAL_TOPIC"))
			expectEqual("delay level", "1", delivery.GetProperty("DELAY"))
			waited := delivery.StoreTimestamp - deliveries[tries-1].StoreTimestamp
			expect("delayed by a second", waited >= 1000)
		}
	}
}
