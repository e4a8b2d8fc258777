package main

import (
	"fmt"
	"reflect"
	"time"
)

const (
	limit = 120 * time.Second
	poll  = 10 * time.Millisecond
)

// failure ends a case; it is raised on the goroutine of the case only.
type failure string

func fail(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

func must(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func expect(fact string, holds bool) {
	if !holds {
		fail("not true: %s", fact)
	}
}

func expectEqual(what string, expected, actual any) {
	if !reflect.DeepEqual(expected, actual) {
		fail("%s: expected <%v>, got <%v>", what, expected, actual)
	}
}

// await waits for a fact, never for a time.
func await(fact string, holds func() bool) {
	giveUp := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(giveUp) {
			fail("after %v still not true: %s", limit, fact)
		}
		time.Sleep(poll)
	}
}
