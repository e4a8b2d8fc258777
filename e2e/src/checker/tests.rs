//! A history in which all is well, and what each check says when one thing in it is another.

use super::{Check, check};
use crate::history::{Death, Event, Flush, MessageId, Place, Reader, Seen, What};

const BEGAN: i64 = 1_000_000;
const MS: u64 = 1_000_000;

fn place(queue: i32) -> Place {
    Place { topic: "T".into(), queue }
}

fn seen(id: u64, offset: i64) -> Seen {
    Seen {
        offset,
        physical: id as i64 * 100,
        id: Some(MessageId(id)),
        crc: id as u32,
        stored_at: BEGAN + id as i64,
    }
}

fn send(id: u64, queue: i32) -> What {
    What::Send {
        id: MessageId(id),
        lane: queue as u32,
        place: place(queue),
        crc: id as u32,
        due: None,
        half: false,
    }
}

fn acked(id: u64, queue: i32, offset: i64) -> What {
    What::Acked { id: MessageId(id), queue, offset, physical: id as i64 * 100 }
}

fn member(client: &str, from: i64, records: Vec<Seen>) -> What {
    let reader = Reader::Member { group: "G".into(), client: client.into() };
    What::Read { reader, place: place(0), from, records }
}

/// Two lives: 0 and 1 in queue 0, of which the first was read; 2 that was due later, 3 that was committed, 4 that was refused; and
/// 5 of the second life behind 1.
fn good() -> Vec<What> {
    let group = || "G".to_owned();
    let mut all = vec![
        What::Promise {
            began: BEGAN,
            flush: Flush::Sync,
            flush_interval: 10,
            offset_interval: 10,
            lateness: 50,
            back_within: 1_000,
        },
        What::Started,
        What::Serving,
        send(0, 0),
        acked(0, 0, 0),
        send(1, 0),
        acked(1, 0, 1),
        What::Send { id: MessageId(2), lane: 1, place: place(1), crc: 2, due: Some(BEGAN + 10), half: false },
        What::Acked { id: MessageId(2), queue: 0, offset: 0, physical: 1_000_000 },
        What::Send { id: MessageId(3), lane: 2, place: place(2), crc: 3, due: None, half: true },
        What::Acked { id: MessageId(3), queue: 0, offset: 0, physical: 1_000_100 },
        What::Decide { id: MessageId(3), commit: true },
        send(4, 3),
        What::Refused { id: MessageId(4), code: 2 },
        What::Locked { group: group(), client: "one".into(), place: place(0) },
        member("one", 0, vec![seen(0, 0)]),
        What::Committed { group: group(), place: place(0), offset: 1 },
        What::Unlocked { group: group(), client: "one".into(), place: place(0) },
        What::Ended { how: Death::Kill },
        What::Started,
        What::Serving,
        send(5, 0),
        acked(5, 0, 2),
        What::Offset { group: group(), place: place(0), offset: Some(1), max: 3 },
        What::Locked { group: group(), client: "two".into(), place: place(0) },
        member("two", 1, vec![seen(1, 1), seen(5, 2)]),
    ];
    for pass in [1, 2] {
        for (queue, records) in [
            (0, vec![seen(0, 0), seen(1, 1), seen(5, 2)]),
            (1, vec![Seen { stored_at: BEGAN + 30, ..seen(2, 0) }]),
            (2, vec![seen(3, 0)]),
        ] {
            let max = records.len() as i64;
            all.push(What::Bounds { pass, place: place(queue), min: 0, max });
            all.push(What::Read { reader: Reader::Whole { pass }, place: place(queue), from: 0, records });
        }
    }
    all.push(What::Derived { file: "cq".into(), live: "a".into(), rebuilt: "a".into() });
    all.push(What::Ended { how: Death::Stop });
    all
}

/// Which checks find something in a history whose events are a millisecond apart, but for the given pauses before some.
fn found(history: Vec<What>, pause: impl Fn(&What) -> u64) -> Vec<Check> {
    let mut at = 0;
    let timed = |what: What| {
        at += MS * (1 + pause(&what));
        Event { at, what }
    };
    let events: Vec<_> = history.into_iter().map(timed).collect();
    let mut checks: Vec<_> = check(&events).violations.into_iter().map(|one| one.check).collect();
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// With each event changed by `edit`: those it gives `None` for are left out.
fn with(edit: impl FnMut(What) -> Option<What>) -> Vec<Check> {
    found(good().into_iter().filter_map(edit).collect(), |_| 0)
}

/// With other records in what was read of a queue as a whole, both times.
fn with_whole(queue: i32, records: &[Seen]) -> Vec<Check> {
    with(|what| match what {
        What::Read { reader: reader @ Reader::Whole { .. }, place: of, from, .. } if of == place(queue) => {
            Some(What::Read { reader, place: of, from, records: records.to_vec() })
        }
        What::Bounds { pass, place: of, min, .. } if of == place(queue) => {
            let max = records.last().map_or(0, |last| last.offset + 1);
            Some(What::Bounds { pass, place: of, min, max })
        }
        other => Some(other),
    })
}

#[test]
fn all_is_well() {
    assert_eq!(found(good(), |_| 0), []);
}

#[test]
fn c1_finds_what_is_gone_moved_or_changed() {
    assert!(with_whole(0, &[seen(0, 0), seen(1, 1)]).contains(&Check::AckedAtOffset));
    let moved = Seen { physical: 77, ..seen(5, 2) };
    assert!(with_whole(0, &[seen(0, 0), seen(1, 1), moved]).contains(&Check::AckedAtOffset));
    let changed = Seen { crc: 77, ..seen(5, 2) };
    assert!(with_whole(0, &[seen(0, 0), seen(1, 1), changed]).contains(&Check::AckedAtOffset));
}

#[test]
fn c2_finds_holes() {
    assert!(with_whole(2, &[seen(3, 1)]).contains(&Check::Dense));
}

#[test]
fn c3_finds_what_was_refused_or_never_sent() {
    assert_eq!(with_whole(2, &[seen(3, 0), seen(4, 1)]), [Check::NoGhost]);
    assert_eq!(with_whole(2, &[seen(3, 0), seen(99, 1)]), [Check::NoGhost]);
}

#[test]
fn c4_finds_doubles() {
    let again = Seen { physical: 9_000, ..seen(3, 1) };
    assert_eq!(with_whole(2, &[seen(3, 0), again]), [Check::AtMostOnce]);
}

#[test]
fn c5_finds_what_stands_before_what_was_there_first() {
    let swapped = with(|what| match what {
        What::Acked { id: MessageId(0), queue, .. } => {
            Some(What::Acked { id: MessageId(0), queue, offset: 1, physical: 100 })
        }
        What::Acked { id: MessageId(1), queue, .. } => {
            Some(What::Acked { id: MessageId(1), queue, offset: 0, physical: 0 })
        }
        What::Read { reader, place: of, from, records } if of == place(0) => {
            let swap = |seen: Seen| match seen.id {
                Some(MessageId(0)) => Seen { offset: 1, physical: 100, ..seen },
                Some(MessageId(1)) => Seen { offset: 0, physical: 0, ..seen },
                _ => seen,
            };
            let mut records: Vec<_> = records.into_iter().map(swap).collect();
            records.sort_by_key(|seen| seen.offset);
            // Only what is read in the end is of interest here.
            matches!(reader, Reader::Whole { .. }).then_some(What::Read { reader, place: of, from, records })
        }
        other => Some(other),
    });
    assert_eq!(swapped, [Check::RealTime]);
}

#[test]
fn c6_finds_what_was_read_and_is_another() {
    let restarted = with(|what| match what {
        What::Read { reader: Reader::Whole { pass: 2 }, place: of, from, mut records } if of == place(2) => {
            for seen in &mut records {
                seen.stored_at += 1;
            }
            Some(What::Read { reader: Reader::Whole { pass: 2 }, place: of, from, records })
        }
        other => Some(other),
    });
    assert_eq!(restarted, [Check::ReadStability]);
}

#[test]
fn c8_finds_files_that_are_not_what_the_log_makes_of_them() {
    let differs = with(|what| match what {
        What::Derived { file, live, .. } => Some(What::Derived { file, live, rebuilt: "b".into() }),
        other => Some(other),
    });
    assert_eq!(differs, [Check::Derivation]);
}

#[test]
fn c9_finds_offsets_that_fell_back_or_are_beyond_the_end() {
    let told = |offset| {
        let history = good().into_iter().map(|what| match what {
            What::Offset { group, place, max, .. } => What::Offset { group, place, offset, max },
            other => other,
        });
        // It was saved long before the broker died.
        found(
            history.collect(),
            |what| if matches!(what, What::Ended { how: Death::Kill }) { 100 } else { 0 },
        )
    };
    assert_eq!(told(Some(1)), []);
    assert_eq!(told(Some(0)), [Check::Offsets]);
    assert_eq!(told(None), [Check::Offsets]);
    assert_eq!(told(Some(4)), [Check::Offsets]);
    let mut stalled = good();
    let at = stalled.iter().position(|what| matches!(what, What::Ended { .. })).expect("there is one");
    stalled.insert(at, What::Slow { ms: 50 });
    for what in &mut stalled {
        if let What::Offset { offset, .. } = what {
            *offset = None;
        }
    }
    let late = |what: &What| if matches!(what, What::Ended { how: Death::Kill }) { 100 } else { 0 };
    assert_eq!(found(stalled, late), [], "a disk that stands still keeps nobody's offsets");
}

#[test]
fn c10_finds_two_holders_and_what_is_skipped() {
    let mut two = good();
    let lock = What::Locked { group: "G".into(), client: "three".into(), place: place(0) };
    let at = two.iter().position(|what| matches!(what, What::Unlocked { .. })).expect("there is one");
    two.insert(at, lock);
    assert_eq!(found(two, |_| 0), [Check::OrderedConsumption]);
    let skipped = with(|what| match what {
        What::Read { reader: reader @ Reader::Member { .. }, place, from: 1, .. } => {
            Some(What::Read { reader, place, from: 1, records: vec![seen(5, 2)] })
        }
        other => Some(other),
    });
    assert_eq!(skipped, [Check::OrderedConsumption]);
}

#[test]
fn c11_finds_halves_that_are_there_or_missing_against_what_was_decided() {
    let rolled_back = with(|what| match what {
        What::Decide { id, .. } => Some(What::Decide { id, commit: false }),
        other => Some(other),
    });
    assert_eq!(rolled_back, [Check::Transactions]);
    assert_eq!(with(|what| (!matches!(what, What::Decide { .. })).then_some(what)), [Check::Transactions]);
    assert_eq!(with_whole(2, &[]), [Check::Transactions]);
}

#[test]
fn c12_finds_what_is_early_late_or_never_came() {
    let early = Seen { stored_at: BEGAN + 5, ..seen(2, 0) };
    assert_eq!(with_whole(1, &[early]), [Check::Timers]);
    assert_eq!(with_whole(1, &[]), [Check::Timers]);
    let late = good().into_iter().map(|what| match what {
        What::Read { reader, place: of, from, mut records } if of == place(1) => {
            for seen in &mut records {
                seen.stored_at = BEGAN + 300;
            }
            What::Read { reader, place: of, from, records }
        }
        other => other,
    });
    let mut late: Vec<_> = late.collect();
    let long_life = |what: &What| if matches!(what, What::Ended { .. }) { 400 } else { 0 };
    assert_eq!(found(late.clone(), long_life), [Check::Timers]);
    let end = late.iter().position(|what| matches!(what, What::Ended { .. })).expect("a life ends");
    late.insert(end, What::Full { ms: 390 });
    let long_full = |what: &What| if matches!(what, What::Full { .. }) { 400 } else { 0 };
    assert_eq!(found(late.clone(), long_full), [], "nothing could be stored when it was due");
    late[end] = What::Full { ms: 100 };
    assert_eq!(found(late, long_full), [Check::Timers], "it was late before the disk was full");
}

#[test]
fn c15_finds_a_broker_that_takes_its_time() {
    let slow = |what: &What| if matches!(what, What::Serving) { 25_000 } else { 0 };
    assert_eq!(found(good(), slow), [Check::Liveness]);
    let many = |pause: u64| {
        let mut lives = good();
        for _ in 0..10 {
            lives.extend([What::Started, What::Serving, acked(5, 0, 2), What::Ended { how: Death::Kill }]);
        }
        found(lives, |what| if matches!(what, What::Serving) { pause } else { 0 })
    };
    assert_eq!(many(500), []);
    assert_eq!(many(1_500), [Check::Liveness]);
    assert!(
        with(|what| (!matches!(what, What::Read { .. } | What::Bounds { .. })).then_some(what))
            .contains(&Check::Liveness)
    );
}
