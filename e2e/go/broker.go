package main

import (
	"regexp"
	"strconv"
)

const (
	createTopicCode      = 17
	setGroupCode         = 200
	committedOffsetCode  = 14
	maxOffsetCode        = 30
	routeCode            = 105
	clusterInfoCode      = 106
	queuesOfUsualTopic   = 4
	readPerm             = 4
	writePerm            = 2
	topicOfNewTopicsName = "TBW102"
)

// broker is the one broker of the cluster.
type broker struct {
	nameServer string
	name       string
	address    string
}

// Searched as text, because Apache's name server writes maps that are no JSON.
var (
	brokerName    = regexp.MustCompile(`"brokerName":"([^"]+)"`)
	brokerAddress = regexp.MustCompile(`"brokerAddrs":\{"?0"?:"([^"]+)"`)
)

func findBroker(nameServer string) broker {
	_, body, err := ask(nameServer, clusterInfoCode, nil)
	must("asking for the cluster", err)
	name, address := brokerName.FindSubmatch(body), brokerAddress.FindSubmatch(body)
	expect("there is a broker in "+string(body), name != nil && address != nil)
	return broker{nameServer: nameServer, name: string(name[1]), address: string(address[1])}
}

// createTopic returns when the name server serves the topic.
func (b broker) createTopic(topic string, queues int) {
	b.setTopic(topic, queues, readPerm|writePerm)
	b.awaitRoute(topic)
}

func (b broker) awaitRoute(topic string) {
	await("the name server serves "+topic, func() bool {
		answer, _, err := ask(b.nameServer, routeCode, map[string]string{"topic": topic})
		return err == nil && answer.Code == 0
	})
}

// setTopic changes a topic or makes one.
func (b broker) setTopic(topic string, queues, permissions int) {
	count := strconv.Itoa(queues)
	answer, _, err := ask(b.address, createTopicCode, map[string]string{
		"topic": topic, "defaultTopic": topicOfNewTopicsName, "readQueueNums": count, "writeQueueNums": count,
		"perm": strconv.Itoa(permissions), "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
	})
	must("creating "+topic, err)
	expectEqual("code for the creation of "+topic+" ("+answer.Remark+")", 0, answer.Code)
}

// setGroup changes a group or makes one; settings in JSON, without the braces: the others are as usual.
func (b broker) setGroup(group, settings string) {
	answer, _, err := askWith(b.address, setGroupCode, nil, []byte(`{"groupName":"`+group+`",`+settings+`}`))
	must("setting "+group, err)
	expectEqual("code for the settings of "+group+" ("+answer.Remark+")", 0, answer.Code)
}

// maxOffset is the offset the next message of that queue will get.
func (b broker) maxOffset(topic string, queue int) int64 {
	return b.offset(maxOffsetCode, map[string]string{"topic": topic, "queueId": strconv.Itoa(queue)})
}

// committedOffset is -1 when there is none.
func (b broker) committedOffset(group, topic string, queue int) int64 {
	return b.offset(committedOffsetCode, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(queue), "setZeroIfNotFound": "false",
	})
}

func (b broker) awaitAllCommitted(group, topic string, queues int) {
	for queue := range queues {
		end := b.maxOffset(topic, queue)
		await("group "+group+" committed all of queue "+strconv.Itoa(queue), func() bool {
			return b.committedOffset(group, topic, queue) == end
		})
	}
}

func (b broker) offset(code int, fields map[string]string) int64 {
	answer, _, err := ask(b.address, code, fields)
	must("asking for an offset", err)
	if answer.Code != 0 {
		return -1
	}
	offset, err := strconv.ParseInt(answer.ExtFields["offset"], 10, 64)
	must("reading an offset", err)
	return offset
}
