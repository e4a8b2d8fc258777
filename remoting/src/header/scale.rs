//! Changing the number of an ordered topic's queues: Gantry's own requests.

use super::header;

header! {
    /// BEGIN_SCALE. The same again, by its id, is answered as if it had just been begun.
    BeginScale<'a> {
        topic: &'a str = "topic",
        scale_id: &'a str = "scaleId",
        /// Queues that the topic has, as far as the asker knows.
        from: i32 = "from",
        /// Queues that it shall have.
        to: i32 = "to",
        /// Milliseconds that clients get to learn of new queues; a default when absent.
        settle_millis: Option<i64> = "settleMillis",
        /// Milliseconds that the flip waits for producers that seem not to have learned; a default when absent.
        max_settle_millis: Option<i64> = "maxSettleMillis",
        /// New queues can be read by everybody from the announcement on, so that no group waits for another.
        open_reads_early: bool = "openReadsEarly",
    }
}

header! {
    /// ABORT_SCALE and OPEN_SCALE.
    ScaleRef<'a> {
        topic: &'a str = "topic",
        scale_id: &'a str = "scaleId",
    }
}
