package main

import "github.com/apache/rocketmq-client-go/v2/consumer"

// broadcasting: each member of a broadcasting group gets every message.
func broadcasting(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	group := s.name("group")
	p := s.producer()

	var first, second inbox
	all := sendSamples(p, topic, 0, 50)
	s.consume(group, topic, "*", first.listen, consumer.WithConsumerModel(consumer.BroadCasting))
	s.consume(group, topic, "*", second.listen, consumer.WithConsumerModel(consumer.BroadCasting))
	all = append(all, sendSamples(p, topic, 50, 50)...)

	deliveryOf(s.theBroker()).isExactly(all, first.await(len(all)))
	deliveryOf(s.theBroker()).isExactly(all, second.await(len(all)))
}

// tagFilter: a subscription to `A || C` gets those tags and nothing else, whether sent before it was there or after.
func tagFilter(s *stage) {
	const rounds = 50
	tags := []string{"A", "B", "C", "D"}
	topic := s.topic(queuesOfUsualTopic)
	p := s.producer()
	sendAllTags := func(first int) (wanted []sent) {
		for i := range rounds * len(tags) {
			tag := tags[i%len(tags)]
			if one := send(p, sample(topic, tag, first+i)); tag == "A" || tag == "C" {
				wanted = append(wanted, one)
			}
		}
		return wanted
	}

	all := sendAllTags(0)
	var in inbox
	s.consume(s.name("group"), topic, "A || C", in.listen)
	in.await(len(all))
	all = append(all, sendAllTags(rounds*len(tags))...)
	all = append(all, sendLastOfEachQueue(s, topic, "A", queuesOfUsualTopic, 2*rounds*len(tags))...)
	deliveryOf(s.theBroker()).isExactly(all, in.await(len(all)))
}

// propertyFilter: a subscription by an expression gets what it is true of and nothing else.
func propertyFilter(s *stage) {
	topic := s.topic(queuesOfUsualTopic)
	p := s.producer()
	sendAll := func(from, count int) (wanted []sent) {
		for i, message := range samples(topic, from, count) {
			if one := send(p, message); from+i >= 10 && from+i < 40 {
				wanted = append(wanted, one)
			}
		}
		return wanted
	}

	all := sendAll(0, 30)
	var in inbox
	selector := consumer.MessageSelector{Type: consumer.SQL92, Expression: "index BETWEEN 10 AND 39 OR TAGS = 'last'"}
	s.consumeBy(selector, s.name("group"), topic, in.listen)
	in.await(len(all))
	all = append(all, sendAll(30, 30)...)
	all = append(all, sendLastOfEachQueue(s, topic, "last", queuesOfUsualTopic, 1000)...)
	deliveryOf(s.theBroker()).isExactly(all, in.await(len(all)))
}
