package main

import (
	"context"
	"strconv"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// timedDelivery: kept until its time, delivered once.
func timedDelivery(s *stage) {
	topic := s.topic(2)
	var box inbox
	s.consume(s.name("group"), topic, "*", box.listen)
	p := s.producer()
	start := time.Now().UnixMilli()
	due := map[string]int64{}
	send := func(at int64, set func(*primitive.Message)) {
		message := samples(topic, len(due), 1)[0]
		set(message)
		result, err := p.SendSync(context.Background(), message)
		must("sending", err)
		expect("SEND_OK", result.Status == primitive.SendOK)
		due[result.MsgID] = at
	}
	property := func(name string, value int64) func(*primitive.Message) {
		return func(message *primitive.Message) { message.WithProperty(name, strconv.FormatInt(value, 10)) }
	}
	send(start+3000, property("TIMER_DELAY_SEC", 3))
	send(start+3500, property("TIMER_DELAY_MS", 3500))
	send(start+4000, property("TIMER_DELIVER_MS", start+4000))
	send(start, property("TIMER_DELIVER_MS", start-5000))
	send(start+1000+early, func(message *primitive.Message) { message.WithDelayTimeLevel(1) })
	received := box.await(len(due))
	for _, message := range received {
		at, known := due[message.MsgId]
		expect("was sent", known)
		expect("not too early", message.StoreTimestamp >= at-early)
	}
	sendLastOfEachQueue(s, topic, "last", 2, 1000)
	box.await(len(due) + 2)
	expect("nothing else came", len(box.all()) == len(due)+2)
}

// early: Apache's broker knows whole seconds, and a full second is the one before.
const early = 2000
