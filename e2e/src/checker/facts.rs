//! A history in the shapes that checks need.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Death, Event, Flush, MessageId, Place, Reader, Seen, What};

/// What the broker promises; see [`What::Promise`]. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub began: i64,
    pub flush: Flush,
    pub flush_interval: u64,
    pub offset_interval: u64,
    pub lateness: u64,
    pub back_within: u64,
}

/// A broker from its start to its end. Times in nanoseconds of the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub started: u64,
    pub serving: Option<u64>,
    pub first_ack: Option<u64>,
    /// It refused messages before it took any: on a full disk, say.
    pub refused_first: bool,
    pub ended: Option<(u64, Death)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Open,
    Acked { at: u64, queue: i32, offset: i64, physical: i64 },
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Send<'a> {
    pub at: u64,
    /// Index of the life in which it was sent.
    pub life: usize,
    pub lane: u32,
    pub place: &'a Place,
    pub crc: u32,
    pub due: Option<i64>,
    pub half: bool,
    pub outcome: Outcome,
}

impl Send<'_> {
    /// When, and where: queue, offset, physical offset.
    pub(super) fn acked(&self) -> Option<(u64, i32, i64, i64)> {
        match self.outcome {
            Outcome::Acked { at, queue, offset, physical } => Some((at, queue, offset, physical)),
            _ => None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Open)
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused)
    }

    /// It goes straight into its queue.
    pub(super) fn is_plain(&self) -> bool {
        !self.half && self.due.is_none()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Read<'a> {
    pub life: usize,
    pub reader: &'a Reader,
    pub place: &'a Place,
    pub from: i64,
    pub records: &'a [Seen],
}

#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub promise: Promise,
    pub lives: Vec<Life>,
    /// By message id.
    pub sends: Vec<Send<'a>>,
    pub reads: Vec<Read<'a>>,
    /// The last whole reading of each queue: its records, and the bounds it had.
    pub whole: BTreeMap<&'a Place, Whole>,
    /// Bytes of the log that were changed, and where in it messages are known to begin; both sorted once all is known.
    pub damage: Vec<i64>,
    pub begins: Vec<i64>,
    /// When syncs ended that were slow, and how long they took.
    pub slow: Vec<(u64, u64)>,
    /// When the disk was full: from and until, in milliseconds since the epoch.
    pub full: Vec<(i64, i64)>,
    /// Everything else, with the life it belongs to.
    pub others: Vec<(u64, usize, &'a What)>,
}

/// A queue as it was read from its first to its last message, twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    pub passes: [Vec<Seen>; 2],
    pub bounds: [Option<(i64, i64)>; 2],
}

impl Whole {
    /// The messages in the end.
    pub(super) fn last(&self) -> &[Seen] {
        let [first, second] = &self.passes;
        if self.bounds[1].is_some() { second } else { first }
    }
}

impl<'a> Facts<'a> {
    pub(super) fn of(events: &'a [Event]) -> Self {
        let mut facts = Self {
            promise: Promise {
                began: 0,
                flush: Flush::Sync,
                flush_interval: 0,
                offset_interval: 0,
                lateness: 0,
                back_within: u64::MAX,
            },
            lives: Vec::new(),
            sends: Vec::new(),
            reads: Vec::new(),
            whole: BTreeMap::new(),
            damage: Vec::new(),
            begins: Vec::new(),
            slow: Vec::new(),
            full: Vec::new(),
            others: Vec::new(),
        };
        for event in events {
            facts.take(event);
        }
        facts.find_begins();
        facts
    }

    fn take(&mut self, event: &'a Event) {
        let at = event.at;
        let life = self.lives.len().saturating_sub(1);
        match &event.what {
            What::Promise { began, flush, flush_interval, offset_interval, lateness, back_within } => {
                self.promise = Promise {
                    began: *began,
                    flush: *flush,
                    flush_interval: *flush_interval,
                    offset_interval: *offset_interval,
                    lateness: *lateness,
                    back_within: *back_within,
                };
            }
            What::Started => {
                self.lives.push(Life {
                    started: at,
                    serving: None,
                    first_ack: None,
                    refused_first: false,
                    ended: None,
                });
            }
            What::Serving => self.in_life(|life| life.serving = Some(at)),
            // After a death the power may go as well: the worst counts, and when it was first.
            What::Ended { how } => self.in_life(|life| {
                let first = life.ended.map_or(at, |(first, _)| first);
                life.ended = Some((first, *how));
            }),
            What::Send { lane, place, crc, due, half, .. } => self.sends.push(Send {
                at,
                life,
                lane: *lane,
                place,
                crc: *crc,
                due: *due,
                half: *half,
                outcome: Outcome::Open,
            }),
            What::Acked { id, queue, offset, physical } => {
                self.in_life(|life| life.first_ack = life.first_ack.or(Some(at)));
                self.settle(*id, Outcome::Acked { at, queue: *queue, offset: *offset, physical: *physical });
            }
            What::Refused { id, .. } => {
                self.in_life(|life| life.refused_first |= life.first_ack.is_none());
                self.settle(*id, Outcome::Refused);
            }
            What::Unknown { .. } => {}
            What::Slow { ms } => self.slow.push((at, ms * 1_000_000)),
            What::Full { ms } => {
                let until = self.wall(at);
                self.full.push((until.saturating_sub_unsigned(*ms), until));
            }
            What::Read { reader, place, from, records } => {
                if let Reader::Whole { pass } = reader
                    && let Some(all) =
                        self.whole.entry(place).or_default().passes.get_mut(usize::from(*pass) - 1)
                {
                    all.extend(records);
                }
                self.reads.push(Read { life, reader, place, from: *from, records });
            }
            What::Bounds { pass, place, min, max } => {
                let whole = self.whole.entry(place).or_default();
                if let Some(bounds) = whole.bounds.get_mut(usize::from(*pass) - 1) {
                    *bounds = Some((*min, *max));
                }
            }
            What::Damaged { physical } => self.damage.push(*physical),
            other => self.others.push((at, life, other)),
        }
    }

    fn find_begins(&mut self) {
        if self.damage.is_empty() {
            return;
        }
        let acked = self.sends.iter().filter_map(|send| send.acked()).map(|(.., physical)| physical);
        let read = self.reads.iter().flat_map(|read| read.records).map(|seen| seen.physical);
        self.begins = acked.chain(read).collect();
        self.begins.sort_unstable();
        self.begins.dedup();
        self.damage.sort_unstable();
    }

    /// Some byte of the message that begins there in the log was changed; as far as is known where the next one begins.
    pub(super) fn is_damaged(&self, physical: i64) -> bool {
        let next = self.begins.partition_point(|begin| *begin <= physical);
        let end = self.begins.get(next).copied().unwrap_or(i64::MAX);
        let first = self.damage.partition_point(|byte| *byte < physical);
        self.damage.get(first).is_some_and(|byte| *byte < end)
    }

    /// How long the slowest sync took that was under way between two moments; 0 when all were fast.
    pub(super) fn slowest_sync(&self, from: u64, to: u64) -> u64 {
        let overlaps = |(at, took): &&(u64, u64)| *at >= from && at.saturating_sub(*took) <= to;
        self.slow.iter().filter(overlaps).map(|(_, took)| *took).max().unwrap_or(0)
    }

    /// For how long nothing could be stored between two moments, all in milliseconds since the epoch.
    pub(super) fn full_within(&self, from: i64, until: i64) -> i64 {
        let shared = |(began, ended): &(i64, i64)| ((*ended).min(until) - (*began).max(from)).max(0);
        self.full.iter().map(shared).sum()
    }

    fn in_life(&mut self, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.lives.last_mut() {
            change(life);
        }
    }

    fn settle(&mut self, id: MessageId, outcome: Outcome) {
        if let Some(send) = self.sends.get_mut(id.0 as usize) {
            send.outcome = outcome;
        }
    }

    pub(super) fn send(&self, id: MessageId) -> Option<&Send<'a>> {
        self.sends.get(id.0 as usize)
    }

    /// Messages that went straight into their queue and were acknowledged.
    pub(super) fn acked_plain(&self) -> impl Iterator<Item = (MessageId, &Send<'a>)> {
        let all = self.sends.iter().enumerate().map(|(id, send)| (MessageId(id as u64), send));
        all.filter(|(_, send)| send.is_plain() && send.acked().is_some())
    }

    /// Milliseconds since the epoch at a time of the history.
    pub(super) fn wall(&self, at: u64) -> i64 {
        self.promise.began + (at / 1_000_000) as i64
    }

    pub(super) fn deaths(&self) -> usize {
        self.lives.iter().filter(|life| !matches!(life.ended, Some((_, Death::Stop)) | None)).count()
    }

    /// Where each message stands in the end, in whichever queue; those that stand twice, twice.
    pub(super) fn found(&self) -> HashMap<MessageId, Vec<(&'a Place, Seen)>> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (place, whole) in &self.whole {
            for seen in whole.last() {
                if let Some(id) = seen.id {
                    found.entry(id).or_default().push((*place, *seen));
                }
            }
        }
        found
    }
}
