package main

import (
	"strings"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// leavesTraces: clients that leave a trace of each message in a topic of their choice: sent, and consumed.
func leavesTraces(s *stage) {
	topic := s.topic(1)
	traceTopic := s.name("traces")
	s.theBroker().createTopic(traceTopic, 1)
	config := &primitive.TraceConfig{
		TraceTopic: traceTopic,
		GroupName:  s.name("tracer"),
		Access:     primitive.Local,
		Resolver:   primitive.NewPassthroughResolver([]string{s.nameServer}),
	}
	var found, in inbox
	s.consume(s.name("reader-of-traces"), traceTopic, "*", found.listen)
	s.consume(s.name("group"), topic, "*", in.listen, consumer.WithTrace(config))
	all := sendSamples(s.producer(producer.WithTrace(config)), topic, 0, 3)
	in.await(len(all))
	texts := func() string {
		var all strings.Builder
		for _, message := range found.all() {
			all.Write(message.Body)
		}
		return all.String()
	}
	for _, kind := range []string{"Pub", "SubBefore", "SubAfter"} {
		for _, one := range all {
			key := one.message.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex)
			await(kind+" of "+key, func() bool {
				return strings.Contains(texts(), kind+"\x01") && strings.Contains(texts(), key)
			})
		}
	}
	expect("of its region: "+texts(), strings.Contains(texts(), "DefaultRegion"))
}
