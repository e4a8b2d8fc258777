package main

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
)

const (
	lockQueuesCode   = 41
	unlockQueuesCode = 42
	// lockExpiry of what is not given back.
	lockExpiry = 60 * time.Second
)

// locks are those of a group on the queues of a topic.
type locks struct {
	broker       broker
	group, topic string
}

type lockedQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int    `json:"queueId"`
	Topic      string `json:"topic"`
}

// lock says which of them the client has now.
func (l locks) lock(client string, queues ...int) []int {
	var answer struct {
		Locked []lockedQueue `json:"lockOKMQSet"`
	}
	must("reading locks", json.Unmarshal(l.ask(lockQueuesCode, client, queues), &answer))
	var ids []int
	for _, queue := range answer.Locked {
		ids = append(ids, queue.QueueID)
	}
	slices.Sort(ids)
	return ids
}

func (l locks) unlock(client string, queues ...int) {
	l.ask(unlockQueuesCode, client, queues)
}

func (l locks) ask(code int, client string, queues []int) []byte {
	var set []lockedQueue
	for _, id := range queues {
		set = append(set, lockedQueue{l.broker.name, id, l.topic})
	}
	body, err := json.Marshal(map[string]any{"consumerGroup": l.group, "clientId": client, "mqSet": set})
	must("writing locks", err)
	answer, result, err := askWith(l.broker.address, code, nil, body)
	must("asking for locks", err)
	expectEqual("code for locks ("+answer.Remark+")", 0, answer.Code)
	return result
}

// queueLockedByAnother: a consumer gets nothing of a queue that another holds, goes on by itself when it is free, and
// gives back what it holds.
func queueLockedByAnother(s *stage) {
	topic := s.topic(2)
	l := locks{s.theBroker(), s.name("group"), topic}
	expectEqual("free", []int{0}, l.lock("somebody", 0))
	var in inbox
	c := s.consume(l.group, topic, "*", in.listen, consumer.WithConsumerOrder(true))
	got := func(queue int) bool {
		for _, message := range in.all() {
			if message.Queue.QueueId == queue {
				return true
			}
		}
		return false
	}
	sendLastOfEachQueue(s, topic, "tag", 2, 0)
	await("the other queue is consumed", func() bool {
		// However long that takes, the lock must not expire.
		expectEqual("still held", []int{0}, l.lock("somebody", 0))
		return got(1)
	})
	expect("nothing of what another holds", !got(0))

	l.unlock("somebody", 0)
	await("the queue is consumed by itself", func() bool { return got(0) })
	expectEqual("what somebody else gets now", 0, len(l.lock("somebody", 0, 1)))

	start := time.Now()
	must("closing the consumer", c.Shutdown())
	await("the consumer gave back what it held", func() bool { return len(l.lock("somebody", 0, 1)) == 2 })
	expect("without waiting for the locks to expire", time.Since(start) < lockExpiry/2)
}
