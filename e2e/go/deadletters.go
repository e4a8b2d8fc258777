package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

const retriesBeforeDeath = 1

// deadLetters: what fails as often as it may goes to the dead letters. This client finds the retry topic of a new group
// at its next route poll, up to 30 s later.
func deadLetters(s *stage) {
	topic := s.topic(1)
	group := s.name("group")
	var in inbox
	s.consume(group, topic, "*", func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		if _, err := in.listen(ctx, messages...); err != nil {
			return consumer.ConsumeRetryLater, err
		}
		if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			concurrently.DelayLevelWhenNextConsume = 1
		}
		return consumer.ConsumeRetryLater, nil
	}, consumer.WithMaxReconsumeTimes(retriesBeforeDeath))
	one := send(s.producer(), sample(topic, "tag", 0))
	isDead(s, group, one)
	expectEqual("tries", 1+retriesBeforeDeath, len(in.all()))
}

// deadLettersInOrder: what fails is tried again in its place before anything behind it, and given up after its last try.
// This client tries once more than it is told.
func deadLettersInOrder(s *stage) {
	topic := s.topic(1)
	group := s.name("group")
	var mutex sync.Mutex
	var tried []string
	tries := func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return slices.Clone(tried)
	}
	listen := func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		mutex.Lock()
		defer mutex.Unlock()
		index, times := messages[0].GetProperty("index"), messages[0].ReconsumeTimes
		tried = append(tried, fmt.Sprintf("%s/%d", index, times))
		if index == "1" || index == "2" && times == 0 {
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		return consumer.ConsumeSuccess, nil
	}
	s.consume(group, topic, "*", listen, consumer.WithConsumerOrder(true),
		consumer.WithMaxReconsumeTimes(retriesBeforeDeath), consumer.WithSuspendCurrentQueueTimeMillis(200*time.Millisecond))
	all := sendSamples(s.producer(), topic, 0, 4)
	isDead(s, group, all[1])
	await("the last is consumed", func() bool { return slices.Contains(tries(), "3/0") })
	expectEqual("tries", []string{"0/0", "1/0", "1/1", "1/2", "2/0", "2/1", "3/0"}, tries())
}

// isDead: it is the only dead letter of the group.
func isDead(s *stage, group string, one sent) {
	letters := "%DLQ%" + group
	await("a dead letter", func() bool { return s.theBroker().maxOffset(letters, 0) == 1 })
	s.theBroker().awaitRoute(letters)
	var dead inbox
	s.consume(s.name("reader"), letters, "*", dead.listen)
	letter := dead.await(1)[0]
	expectEqual("body", string(one.message.Body), string(letter.Body))
	expectEqual("keys", one.message.GetKeys(), letter.GetKeys())
	expectEqual("original topic", one.message.Topic, letter.GetProperty("RETRY_TOPIC"))
	expectEqual("original id", one.offsetID, letter.GetProperty("ORIGIN_MESSAGE_ID"))
}
