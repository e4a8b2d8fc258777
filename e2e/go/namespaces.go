package main

import (
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// namespaces keep topics and groups of one name apart. This client shows them in the topics of what is received.
func namespaces(s *stage) {
	const each = 5
	topic := s.name("topic")
	group := s.name("group")
	var inboxes [2]inbox
	for i := range inboxes {
		space := s.name(fmt.Sprintf("space-%d", i))
		s.theBroker().createTopic(space+"%"+topic, 2)
		s.consume(group, topic, "*", inboxes[i].listen, consumer.WithNamespace(space))
		sendSamples(s.producer(producer.WithNamespace(space)), topic, 10*i, each)
	}
	for i := range inboxes {
		received := inboxes[i].await(each)
		expectEqual("messages", each, len(received))
		for _, message := range received {
			expectEqual("topic", s.name(fmt.Sprintf("space-%d", i))+"%"+topic, message.Topic)
			var index int
			_, err := fmt.Sscan(message.GetProperty("index"), &index)
			must("reading an index", err)
			expectEqual(fmt.Sprintf("of space %d", i), i, index/10)
		}
	}
}
