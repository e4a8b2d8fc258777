//! One thread: an epoll, its connections, and when their requests are due.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use gantry_remoting::SerializeType;
use gantry_remoting::codec::Decoder;
use gantry_remoting::frame::Frame;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::connection::{Connection, Written};
use crate::lane::Lane;
use crate::request::{Sends, due_of, now_ms};
use crate::response::{bodies, head, next_offset, remark};
use crate::run::Phases;
use crate::schedule::Schedule;
use crate::slots::Slots;
use crate::tally::Tally;

/// Longer than a worker waits for anything, so that it sees when it is over.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// How long polls are listened to after the last send, in nanoseconds.
const LAST_TO_COME: u64 = 1_000_000_000;
const TIMER: u64 = u64::MAX;
/// Bytes that are read at once.
const READ: usize = 256 * 1024;
const SUCCESS: i32 = 0;
/// What a pull is answered with besides: nothing there, nothing that fits, an offset that moved (Apache: `ResponseCode`).
const PULLED_NOTHING: [i32; 3] = [19, 20, 21];

/// What a connection is for.
#[derive(Debug)]
pub(crate) enum Work {
    Send,
    /// A lane for each slot.
    Pull(Vec<Lane>),
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    slots: Slots,
    work: Work,
    /// There is something to write, and it is among those that will be asked to.
    is_dirty: bool,
    /// The socket was full.
    is_blocked: bool,
    is_lost: bool,
}

impl Link {
    /// Whether its requests are polls that the broker may hold.
    fn waits(&self) -> bool {
        matches!(&self.work, Work::Pull(lanes) if lanes.iter().any(|lane| lane.waits))
    }
}

/// A worker's connections and what they do.
pub(crate) struct Worker {
    links: Vec<Link>,
    sends: Option<Sends>,
    header: SerializeType,
    /// Of requests that have a time; without it, each goes out as soon as there is room.
    schedule: Option<Schedule>,
    in_rounds: bool,
    /// Slots without a request, the longest free first: all connections take their turn.
    free: VecDeque<(u32, u32)>,
    dirty: Vec<u32>,
    run: u64,
    tally: Tally,
    decoder: Decoder,
    pull: BytesMut,
}

/// Which clock reading an answer is judged by, and what is measured.
#[derive(Clone, Copy)]
struct Now {
    at: u64,
    ms: u64,
}

impl Worker {
    pub(crate) fn new(
        header: SerializeType,
        sends: Option<Sends>,
        schedule: Option<Schedule>,
        in_rounds: bool,
        run: u64,
        measured: Duration,
    ) -> Self {
        Self {
            links: Vec::new(),
            sends,
            header,
            schedule,
            in_rounds,
            free: VecDeque::new(),
            dirty: Vec::new(),
            run,
            tally: Tally::empty(measured),
            decoder: Decoder::default(),
            pull: BytesMut::new(),
        }
    }

    /// Adds a connection with so many slots; when it pulls, one for each lane.
    pub(crate) fn add(&mut self, connection: Connection, depth: usize, work: Work) {
        let depth = if let Work::Pull(lanes) = &work { lanes.len() } else { depth };
        let slots = Slots::new(depth);
        self.links.push(Link { connection, slots, work, is_dirty: false, is_blocked: false, is_lost: false });
    }

    /// Puts the connection under load until the phases are over.
    pub(crate) fn run(mut self, phases: &Phases) -> Result<Tally> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (index, link) in self.links.iter().enumerate() {
            epoll::add(&epoll, link.connection.stream(), EventData::new_u64(index as u64), EventFlags::IN)?;
        }
        let timer = self.schedule.map(|schedule| timer(&epoll, schedule, phases.now())).transpose()?;
        let depth = self.links.iter().map(|link| link.slots.len()).max().unwrap_or(0);
        for slot in 0..depth {
            let with_slot = self.links.iter().enumerate().filter(|(_, link)| slot < link.slots.len());
            self.free.extend(with_slot.map(|(index, _)| (index as u32, slot as u32)));
        }
        // Polls wait whatever the pace is.
        if self.schedule.is_some() && self.sends.is_some() {
            let now = self.now(phases);
            for place in std::mem::take(&mut self.free) {
                match self.links[place.0 as usize].work {
                    Work::Send => self.free.push_back(place),
                    Work::Pull(_) => self.issue(place, now.at, now),
                }
            }
        }
        let mut scratch = vec![0; READ];
        let mut events: Vec<Event> = Vec::with_capacity(1024);
        loop {
            let now = self.now(phases);
            self.issue_due(now, phases);
            self.flush(&epoll)?;
            if now.at >= phases.give_up || now.at >= phases.end && !self.is_under_way(phases) {
                break;
            }
            events.clear();
            epoll::wait(&epoll, spare_capacity(&mut events), Some(&GLANCE))?;
            for event in events.drain(..) {
                match event.data.u64() {
                    TIMER => {
                        if let Some(timer) = &timer {
                            // That it fired is all it says; the schedule knows the rest.
                            let _ = rustix::io::read(timer, &mut [0; 8]);
                        }
                    }
                    index => self.on_event(index as usize, event.flags, &mut scratch, phases),
                }
            }
        }
        self.close(phases);
        Ok(self.tally)
    }

    fn now(&self, phases: &Phases) -> Now {
        Now { at: phases.now(), ms: now_ms() }
    }

    fn is_under_way(&self, phases: &Phases) -> bool {
        if self.schedule.is_some_and(|schedule| schedule.due() < phases.end) {
            return true;
        }
        // A poll that waits for a message waits longer than anybody here does; what was sent last is given a moment to come.
        if self.links.iter().any(Link::waits) && phases.now() < phases.end + LAST_TO_COME {
            return true;
        }
        self.links
            .iter()
            .any(|link| !link.is_lost && !link.waits() && link.slots.under_way().next().is_some())
    }

    /// Sends what is due, as far as there are slots.
    fn issue_due(&mut self, now: Now, phases: &Phases) {
        while let Some(place) = self.free.front().copied() {
            let due = match &mut self.schedule {
                None if now.at < phases.end => now.at,
                // Also what was due before the end and found no slot until now.
                Some(schedule) if schedule.due() <= now.at.min(phases.end - 1) => {
                    let due = schedule.due();
                    schedule.advance();
                    due
                }
                _ => break,
            };
            self.free.pop_front();
            self.issue(place, due, now);
        }
    }

    fn issue(&mut self, place: (u32, u32), due: u64, now: Now) {
        let link = &mut self.links[place.0 as usize];
        if link.is_lost {
            return;
        }
        let opaque = link.slots.take(place.1 as usize, due);
        match &link.work {
            Work::Send => {
                if let Some(sends) = &mut self.sends {
                    sends.write(&mut link.connection.out, opaque, now.ms, due);
                }
            }
            Work::Pull(lanes) => {
                let lane = &lanes[place.1 as usize];
                lane.write(self.header, opaque, &mut self.pull, &mut link.connection.out);
            }
        }
        if self.schedule.is_some() && matches!(link.work, Work::Send) {
            self.tally.late.saturating_record((now.at - due).max(1));
        }
        if !link.is_dirty {
            link.is_dirty = true;
            self.dirty.push(place.0);
        }
    }

    /// Writes what the connections have to say, each in one call.
    fn flush(&mut self, epoll: &OwnedFd) -> Result<()> {
        for index in std::mem::take(&mut self.dirty) {
            let link = &mut self.links[index as usize];
            link.is_dirty = false;
            if link.is_blocked || link.is_lost {
                continue;
            }
            match link.connection.flush() {
                Ok(Written::All) => {}
                Ok(Written::Some) => {
                    link.is_blocked = true;
                    watch(epoll, link, index.into(), EventFlags::IN | EventFlags::OUT)?;
                }
                Err(error) => lose(link, &mut self.tally, &error),
            }
        }
        // Those that can be written to again were made dirty by their event.
        for (index, link) in self.links.iter_mut().enumerate().filter(|(_, link)| link.is_blocked) {
            match link.connection.flush() {
                Ok(Written::Some) => {}
                Ok(Written::All) => {
                    link.is_blocked = false;
                    watch(epoll, link, index as u64, EventFlags::IN)?;
                }
                Err(error) => lose(link, &mut self.tally, &error),
            }
        }
        Ok(())
    }

    fn on_event(&mut self, index: usize, flags: EventFlags, scratch: &mut [u8], phases: &Phases) {
        if !flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            return;
        }
        let link = &mut self.links[index];
        if link.is_lost {
            return;
        }
        let (connection, slots, work) = (&mut link.connection, &mut link.slots, &mut link.work);
        let (decoder, tally, free, run) = (&mut self.decoder, &mut self.tally, &mut self.free, self.run);
        let in_rounds = self.in_rounds;
        let mut again = Vec::new();
        let mut at = 0;
        let outcome = connection.receive(scratch, |frame, _| {
            if at == 0 {
                at = phases.now();
            }
            let head = head(frame, decoder)?;
            if !head.is_response {
                // Such as that a group has other members now: of no concern here.
                return Ok(());
            }
            let (slot, due) =
                slots.free(head.opaque).context("an answer to a request that is not under way")?;
            let seen = Seen { at, due, head_code: head.code };
            let place = (index as u32, slot as u32);
            match work {
                Work::Send => {
                    seen.count(tally, phases, frame, decoder, &[SUCCESS]);
                    if !in_rounds {
                        free.push_back(place);
                    } else if slots.under_way().next().is_none() {
                        free.extend((0..slots.len()).map(|slot| (place.0, slot as u32)));
                    }
                }
                Work::Pull(lanes) => {
                    let lane = &mut lanes[slot];
                    let messages = pulled(lane, frame, decoder, &seen, tally, phases, run)?;
                    if lane.waits {
                        again.push(place);
                    } else {
                        seen.count(tally, phases, frame, decoder, &[SUCCESS, 19, 20, 21]);
                        free.push_back(place);
                    }
                    if phases.measures(at) {
                        tally.pulled += messages;
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = outcome {
            lose(link, &mut self.tally, &error);
            return;
        }
        let now = Now { at: phases.now(), ms: now_ms() };
        if now.at < phases.give_up {
            for place in again {
                self.issue(place, now.at, now);
            }
        }
        self.issue_due(now, phases);
    }

    /// Counts what was due and came to nothing.
    fn close(&mut self, phases: &Phases) {
        let now = phases.now();
        for link in &self.links {
            if link.waits() {
                continue;
            }
            for due in link.slots.under_way().filter(|due| phases.measures(*due)) {
                self.tally.unanswered += 1;
                self.tally.latency.saturating_record(now.saturating_sub(due).max(1));
            }
        }
        if let Some(schedule) = &mut self.schedule {
            while schedule.due() < phases.end {
                if phases.measures(schedule.due()) {
                    self.tally.unsent += 1;
                    self.tally.latency.saturating_record(now.saturating_sub(schedule.due()).max(1));
                }
                schedule.advance();
            }
        }
    }
}

/// An answer.
struct Seen {
    at: u64,
    due: u64,
    head_code: i32,
}

impl Seen {
    fn count(
        &self,
        tally: &mut Tally,
        phases: &Phases,
        frame: Frame<'_>,
        decoder: &mut Decoder,
        good: &[i32],
    ) {
        let is_good = good.contains(&self.head_code);
        if is_good && phases.measures(self.at) {
            tally.answered += 1;
        }
        if phases.measures(self.due) {
            tally.latency.saturating_record(self.at.saturating_sub(self.due).max(1));
            if !is_good {
                let failure = tally.refused.entry(self.head_code).or_default();
                failure.add(|| remark(frame, decoder));
            }
        }
    }
}

/// Looks at what a pull brought, and moves its lane on. Gives the number of messages.
fn pulled(
    lane: &mut Lane,
    frame: Frame<'_>,
    decoder: &mut Decoder,
    seen: &Seen,
    tally: &mut Tally,
    phases: &Phases,
    run: u64,
) -> Result<u64> {
    let mut messages = 0;
    if seen.head_code == SUCCESS {
        for body in bodies(frame.body) {
            messages += 1;
            if let Some(due) = due_of(body, run).filter(|due| lane.waits && phases.measures(*due)) {
                tally.end_to_end.saturating_record(seen.at.saturating_sub(due).max(1));
            }
        }
    } else {
        ensure!(
            PULLED_NOTHING.contains(&seen.head_code),
            "a pull was answered {} {}",
            seen.head_code,
            remark(frame, decoder)
        );
    }
    lane.answered(messages, next_offset(frame, decoder)?);
    Ok(messages)
}

fn lose(link: &mut Link, tally: &mut Tally, error: &anyhow::Error) {
    link.is_lost = true;
    tally.lost.add(|| format!("{error:#}"));
}

fn watch(epoll: &OwnedFd, link: &Link, index: u64, flags: EventFlags) -> Result<()> {
    Ok(epoll::modify(epoll, link.connection.stream(), EventData::new_u64(index), flags)?)
}

/// Wakes the worker when something may be due. The kernel rounds the time-outs of epoll to milliseconds or by its timer slack, and
/// would make every request late. So would a timer that begins at any moment: by the same part of a step each, milliseconds when few
/// are sent.
fn timer(epoll: &OwnedFd, schedule: Schedule, now: u64) -> Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let spec =
        |time: Duration| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    let times = Itimerspec { it_interval: spec(schedule.tick()), it_value: spec(schedule.until_due(now)) };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
    epoll::add(epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
    Ok(timer)
}

impl Phases {
    /// Whether this moment, in nanoseconds of the run, is in the measured time.
    fn measures(&self, at: u64) -> bool {
        (self.begin..self.end).contains(&at)
    }

    fn now(&self) -> u64 {
        Instant::now().saturating_duration_since(self.epoch).as_nanos() as u64
    }
}
