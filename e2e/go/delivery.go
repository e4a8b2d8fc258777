package main

import (
	"fmt"
	"hash/crc32"
	"sort"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// addedByBroker is in each stored message; the messages of a batch are stored as they are.
var addedByBroker = map[string]string{"MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "CLUSTER": "DefaultCluster"}

// ofTheConsumer is put into a received message by the consuming client itself.
var ofTheConsumer = []string{"MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME"}

// delivery compares what was received with what was sent, field by field.
type delivery struct {
	broker broker
	added  map[string]string
}

func deliveryOf(b broker) delivery { return delivery{b, addedByBroker} }

func deliveryOfBatches(b broker) delivery { return delivery{b, nil} }

// isExactly: each exactly once, equal in everything, and nothing else.
func (d delivery) isExactly(all []sent, received []*primitive.MessageExt) {
	byIndex := map[string]*primitive.MessageExt{}
	for _, message := range received {
		index := message.GetProperty("index")
		before := byIndex[index]
		expect(fmt.Sprintf("delivered once: %v and %v", message, before), before == nil)
		byIndex[index] = message
	}
	for _, one := range all {
		index := one.message.GetProperty("index")
		message := byIndex[index]
		expect("delivered: "+one.message.String(), message != nil)
		delete(byIndex, index)
		d.isEqual(one, message)
	}
	expect(fmt.Sprintf("nothing else delivered: %v", byIndex), len(byIndex) == 0)
}

// hasDenseOffsets: in a topic nobody else writes to each queue counts its messages from 0 without a hole.
func (d delivery) hasDenseOffsets(received []*primitive.MessageExt) {
	queues := map[int][]int{}
	for _, message := range received {
		queues[message.Queue.QueueId] = append(queues[message.Queue.QueueId], int(message.QueueOffset))
	}
	for queue, offsets := range queues {
		sort.Ints(offsets)
		for i, offset := range offsets {
			expectEqual(fmt.Sprintf("offset in queue %d", queue), i, offset)
		}
	}
}

func (d delivery) isEqual(one sent, received *primitive.MessageExt) {
	which := " of message " + one.message.GetProperty("index")
	expectEqual("topic"+which, one.message.Topic, received.Topic)
	expectEqual("body"+which, string(one.message.Body), string(received.Body))
	expectEqual("flag"+which, one.message.Flag, received.Flag)
	expectEqual("properties"+which, d.expectedProperties(one), storedProperties(received))
	expectEqual("reconsume times"+which, int32(0), received.ReconsumeTimes)
	expectEqual("system flag"+which, d.flagsOfHosts(), received.SysFlag)
	expectEqual("crc of the body"+which, int32(crc32.ChecksumIEEE(one.message.Body)&0x7fffffff), received.BodyCRC)
	expectEqual("broker name"+which, d.broker.name, received.Queue.BrokerName)
	if d.flagsOfHosts() == 0 {
		// Long addresses this client does not read.
		expectEqual("store host"+which, d.broker.address, received.StoreHost)
		expect("born here"+which+": "+received.BornHost, strings.HasPrefix(received.BornHost, "127.0.0.1:"))
	}
	expect("stored after it was born"+which, received.StoreTimestamp >= received.BornTimestamp)
	if one.queue >= 0 {
		expectEqual("queue"+which, one.queue, received.Queue.QueueId)
		expectEqual("queue offset"+which, one.queueOffset, received.QueueOffset)
		expectEqual("offset id"+which, one.offsetID, received.OffsetMsgId)
	}
}

func (d delivery) expectedProperties(one sent) map[string]string {
	properties := one.message.GetProperties()
	for name, value := range d.added {
		properties[name] = value
	}
	return properties
}

func storedProperties(received *primitive.MessageExt) map[string]string {
	properties := received.GetProperties()
	for _, name := range ofTheConsumer {
		delete(properties, name)
	}
	return properties
}

// flagsOfHosts say how long the two hosts are in the record.
func (d delivery) flagsOfHosts() int32 {
	const bornHostV6, storeHostV6 = 0x10, 0x20
	if strings.HasPrefix(d.broker.address, "[") {
		return bornHostV6 | storeHostV6
	}
	return 0
}
