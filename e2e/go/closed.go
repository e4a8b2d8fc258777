package main

import (
	"context"

	"github.com/apache/rocketmq-client-go/v2/consumer"
)

// groupSuspended: a group that is suspended gets nothing, and goes on by itself.
func groupSuspended(s *stage) {
	topic := s.topic(1)
	group := s.name("group")
	var in inbox
	s.consume(group, topic, "*", in.listen)
	followSetting(s, topic, group, &in, "consumeEnable")
}

// groupNotBroadcast: the same for one whose members may not each have all of it.
func groupNotBroadcast(s *stage) {
	topic := s.topic(1)
	group := s.name("group")
	var in inbox
	s.consume(group, topic, "*", in.listen, consumer.WithConsumerModel(consumer.BroadCasting))
	followSetting(s, topic, group, &in, "consumeBroadcastEnable")
}

func followSetting(s *stage, topic, group string, in *inbox, setting string) {
	p := s.producer()
	var beside inbox
	s.consume(s.name("beside"), topic, "*", beside.listen)
	sendSamples(p, topic, 0, 1)
	in.await(1)
	s.theBroker().setGroup(group, `"`+setting+`":false`)
	sendSamples(p, topic, 1, 2)
	// Both groups have been waiting for the same message.
	beside.await(3)
	expectEqual("messages without "+setting, 1, len(in.all()))
	s.theBroker().setGroup(group, `"`+setting+`":true`)
	expectEqual("messages in the end", 3, len(in.await(3)))
}

// topicNotWritten: a topic that may only be read is not sent to.
func topicNotWritten(s *stage) {
	topic := s.topic(2)
	s.theBroker().setTopic(topic, 2, readPerm)
	p := s.producer()
	await("a send is refused", func() bool {
		_, err := p.SendSync(context.Background(), sample(topic, "tag", 0))
		return err != nil
	})
}

// topicNotRead: a consumer gets nothing while it may not, and goes on by itself when it may.
func topicNotRead(s *stage) {
	topic := s.topic(1)
	var in inbox
	s.consume(s.name("group"), topic, "*", in.listen)
	p := s.producer()
	sendSamples(p, topic, 0, 1)
	in.await(1)
	s.theBroker().setTopic(topic, 1, writePerm)
	sendSamples(p, topic, 1, 1)
	// Apache's broker writes queues a moment after it answered a send.
	await("two messages are stored", func() bool { return s.theBroker().maxOffset(topic, 0) == 2 })
	expectEqual("messages received", 1, len(in.all()))
	s.theBroker().setTopic(topic, 1, readPerm|writePerm)
	in.await(2)
}
