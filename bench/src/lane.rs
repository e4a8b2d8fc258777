//! A queue that is read: one pull under way, and where the next one begins.

use anyhow::Result;
use bytes::BytesMut;
use gantry_remoting::codec::{Head, HeaderWriter};
use gantry_remoting::header::{PULL_SUBSCRIPTION, PULL_SUSPEND, PullMessage, ToFields as _};
use gantry_remoting::language::{Language, OUR_VERSION};
use gantry_remoting::{RequestCode, SerializeType};

/// How long a poll may be held.
const HOLD_MS: i64 = 30_000;

/// A queue and a place in it.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) topic: String,
    pub(crate) queue: i32,
    pub(crate) offset: i64,
    pub(crate) batch: i32,
    /// The broker may hold the pull until there is something.
    pub(crate) waits: bool,
}

impl Lane {
    /// Appends the frame of the next pull, using `scratch`.
    pub(crate) fn write(
        &self,
        header: SerializeType,
        opaque: i32,
        scratch: &mut BytesMut,
        out: &mut Vec<u8>,
    ) {
        let fields = PullMessage {
            consumer_group: "gantry-bench",
            topic: &self.topic,
            queue_id: self.queue,
            queue_offset: self.offset,
            max_msg_nums: self.batch,
            sys_flag: PULL_SUBSCRIPTION | if self.waits { PULL_SUSPEND } else { 0 },
            commit_offset: 0,
            suspend_timeout_millis: HOLD_MS,
            subscription: Some("*"),
            sub_version: 0,
            expression_type: Some("TAG"),
            max_msg_bytes: None,
        };
        scratch.clear();
        let mut writer = HeaderWriter::begin(
            scratch,
            Head {
                serialize_type: header,
                code: RequestCode::PULL_MESSAGE.0,
                language: Language::OTHER,
                version: OUR_VERSION,
                opaque,
                flag: 0,
            },
        );
        fields.write(&mut writer);
        writer.finish(0);
        out.extend_from_slice(scratch);
    }

    /// The pull brought so many messages, and the next one begins there. A reader that does not wait begins anew at the end.
    pub(crate) fn answered(&mut self, messages: u64, next: i64) {
        self.offset = if messages == 0 && !self.waits && next == self.offset { 0 } else { next };
    }
}

/// Every queue of the topics, as many as there are, in turn.
pub(crate) fn all(
    topics: &[String],
    queues: usize,
    batch: i32,
    waits: bool,
    start: impl Fn(&str, i32) -> Result<i64>,
) -> Result<Vec<Lane>> {
    let mut lanes = Vec::with_capacity(topics.len() * queues);
    for queue in 0..queues as i32 {
        for topic in topics {
            lanes.push(Lane { topic: topic.clone(), queue, offset: start(topic, queue)?, batch, waits });
        }
    }
    Ok(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_wait_begins_anew_at_the_end() {
        let mut lane = Lane { topic: "t".into(), queue: 0, offset: 0, batch: 32, waits: false };
        lane.answered(32, 32);
        assert_eq!(lane.offset, 32);
        lane.answered(0, 32);
        assert_eq!(lane.offset, 0);
        let mut poll = Lane { waits: true, ..lane };
        poll.answered(1, 33);
        poll.answered(0, 33);
        assert_eq!(poll.offset, 33);
    }
}
