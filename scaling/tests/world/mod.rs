//! A broker, its producers and its consumer groups, as far as the order of messages depends on them.

use gantry_message::QueueOffset;
use gantry_message::properties;
use gantry_scaling::oracle::{Oracle, Sent};
use gantry_scaling::{
    Begin, Event, KeyProperty, Plan, Progress, ScaleId, Settle, TopicScaling, queue_of_key,
};
use std::collections::{BTreeMap, HashSet};

/// Counts that scales go to, by choice.
const COUNTS: [i32; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];
const QUEUES: usize = 24;

/// A step of a history. What cannot be done at its moment is passed over.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Send {
        producer: usize,
        key: u8,
    },
    LearnRoute(usize),
    Begin(usize),
    Flip,
    /// The oldest scale that can be done is.
    Open,
    Abort,
    Read {
        group: usize,
        queue: i32,
        count: usize,
    },
    Commit {
        group: usize,
        queue: i32,
    },
    SaveOffsets,
    /// The broker forgets what it did not save; the consumers of some queues, bit by bit, lose their places, too.
    Crash {
        lost: u32,
    },
    SetBack {
        group: usize,
        percent: u8,
    },
    Expire {
        percent: u8,
    },
    /// From here on the broker puts messages to the queues of their keys.
    OrderByKey,
}

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Announced queues take messages before the flip.
    NoRedirect,
    /// The fences are where the queues ended when the scale was announced.
    FencesOfTheAnnouncement,
    /// Gates are open.
    NoGates,
    /// A gate looks at its own flip only.
    NoRecursion,
    /// A group that has no offset in a new queue starts at its end.
    ChildrenStartAtTheEnd,
    /// A gate that opened is not remembered over a crash.
    NoRecord,
    /// It is remembered even though the group was set back.
    SetBackIsNotRecorded,
    /// Queues that stay are not cut at their fence when there are fewer.
    NoCut,
    /// The broker begins to put messages to the queues of their keys without looking where the queues end.
    NoFencesForTheKey,
}

impl Bug {
    pub(crate) const ALL: [Self; 9] = [
        Self::NoRedirect,
        Self::FencesOfTheAnnouncement,
        Self::NoGates,
        Self::NoRecursion,
        Self::ChildrenStartAtTheEnd,
        Self::NoRecord,
        Self::SetBackIsNotRecorded,
        Self::NoCut,
        Self::NoFencesForTheKey,
    ];
}

enum Entry {
    Message { sent: Sent },
    Event(Event),
}

#[derive(Default)]
struct Group {
    name: String,
    /// Where its consumers are; `None` before they first read a queue.
    position: [Option<i64>; QUEUES],
    committed: [Option<i64>; QUEUES],
    saved: [Option<i64>; QUEUES],
    /// The place in the log from which on it must be given everything, and the offset in each queue.
    from: usize,
    floor: [i64; QUEUES],
    given: HashSet<(String, u64)>,
    last: BTreeMap<String, u64>,
}

fn key() -> Option<KeyProperty> {
    KeyProperty::new(properties::KEYS)
}

pub(crate) struct World {
    bug: Option<Bug>,
    log: Vec<Entry>,
    /// Each queue's messages: their place in the log.
    queues: [Vec<usize>; QUEUES],
    first: [i64; QUEUES],
    expired: usize,
    /// What there was to know when the topic was made.
    created: TopicScaling,
    state: TopicScaling,
    settings: i32,
    advertised: i32,
    producers: [i32; 3],
    at_announcement: Vec<QueueOffset>,
    seqs: BTreeMap<u8, u64>,
    groups: Vec<Group>,
    oracle: Oracle,
    scales: usize,
}

struct At<'a> {
    committed: &'a [Option<i64>; QUEUES],
    first: &'a [i64; QUEUES],
}

impl Progress for At<'_> {
    fn consumed(&self, queue: i32) -> QueueOffset {
        QueueOffset(self.committed[queue as usize].unwrap_or(0))
    }
    fn first(&self, queue: i32) -> QueueOffset {
        QueueOffset(self.first[queue as usize])
    }
}

impl World {
    pub(crate) fn new(keyed: bool, bug: Option<Bug>) -> Self {
        let group = |name: &str| Group { name: name.into(), ..Group::default() };
        let created = key().filter(|_| keyed).map(TopicScaling::keyed).unwrap_or_default();
        Self {
            bug,
            log: Vec::new(),
            queues: Default::default(),
            first: [0; QUEUES],
            expired: 0,
            created: created.clone(),
            state: created,
            settings: 4,
            advertised: 4,
            producers: [4; 3],
            at_announcement: Vec::new(),
            seqs: BTreeMap::new(),
            groups: vec![group("g"), group("h")],
            oracle: Oracle::default(),
            scales: 0,
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(crate) fn act(&mut self, op: &Op) {
        match *op {
            Op::Send { producer, key } => self.send(producer, key),
            Op::LearnRoute(producer) => self.producers[producer] = self.advertised,
            Op::Begin(count) => self.begin(COUNTS[count]),
            Op::Flip => self.flip_announced(),
            Op::Open => self.open(),
            Op::Abort => self.abort(),
            Op::Read { group, queue, count } => self.read(group, queue % self.readable() as i32, count),
            Op::Commit { group, queue } => {
                let queue = queue % self.readable() as i32;
                if let Some(position) = self.groups[group].position[queue as usize] {
                    self.commit(group, queue, position);
                }
            }
            Op::SaveOffsets => self.groups.iter_mut().for_each(|group| group.saved = group.committed),
            Op::Crash { lost } => self.crash(lost),
            Op::SetBack { group, percent } => self.set_back(group, percent),
            Op::Expire { percent } => self.expire(percent),
            Op::OrderByKey => self.order_by_key(),
        }
    }

    fn write(&mut self, event: Event) {
        self.state.apply(&event);
        self.log.push(Entry::Event(event));
    }

    fn send(&mut self, producer: usize, key: u8) {
        let text = format!("key-{key}");
        // Clients may choose by another text than the broker will.
        let asked = queue_of_key(&format!("{text}-of-a-client"), self.producers[producer]);
        let mut sent_properties = String::new();
        properties::push(&mut sent_properties, properties::KEYS, &text);
        let queue = if self.has(Bug::NoRedirect) {
            asked
        } else {
            self.state.place(asked, self.state.key_of(&sent_properties), self.settings)
        };
        let seq = self.seqs.entry(key).or_default();
        let sent = Sent { key: text, seq: *seq, producer: producer.to_string() };
        *seq += 1;
        self.oracle.acknowledged(&sent);
        self.queues[queue as usize].push(self.log.len());
        self.log.push(Entry::Message { sent });
    }

    fn ends(&self, count: i32) -> Vec<QueueOffset> {
        self.queues.iter().take(count as usize).map(|queue| QueueOffset(queue.len() as i64)).collect()
    }

    fn begin(&mut self, to: i32) {
        let from = self.state.queues.unwrap_or(self.settings);
        self.scales += 1;
        let id = ScaleId::new(&format!("scale-{}", self.scales)).expect("a good id");
        let begin = Begin { id: id.clone(), from, to };
        match self.state.plan(&begin, self.settings) {
            Ok(Plan::Announce) => {
                self.at_announcement = self.ends(to);
                self.write(Event::Announced { id, from, to, settle: Settle::default(), at: 0 });
                self.advertised = to;
            }
            Ok(Plan::Flip) => {
                let fences = self.ends(from.max(to));
                self.flip(id, from, to, fences);
            }
            Ok(Plan::Known) | Err(_) => {}
        }
    }

    fn flip_announced(&mut self) {
        let Some(announced) = self.state.announced.clone() else { return };
        // The time to settle is over only when every producer has learned of it.
        if self.producers.iter().all(|route| *route == announced.to) {
            let fences = if self.has(Bug::FencesOfTheAnnouncement) {
                self.at_announcement.clone()
            } else {
                self.ends(announced.from.max(announced.to))
            };
            self.flip(announced.id, announced.from, announced.to, fences);
        }
    }

    fn flip(&mut self, id: ScaleId, from: i32, to: i32, fences: Vec<QueueOffset>) {
        let modulus = gantry_scaling::common_divisor(from, to);
        let key = self.state.key.clone();
        self.write(Event::Flipped { id, from, to, modulus, fences, at: 0, key, by_hand: false });
        self.advertised = to;
    }

    fn order_by_key(&mut self) {
        if self.state.key.is_some() || self.state.is_active() {
            return;
        }
        self.scales += 1;
        let id = ScaleId::new(&format!("key-{}", self.scales)).expect("a good id");
        let queues = self.state.queues.unwrap_or(self.settings);
        let fences = if self.has(Bug::NoFencesForTheKey) { Vec::new() } else { self.ends(queues) };
        let (from, to, by_hand) = (queues, queues, true);
        self.write(Event::Flipped { id, from, to, modulus: 1, fences, at: 0, key: key(), by_hand });
    }

    /// New queues are readable from their announcement: the gates alone keep order. Those that go are when all are through.
    fn open(&mut self) {
        let Some(flip) = self.state.flips.iter().find(|flip| !flip.opened).cloned() else { return };
        let going: Vec<i32> = (flip.to..flip.from).collect();
        let is_through = |group: &Group| {
            going.iter().all(|queue| {
                let at = At { committed: &group.committed, first: &self.first };
                at.left(*queue, flip.fence(*queue)) == 0
            })
        };
        if !self.groups.iter().all(is_through) {
            return;
        }
        for group in 0..self.groups.len() {
            let group = self.groups[group].name.clone();
            self.write(Event::Passed { id: flip.id.clone(), group, queues: going.clone() });
        }
        self.write(Event::Opened { id: flip.id });
    }

    fn readable(&self) -> usize {
        self.state.readable().unwrap_or(self.settings) as usize
    }

    fn start(&self, queue: i32) -> i64 {
        self.state.began(queue).map_or(0, |flip| flip.fence(queue).0)
    }

    fn abort(&mut self) {
        if let Some(announced) = self.state.announced.clone() {
            self.write(Event::Aborted { id: announced.id });
            self.advertised = announced.from;
        }
    }

    /// How far the group may read, after what has to be on record for it is.
    fn limit(&mut self, group: usize, queue: i32) -> Option<i64> {
        let Group { name, committed, .. } = &self.groups[group];
        let at = At { committed, first: &self.first };
        let flips = &self.state.flips;
        let gate = match self.bug {
            Some(Bug::NoGates) => return None,
            Some(Bug::NoRecursion) => {
                let is_open = |flip: &gantry_scaling::Flip| {
                    let passed =
                        |parent: i32| at.consumed(parent).max(at.first(parent)) >= flip.fence(parent);
                    flip.parents(queue).all(passed)
                };
                return flips.iter().find(|flip| !is_open(flip)).map(|flip| flip.fence(queue).0);
            }
            _ => self.state.gate(name, queue, &at),
        };
        let limit = gate.limit.map(|limit| limit.0);
        let name = name.clone();
        for passage in gate.unrecorded {
            let queues = vec![passage.queue];
            self.write(Event::Passed { id: passage.id, group: name.clone(), queues });
        }
        let is_cut =
            self.state.flips.iter().any(|flip| !flip.is_child(queue) && Some(flip.fence(queue).0) == limit);
        if self.has(Bug::NoCut) && is_cut { None } else { limit }
    }

    fn read(&mut self, group: usize, queue: i32, count: usize) {
        let at = queue as usize;
        let end = self.queues[at].len() as i64;
        if at >= self.readable() {
            return;
        }
        let at_end = self.has(Bug::ChildrenStartAtTheEnd) && self.state.began(queue).is_some();
        let start = self.start(queue).max(self.first[at]);
        let position = self.groups[group].position[at].unwrap_or(if at_end { end } else { start }).max(start);
        self.groups[group].position[at] = Some(position);
        let limit = self.limit(group, queue).unwrap_or(end).min(end);
        for offset in position..limit.min(position + count as i64) {
            let Entry::Message { sent } = &self.log[self.queues[at][offset as usize]] else { unreachable!() };
            let group = &mut self.groups[group];
            self.oracle.received(&group.name, sent);
            group.given.insert((sent.key.clone(), sent.seq));
            group.last.insert(sent.key.clone(), sent.seq);
            group.position[at] = Some(offset + 1);
        }
    }

    fn commit(&mut self, group: usize, queue: i32, offset: i64) {
        let name = self.groups[group].name.clone();
        if self.state.is_set_back(&name, queue, QueueOffset(offset)) && !self.has(Bug::SetBackIsNotRecorded) {
            self.write(Event::WentBack { group: name, queue, offset: QueueOffset(offset) });
        }
        self.groups[group].committed[queue as usize] = Some(offset);
    }

    fn crash(&mut self, lost: u32) {
        self.state = self.created.clone();
        for entry in &self.log {
            if let Entry::Event(event) = entry {
                self.state.apply(event);
            }
        }
        for group in &mut self.groups {
            group.committed = group.saved;
            for queue in 0..QUEUES {
                let passed = self.state.passed_to(&group.name, queue as i32).map(|offset| offset.0);
                if self.bug != Some(Bug::NoRecord) {
                    group.committed[queue] = group.committed[queue].max(passed);
                }
            }
            for queue in (0..QUEUES).filter(|queue| lost >> queue & 1 == 1) {
                group.position[queue] = group.committed[queue];
            }
        }
    }

    /// Sets a group back to a time, as an operator does, and begins to judge it anew.
    fn set_back(&mut self, group: usize, percent: u8) {
        let from = self.log.len() * usize::from(percent) / 100;
        for queue in 0..QUEUES {
            if queue >= self.readable() {
                // What nobody reads any more cannot be replayed.
                self.groups[group].floor[queue] = self.queues[queue].len() as i64;
                continue;
            }
            let start = self.start(queue as i32);
            let offset = self.queues[queue].iter().filter(|place| **place < from).count() as i64;
            self.commit(group, queue as i32, offset.max(start));
            self.groups[group].position[queue] = Some(offset.max(start));
            self.groups[group].floor[queue] = start;
        }
        let group = &mut self.groups[group];
        // A reset is saved before it is answered.
        group.saved = group.committed;
        group.from = from;
        group.given.clear();
        group.last.clear();
        self.oracle.start_over(&group.name);
    }

    fn expire(&mut self, percent: u8) {
        let before = self.expired.max(self.log.len() * usize::from(percent) / 100);
        self.expired = before;
        for queue in 0..QUEUES {
            self.first[queue] = self.queues[queue].iter().filter(|place| **place < before).count() as i64;
        }
        let first = self.first;
        self.state.forget_expired(|queue| QueueOffset(first[queue as usize]));
    }

    /// Lets every group read all there is, and judges.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        for _ in 0..QUEUES * (self.scales + 2) {
            for group in 0..self.groups.len() {
                for queue in 0..QUEUES as i32 {
                    self.read(group, queue, usize::MAX >> 8);
                    if let Some(position) = self.groups[group].position[queue as usize] {
                        self.commit(group, queue, position);
                    }
                }
            }
            let done = |group: &Group| {
                (0..self.readable())
                    .all(|queue| group.position[queue] == Some(self.queues[queue].len() as i64))
            };
            if self.groups.iter().all(done) {
                break;
            }
        }
        self.groups.iter().try_for_each(|group| self.judge(group))
    }

    fn judge(&self, group: &Group) -> Result<(), String> {
        let verdict = self.oracle.verdict(&group.name);
        if verdict.inversions_within + verdict.inversions_across > 0 {
            return Err(format!("out of order: {verdict}"));
        }
        let mut latest = BTreeMap::new();
        for (queue, places) in self.queues.iter().enumerate() {
            for (offset, place) in places.iter().enumerate() {
                let Entry::Message { sent } = &self.log[*place] else { unreachable!() };
                let due = *place >= group.from.max(self.expired) && offset as i64 >= group.floor[queue];
                if due && !group.given.contains(&(sent.key.clone(), sent.seq)) {
                    return Err(format!(
                        "{} was never given {sent:?}, at {offset} of queue {queue}",
                        group.name
                    ));
                }
                let last = latest.entry(&sent.key).or_insert((sent.seq, due));
                *last = (*last).max((sent.seq, due));
            }
        }
        // A crash may repeat messages, but never only the old ones.
        for (key, (seq, due)) in latest {
            if due && group.last.get(key) != Some(&seq) {
                return Err(format!(
                    "the last that {} heard of {key} is {:?}, not {seq}",
                    group.name,
                    group.last.get(key)
                ));
            }
        }
        Ok(())
    }
}
