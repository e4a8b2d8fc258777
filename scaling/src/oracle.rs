//! The judge of order: told what producers had acknowledged and what consumers were given, it counts what went wrong.
//!
//! Producers number the messages of each key, and send one only after the one before was acknowledged: so the numbers are
//! the order of real time, across producers too. A message counts where a group first meets it; that it may come again is
//! what at-least-once means.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// A message as a test knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    /// The ordering key.
    pub key: String,
    /// Number within the key, from 0, over all producers.
    pub seq: u64,
    /// Who sent it.
    pub producer: String,
}

impl Sent {
    /// The message's body: `KEY:SEQ:PRODUCER`, filled up behind another colon as the sender likes.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}:{}:{}", self.key, self.seq, self.producer)
    }

    /// Reads a body; `None` when it is not one.
    #[must_use]
    pub fn from_body(body: &str) -> Option<Self> {
        let mut parts = body.splitn(4, ':');
        let (key, seq, producer) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { key: key.into(), seq: seq.parse().ok()?, producer: producer.into() })
    }
}

/// What a group's consumers were given, judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Different messages received.
    pub received: u64,
    /// Messages that came before one of the same key and the same producer that was sent earlier: each later one counts.
    pub inversions_within: u64,
    /// The same, over all producers of the key.
    pub inversions_across: u64,
    /// Acknowledged and not received.
    pub lost: u64,
    /// Received again.
    pub duplicates: u64,
    /// Received and never sent.
    pub unknown: u64,
    /// Keys with an inversion.
    pub keys_out_of_order: u64,
}

impl Verdict {
    /// True when every message came, and came in order.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.inversions_within == 0 && self.inversions_across == 0 && self.lost == 0 && self.unknown == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, received, inversions_within, inversions_across, lost, duplicates, .. } =
            self;
        write!(
            f,
            "{acknowledged} acknowledged, {received} received, {inversions_within} inversions within a producer, \
             {inversions_across} across, {lost} lost, {duplicates} duplicates"
        )?;
        if self.unknown > 0 {
            write!(f, ", {} never sent", self.unknown)?;
        }
        if self.keys_out_of_order > 0 {
            write!(f, " ({} keys out of order)", self.keys_out_of_order)?;
        }
        Ok(())
    }
}

/// The judge.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    keys: HashMap<String, Acknowledged>,
    groups: BTreeMap<String, Group>,
}

#[derive(Clone, Debug, Default)]
struct Acknowledged {
    seqs: BTreeSet<u64>,
    /// Begun, so that they may have been stored, acknowledged or not.
    begun: u64,
}

#[derive(Clone, Debug, Default)]
struct Group {
    keys: HashMap<String, Received>,
    duplicates: u64,
}

#[derive(Clone, Debug, Default)]
struct Received {
    seqs: BTreeSet<u64>,
    latest: Option<u64>,
    latest_of: HashMap<String, u64>,
    within: u64,
    across: u64,
}

impl Oracle {
    /// A producer begins to send a message.
    pub fn begun(&mut self, sent: &Sent) {
        let key = self.keys.entry(sent.key.clone()).or_default();
        key.begun = key.begun.max(sent.seq + 1);
    }

    /// A message was acknowledged.
    pub fn acknowledged(&mut self, sent: &Sent) {
        self.begun(sent);
        self.keys.entry(sent.key.clone()).or_default().seqs.insert(sent.seq);
    }

    /// A consumer of `group` was given a message.
    pub fn received(&mut self, group: &str, sent: &Sent) {
        let group = match self.groups.get_mut(group) {
            Some(group) => group,
            None => self.groups.entry(group.into()).or_default(),
        };
        let key = group.keys.entry(sent.key.clone()).or_default();
        if !key.seqs.insert(sent.seq) {
            group.duplicates += 1;
            return;
        }
        let of_producer = key.latest_of.entry(sent.producer.clone()).or_insert(sent.seq);
        key.within += u64::from(sent.seq < *of_producer);
        *of_producer = sent.seq.max(*of_producer);
        key.across += u64::from(key.latest.is_some_and(|latest| sent.seq < latest));
        key.latest = key.latest.max(Some(sent.seq));
    }

    /// Forgets what a group was given, when it starts over on purpose.
    pub fn start_over(&mut self, group: &str) {
        self.groups.remove(group);
    }

    /// Messages that `group` still has to be given: keys and numbers.
    fn missing<'a>(&'a self, group: &str) -> impl Iterator<Item = (&'a str, u64)> {
        let group = self.groups.get(group);
        self.keys.iter().flat_map(move |(key, acknowledged)| {
            let received = group.and_then(|group| group.keys.get(key));
            let missing = move |seq: &&u64| !received.is_some_and(|received| received.seqs.contains(seq));
            acknowledged.seqs.iter().filter(missing).map(move |seq| (key.as_str(), *seq))
        })
    }

    /// True when `group` was given everything. Cheap while most of it is missing.
    #[must_use]
    pub fn has_all(&self, group: &str) -> bool {
        self.missing(group).next().is_none()
    }

    /// Inversions so far, over all producers of a key. Cheap.
    #[must_use]
    pub fn inversions(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.keys.values().map(|key| key.across).sum())
    }

    /// Some of the messages that `group` still has to be given: their keys and numbers.
    #[must_use]
    pub fn examples_missing(&self, group: &str, most: usize) -> Vec<(String, u64)> {
        let mut missing: Vec<_> = self.missing(group).map(|(key, seq)| (key.to_owned(), seq)).collect();
        missing.sort_by_key(|(_, seq)| *seq);
        missing.truncate(most);
        missing
    }

    /// How it went for `group`.
    #[must_use]
    pub fn verdict(&self, group: &str) -> Verdict {
        let mut verdict = Verdict {
            acknowledged: self.keys.values().map(|key| key.seqs.len() as u64).sum(),
            lost: self.missing(group).count() as u64,
            ..Verdict::default()
        };
        let Some(group) = self.groups.get(group) else { return verdict };
        verdict.duplicates = group.duplicates;
        for (name, key) in &group.keys {
            let begun = self.keys.get(name).map_or(0, |key| key.begun);
            verdict.received += key.seqs.len() as u64;
            verdict.unknown += key.seqs.range(begun..).count() as u64;
            verdict.inversions_within += key.within;
            verdict.inversions_across += key.across;
            verdict.keys_out_of_order += u64::from(key.within + key.across > 0);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(key: &str, seq: u64, producer: &str) -> Sent {
        Sent { key: key.into(), seq, producer: producer.into() }
    }

    fn judge(received: &[(&str, u64, &str)]) -> Verdict {
        let mut oracle = Oracle::default();
        for (seq, producer) in [(0, "p"), (1, "q"), (2, "p"), (3, "p")] {
            oracle.acknowledged(&sent("k", seq, producer));
        }
        oracle.begun(&sent("k", 4, "p"));
        received.iter().for_each(|(key, seq, producer)| oracle.received("g", &sent(key, *seq, producer)));
        oracle.verdict("g")
    }

    #[test]
    fn what_comes_in_order_is_good_and_duplicates_are_only_counted() {
        let verdict = judge(&[
            ("k", 0, "p"),
            ("k", 1, "q"),
            ("k", 0, "p"),
            ("k", 2, "p"),
            ("k", 3, "p"),
            ("k", 4, "p"),
        ]);
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!((verdict.received, verdict.duplicates), (5, 1));
    }

    #[test]
    fn the_order_across_producers_is_another_than_that_of_one() {
        let verdict = judge(&[("k", 1, "q"), ("k", 0, "p"), ("k", 2, "p"), ("k", 3, "p")]);
        assert_eq!((verdict.inversions_within, verdict.inversions_across), (0, 1));
        let verdict = judge(&[("k", 0, "p"), ("k", 1, "q"), ("k", 3, "p"), ("k", 2, "p")]);
        assert_eq!(
            (verdict.inversions_within, verdict.inversions_across, verdict.keys_out_of_order),
            (1, 1, 1)
        );
    }

    #[test]
    fn what_is_missing_is_lost_and_what_nobody_sent_is_told() {
        let verdict = judge(&[("k", 0, "p"), ("k", 9, "p"), ("x", 0, "p")]);
        assert_eq!((verdict.lost, verdict.unknown), (3, 2));
        assert!(!verdict.is_good());
        assert_eq!(Oracle::default().verdict("g"), Verdict::default());
    }

    #[test]
    fn bodies_are_read_back() {
        let message = sent("order-7", 12, "host-1");
        assert_eq!(Sent::from_body(&message.body()), Some(message.clone()));
        assert_eq!(Sent::from_body(&format!("{}:padding:x", message.body())), Some(message));
        assert_eq!(Sent::from_body("hello"), None);
    }
}
