package main

import (
	"context"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

const (
	sends   = 60
	batches = 5
)

func sendSync(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	consumeBack(s, topic, sendSamples(s.producer(), topic, 0, sends), deliveryOf(s.theBroker()))
}

func sendAsync(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	p := s.producer()
	results := make([]*primitive.SendResult, sends)
	errors := make([]error, sends)
	messages := samples(topic, 0, sends)
	var callbacks sync.WaitGroup
	callbacks.Add(sends)
	for i, message := range messages {
		must("sending", p.SendAsync(context.Background(), func(_ context.Context, result *primitive.SendResult, err error) {
			results[i], errors[i] = result, err
			callbacks.Done()
		}, message))
	}
	callbacks.Wait()
	var all []sent
	for i, message := range messages {
		must("sending", errors[i])
		all = append(all, answered(message, results[i]))
	}
	consumeBack(s, topic, all, deliveryOf(s.theBroker()))
}

func sendOneway(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	p := s.producer()
	var all []sent
	for _, message := range samples(topic, 0, sends) {
		must("sending", p.SendOneWay(context.Background(), message))
		all = append(all, unanswered(message))
	}
	consumeBack(s, topic, all, deliveryOf(s.theBroker()))
}

func sendBatch(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	p := s.producer()
	messages := samples(topic, 0, sends)
	var all []sent
	for size := sends / batches; len(messages) > 0; messages = messages[size:] {
		result, err := p.SendSync(context.Background(), messages[:size]...)
		must("sending", err)
		all = append(all, answeredBatch(messages[:size], result)...)
	}
	consumeBack(s, topic, all, deliveryOfBatches(s.theBroker()))
}

func consumeBack(s *stage, topic string, all []sent, d delivery) {
	var in inbox
	s.consume(s.name("group"), topic, "*", in.listen)
	received := in.await(len(all))
	d.isExactly(all, received)
	d.hasDenseOffsets(received)
}
