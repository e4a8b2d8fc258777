//! What each metric is expected to be.

pub(crate) struct Expected {
    pub(crate) name: &'static str,
    pub(crate) is: Is,
}

pub(crate) enum Is {
    /// Labels and values.
    Same,
    /// Labels; the values are those of the moment.
    OfTheMoment,
    /// On both, with a difference that has this reason.
    Differs(&'static str),
    /// On Apache's broker only, for this reason.
    NotHere(&'static str),
}

use Is::{Differs, NotHere, OfTheMoment, Same};

const OF_POP: &str = "of Apache's buffers for POP, which are not there: `rocketmq_consumer_inflight_messages` tells what is out";
const OF_THE_WHEEL: &str =
    "of Apache's timer wheel, which is not there: `rocketmq_timing_messages` tells what waits";
const NO_TYPE: &str = "without `message_type`: Gantry does not look into messages to count them";
const OWN_SYSTEM: &str = "topics of the system are each broker's own";

pub(crate) const EXPECTED: &[Expected] = &[
    metric("rocketmq_broker_permission", Same),
    metric("rocketmq_topic_number", Differs(OWN_SYSTEM)),
    metric("rocketmq_consumer_group_number", Same),
    metric("rocketmq_messages_in_total", Differs(NO_TYPE)),
    metric("rocketmq_throughput_in_total", Differs(NO_TYPE)),
    metric("rocketmq_message_size", Differs(NO_TYPE)),
    metric("rocketmq_messages_out_total", Same),
    metric("rocketmq_throughput_out_total", Same),
    metric("rocketmq_send_to_dlq_messages_total", Same),
    metric("rocketmq_consumer_connections", Same),
    metric("rocketmq_consumer_lag_messages", Same),
    metric("rocketmq_consumer_lag_latency_milliseconds", OfTheMoment),
    metric("rocketmq_consumer_inflight_messages", Same),
    metric("rocketmq_consumer_ready_messages", Same),
    metric("rocketmq_consumer_queueing_latency_milliseconds", OfTheMoment),
    metric("rocketmq_storage_size_bytes", OfTheMoment),
    metric("rocketmq_storage_flush_behind_bytes", OfTheMoment),
    metric("rocketmq_storage_dispatch_behind_bytes", OfTheMoment),
    metric("rocketmq_storage_message_reserve_time_milliseconds", OfTheMoment),
    metric("rocketmq_timer_dequeue_latency_milliseconds", OfTheMoment),
    metric("rocketmq_timer_dequeue_lag", NotHere(OF_THE_WHEEL)),
    metric("rocketmq_timer_enqueue_lag", NotHere(OF_THE_WHEEL)),
    metric("rocketmq_timer_enqueue_latency_milliseconds", NotHere(OF_THE_WHEEL)),
    metric("rocketmq_timer_message_snapshot", NotHere(OF_THE_WHEEL)),
    metric("rocketmq_pop_buffer_scan_time_consume_milliseconds", NotHere(OF_POP)),
    metric("rocketmq_pop_checkpoint_buffer_size", NotHere(OF_POP)),
    metric("rocketmq_pop_offset_buffer_size", NotHere(OF_POP)),
    metric("rocketmq_pop_revive_lag_milliseconds", NotHere(OF_POP)),
    metric("rocketmq_pop_revive_latency_milliseconds", NotHere(OF_POP)),
    metric("rocketmq_processor_watermark", NotHere("of Apache's thread pools, which are not there")),
    metric("rocketmq_topic_create_execution_time_milliseconds", NotHere("the making of topics is not timed")),
    metric("rocketmq_rpc_latency_milliseconds", NotHere("requests are not timed one by one")),
];

const fn metric(name: &'static str, is: Is) -> Expected {
    Expected { name, is }
}
