package main

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// delayMillis by level: 0 is no delay.
var delayMillis = []int64{0, 1000, 5000, 10000}

const lateMillis = 1500

type delayed struct {
	message     *primitive.Message
	level       int
	queue       int
	from, until int64
}

// delayLevels: kept for what the level says, in the order they were sent, once.
func delayLevels(s *stage) {
	const rounds = 4
	topic := s.topic(2)
	var in inbox
	s.consume(s.name("group"), topic, "*", in.listen)
	p := s.producer()
	all := map[string]delayed{}
	for range rounds {
		for level, delay := range delayMillis {
			message := sample(topic, "tag", len(all))
			if level > 0 {
				message.WithDelayTimeLevel(level)
			}
			before := time.Now().UnixMilli()
			result, err := p.SendSync(context.Background(), message)
			after := time.Now().UnixMilli()
			must("sending", err)
			expectEqual("status of the send", primitive.SendOK, result.Status)
			all[result.MsgID] = delayed{message, level, result.MessageQueue.QueueId, before + delay, after + delay + lateMillis}
		}
	}

	received := in.await(len(all))
	for _, message := range received {
		sent, known := all[message.MsgId]
		expect("was sent: "+message.String(), known)
		sent.isEqual(message)
	}
	isInOrder(all, received)
	last := sendLastOfEachQueue(s, topic, "last", 2, 1000)
	expectEqual("messages", len(all)+len(last), len(in.await(len(all)+len(last))))
}

func (d delayed) isEqual(received *primitive.MessageExt) {
	which := fmt.Sprintf(" of level %d", d.level)
	stored := received.StoreTimestamp
	expect(fmt.Sprintf("not early%s: %d ms", which, stored-d.from), stored >= d.from)
	expect(fmt.Sprintf("not late%s: %d ms", which, stored-d.until), stored <= d.until)
	expectEqual("topic"+which, d.message.Topic, received.Topic)
	expectEqual("queue"+which, d.queue, received.Queue.QueueId)
	expectEqual("body"+which, string(d.message.Body), string(received.Body))
	expectEqual("keys"+which, d.message.GetKeys(), received.GetKeys())
	expectEqual("tag"+which, d.message.GetTags(), received.GetTags())
	expectEqual("user property"+which, d.message.GetProperty("colour"), received.GetProperty("colour"))
	expectEqual("reconsume times"+which, int32(0), received.ReconsumeTimes)
	level, realTopic, realQueue := "", "", ""
	if d.level > 0 {
		level, realTopic, realQueue = strconv.Itoa(d.level), d.message.Topic, strconv.Itoa(d.queue)
	}
	expectEqual("level"+which, level, received.GetProperty("DELAY"))
	expectEqual("real topic"+which, realTopic, received.GetProperty("REAL_TOPIC"))
	expectEqual("real queue"+which, realQueue, received.GetProperty("REAL_QID"))
}

// isInOrder: of one level and one queue.
func isInOrder(all map[string]delayed, received []*primitive.MessageExt) {
	sort.Slice(received, func(i, j int) bool { return received[i].QueueOffset < received[j].QueueOffset })
	last := map[string]int{}
	for _, message := range received {
		which := fmt.Sprintf("level %d in queue %d", all[message.MsgId].level, message.Queue.QueueId)
		index, err := strconv.Atoi(message.GetProperty("index"))
		must("reading an index", err)
		before, seen := last[which]
		expect(fmt.Sprintf("%d comes after %d: %s", index, before, which), !seen || before < index)
		last[which] = index
	}
}
