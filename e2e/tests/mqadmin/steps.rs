//! The commands, in the order they are run: first those that only look, then those that change what others would see.

/// What of the output counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    /// Each line where it stands.
    Lines,
    /// The lines in any order: they come out of a hash map.
    Set,
    /// As `Set`, of the lines that begin with one of these words.
    SetOf(&'static [&'static str]),
    /// As `Set`, of so many words at the beginning of each line; the rest are rates that come out of samples.
    FirstWords(usize),
}

pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Without `-n`, which each gets.
    pub(crate) command: &'static str,
    pub(crate) compare: Compare,
}

/// What clusterList, the dashboard and operators' scripts read of brokerStatus; Apache's broker says more about itself.
const STATUS_KEYS: &[&str] = &[
    "bootTimestamp",
    "brokerActive",
    "brokerVersionDesc",
    "commitLogDirCapacity",
    "commitLogDiskRatio ",
    "commitLogMaxOffset",
    "commitLogMinOffset",
    "consumeQueueDiskRatio",
    "dispatchBehindBytes",
    "earliestMessageTimeStamp",
    "getFoundTps",
    "getMessageEntireTimeMax",
    "getMissTps",
    "getTotalTps",
    "getTransferredTps",
    "msgGetTotalTodayMorning",
    "msgGetTotalTodayNow",
    "msgGetTotalYesterdayMorning",
    "msgPutTotalTodayMorning",
    "msgPutTotalTodayNow",
    "msgPutTotalYesterdayMorning",
    "pageCacheLockTimeMills",
    "pullThreadPoolQueueHeadWaitTimeMills",
    "pullThreadPoolQueueSize",
    "putMessageAverageSize",
    "putMessageEntireTimeMax",
    "putMessageSizeTotal",
    "putMessageTimesTotal",
    "putTps",
    "remainHowManyDataToFlush",
    "runtime",
    "sendThreadPoolQueueHeadWaitTimeMills",
    "sendThreadPoolQueueSize",
    "startAcceptSendRequestTimeStamp",
    "timerCongestNum",
    "timerDequeueTps",
    "timerEnqueueTps",
    "timerOffsetBehind",
    "timerReadBehind",
];

use Compare::{FirstWords, Lines, Set, SetOf};

pub(crate) const STEPS: &[Step] = &[
    step("clusterList", "clusterList", Lines),
    step("clusterList-more", "clusterList -m", Lines),
    step("topicList", "topicList", Set),
    step("topicList-by-cluster", "topicList -c", Set),
    step("topicRoute", "topicRoute -t Orders", Lines),
    step("topicRoute-as-list", "topicRoute -t Orders -l", Lines),
    step("topicRoute-of-none", "topicRoute -t none", Lines),
    step("topicClusterList", "topicClusterList -t Orders", Lines),
    step("topicStatus", "topicStatus -t Orders", Lines),
    step("topicStatus-of-none", "topicStatus -t none", Lines),
    step("consumerProgress", "consumerProgress", Set),
    step("consumerProgress-of-group", "consumerProgress -g readers", Lines),
    step("consumerProgress-of-none", "consumerProgress -g none", Lines),
    step("consumerConnection", "consumerConnection -g readers", Lines),
    step("producerConnection-of-none", "producerConnection -g none -t Orders", Lines),
    step("getConsumerConfig", "getConsumerConfig -g readers", Lines),
    step("brokerConsumeStats", "brokerConsumeStats -b {broker}", Set),
    step("statsAll", "statsAll -t Orders", FirstWords(3)),
    step("brokerStatus", "brokerStatus -b {broker}", SetOf(STATUS_KEYS)),
    step("haStatus", "haStatus -b {broker}", Lines),
    step("queryMsgById", "queryMsgById -t Orders -i {offset-id}", Lines),
    step("queryMsgByKey", "queryMsgByKey -t Orders -k customer-1", Set),
    step("queryMsgByKey-of-none", "queryMsgByKey -t Orders -k none", Lines),
    step("queryMsgByUniqueKey", "queryMsgByUniqueKey -t Orders -i UNIQUE-ORDER-11", Lines),
    step("queryMsgByOffset", "queryMsgByOffset -t Orders -b broker-a -i 1 -o 2", Lines),
    step("queryCq", "queryCq -t Orders -q 1 -i 0 -c 3 -b {broker}", Lines),
    step("consumeMessage", "consumeMessage -t Orders -b broker-a -i 2 -o 1 -c 3", Lines),
    step("printMsg", "printMsg -t Payments -d true", Set),
    step("updateTopic", "updateTopic -c DefaultCluster -t Fresh -r 3 -w 5", Lines),
    step("updateTopic-then-route", "topicRoute -t Fresh -l", Lines),
    step("updateTopic-again", "updateTopic -c DefaultCluster -t Changing -r 8 -w 8", Lines),
    step("updateTopic-again-then-status", "topicStatus -t Changing", Lines),
    step("updateTopic-refused", "updateTopic -c DefaultCluster -t no.topic", Lines),
    step("updateTopicPerm", "updateTopicPerm -c DefaultCluster -t Changing -p 4", Lines),
    step("updateTopicPerm-then-route", "topicRoute -t Changing", Lines),
    // Before anything is deleted: Apache's broker tells of that with its next registration, up to 30 s later, and the
    // name server then takes all permissions from it again.
    step("wipeWritePerm", "wipeWritePerm -b broker-a", Lines),
    step("wipeWritePerm-then-route", "topicRoute -t Orders -l", Lines),
    step("addWritePerm", "addWritePerm -b broker-a", Lines),
    step("addWritePerm-then-route", "topicRoute -t Orders -l", Lines),
    step("deleteTopic", "deleteTopic -c DefaultCluster -t Doomed", Lines),
    step("deleteTopic-then-list", "topicList", Set),
    step("updateSubGroup", "updateSubGroup -c DefaultCluster -g fresh -q 2 -r 5", Lines),
    step("updateSubGroup-then-config", "getConsumerConfig -g fresh", Lines),
    step("deleteSubGroup", "deleteSubGroup -c DefaultCluster -g fresh", Lines),
    step("resetOffsetByTime", "resetOffsetByTime -g readers -t Orders -s 0", Set),
    step("resetOffsetByTime-then-progress", "consumerProgress -g readers", Lines),
    step("skipAccumulatedMessage", "skipAccumulatedMessage -g readers -t Orders", Set),
    step("skipAccumulatedMessage-then-progress", "consumerProgress -g readers", Lines),
    step("sendMessage", "sendMessage -t Payments -p hello -k greeting -c tag -b broker-a -i 1", Lines),
    step("sendMessage-then-status", "topicStatus -t Payments", Lines),
    step("updateKvConfig", "updateKvConfig -s space -k name -v value", Lines),
    step("deleteKvConfig", "deleteKvConfig -s space -k name", Lines),
];

const fn step(name: &'static str, command: &'static str, compare: Compare) -> Step {
    Step { name, command, compare }
}
