//! What a broker knows of a topic's scales.

use crate::{Event, Flip, KeyProperty, ScaleId, Settle, queue_of_key};
use gantry_message::QueueOffset;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Ended scales that are remembered by their id, for whoever asks again.
const REMEMBERED: usize = 32;

/// A topic's scales.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicScaling {
    /// The broker puts messages to the queues of their keys by this property; `None`: clients choose the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyProperty>,
    /// Queues that take messages, if they are not simply those that the topic's settings say.
    pub queues: Option<i32>,
    /// The most queues that clients may have learned of.
    pub widest: i32,
    /// The scale that is announced and not flipped yet.
    pub announced: Option<Announced>,
    /// Flips that may still have to guard something, oldest first.
    pub flips: Vec<Flip>,
    /// Fences that groups have passed: by group and scale, the queues.
    pub passed: BTreeMap<String, BTreeMap<ScaleId, BTreeSet<i32>>>,
    /// How earlier scales ended, oldest first.
    pub ended: Vec<(ScaleId, Ended)>,
}

/// A scale that clients are learning of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    /// The scale.
    pub id: ScaleId,
    /// Queues before.
    pub from: i32,
    /// Queues after.
    pub to: i32,
    /// How long clients get to learn of it.
    pub settle: Settle,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// How a scale ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// It flipped, and its queues are open.
    Done,
    /// It was given up before its flip.
    Aborted,
}

impl TopicScaling {
    /// Takes in what happened. The same again changes nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Announced { id, from, to, settle, at } => {
                if !self.knows(id) {
                    self.queues = Some(*from);
                    self.widest = self.widest.max(*from).max(*to);
                    self.announced =
                        Some(Announced { id: id.clone(), from: *from, to: *to, settle: *settle, at: *at });
                }
            }
            Event::Aborted { id } => {
                if self.announced.take_if(|announced| announced.id == *id).is_some() {
                    self.end(id, Ended::Aborted);
                }
            }
            Event::Flipped { id, from, to, modulus, fences, at, key, by_hand } => {
                if !self.is_flipped(id) {
                    self.announced.take_if(|announced| announced.id == *id);
                    self.queues = Some(*to);
                    self.widest = self.widest.max(*from).max(*to);
                    self.key.clone_from(key);
                    self.flips.push(Flip {
                        id: id.clone(),
                        from: *from,
                        to: *to,
                        modulus: *modulus,
                        fences: fences.clone(),
                        at: *at,
                        by_hand: *by_hand,
                        opened: *by_hand,
                    });
                    if *by_hand {
                        self.end(id, Ended::Done);
                    }
                }
            }
            Event::Opened { id } => {
                if let Some(flip) = self.flips.iter_mut().find(|flip| flip.id == *id) {
                    flip.opened = true;
                }
                self.end(id, Ended::Done);
            }
            Event::Passed { id, group, queues } => {
                let passed = self.passed.entry(group.clone()).or_default();
                passed.entry(id.clone()).or_default().extend(queues);
            }
            Event::WentBack { group, queue, offset } => self.go_back(group, *queue, *offset),
            Event::GroupDeleted { group } => drop(self.passed.remove(group)),
            Event::TopicDeleted => *self = Self::default(),
            Event::Released => {
                (self.queues, self.widest) = (None, 0);
                if let Some(announced) = self.announced.take() {
                    self.end(&announced.id, Ended::Aborted);
                }
            }
        }
    }

    fn end(&mut self, id: &ScaleId, how: Ended) {
        if self.ended.iter().all(|(ended, _)| ended != id) {
            self.ended.push((id.clone(), how));
        }
        let surplus = self.ended.len().saturating_sub(REMEMBERED);
        self.ended.drain(..surplus);
    }

    fn go_back(&mut self, group: &str, queue: i32, offset: QueueOffset) {
        let Some(passed) = self.passed.get_mut(group) else { return };
        for (id, queues) in passed.iter_mut() {
            let stays = self.flips.iter().any(|flip| flip.id == *id && flip.fence(queue) <= offset);
            if !stays {
                queues.remove(&queue);
            }
        }
        passed.retain(|_, queues| !queues.is_empty());
    }

    /// True while this scale runs, and as long as its end is remembered.
    #[must_use]
    pub fn knows(&self, id: &ScaleId) -> bool {
        self.announced.as_ref().is_some_and(|announced| announced.id == *id)
            || self.is_flipped(id)
            || self.ended.iter().any(|(ended, _)| ended == id)
    }

    /// The flip of this scale, while it may still have to guard something.
    #[must_use]
    pub fn flip(&self, id: &ScaleId) -> Option<&Flip> {
        self.flips.iter().find(|flip| flip.id == *id)
    }

    fn is_flipped(&self, id: &ScaleId) -> bool {
        self.flip(id).is_some() || self.ended.iter().any(|(ended, how)| ended == id && *how == Ended::Done)
    }

    /// The newest scale that is not done: announced, or flipped with its new queues not open to everybody.
    #[must_use]
    pub fn active(&self) -> Option<&ScaleId> {
        let announced = self.announced.as_ref().map(|announced| &announced.id);
        announced.or_else(|| self.flips.iter().rfind(|flip| !flip.opened).map(|flip| &flip.id))
    }

    /// True while some scale is not done.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active().is_some()
    }

    /// What is to know of a topic that was never scaled and whose messages the broker puts to the queues of their keys.
    #[must_use]
    pub fn keyed(key: KeyProperty) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// The key of a message with these properties, if the broker puts messages to the queues of their keys and it has one.
    #[must_use]
    pub fn key_of<'a>(&self, properties: &'a str) -> Option<&'a str> {
        self.key.as_ref()?.key_of(properties)
    }

    /// The queue that takes a message that was sent to `asked` and has this [`key`](Self::key_of); the topic's settings say
    /// `settings` queues.
    #[must_use]
    pub fn place(&self, asked: i32, key: Option<&str>, settings: i32) -> i32 {
        match (key, self.queues) {
            (Some(key), queues) => queue_of_key(key, queues.unwrap_or(settings)),
            (None, Some(queues)) if asked >= queues => asked.rem_euclid(queues.max(1)),
            (None, _) => asked,
        }
    }

    /// True when a client that sends to `queue` knows the newest queues.
    #[must_use]
    pub fn is_to_new(&self, queue: i32) -> bool {
        match (&self.announced, self.flips.last()) {
            (Some(announced), _) => queue >= announced.from,
            (None, Some(flip)) => flip.is_child(queue),
            (None, None) => false,
        }
    }

    /// The flip by which `queue` began to take messages, and with it where a group starts that has no offset there: so that
    /// no message is passed over. `None` for queues that always took some.
    #[must_use]
    pub fn began(&self, queue: i32) -> Option<&Flip> {
        // What a queue had before it was given up is nobody's any more.
        let given_up = self.flips.iter().rposition(|flip| flip.gave_up(queue)).map_or(0, |at| at + 1);
        let first = self.flips.iter().skip(given_up).find(|flip| queue < flip.from.max(flip.to));
        first.filter(|flip| flip.is_child(queue))
    }

    /// Queues that can be read as far as scales have a say: those that take messages, and those that some group may still
    /// have to read. `None` when they have none.
    #[must_use]
    pub fn readable(&self) -> Option<i32> {
        let shrinking = self.flips.iter().filter(|flip| !flip.opened).map(|flip| flip.from).max();
        Some(self.queues?.max(shrinking.unwrap_or(0)))
    }

    /// True when no group has to consume `queue` for the flip number `at` any more: it was given up since, and all groups that
    /// had to had consumed it then. No other ever can.
    pub(crate) fn is_given_up_since(&self, at: usize, queue: i32) -> bool {
        self.flips.iter().skip(at).any(|later| later.gave_up(queue))
    }

    /// Queues that some group may have to consume up to the fence of the flip number `at`.
    pub(crate) fn sources(&self, at: usize) -> impl Iterator<Item = i32> + '_ {
        let sources = self.flips.get(at).into_iter().flat_map(Flip::sources);
        sources.filter(move |source| !self.is_given_up_since(at, *source))
    }

    /// The furthest fence of `queue` that `group` has passed: what it consumed is never less.
    #[must_use]
    pub fn passed_to(&self, group: &str, queue: i32) -> Option<QueueOffset> {
        let passed = self.passed.get(group)?;
        let has = |flip: &&Flip| passed.get(&flip.id).is_some_and(|queues| queues.contains(&queue));
        let fences = self.flips.iter().filter(has);
        fences.map(|flip| flip.fence(queue)).max()
    }

    /// True when setting `group` back to `offset` in `queue` puts it before a fence that it had passed.
    #[must_use]
    pub fn is_set_back(&self, group: &str, queue: i32, offset: QueueOffset) -> bool {
        !self.passed.is_empty() && self.passed_to(group, queue).is_some_and(|fence| offset < fence)
    }

    /// Forgets flips that guard nothing any more, because all that came before them was deleted for its age. `first`
    /// tells the first offset that a queue still has. True when something was forgotten.
    pub fn forget_expired(&mut self, first: impl Fn(i32) -> QueueOffset) -> bool {
        // Only from the front: a later flip's gates lean on the earlier ones.
        let is_over = |(at, flip): &(usize, &Flip)| {
            flip.opened && self.sources(*at).all(|queue| first(queue) >= flip.fence(queue))
        };
        let over = self.flips.iter().enumerate().take_while(is_over).count();
        for flip in self.flips.drain(..over) {
            for passed in self.passed.values_mut() {
                passed.remove(&flip.id);
            }
        }
        self.passed.retain(|_, passed| !passed.is_empty());
        over > 0
    }

    /// True when nothing is left to know.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ScaleId {
        ScaleId::new(text).unwrap()
    }

    fn announced(name: &str, from: i32, to: i32) -> Event {
        Event::Announced { id: id(name), from, to, settle: Settle::default(), at: 1 }
    }

    fn flipped(name: &str, from: i32, to: i32, fences: &[i64]) -> Event {
        let fences = fences.iter().map(|fence| QueueOffset(*fence)).collect();
        Event::Flipped {
            id: id(name),
            from,
            to,
            modulus: from.min(to),
            fences,
            at: 2,
            key: None,
            by_hand: false,
        }
    }

    #[test]
    fn sends_go_to_the_parent_until_the_flip() {
        let mut state = TopicScaling::default();
        assert_eq!(state.place(7, None, 4), 7, "nothing is known: where it was sent to");
        state.apply(&announced("a", 4, 8));
        assert_eq!((state.place(3, None, 4), state.place(7, None, 4), state.place(12, None, 4)), (3, 3, 0));
        state.apply(&flipped("a", 4, 8, &[5, 5, 5, 5, 0, 0, 0, 0]));
        assert_eq!((state.place(3, None, 4), state.place(7, None, 4), state.place(12, None, 4)), (3, 7, 4));
        state.apply(&flipped("b", 8, 4, &[5; 8]));
        assert_eq!(
            (state.place(3, None, 4), state.place(7, None, 4)),
            (3, 3),
            "and again when there are fewer"
        );
    }

    #[test]
    fn one_flip_a_scale_whatever_is_read_twice() {
        let mut state = TopicScaling::default();
        let events = [
            announced("a", 4, 8),
            flipped("a", 4, 8, &[5, 5, 5, 5, 0, 0, 0, 0]),
            Event::Opened { id: id("a") },
        ];
        for event in events.iter().flat_map(|event| [event, event]) {
            state.apply(event);
        }
        let once = state.clone();
        events.iter().for_each(|event| state.apply(event));
        assert_eq!(state, once);
        assert_eq!(state.flips.len(), 1);
        assert!(!state.is_active() && state.knows(&id("a")));
    }

    #[test]
    fn an_aborted_scale_leaves_the_parents() {
        let mut state = TopicScaling::default();
        state.apply(&announced("a", 4, 8));
        state.apply(&Event::Aborted { id: id("b") });
        assert!(state.is_active(), "another's end");
        state.apply(&Event::Aborted { id: id("a") });
        assert!(!state.is_active());
        assert_eq!(state.place(7, None, 4), 3, "producers that learned of it are served");
        state.apply(&announced("a", 4, 8));
        assert!(!state.is_active(), "a record that is read twice starts nothing");
    }

    #[test]
    fn a_group_that_is_set_back_has_not_passed_any_more() {
        let mut state = TopicScaling::default();
        state.apply(&flipped("a", 2, 4, &[10, 20, 0, 0]));
        state.apply(&flipped("b", 4, 8, &[15, 25, 5, 5, 0, 0, 0, 0]));
        for name in ["a", "b"] {
            state.apply(&Event::Passed { id: id(name), group: "g".into(), queues: vec![0, 1] });
        }
        assert_eq!(state.passed_to("g", 0), Some(QueueOffset(15)));
        assert!(state.is_set_back("g", 0, QueueOffset(12)) && !state.is_set_back("g", 0, QueueOffset(15)));
        state.apply(&Event::WentBack { group: "g".into(), queue: 0, offset: QueueOffset(12) });
        assert_eq!(state.passed_to("g", 0), Some(QueueOffset(10)), "the earlier fence lies behind it still");
        assert_eq!(state.passed_to("g", 1), Some(QueueOffset(25)));
        state.apply(&Event::GroupDeleted { group: "g".into() });
        assert_eq!(state.passed_to("g", 1), None);
    }

    #[test]
    fn a_queue_that_was_given_up_starts_where_it_came_back() {
        let mut state = TopicScaling::default();
        state.apply(&flipped("a", 2, 4, &[10, 20, 0, 0]));
        let start = |state: &TopicScaling, queue| state.began(queue).map(|flip| flip.fence(queue).0);
        assert_eq!((start(&state, 1), start(&state, 2)), (None, Some(0)));
        state.apply(&flipped("b", 4, 2, &[15, 25, 7, 9]));
        state.apply(&flipped("c", 2, 4, &[16, 26, 7, 9]));
        assert_eq!(
            (start(&state, 2), start(&state, 3)),
            (Some(0), Some(0)),
            "somebody may have to read all of it"
        );
        state.apply(&Event::Opened { id: id("b") });
        assert_eq!((start(&state, 2), start(&state, 3)), (Some(7), Some(9)), "all have");
    }

    #[test]
    fn flips_are_forgotten_from_the_front_when_all_before_them_is_gone() {
        let mut state = TopicScaling::default();
        state.apply(&flipped("a", 1, 2, &[10, 0]));
        state.apply(&flipped("b", 2, 4, &[15, 5, 0, 0]));
        state.apply(&Event::Opened { id: id("b") });
        assert!(!state.forget_expired(|_| QueueOffset(100)), "the first is not open to all");
        state.apply(&Event::Opened { id: id("a") });
        assert!(!state.forget_expired(|_| QueueOffset(9)));
        assert!(state.forget_expired(|_| QueueOffset(12)));
        assert_eq!(state.flips.len(), 1);
        assert!(state.knows(&id("a")));
    }

    #[test]
    fn a_keyed_message_goes_to_its_keys_queue_whatever_was_asked() {
        let keys = |key: &str| format!("KEYS\u{1}{key}\u{2}");
        let mut state = TopicScaling::keyed(KeyProperty::new("KEYS").unwrap());
        assert!(!state.is_empty());
        let place = |state: &TopicScaling, key: &str| state.place(0, state.key_of(&keys(key)), 4);
        assert_eq!(place(&state, "TagA"), queue_of_key("TagA", 4), "as many as the settings say");
        assert_eq!(state.place(3, None, 4), 3, "without a key: where it was sent to");
        let Event::Flipped { id, from, to, modulus, fences, at, by_hand, .. } = flipped("a", 4, 6, &[5; 6])
        else {
            unreachable!()
        };
        let key = state.key.clone();
        state.apply(&Event::Flipped { id, from, to, modulus, fences, at, key, by_hand });
        assert_eq!(place(&state, "TagA"), queue_of_key("TagA", 6));
        assert_eq!(state.place(9, None, 4), 3);
    }

    #[test]
    fn a_flip_that_leaves_nothing_to_open_is_done_at_once() {
        let mut state = TopicScaling::default();
        let fences = vec![QueueOffset(5); 4];
        let key = KeyProperty::new("KEYS");
        let (id, by_hand) = (id("k"), true);
        state.apply(&Event::Flipped {
            id: id.clone(),
            from: 4,
            to: 4,
            modulus: 1,
            fences,
            at: 0,
            key,
            by_hand,
        });
        assert!(!state.is_active() && state.knows(&id));
        assert!(state.flips[0].parents(2).eq([0, 1, 3]), "keys may have come from anywhere");
        assert!(state.began(2).is_none(), "no queue is new");
    }
}
