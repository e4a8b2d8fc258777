//! What the requests of a worker are made of.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use crate::load::{Load, Mode};
use crate::prepare::topic_name;
use crate::template::Template;

/// Bytes at the start of a body: of which run the message is, and when it was due in that.
pub(crate) const STAMP: usize = 16;

/// Sends to every queue of the load in turn.
#[derive(Debug)]
pub(crate) struct Sends {
    templates: Vec<Template>,
    next: usize,
    /// Of the unique keys: no two messages have the same, not of another worker and not of an earlier run.
    number: u64,
    run: Option<u64>,
}

impl Sends {
    /// Those of one worker. `run` is the mark that messages are known by when they come back.
    pub(crate) fn new(load: &Load, worker: usize, run: u64) -> Result<Self> {
        let is_stamped = load.mode == Mode::EndToEnd;
        ensure!(
            !is_stamped || load.size >= STAMP,
            "a body of {} bytes has no room for the {STAMP} that say when it was due",
            load.size
        );
        let body = vec![b'x'; load.size];
        let mut templates = Vec::with_capacity(load.topics * load.queues);
        for queue in 0..load.queues as i32 {
            for topic in 0..load.topics {
                templates.push(Template::new(load.header, &topic_name(load, topic), queue, &body)?);
            }
        }
        let number = run.wrapping_add((worker as u64) << 40);
        // Workers begin at different queues.
        let next = worker * templates.len() / load.threads;
        Ok(Self { templates, next, number, run: is_stamped.then_some(run) })
    }

    pub(crate) fn write(&mut self, out: &mut Vec<u8>, opaque: i32, now_ms: u64, due: u64) {
        let template = &self.templates[self.next];
        self.next = if self.next + 1 == self.templates.len() { 0 } else { self.next + 1 };
        self.number = self.number.wrapping_add(1);
        match self.run {
            None => template.write(out, opaque, now_ms, self.number, &[]),
            Some(run) => template.write(out, opaque, now_ms, self.number, &stamp(run, due)),
        }
    }
}

fn stamp(run: u64, due: u64) -> [u8; STAMP] {
    let mut stamp = [0; STAMP];
    stamp[..8].copy_from_slice(&run.to_be_bytes());
    stamp[8..].copy_from_slice(&due.to_be_bytes());
    stamp
}

/// When a message of this run was due; `None` for those of others.
pub(crate) fn due_of(body: &[u8], run: u64) -> Option<u64> {
    let (of, rest) = body.split_first_chunk::<8>()?;
    let due = rest.first_chunk::<8>()?;
    (u64::from_be_bytes(*of) == run).then(|| u64::from_be_bytes(*due))
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_again_by_its_own_run_only() {
        let body = [stamp(7, 123).as_slice(), b"more"].concat();
        assert_eq!(due_of(&body, 7), Some(123));
        assert_eq!(due_of(&body, 8), None);
        assert_eq!(due_of(&body[..15], 7), None);
    }
}
