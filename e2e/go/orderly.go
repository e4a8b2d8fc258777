package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

const (
	orderlyQueues    = 8
	orderlyKeys      = 24
	enough           = 300
	pauseBetweenSend = 2 * time.Millisecond
)

// pushOrderly: the order of a key holds while a second member joins the group under load and leaves it again.
func pushOrderly(s *stage) {
	topic := s.topic(orderlyQueues)
	group := s.name("group")
	order := newKeyOrder()
	feed := startFeed(s.producer(producer.WithQueueSelector(producer.NewManualQueueSelector())), topic, s.theBroker().name)

	s.consume(group, topic, "*", order.listenAs("first"), consumer.WithConsumerOrder(true))
	await("the first member works", func() bool { return order.deliveredTo("first") >= enough })

	second := s.consume(group, topic, "*", order.listenAs("second"), consumer.WithConsumerOrder(true))
	await("the second member works", func() bool { return order.deliveredTo("second") >= enough })
	whileShared := order.deliveredTo("first")
	await("the first member still works", func() bool { return order.deliveredTo("first") >= whileShared+enough })

	must("closing the second member", second.Shutdown())
	for queue := range orderlyQueues {
		who := "first/" + strconv.Itoa(queue)
		before := order.deliveredTo(who)
		await("the first member has queue "+strconv.Itoa(queue)+" again", func() bool { return order.deliveredTo(who) > before })
	}

	must("sending", feed.stop())
	for key := range orderlyKeys {
		await(fmt.Sprintf("all of key %d arrived", key), func() bool { return order.next(key) == feed.sentOf(key) })
	}
	order.isKept()
}

// feed sends numbered messages for each key in turn, each key always to its queue, until it is stopped.
type feed struct {
	sent    [orderlyKeys]atomic.Int64
	stopped atomic.Bool
	ended   chan error
}

func startFeed(p rocketmq.Producer, topic, brokerName string) *feed {
	f := &feed{ended: make(chan error, 1)}
	go func() { f.ended <- f.sendKeys(p, topic, brokerName) }()
	return f
}

func (f *feed) sendKeys(p rocketmq.Producer, topic, brokerName string) error {
	for {
		for key := range orderlyKeys {
			if f.stopped.Load() {
				return nil
			}
			message := primitive.NewMessage(topic, []byte(fmt.Sprintf("%d %d", key, f.sent[key].Load())))
			message.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: brokerName, QueueId: key % orderlyQueues}
			if _, err := p.SendSync(context.Background(), message); err != nil {
				return err
			}
			f.sent[key].Add(1)
			time.Sleep(pauseBetweenSend)
		}
	}
}

func (f *feed) sentOf(key int) int { return int(f.sent[key].Load()) }

func (f *feed) stop() error {
	f.stopped.Store(true)
	return <-f.ended
}

// keyOrder is the order of each key as all members together saw it. A message may come again, since delivery is at
// least once; what may not happen is that one is skipped.
type keyOrder struct {
	mutex       sync.Mutex
	expected    [orderlyKeys]int
	delivered   map[string]int
	redelivered int
	violation   string
}

func newKeyOrder() *keyOrder { return &keyOrder{delivered: map[string]int{}} }

func (o *keyOrder) listenAs(member string) listener {
	return func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			o.deliver(member, message)
		}
		return consumer.ConsumeSuccess, nil
	}
}

func (o *keyOrder) deliver(member string, message *primitive.MessageExt) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	parts := strings.Fields(string(message.Body))
	key, _ := strconv.Atoi(parts[0])
	sequence, _ := strconv.Atoi(parts[1])
	switch {
	case sequence > o.expected[key] && o.violation == "":
		o.violation = fmt.Sprintf("%s got %d of key %d before %d", member, sequence, key, o.expected[key])
	case sequence < o.expected[key]:
		o.redelivered++
	case sequence == o.expected[key]:
		o.expected[key]++
	}
	o.delivered[member]++
	o.delivered[member+"/"+strconv.Itoa(message.Queue.QueueId)]++
}

func (o *keyOrder) deliveredTo(who string) int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.delivered[who]
}

func (o *keyOrder) next(key int) int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.expected[key]
}

func (o *keyOrder) isKept() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	expect("order kept: "+o.violation, o.violation == "")
	fmt.Printf("order of %d keys kept; deliveries first=%d second=%d, of these again %d\n",
		orderlyKeys, o.delivered["first"], o.delivered["second"], o.redelivered)
}
