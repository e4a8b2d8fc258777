//! The append: what is put into the log together, and what has to be known before.

use super::{Inner, Store};
use crate::commit_log::{AheadJob, Appended, NewMessage, Placed, Tip, Turn};
use crate::consume_queue::{ConsumeQueue, Entry};
use crate::faults::{Fault, has, step};
use crate::{AppendError, PhysicalOffset, QueueOffset};
use gantry_message::{Record, name, properties, record};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Messages for one queue. What is known of them without any order (lengths, checksums) is found before the lock is taken.
struct Part<'a> {
    queue: &'a Arc<ConsumeQueue>,
    messages: &'a [NewMessage<'a>],
    crc: i32,
    more_crcs: Vec<i32>,
    /// Bytes of all records.
    total: usize,
}

impl Part<'_> {
    fn crcs(&self) -> impl Iterator<Item = i32> {
        std::iter::once(self.crc).chain(self.more_crcs.iter().copied())
    }
}

impl Store {
    /// Appends one message.
    ///
    /// # Errors
    /// Nothing was stored then; see [`AppendError`].
    pub fn append(
        &self,
        queue: &Arc<ConsumeQueue>,
        message: &NewMessage<'_>,
        turn: Option<Turn<'_>>,
    ) -> Result<Appended, AppendError> {
        let mut appended = None;
        self.append_batch(queue, std::slice::from_ref(message), turn, &mut |one| appended = Some(one))?;
        appended.ok_or(AppendError::Stopped)
    }

    /// Appends messages to one queue, all or none, with consecutive offsets; tells each one's place to `appended`, before
    /// anything else gets into the log.
    ///
    /// # Errors
    /// Nothing was stored then; see [`AppendError`].
    pub fn append_batch(
        &self,
        queue: &Arc<ConsumeQueue>,
        messages: &[NewMessage<'_>],
        turn: Option<Turn<'_>>,
        appended: &mut dyn FnMut(Appended),
    ) -> Result<(), AppendError> {
        self.append_unflushed(queue, messages, turn, appended)?;
        self.flush_soon_if_sync();
        Ok(())
    }

    /// The same, and in SYNC mode nobody is asked to flush: the caller does that, with
    /// [`flush_here_if_quick`](Self::flush_here_if_quick) or [`flush_soon`](Self::flush_soon).
    ///
    /// # Errors
    /// Nothing was stored then; see [`AppendError`].
    pub fn append_unflushed(
        &self,
        queue: &Arc<ConsumeQueue>,
        messages: &[NewMessage<'_>],
        turn: Option<Turn<'_>>,
        appended: &mut dyn FnMut(Appended),
    ) -> Result<(), AppendError> {
        let parts = [self.inner.part(queue, messages)?];
        let mut tip = self.inner.tip_to_append()?;
        self.inner.append(&mut tip, &parts, turn, appended)?;
        drop(tip);
        self.inner.count(&parts);
        Ok(())
    }

    /// Appends messages to one queue and a mark that belongs to them to another, all or none, whenever a crash comes; tells their
    /// places to `appended`, before anything else gets into the log. `turn` is that of the messages' queue. The mark is said to end
    /// where all of it does.
    ///
    /// It stands first and says how much follows: a power cut that leaves it without the rest leaves nothing.
    ///
    /// # Errors
    /// Nothing was stored then; see [`AppendError`].
    pub fn append_both(
        &self,
        messages: (&Arc<ConsumeQueue>, &[NewMessage<'_>]),
        mark: (&Arc<ConsumeQueue>, &NewMessage<'_>),
        turn: Option<Turn<'_>>,
        appended: impl FnOnce(&[Appended], Appended),
    ) -> Result<(), AppendError> {
        debug_assert!(!Arc::ptr_eq(messages.0, mark.0), "each part counts its queue's offsets by itself");
        if has(Fault::MarkForgotten) {
            let mut places = Vec::new();
            self.append_batch(messages.0, messages.1, turn, &mut |one| places.push(one))?;
            if let Some(last) = places.last().copied() {
                appended(&places, last);
            }
            return Ok(());
        }
        let messages = self.inner.part(messages.0, messages.1)?;
        let mut says = String::new();
        properties::push(&mut says, properties::FOLLOWED_BY, &messages.total.to_string());
        let marks = [NewMessage { extra_properties: &says, ..*mark.1 }];
        let parts = [self.inner.part(mark.0, &marks)?, messages];
        let mut tip = self.inner.tip_to_append()?;
        let mut places = Vec::with_capacity(parts.len() + 1);
        self.inner.append(&mut tip, &parts, turn, &mut |one| places.push(one))?;
        if let Some((mark, messages)) = places.split_first() {
            let end = messages.last().unwrap_or(mark).end;
            appended(messages, Appended { end, ..*mark });
        }
        drop(tip);
        self.inner.count(&parts);
        self.flush_soon_if_sync();
        Ok(())
    }

    /// Appends one message that depends on where queues end, with nothing appended in between: `body` makes its body from
    /// the next offsets of `queues`, and once it is in the log `then` runs, before anything else gets there.
    ///
    /// # Errors
    /// Nothing was stored then, and `then` did not run; see [`AppendError`].
    pub fn append_at_ends(
        &self,
        queue: &Arc<ConsumeQueue>,
        message: &NewMessage<'_>,
        queues: &[Arc<ConsumeQueue>],
        body: impl FnOnce(&[QueueOffset]) -> Vec<u8>,
        then: impl FnOnce(&[QueueOffset]),
    ) -> Result<Appended, AppendError> {
        let mut tip = self.inner.tip.lock();
        let ends: Vec<_> = queues.iter().map(|queue| queue.next_offset()).collect();
        let body = body(&ends);
        let mut appended = None;
        let message = [NewMessage { body: &body, ..*message }];
        let parts = [self.inner.part(queue, &message)?];
        self.inner.append(&mut tip, &parts, None, &mut |one| appended = Some(one))?;
        then(&ends);
        drop(tip);
        self.inner.count(&parts);
        self.flush_soon_if_sync();
        appended.ok_or(AppendError::Stopped)
    }
}

impl Inner {
    fn part<'a>(
        &self,
        queue: &'a Arc<ConsumeQueue>,
        messages: &'a [NewMessage<'a>],
    ) -> Result<Part<'a>, AppendError> {
        let (topic, store_host) = (queue.topic(), self.config.store_host);
        // One message is the common case and needs no list.
        let mut part = Part { queue, messages, crc: 0, more_crcs: Vec::new(), total: 0 };
        for (n, message) in messages.iter().enumerate() {
            let len = message.properties.len() + message.extra_properties.len();
            if len > properties::MAX_LEN {
                return Err(AppendError::PropertiesTooLong { len });
            }
            match (n, record::body_crc(message.body)) {
                (0, crc) => part.crc = crc,
                (_, crc) => part.more_crcs.push(crc),
            }
            part.total += message.record_len(topic, store_host);
        }
        if part.total + record::BLANK_LEN > self.segments.file_size() as usize {
            return Err(AppendError::TooLarge { len: part.total });
        }
        Ok(part)
    }

    pub(super) fn check_writable(&self) -> Result<(), AppendError> {
        if self.closed.load(Ordering::Acquire) || self.flusher.has_failed() {
            return Err(AppendError::Stopped);
        }
        if self.refusing.load(Ordering::Relaxed) {
            return Err(AppendError::DiskFull { used_percent: self.disk_used() });
        }
        Ok(())
    }

    /// Whether these may be appended. On a disk that is too full to take messages there is room for what the broker puts on record of
    /// those that are read.
    fn check_room(&self, parts: &[Part<'_>]) -> Result<(), AppendError> {
        match self.check_writable() {
            Err(AppendError::DiskFull { .. })
                if parts.iter().all(|part| name::is_for_records(part.queue.topic())) =>
            {
                Ok(())
            }
            checked => checked,
        }
    }

    /// Appends under the lock, everything or nothing.
    fn append(
        &self,
        tip: &mut Tip,
        parts: &[Part<'_>],
        turn: Option<Turn<'_>>,
        appended: &mut dyn FnMut(Appended),
    ) -> Result<(), AppendError> {
        self.check_room(parts)?;
        self.check_flush()?;
        if parts.iter().any(|part| part.queue.is_deleted()) {
            return Err(AppendError::QueueDeleted);
        }
        if turn.is_some_and(|turn| turn.is_over()) {
            return Err(AppendError::NotItsTurn);
        }
        let start = self.room(tip, parts.iter().map(|part| part.total).sum())?;
        let store_timestamp = tip.timestamp();
        let mut end = start;
        for part in parts {
            end = self.write(tip, part, end, store_timestamp);
        }
        let named = |alone, both| if parts.len() == 1 { alone } else { both };
        step(named("append: copied", "append of both: copied"));
        // Sealed from the last to the first: a crash in between leaves none of them.
        let mut at = end;
        for (n, part) in parts.iter().enumerate().rev() {
            if n + 1 < parts.len() {
                step("append of both: one sealed");
            }
            for message in part.messages.iter().rev() {
                let len = message.record_len(part.queue.topic(), self.config.store_host);
                at = PhysicalOffset(at.0 - len as i64);
                tip.seal(at, len);
            }
        }
        step(named("append: sealed", "append of both: sealed"));
        let mut at = start;
        for part in parts {
            at = self.enqueue(part, at, store_timestamp, appended);
        }
        // After the queues know: whoever is told that the log is safe up to here must find the entries.
        step(named("append: queued", "append of both: queued"));
        self.flusher.publish(end);
        let segment = &tip.segment;
        let position = tip.at;
        self.ahead.appended(|| AheadJob { segment: Arc::clone(segment), at: position }, end.0);
        Ok(())
    }

    /// Where so many bytes have their place, in the next file if need be.
    fn room(&self, tip: &mut Tip, len: usize) -> Result<PhysicalOffset, AppendError> {
        if len + record::BLANK_LEN > self.segments.file_size() as usize {
            return Err(AppendError::TooLarge { len });
        }
        loop {
            match tip.place(len) {
                Placed::Fits(start) => return Ok(start),
                Placed::FileFull => {
                    let next = self.ahead.next_segment(&tip.segment).map_err(AppendError::Roll)?;
                    tip.roll(next);
                    step("log: rolled");
                    self.ahead.ask(AheadJob { segment: Arc::clone(&tip.segment), at: 0 });
                }
            }
        }
    }

    /// Copies the records of a part to `at`, unsealed. Gives their end.
    fn write(
        &self,
        tip: &mut Tip,
        part: &Part<'_>,
        mut at: PhysicalOffset,
        store_timestamp: i64,
    ) -> PhysicalOffset {
        let (topic, store_host) = (part.queue.topic(), self.config.store_host);
        let first_offset = part.queue.next_offset();
        for (n, (message, crc)) in part.messages.iter().zip(part.crcs()).enumerate() {
            let len = message.record_len(topic, store_host);
            let record = Record {
                queue_id: part.queue.id(),
                flag: message.flag,
                queue_offset: (first_offset + n as i64).0,
                physical_offset: at.0,
                sys_flag: message.sys_flag,
                born_timestamp: message.born_timestamp,
                born_host: message.born_host,
                store_timestamp,
                store_host,
                reconsume_times: message.reconsume_times,
                prepared_transaction_offset: message.prepared_transaction_offset,
                body_crc: crc,
                body: message.body,
                topic,
                properties: message.properties,
            };
            tip.write(&record, message.extra_properties, len);
            at = at + len as i64;
        }
        at
    }

    /// Has the queue of a part know its messages, whose records begin at `at`. Gives their end.
    fn enqueue(
        &self,
        part: &Part<'_>,
        mut at: PhysicalOffset,
        store_timestamp: i64,
        appended: &mut dyn FnMut(Appended),
    ) -> PhysicalOffset {
        let first_offset = part.queue.next_offset();
        let mut is_dirty = false;
        for (n, message) in part.messages.iter().enumerate() {
            let len = message.record_len(part.queue.topic(), self.config.store_host);
            let tag_code = message.tag.code(store_timestamp);
            is_dirty |= part.queue.push(Entry { physical_offset: at, size: len as i32, tag_code });
            let physical_offset = at;
            at = at + len as i64;
            appended(Appended {
                physical_offset,
                queue_offset: first_offset + n as i64,
                end: at,
                store_timestamp,
            });
        }
        if is_dirty {
            self.dirty.add(Arc::clone(part.queue));
        }
        let mut digest = self.digest.lock();
        digest.entries += part.messages.len() as i64;
        digest.count += i64::from(first_offset == QueueOffset(0));
        at
    }

    fn count(&self, parts: &[Part<'_>]) {
        for part in parts {
            self.messages.fetch_add(part.messages.len() as u64, Ordering::Relaxed);
            self.bytes.fetch_add(part.total as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
