package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// sent is a message and where the broker said it put it: queue -1 when it was not asked.
type sent struct {
	message     *primitive.Message
	queue       int
	queueOffset int64
	offsetID    string
}

// sample carries one of everything a user can set, and differs from every other in all of it.
func sample(topic, tag string, index int) *primitive.Message {
	message := primitive.NewMessage(topic, []byte(fmt.Sprintf("body %d — ☃", index)))
	message.Flag = int32(index)
	message.WithTag(tag)
	message.WithKeys([]string{fmt.Sprintf("key-%d", index), fmt.Sprintf("also-%d", index)})
	message.WithProperty("index", strconv.Itoa(index))
	message.WithProperty("colour", "vert émeraude")
	return message
}

func samples(topic string, from, count int) []*primitive.Message {
	var all []*primitive.Message
	for i := from; i < from+count; i++ {
		all = append(all, sample(topic, fmt.Sprintf("tag-%d", i%3), i))
	}
	return all
}

func send(p rocketmq.Producer, message *primitive.Message) sent {
	result, err := p.SendSync(context.Background(), message)
	must("sending", err)
	return answered(message, result)
}

func sendSamples(p rocketmq.Producer, topic string, from, count int) []sent {
	var all []sent
	for _, message := range samples(topic, from, count) {
		all = append(all, send(p, message))
	}
	return all
}

// sendLastOfEachQueue puts one message with that tag at the end of each queue: whoever has it was offered all before it.
func sendLastOfEachQueue(s *stage, topic, tag string, queues, firstIndex int) []sent {
	p := s.producer(producer.WithQueueSelector(producer.NewManualQueueSelector()))
	var all []sent
	for queue := range queues {
		message := sample(topic, tag, firstIndex+queue)
		message.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: s.theBroker().name, QueueId: queue}
		one := send(p, message)
		expectEqual("queue of the answer", queue, one.queue)
		all = append(all, one)
	}
	return all
}

func answered(message *primitive.Message, result *primitive.SendResult) sent {
	expectEqual("status of the send", primitive.SendOK, result.Status)
	expectEqual("message id of the send", message.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex), result.MsgID)
	return sent{message, result.MessageQueue.QueueId, result.QueueOffset, result.OffsetMsgID}
}

func unanswered(message *primitive.Message) sent {
	return sent{message, -1, -1, ""}
}

// answeredBatch: a batch lies in one queue without a gap; its ids come joined by commas.
func answeredBatch(messages []*primitive.Message, result *primitive.SendResult) []sent {
	expectEqual("status of the send", primitive.SendOK, result.Status)
	ids := strings.Split(result.OffsetMsgID, ",")
	expectEqual("offset ids of the batch", len(messages), len(ids))
	var all []sent
	for i, message := range messages {
		all = append(all, sent{message, result.MessageQueue.QueueId, result.QueueOffset + int64(i), ids[i]})
	}
	return all
}
