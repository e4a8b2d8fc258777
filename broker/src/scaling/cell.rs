//! What a topic holds of its scales, for those who send and pull.

use super::key;
use super::producers::Producers;
use super::settle::Wait;
use crate::faults::{self, Fault};
use gantry_message::QueueOffset;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Event, TopicScaling};
use gantry_store::Turn;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A topic's scales. Empty, small, and as cheap as a load, for a topic that has none.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    /// Counts changes of which queue takes which messages; 0: there never was one. See [`Turn`].
    turn: AtomicU64,
    scales: OnceLock<Box<Scales>>,
}

/// What there is of a topic that has scales, or had.
#[derive(Debug, Default)]
pub(crate) struct Scales {
    state: RwLock<Option<Arc<TopicScaling>>>,
    /// Producers, while it matters which of them know the newest queues.
    pub(crate) producers: Producers,
    /// How far an announced scale is.
    pub(super) wait: Mutex<Option<Wait>>,
}

/// The queue that takes a message, as long as the turn lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) queue: i32,
    turn: u64,
}

impl Cell {
    /// What is known now; `None` while there is nothing to know.
    pub(crate) fn now(&self) -> Option<Arc<TopicScaling>> {
        if self.turn.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.scales.get()?.state.read().clone()
    }

    /// `None` for a topic that never had scales.
    pub(crate) fn known(&self) -> Option<&Scales> {
        self.scales.get().map(|scales| &**scales)
    }

    /// The same, made when it is not there.
    pub(super) fn made(&self) -> &Scales {
        self.scales.get_or_init(Box::default)
    }

    /// What a topic has of them that is new with these settings.
    pub(crate) fn of_new(config: &TopicConfig) -> Self {
        let cell = Self::default();
        if let Some(state) = key::of_new(config) {
            cell.load(state);
        }
        cell
    }

    /// The queue that takes what was sent to `asked`, or that of its key if the broker shall find that out.
    pub(crate) fn place<'a>(
        &self,
        asked: i32,
        key: impl FnOnce(&TopicScaling) -> Result<Option<&'a str>, Refusal>,
        settings: impl FnOnce() -> i32,
    ) -> Result<Place, Refusal> {
        // Before the state: should it change in between, the turn is over and the append says so.
        let turn = self.turn.load(Ordering::Acquire);
        if turn == 0 || faults::has(Fault::NoRedirect) {
            return Ok(Place { queue: asked, turn });
        }
        let queue = match &*self.made().state.read() {
            Some(state) => state.place(asked, key(state)?, settings()),
            None => asked,
        };
        Ok(Place { queue, turn })
    }

    /// Counts the changes of which queue takes which messages. What was read of the state holds while it stays the same.
    pub(crate) fn changes(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    /// By this the store knows whether the place still holds.
    pub(crate) fn turn(&self, place: Place) -> Turn<'_> {
        Turn { current: &self.turn, chosen_by: place.turn }
    }

    /// Takes in what is on record. Flips come here under the append lock, see [`gantry_store::Store::append_at_ends`].
    pub(super) fn apply(&self, event: &Event) {
        let mut state = self.made().state.write();
        let mut next = state.as_deref().cloned().unwrap_or_default();
        next.apply(event);
        *state = (!next.is_empty()).then(|| Arc::new(next));
        if event.moves_messages() {
            self.turn.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Sets what was found at the start.
    pub(crate) fn load(&self, found: TopicScaling) {
        *self.made().state.write() = Some(Arc::new(found));
        self.turn.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets what has expired; true when there was something.
    pub(super) fn forget_expired(&self, first: impl Fn(i32) -> QueueOffset) -> bool {
        let Some(scales) = self.known() else { return false };
        let mut state = scales.state.write();
        let Some(mut next) = state.as_deref().cloned() else { return false };
        let changed = next.forget_expired(first);
        if changed {
            *state = Some(Arc::new(next));
        }
        changed
    }
}
