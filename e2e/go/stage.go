package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// stage is what one case runs on: names no other run uses, and clients that are closed when the case is over.
type stage struct {
	prefix     string
	nameServer string
	broker     broker
	clients    int
	closers    []func() error
}

func newStage(caseName, nameServer string) *stage {
	run := strconv.FormatInt(time.Now().UnixMilli(), 36) + strconv.FormatInt(int64(os.Getpid()), 36)
	return &stage{prefix: "go-" + caseName + "-" + run, nameServer: nameServer}
}

func (s *stage) theBroker() broker {
	if s.broker.address == "" {
		s.broker = findBroker(s.nameServer)
	}
	return s.broker
}

func (s *stage) name(part string) string {
	return s.prefix + "-" + part
}

// topic makes a new one and returns when clients can find it.
func (s *stage) topic(queues int) string {
	topic := s.name("topic")
	s.theBroker().createTopic(topic, queues)
	return topic
}

// clientName is new each time: clients of one name would share a connection, and here each is its own member of its group.
func (s *stage) clientName() string {
	s.clients++
	return s.name("client-" + strconv.Itoa(s.clients))
}

func (s *stage) producer(options ...producer.Option) rocketmq.Producer {
	options = append([]producer.Option{
		producer.WithGroupName(s.name("producer-" + strconv.Itoa(s.clients))),
		producer.WithInstanceName(s.clientName()),
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{s.nameServer})),
		producer.WithRetry(2),
		producer.WithQueueSelector(producer.NewRoundRobinQueueSelector()),
	}, options...)
	p, err := rocketmq.NewProducer(options...)
	must("making a producer", err)
	must("starting a producer", p.Start())
	s.closers = append(s.closers, p.Shutdown)
	return p
}

func (s *stage) transactionProducer(listener primitive.TransactionListener) rocketmq.TransactionProducer {
	p, err := rocketmq.NewTransactionProducer(
		listener,
		producer.WithGroupName(s.name("transactions")),
		producer.WithInstanceName(s.clientName()),
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{s.nameServer})),
	)
	must("making a transaction producer", err)
	must("starting a transaction producer", p.Start())
	s.closers = append(s.closers, p.Shutdown)
	return p
}

// consume starts a push consumer; like every group here it starts at the beginning unless an option says otherwise.
func (s *stage) consume(group, topic, tags string, listener listener, options ...consumer.Option) rocketmq.PushConsumer {
	return s.consumeBy(consumer.MessageSelector{Type: consumer.TAG, Expression: tags}, group, topic, listener, options...)
}

func (s *stage) consumeBy(selector consumer.MessageSelector, group, topic string, listener listener, options ...consumer.Option) rocketmq.PushConsumer {
	options = append([]consumer.Option{
		consumer.WithGroupName(group),
		consumer.WithInstance(s.clientName()),
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{s.nameServer})),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, options...)
	c, err := rocketmq.NewPushConsumer(options...)
	must("making a consumer", err)
	must("subscribing", c.Subscribe(topic, selector, listener))
	must("starting a consumer", c.Start())
	s.closers = append(s.closers, c.Shutdown)
	return c
}

func (s *stage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil {
			fmt.Println("closing a client:", err)
		}
	}
}
