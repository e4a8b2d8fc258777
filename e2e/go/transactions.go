package main

import (
	"context"
	"strconv"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// book is a producer's side: what it answers at once, and what when it is asked.
type book struct {
	mutex sync.Mutex
	asked map[string]int
}

const ofEach = 4

// plans: the answer at once, and that to the check.
var plans = [][]primitive.LocalTransactionState{
	{primitive.CommitMessageState},
	{primitive.RollbackMessageState},
	{primitive.UnknowState, primitive.CommitMessageState},
	{primitive.UnknowState, primitive.RollbackMessageState},
}

func planOf(index string) []primitive.LocalTransactionState {
	n, err := strconv.Atoi(index)
	must("reading an index", err)
	return plans[n/ofEach]
}

func (b *book) ExecuteLocalTransaction(message *primitive.Message) primitive.LocalTransactionState {
	return planOf(message.GetProperty("index"))[0]
}

func (b *book) CheckLocalTransaction(message *primitive.MessageExt) primitive.LocalTransactionState {
	index := message.GetProperty("index")
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.asked[index]++
	plan := planOf(index)
	return plan[len(plan)-1]
}

func (b *book) count() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return len(b.asked)
}

// transactions: seen when they are committed, and only then; who does not decide is asked.
func transactions(s *stage) {
	topic := s.topic(4)
	var box inbox
	s.consume(s.name("group"), topic, "*", box.listen)
	b := &book{asked: map[string]int{}}
	p := s.transactionProducer(b)
	for _, message := range samples(topic, 0, ofEach*len(plans)) {
		result, err := p.SendMessageInTransaction(context.Background(), message)
		must("sending", err)
		expect("SEND_OK", result.Status == primitive.SendOK)
	}
	await("all that was committed is received", func() bool { return len(ids(&box)) == 2*ofEach })
	await("asked about each that was left open", func() bool { return b.count() == 2*ofEach })
	for _, message := range box.all() {
		plan := planOf(message.GetProperty("index"))
		expect("was committed", plan[len(plan)-1] == primitive.CommitMessageState)
	}
	sendLastOfEachQueue(s, topic, "last", 4, 1000)
	await("the end of each queue", func() bool { return len(ids(&box)) >= 2*ofEach+4 })
	expect("nothing else came", len(ids(&box)) == 2*ofEach+4)
}

// ids: Apache's broker may ask again before it has noted the answer, and then commits twice.
func ids(box *inbox) map[string]bool {
	ids := map[string]bool{}
	for _, message := range box.all() {
		ids[message.MsgId] = true
	}
	return ids
}
