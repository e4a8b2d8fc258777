// Command e2e runs one case of the Go client: `e2e <case> <name server>`. Exit code 0 when it holds, 1 with the reason
// when it does not. The cases are those of the Java clients, as far as this client can do them.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var cases = map[string]func(*stage){
	"send-sync":                        sendSync,
	"send-async":                       sendAsync,
	"send-oneway":                      sendOneway,
	"send-batch":                       sendBatch,
	"transactions":                     transactions,
	"delay-levels":                     delayLevels,
	"timed-delivery":                   timedDelivery,
	"dead-letters":                     deadLetters,
	"dead-letters-in-order":            deadLettersInOrder,
	"queue-locked-by-another":          queueLockedByAnother,
	"request-reply":                    requestReply,
	"traces":                           leavesTraces,
	"namespaces":                       namespaces,
	"group-suspended":                  groupSuspended,
	"group-not-broadcast":              groupNotBroadcast,
	"topic-not-written":                topicNotWritten,
	"topic-not-read":                   topicNotRead,
	"push-concurrently":                pushConcurrently,
	"push-orderly":                     pushOrderly,
	"broadcasting":                     broadcasting,
	"tag-filter":                       tagFilter,
	"property-filter":                  propertyFilter,
	"consume-from-first":               consumeFromFirst,
	"consume-from-last":                consumeFromLast,
	"offsets-survive-consumer-restart": offsetsSurviveConsumerRestart,
	"retry-after-failed-listener":      retryAfterFailedListener,
}

func main() {
	if len(os.Args) != 3 || cases[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: e2e <case> <name server>; cases:")
		for _, name := range names() {
			fmt.Fprintln(os.Stderr, "  "+name)
		}
		os.Exit(2)
	}
	rlog.SetLogLevel("error")
	start := time.Now()
	if reason := run(os.Args[1], os.Args[2]); reason != nil {
		fmt.Printf("FAILED %s: %v\n", os.Args[1], reason)
		os.Exit(1)
	}
	fmt.Printf("ok %s %d ms\n", os.Args[1], time.Since(start).Milliseconds())
}

// run gives back why the case does not hold, or nil.
func run(name, nameServer string) (reason any) {
	stage := newStage(name, nameServer)
	defer stage.close()
	defer func() {
		if reason = recover(); reason != nil {
			if _, expected := reason.(failure); !expected {
				panic(reason)
			}
		}
	}()
	cases[name](stage)
	return nil
}

func names() []string {
	var all []string
	for name := range cases {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}
