//! Giving messages to a group: from its retry topic and from the queues that it asks for, until it has as many as it wants.

use super::batch::Batch;
use super::flight::Flight;
use super::handle::{Handle, IN_ORDER, Lists};
use super::request::{Asks, Pop};
use super::{Lane, Pops};
use crate::broker::Broker;
use crate::clock::Moment;
use crate::filter::Filter;
use crate::processor::append_failed;
use crate::scaling::{self, Passage};
use crate::topics::Topic;
use bytes::Bytes;
use gantry_message::{Record, name, properties, record};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_store::{PullLimits, PullStatus, Pulled, QueueOffset};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One pop in five looks for retries first (Apache: `popFromRetryProbability`).
const RETRIES_FIRST: usize = 5;

/// What a group is given.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) bodies: Vec<Bytes>,
    pub(crate) count: usize,
    pub(crate) lists: Lists,
    /// Milliseconds since the epoch.
    pub(crate) pop_time: i64,
    /// Messages that it could have been given, too.
    pub(crate) rest: i64,
}

impl Taken {
    pub(crate) fn nothing(pop_time: i64) -> Self {
        Self { bodies: Vec::new(), count: 0, lists: Lists::default(), pop_time, rest: 0 }
    }
}

/// There is nothing; `rest`: but there may be for another.
#[derive(Debug)]
pub(crate) struct Nothing {
    pub(crate) rest: i64,
}

/// What is asked for, and what was found so far.
struct Taking<'a> {
    broker: &'a Broker,
    pop: &'a Pop,
    most: usize,
    invisible: i64,
    from_end: bool,
    filter: &'a Filter,
    now: Moment,
    taken: Taken,
}

impl Pops {
    /// Takes what a pop asks for.
    pub(crate) fn take(
        &self,
        broker: &Broker,
        topic: &Arc<Topic>,
        pop: &Pop,
    ) -> Result<Result<Taken, Nothing>, Refusal> {
        let Asks::Messages { most, invisible, from_end, ref filter } = pop.asks else {
            return Ok(Err(Nothing { rest: 0 }));
        };
        let now = Moment::now();
        let taken = Taken::nothing(now.wall);
        let mut taking = Taking { broker, pop, most, invisible, from_end, filter, now, taken };
        let turn = turn();
        let retries = if pop.in_order { None } else { retry_topic(broker, pop) };
        let first = turn.is_multiple_of(RETRIES_FIRST);
        if first && let Some(retries) = &retries {
            taking.take_topic(retries, turn, true)?;
        }
        if pop.queue < 0 {
            taking.take_topic(topic, turn, false)?;
        } else {
            taking.take_queue(topic, pop.queue, false)?;
        }
        if !first && let Some(retries) = &retries {
            taking.take_topic(retries, turn, true)?;
        }
        let taken = taking.taken;
        Ok(if taken.count > 0 { Ok(taken) } else { Err(Nothing { rest: taken.rest }) })
    }

    /// True when a pop may find something.
    pub(crate) fn may_find(&self, broker: &Broker, pop: &Pop) -> bool {
        let Some(topic) = broker.topics.get(&pop.topic) else { return true };
        let behind = |topic: &Arc<Topic>, queue| {
            let Some(log) = broker.store.existing_queue(topic.name(), queue) else { return false };
            let lane = self.known(&pop.group, topic.name(), queue);
            let blocks = |lane: &Lane| {
                lane.batch.as_ref().is_some_and(|batch| batch.blocks(pop.attempt.as_deref(), Moment::now()))
            };
            if pop.in_order && lane.is_some_and(|lane| blocks(&lane.lock())) {
                return false;
            }
            let at = broker.offsets.get(&pop.group, topic.name(), queue);
            let at = QueueOffset(at.unwrap_or_else(|| log.min_offset().0));
            at < broker.store.max_offset(&log)
                && scaling::passage(broker, topic, &pop.group, queue, at) != Passage::Closed
        };
        let any = |topic: &Arc<Topic>| (0..topic.config().read_queue_nums).any(|queue| behind(topic, queue));
        let here = if pop.queue < 0 { any(&topic) } else { behind(&topic, pop.queue) };
        here || (!pop.in_order && retry_topic(broker, pop).is_some_and(|retries| any(&retries)))
    }
}

fn retry_topic(broker: &Broker, pop: &Pop) -> Option<Arc<Topic>> {
    broker.topics.get(&name::pop_retry_topic(&pop.group, &pop.topic))
}

/// Another number each time: where to begin.
fn turn() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Taking<'_> {
    fn take_topic(&mut self, topic: &Arc<Topic>, turn: usize, is_retry: bool) -> Result<(), Refusal> {
        let queues = topic.config().read_queue_nums;
        let from = turn as i32 % queues.max(1);
        for n in 0..queues {
            self.take_queue(topic, (from + n) % queues, is_retry)?;
        }
        Ok(())
    }

    fn take_queue(&mut self, topic: &Arc<Topic>, queue: i32, is_retry: bool) -> Result<(), Refusal> {
        let (broker, pop) = (self.broker, self.pop);
        let Some(log) = broker.store.existing_queue(topic.name(), queue) else { return Ok(()) };
        let lane = broker.pops.lane(&pop.group, topic.name(), queue);
        let mut lane = lane.lock();
        if let Some(to) = broker.offsets.take_reset(&pop.group, topic.name(), queue) {
            tracing::debug!(group = %pop.group, topic = topic.name(), queue, to, "a group was moved");
        }
        let attempt = pop.attempt.as_deref();
        // What is blocked counts for nothing: nobody else may have it either.
        if pop.in_order && lane.batch.as_ref().is_some_and(|batch| batch.blocks(attempt, self.now)) {
            return Ok(());
        }
        let mut start = self.start(topic, queue, is_retry, &log);
        let mut pulled;
        loop {
            let before = topic.scales.changes();
            let mut limits = PullLimits::new(self.most - self.taken.count);
            match scaling::passage(broker, topic, &pop.group, queue, start) {
                Passage::Open => {}
                Passage::Messages(count) => limits.scan = limits.scan.min(count),
                Passage::Closed => return Ok(()),
            }
            if self.taken.count >= self.most {
                self.taken.rest += (broker.store.max_offset(&log) - start).max(0);
                return Ok(());
            }
            pulled = broker
                .store
                .pull(&log, start, limits, self.filter)
                .and_then(|pulled| broker.store.check(&log, pulled))
                .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))?;
            match pulled.status {
                PullStatus::OffsetTooSmall | PullStatus::OffsetOverflowBadly
                    if pulled.next_offset != start =>
                {
                    start = pulled.next_offset;
                    broker.offsets.commit(&pop.group, topic.name(), queue, start.0);
                }
                // A flip in between may have put messages there that nobody asked the gate about.
                _ if topic.scales.changes() == before => break,
                _ => {}
            }
        }
        self.take_pulled(topic, queue, is_retry, &mut lane, start, &pulled)?;
        self.taken.rest += (pulled.max_offset - pulled.next_offset).max(0);
        Ok(())
    }

    /// Where the group reads on.
    fn start(
        &self,
        topic: &Topic,
        queue: i32,
        is_retry: bool,
        log: &gantry_store::ConsumeQueue,
    ) -> QueueOffset {
        let (broker, group) = (self.broker, &self.pop.group);
        if let Some(at) = broker.offsets.get(group, topic.name(), queue) {
            return QueueOffset(at);
        }
        let end = broker.store.max_offset(log);
        // As Apache's: the last message is the first for whoever starts at the end.
        let at = if self.from_end && !is_retry {
            QueueOffset((end.0 - 1).max(log.min_offset().0))
        } else {
            log.min_offset()
        };
        broker.offsets.commit(group, topic.name(), queue, at.0);
        at
    }

    fn take_pulled(
        &mut self,
        topic: &Topic,
        queue: i32,
        is_retry: bool,
        lane: &mut Lane,
        start: QueueOffset,
        pulled: &Pulled,
    ) -> Result<(), Refusal> {
        let (broker, pop, pop_time) = (self.broker, self.pop, self.taken.pop_time);
        let name = topic.name();
        if pulled.count == 0 {
            if pulled.next_offset != start {
                broker.offsets.commit(&pop.group, name, queue, pulled.next_offset.0);
            }
            return Ok(());
        }
        let mut offsets = Vec::with_capacity(pulled.count);
        for slice in pulled.slices() {
            let found = record::records(&slice).filter_map(Result::ok).map(|record| record.queue_offset);
            offsets.extend(found);
        }
        if pop.in_order {
            // It stands where it stood, behind what the filter passed over, until this is acknowledged.
            let first = offsets.first().copied().unwrap_or(start.0);
            broker.offsets.commit(&pop.group, name, queue, first);
            let attempt = pop.attempt.as_deref();
            let batch = Batch::new(lane.batch.as_ref(), attempt, self.now, self.invisible, &offsets);
            batch.tell_times(queue, &mut self.taken.lists);
            lane.batch = Some(batch);
        } else {
            let flight = Flight {
                group: pop.group.clone(),
                topic: name.into(),
                queue,
                start: start.0,
                offsets: offsets.clone(),
                next: Some(pulled.next_offset.0),
                pop_time,
                invisible: self.invisible,
                acked: 0,
            };
            let sent = broker.pops.send_off(broker, lane, flight);
            sent.map_err(|error| append_failed(broker, error))?;
        }
        self.taken.count += pulled.count;
        self.taken.lists.add(is_retry, queue, start.0, &offsets);
        broker.got.add(pulled.count as u64);
        topic.traffic().got(&pop.group, pulled.count, pulled.len);
        for slice in pulled.slices() {
            let body = if is_retry { self.as_original(queue, start.0, &slice) } else { slice };
            self.taken.bodies.push(body);
        }
        Ok(())
    }

    /// Messages of a retry topic as those of its topic, with their handles: clients would not know how to make them up.
    fn as_original(&self, queue: i32, start: i64, records: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(records.len() * 2);
        for record in record::records(records).filter_map(Result::ok) {
            let handle = Handle {
                start,
                pop_time: self.taken.pop_time,
                invisible: self.invisible,
                revive_queue: if self.pop.in_order { IN_ORDER } else { 0 },
                is_retry: true,
                broker_name: self.broker.config().broker_name.as_str().into(),
                queue,
                offset: record.queue_offset,
            };
            let mut text = properties::without(record.properties, |name| name == properties::POP_CK);
            if properties::set_if_it_fits(&mut text, properties::POP_CK, &handle.to_string()) {
                let record = Record { topic: &self.pop.topic, properties: &text, ..record };
                out.extend_from_slice(&record.to_vec());
            } else {
                // A record with more could not be read. Under the name of the retry topic clients find its handle in the lists.
                out.extend_from_slice(&record.to_vec());
            }
        }
        out.into()
    }
}
