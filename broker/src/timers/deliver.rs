//! Delivering messages when their time has come, and storing those once more that wait for long.

use super::{Timers, due, queue};
use crate::broker::Broker;
use crate::clock::{Due, Moment, now_ms};
use crate::faults::{Fault, has, step};
use crate::ledger::{Claim, Stored};
use crate::processor;
use bytes::Bytes;
use gantry_message::{Record, properties};
use gantry_store::{NewMessage, QueueOffset, Tag};
use std::time::{Duration, Instant};

/// A message that is due sooner than this after it was stored may be this late.
const TICK: Duration = Duration::from_millis(50);
/// Messages delivered, or stored again, between two looks at the clock.
const TURN: usize = 256;
/// How long a message waits that could not be delivered, in milliseconds.
const RETRY_MS: i64 = 1000;
/// Marks that a start may have to read, however few messages wait.
const FEW_MARKS: usize = 100_000;
/// How often the age of the oldest message is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A thread's work, until the broker stops.
pub(crate) fn run(broker: &Broker) {
    let timers = &broker.timers;
    let mut look_at = Instant::now();
    loop {
        let now = Moment::now();
        let mut more = timers.deliver_due(broker, early(now));
        let looks = now.steady >= look_at;
        if looks {
            look_at = now.steady + LOOK_EVERY;
        }
        let still_old = timers.keep_short(broker, now, looks);
        if still_old {
            look_at = now.steady;
        }
        more |= still_old;
        let is_over = if more { broker.stop.is_set() } else { broker.stop.wait(timers.pause()) };
        if is_over {
            return;
        }
    }
}

/// The time by which messages are looked for.
fn early(now: Moment) -> Moment {
    if has(Fault::TimerEarly) { Moment { wall: now.wall + 500, ..now } } else { now }
}

impl Timers {
    fn pause(&self) -> Duration {
        let left = self.0.next_due().map_or(i64::MAX, |due| due - now_ms());
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).clamp(Duration::from_millis(1), TICK)
    }

    /// Delivers what is due; true when there is more right now.
    fn deliver_due(&self, broker: &Broker, now: Moment) -> bool {
        let due = self.0.due(now, TURN);
        for (offset, _) in &due {
            if broker.stop.is_set() {
                return false;
            }
            let Some(claim) = self.0.claim(*offset) else { continue };
            step("timer: claimed");
            if let Err(error) = self.deliver(broker, &claim, *offset, now) {
                tracing::warn!(%offset, error, "a message cannot be delivered at its time now: trying again");
                self.0.postpone(*offset, Due::after(now, RETRY_MS));
            }
        }
        due.len() == TURN
    }

    fn deliver(
        &self,
        broker: &Broker,
        claim: &Claim<'_>,
        offset: QueueOffset,
        now: Moment,
    ) -> Result<(), String> {
        let Some(bytes) = self.read(broker, offset, now)? else { return Ok(()) };
        let (record, _) = Record::read(&bytes).map_err(|error| error.to_string())?;
        if due(&record) > now.wall && !self.knows_when(broker, offset, due(&record))? {
            self.0.postpone(offset, Due::at(due(&record)));
            return Ok(());
        }
        let topic = record.property(properties::REAL_TOPIC).and_then(|topic| broker.topics.get(topic));
        let queue_id = record.property(properties::REAL_QUEUE_ID).and_then(|id| id.parse::<i32>().ok());
        let is_recall = record.property(properties::TIMER_DEL_UNIQKEY).is_some();
        let (Some(topic), Some(queue_id), false) = (topic, queue_id.filter(|id| *id >= 0), is_recall) else {
            if !is_recall {
                let topic = record.property(properties::REAL_TOPIC);
                tracing::warn!(topic, "the topic of a message is gone when its time has come: dropped");
            }
            return claim.close(&broker.store).map(drop).map_err(|error| error.to_string());
        };
        let mut text = record.properties.to_owned();
        for (name, at) in
            [(properties::TIMER_ENQUEUE_MS, record.store_timestamp), (properties::TIMER_DEQUEUE_MS, now.wall)]
        {
            // Apache's broker has left them no room, maybe.
            properties::set_if_it_fits(&mut text, name, &at.to_string());
        }
        let message = NewMessage { properties: &text, ..NewMessage::again(&record) };
        let delivered = processor::append_with(broker, &topic, queue_id, &message, |queue, turn| {
            claim.close_by(&broker.store, (queue, &message), Some(turn), |_| {})
        });
        step("timer: delivered");
        delivered.map(drop).map_err(|refusal| refusal.remark)
    }

    /// True when the entry itself says when it is due, as those do not that Apache's broker has stored.
    fn knows_when(&self, broker: &Broker, offset: QueueOffset, due: i64) -> Result<bool, String> {
        let entry = broker.store.entry(self.0.entries(), offset).map_err(|error| error.to_string())?;
        Ok(entry.is_some_and(|entry| entry.tag_code == due))
    }

    /// The record of an entry; `None` when it has to wait, or is gone.
    fn read(&self, broker: &Broker, offset: QueueOffset, now: Moment) -> Result<Option<Bytes>, String> {
        match self.0.read(&broker.store, offset).map_err(|error| error.to_string())? {
            Stored::Record(bytes) => Ok(Some(bytes)),
            Stored::NotSafe => {
                self.0.postpone(offset, Due::after(now, 1));
                Ok(None)
            }
            Stored::Damaged(why) => {
                self.0.set_aside(&broker.damage, offset, &why);
                Ok(None)
            }
            Stored::Gone => {
                tracing::warn!(%offset, "a message waited for its time for longer than messages are kept: dropped");
                self.0.forget(offset);
                Ok(None)
            }
        }
    }

    /// Stores the oldest messages once more, so that their log files may go, and a start has little to read; true when there
    /// is more to do. `looks`: at their age too.
    fn keep_short(&self, broker: &Broker, now: Moment, looks: bool) -> bool {
        let oldest = now.wall - broker.config().retention.keep.as_millis() as i64 / 2;
        for _ in 0..TURN {
            let Some((offset, marks)) = self.0.burden() else { return false };
            // So that each message is stored once more for two that are delivered, at worst.
            let is_heavy = marks > FEW_MARKS.max(2 * self.0.len());
            if !is_heavy && !looks {
                return false;
            }
            match self.store_again(broker, offset, now, |stored| is_heavy || stored < oldest) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    tracing::warn!(%offset, error, "a message that waits cannot be stored again now");
                    return false;
                }
            }
        }
        true
    }

    /// Stores a message once more, if its store time says so.
    fn store_again(
        &self,
        broker: &Broker,
        offset: QueueOffset,
        now: Moment,
        is_time: impl Fn(i64) -> bool,
    ) -> Result<bool, String> {
        let Some(claim) = self.0.claim(offset) else { return Ok(false) };
        // The next has its turn, unless this one has to wait.
        let Some(bytes) = self.read(broker, offset, now)? else { return Ok(self.0.due_of(offset).is_none()) };
        let (record, _) = Record::read(&bytes).map_err(|error| error.to_string())?;
        if !is_time(record.store_timestamp) {
            return Ok(false);
        }
        let at = due(&record);
        // It has waited for a part of its time.
        let due = self.0.due_of(offset).filter(|due| due.at == at).unwrap_or_else(|| Due::at(at));
        let message = NewMessage { tag: Tag::DueAt(at), ..NewMessage::again(&record) };
        claim
            .close_by(&broker.store, (queue(broker), &message), None, |again| self.0.opened(again, due))
            .map(|_| true)
            .map_err(|error| error.to_string())
    }
}
