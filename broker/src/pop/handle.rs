//! What a consumer is given with each message, to acknowledge it by (Apache: `ExtraInfoUtil`, property `POP_CK`), and the lists
//! from which clients make it up: fields with blanks between them, queues with semicolons, offsets with commas.

use std::fmt::{self, Write as _};

/// The `reviveQid` by which clients know what was popped in order (Apache: `KeyBuilder.POP_ORDER_REVIVE_QUEUE`).
pub(crate) const IN_ORDER: i32 = 999;

/// A handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    /// Where the reading began that gave the message.
    pub(crate) start: i64,
    /// Milliseconds since the epoch.
    pub(crate) pop_time: i64,
    /// Milliseconds.
    pub(crate) invisible: i64,
    /// [`IN_ORDER`] or 0.
    pub(crate) revive_queue: i32,
    pub(crate) is_retry: bool,
    pub(crate) broker_name: Box<str>,
    pub(crate) queue: i32,
    /// The message.
    pub(crate) offset: i64,
}

impl Handle {
    /// `None` for what is none. Clients leave the last field out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let mut next = || fields.next();
        Some(Self {
            start: next()?.parse().ok()?,
            pop_time: next()?.parse().ok()?,
            invisible: next()?.parse().ok()?,
            revive_queue: next()?.parse().ok()?,
            is_retry: next()? != "0",
            broker_name: next()?.into(),
            queue: next()?.parse().ok()?,
            offset: next().map_or(Some(-1), |offset| offset.parse().ok())?,
        })
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, pop_time, invisible, revive_queue, is_retry, broker_name, queue, offset } = self;
        let retry = u8::from(*is_retry);
        write!(f, "{start} {pop_time} {invisible} {revive_queue} {retry} {broker_name} {queue} {offset}")
    }
}

/// The lists of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// `retry queue start` of each queue.
    pub(crate) starts: String,
    /// `retry queue offset,offset` of each queue.
    pub(crate) offsets: String,
    /// `retry queue times` of each queue, and `retry qo<queue>%<offset> times` of each message that was given before.
    pub(crate) times: String,
}

impl Lists {
    pub(crate) fn add(&mut self, is_retry: bool, queue: i32, start: i64, offsets: &[i64]) {
        let retry = u8::from(is_retry);
        add(&mut self.starts, format_args!("{retry} {queue} {start}"));
        add(&mut self.offsets, format_args!("{retry} {queue} "));
        for (n, offset) in offsets.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(self.offsets, "{comma}{offset}");
        }
    }

    /// How often messages of a queue were given before, of which `given` lists those that were.
    pub(crate) fn add_times(&mut self, queue: i32, given: &[(i64, i32)], least: i32) {
        for (offset, times) in given {
            add(&mut self.times, format_args!("0 qo{queue}%{offset} {times}"));
        }
        add(&mut self.times, format_args!("0 {queue} {least}"));
    }
}

fn add(list: &mut String, item: fmt::Arguments<'_>) {
    if !list.is_empty() {
        list.push(';');
    }
    let _ = list.write_fmt(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_read_as_they_are_written() {
        let text = "5 1700000000000 60000 0 1 broker-a 3 7";
        let handle = Handle::parse(text).unwrap();
        assert_eq!((handle.start, handle.queue, handle.offset, handle.is_retry), (5, 3, 7, true));
        assert_eq!(handle.to_string(), text);
        assert_eq!(Handle::parse("5 1 60000 0 0 b 3").unwrap().offset, -1);
        for text in ["", "5", "5 1 60000 0 0 b", "5 1 60000 0 0 b x", "5 1 60000 0 0 b 3 x"] {
            assert_eq!(Handle::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists_name_each_queue() {
        let mut lists = Lists::default();
        lists.add(true, 0, 4, &[4, 6]);
        lists.add(false, 2, 0, &[0]);
        lists.add_times(2, &[(0, 3)], 0);
        assert_eq!(lists.starts, "1 0 4;0 2 0");
        assert_eq!(lists.offsets, "1 0 4,6;0 2 0");
        assert_eq!(lists.times, "0 qo2%0 3;0 2 0");
    }
}
