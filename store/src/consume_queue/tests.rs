use super::*;
use proptest::prelude::*;
use std::path::Path;

fn queue(dir: &Path) -> ConsumeQueue {
    let root = Root { dir: dir.to_owned(), entries_per_file: 10, cache: FileCache::default() };
    ConsumeQueue::new(Arc::new(Home { topic: "T".into(), root: Arc::new(root) }), 0)
}

fn entry(n: i64) -> Entry {
    Entry { physical_offset: PhysicalOffset(n * 100), size: 100, tag_code: n }
}

/// Entries that stay in memory.
const KEEP: usize = 8;
const ALL: PhysicalOffset = PhysicalOffset(i64::MAX);

fn read_all(queue: &ConsumeQueue, from: i64) -> Vec<Entry> {
    let (mut all, mut some, mut at) = (Vec::new(), Vec::new(), from);
    loop {
        queue.read(QueueOffset(at), 7, ALL, &mut some).unwrap();
        if some.is_empty() {
            return all;
        }
        at += some.len() as i64;
        all.append(&mut some);
    }
}

#[test]
fn entries_are_read_from_memory_and_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    let entries: Vec<_> = (0..25).map(entry).collect();
    for (n, e) in entries.iter().enumerate() {
        queue.push(*e);
        if n % 6 == 0 {
            queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        }
        assert_eq!(read_all(&queue, 0), entries[..=n]);
    }
    queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
    queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
    assert!(queue.tail.lock().is_empty(), "an idle queue keeps nothing in memory");
    assert_eq!(read_all(&queue, 0), entries);
    assert_eq!(queue.next_offset(), QueueOffset(25));
}

#[test]
fn a_queue_in_use_keeps_its_newest_entries_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    for n in 0..100 {
        queue.push(entry(n));
        queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        let kept = queue.tail.lock().entries().len();
        // Those behind do not move up for each of them.
        assert!((KEEP..=KEEP + KEEP / 4).contains(&kept) || kept == n as usize + 1, "{kept} after {n}");
    }
}

#[test]
fn nobody_sees_beyond_what_is_safe() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    (0..5).for_each(|n| {
        queue.push(entry(n));
    });
    let safe = PhysicalOffset(250);
    assert_eq!(queue.max_offset(safe), QueueOffset(2));
    let mut seen = Vec::new();
    queue.read(QueueOffset(0), 10, safe, &mut seen).unwrap();
    assert_eq!(seen, [entry(0), entry(1)]);
    assert!(queue.write_tail(safe, KEEP, &mut |_, _| {}).unwrap(), "the rest waits");
    assert_eq!(queue.max_offset(safe), QueueOffset(2));
    assert_eq!(queue.max_offset(ALL), QueueOffset(5));
}

#[test]
fn a_queue_made_anew_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    (0..15).for_each(|n| {
        queue.push(entry(n));
    });
    queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
    assert!(queue.knows(QueueOffset(3), entry(3)).unwrap());
    assert!(!queue.knows(QueueOffset(3), entry(103)).unwrap());
    queue.start_over(QueueOffset(0)).unwrap();
    (100..103).for_each(|n| {
        queue.push(entry(n));
    });
    assert_eq!(read_all(&queue, 0), [entry(100), entry(101), entry(102)]);
}

#[test]
fn offsets_whose_messages_are_gone_are_holes() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    (0..12).for_each(|n| {
        queue.push(entry(n));
    });
    queue.skip_to(QueueOffset(23)).unwrap();
    queue.push(entry(23));
    queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
    let again = self::queue(dir.path());
    again.load(PhysicalOffset(2400)).unwrap();
    assert_eq!((again.min_offset(), again.next_offset()), (QueueOffset(0), QueueOffset(24)));
    let all = read_all(&again, 0);
    assert!(all[..12].iter().copied().eq((0..12).map(entry)));
    assert!(all[12..23].iter().all(Entry::is_hole));
    assert_eq!(all[23], entry(23));
}

#[test]
fn holes_hide_no_message_when_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    (0..12).for_each(|n| {
        queue.push(entry(n));
    });
    queue.skip_to(QueueOffset(30)).unwrap();
    (30..35).for_each(|n| {
        queue.push(entry(n));
    });
    for (log_start, min) in [(0, 0), (300, 3), (1150, 30), (1200, 30), (3300, 33)] {
        queue.trim(PhysicalOffset(log_start), ALL).unwrap();
        assert_eq!(queue.min_offset(), QueueOffset(min), "when the log starts at {log_start}");
    }
}

#[test]
fn a_rebuilt_queue_may_begin_beyond_zero() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path());
    assert!(queue.is_new().unwrap());
    queue.skip_to(QueueOffset(13)).unwrap();
    (13..18).for_each(|n| {
        queue.push(entry(n));
    });
    assert_eq!((queue.min_offset(), queue.next_offset()), (QueueOffset(13), QueueOffset(18)));
    queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
    let again = self::queue(dir.path());
    again.load(ALL).unwrap();
    again.trim(PhysicalOffset(1300), ALL).unwrap();
    assert_eq!((again.min_offset(), again.next_offset()), (QueueOffset(13), QueueOffset(18)));
    assert_eq!(read_all(&again, 13).len(), 5);
}

proptest! {
    // Entries of 10 to a file; what was not synced may be there or not, entry by entry.
    #[test]
    fn nothing_is_left_behind_what_a_power_cut_took(
        synced in 0..25_i64,
        torn in prop::collection::vec(any::<bool>(), 0..25),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let queue = queue(dir.path());
        (0..synced).for_each(|n| { queue.push(entry(n)); });
        queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        for (n, _) in torn.iter().enumerate().filter(|(_, is_there)| **is_there) {
            let n = synced + n as i64;
            queue.files().write(QueueOffset(n), std::iter::once(entry(n)), &mut |_, _| {}).unwrap();
        }
        let again = self::queue(dir.path());
        let is_cut = again.load(PhysicalOffset(synced * 100)).unwrap();
        prop_assert_eq!(is_cut, torn.contains(&true));
        prop_assert_eq!(again.next_offset(), QueueOffset(synced));
        again.push(entry(77));
        again.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        let third = self::queue(dir.path());
        prop_assert!(!third.load(ALL).unwrap());
        prop_assert_eq!(third.next_offset(), QueueOffset(synced + 1));
    }

    #[test]
    fn loading_drops_exactly_what_lies_beyond_the_cut(count in 0..45_i64, cut in 0..50_i64) {
        let dir = tempfile::tempdir().unwrap();
        let queue = queue(dir.path());
        (0..count).for_each(|n| { queue.push(entry(n)); });
        queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        let again = self::queue(dir.path());
        again.load(PhysicalOffset(cut * 100)).unwrap();
        let kept = count.min(cut);
        prop_assert_eq!(again.next_offset(), QueueOffset(kept));
        prop_assert_eq!(read_all(&again, 0), (0..kept).map(entry).collect::<Vec<_>>());
        // What was dropped must not come back.
        again.push(entry(77));
        again.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        let third = self::queue(dir.path());
        third.load(ALL).unwrap();
        prop_assert_eq!(third.next_offset(), QueueOffset(kept + 1));
    }

    #[test]
    fn trimming_keeps_what_is_in_the_log(count in 1..45_i64, start in 0..50_i64) {
        let dir = tempfile::tempdir().unwrap();
        let queue = queue(dir.path());
        (0..count).for_each(|n| { queue.push(entry(n)); });
        queue.write_tail(ALL, KEEP, &mut |_, _| {}).unwrap();
        queue.trim(PhysicalOffset(start * 100), ALL).unwrap();
        let min = start.min(count);
        prop_assert_eq!(queue.min_offset(), QueueOffset(min));
        prop_assert_eq!(read_all(&queue, min), (min..count).map(entry).collect::<Vec<_>>());
    }
}
