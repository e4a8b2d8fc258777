package main

// pushConcurrently: two members of a group share a topic; together they get what was sent before and after the second
// came, each message once.
func pushConcurrently(s *stage) {
	const half = 200
	topic := s.topic(8)
	group := s.name("group")
	p := s.producer()
	all := sendSamples(p, topic, 0, half)

	var first, second inbox
	s.consume(group, topic, "*", first.listen)
	first.await(half)
	// What is not committed when a queue changes hands is delivered again.
	s.theBroker().awaitAllCommitted(group, topic, 8)
	s.consume(group, topic, "*", second.listen)

	// This client does not show its queues. The second gets its share when it gets the end of any queue; until then
	// each round goes to the first.
	index := half
	await("the second member works", func() bool {
		all = append(all, sendSamples(p, topic, index, 8)...)
		index += 8
		return len(second.all()) > 0
	})
	all = append(all, sendSamples(p, topic, index, half)...)
	await("all received", func() bool {
		return len(withoutRedeliveries(append(first.all(), second.all()...))) >= len(all)
	})
	expect("the first member got part of the second half", len(first.all()) > half)

	// While queues change hands a message may come twice, so that only the set is compared.
	deliveryOf(s.theBroker()).isExactly(all, withoutRedeliveries(append(first.all(), second.all()...)))
}
