package main

import (
	"context"
	"strconv"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

type listener = func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)

// inbox keeps every message its listener is given, in the order it is given.
type inbox struct {
	mutex    sync.Mutex
	messages []*primitive.MessageExt
}

func (i *inbox) listen(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.messages = append(i.messages, messages...)
	return consumer.ConsumeSuccess, nil
}

func (i *inbox) all() []*primitive.MessageExt {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return append([]*primitive.MessageExt(nil), i.messages...)
}

func (i *inbox) await(count int) []*primitive.MessageExt {
	await("received "+strconv.Itoa(count)+" messages", func() bool { return len(i.all()) >= count })
	return i.all()
}

// withoutRedeliveries keeps the first delivery of each record.
func withoutRedeliveries(messages []*primitive.MessageExt) []*primitive.MessageExt {
	seen := map[string]bool{}
	var first []*primitive.MessageExt
	for _, message := range messages {
		if !seen[message.OffsetMsgId] {
			seen[message.OffsetMsgId] = true
			first = append(first, message)
		}
	}
	return first
}
