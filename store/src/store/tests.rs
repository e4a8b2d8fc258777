use super::*;
use crate::{AppendError, Appended, NewMessage, PullStatus, Retention, Tag};
use gantry_message::hash::tag_code;
use gantry_message::{Host, name, record};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

const TIMES: RangeInclusive<i64> = 0..=i64::MAX;

fn config(root: &Path) -> StoreConfig {
    StoreConfig {
        file_size: 64 * 1024,
        queue_file_entries: 50,
        index_slots: 100,
        index_items: 400,
        warm_ahead: 16 * 1024,
        flush: FlushMode::Async(Duration::from_millis(5)),
        checkpoint_every: (Duration::from_millis(20), 32 * 1024),
        ..StoreConfig::new(root)
    }
}

fn sync(root: &Path) -> StoreConfig {
    StoreConfig { flush: FlushMode::Sync, ..config(root) }
}

fn message<'a>(body: &'a [u8], properties: &'a str) -> NewMessage<'a> {
    NewMessage {
        flag: 7,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: Host::new("10.0.0.1:99".parse().unwrap()),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        properties,
        extra_properties: "X\u{1}y\u{2}",
        tag: Tag::Code(tag_code(properties::find(properties, properties::TAGS))),
    }
}

/// What a test remembers of a message.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    topic: String,
    queue: i32,
    offset: i64,
    at: PhysicalOffset,
    body: Vec<u8>,
}

fn send(store: &Store, topic: &str, queue: i32, n: usize) -> Sent {
    let body = format!("{topic}/{queue}/{n}").repeat(n % 7 * 10 + 1).into_bytes();
    let properties =
        format!("KEYS\u{1}key{n} all\u{2}TAGS\u{1}tag{}\u{2}UNIQ_KEY\u{1}u{topic}{n}\u{2}", n % 3);
    let appended = store.append(&store.queue(topic, queue), &message(&body, &properties), None).unwrap();
    Sent { topic: topic.into(), queue, offset: appended.queue_offset.0, at: appended.physical_offset, body }
}

fn fill(store: &Store, from: usize, to: usize) -> Vec<Sent> {
    (from..to).map(|n| send(store, ["A", "B", "%RETRY%g"][n % 3], (n % 4) as i32, n)).collect()
}

/// Everything in a queue, read as a consumer does.
fn consume(store: &Store, topic: &str, id: i32) -> Vec<(i64, Vec<u8>)> {
    let queue = store.queue(topic, id);
    let (mut all, mut at) = (Vec::new(), queue.min_offset());
    loop {
        let pulled = store.pull(&queue, at, PullLimits::new(32), &|_: i64| true).unwrap();
        let pulled = store.check(&queue, pulled).unwrap();
        at = pulled.next_offset;
        match pulled.status {
            PullStatus::MessageWasRemoving => {}
            PullStatus::Found => {
                let bytes: Vec<u8> = pulled.slices().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(bytes.len(), pulled.len);
                for record in record::records(&bytes) {
                    let record = record.unwrap();
                    record.check_crc().unwrap();
                    assert_eq!((record.topic, record.queue_id), (topic, id));
                    assert!(record.properties.ends_with("X\u{1}y\u{2}"));
                    all.push((record.queue_offset, record.body.to_vec()));
                }
            }
            PullStatus::OffsetOverflowOne | PullStatus::NoMessageInQueue => return all,
            other => panic!("{other:?} at {at}"),
        }
    }
}

/// Every message is at its place, every queue dense, every key found, and nothing else is there.
fn check(store: &Store, sent: &[Sent]) {
    for topic in ["A", "B", "%RETRY%g"] {
        for id in 0..4 {
            let expected: Vec<_> = sent.iter().filter(|s| s.topic == topic && s.queue == id).collect();
            let got = consume(store, topic, id);
            assert_eq!(got.len(), expected.len(), "{topic}/{id}");
            for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
                assert_eq!(got.0, n as i64, "dense");
                assert_eq!((got.0, &got.1), (expected.offset, &expected.body));
                let bytes = store.read_at(expected.at).expect("at its place in the log");
                assert_eq!(Record::read(&bytes).unwrap().0.body, expected.body);
            }
        }
    }
    for (n, sent) in sent.iter().enumerate().step_by(7) {
        for key in [format!("key{n}"), format!("u{}{n}", sent.topic)] {
            let found = store.query(&sent.topic, &key, &TIMES, 10);
            assert_eq!(found.len(), 1, "{key}");
            assert_eq!(Record::read(&found[0]).unwrap().0.body, sent.body);
        }
    }
}

/// What a kill -9 leaves: the files as the page cache has them at this instant.
fn snapshot(root: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(root, copy.path());
    copy
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else if let Err(error) = fs::copy(entry.path(), &target) {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "only deleted files may go missing");
        }
    }
}

#[test]
fn messages_survive_a_clean_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut sent = Vec::new();
    for round in 0..3 {
        let store = Store::open(config(dir.path())).unwrap();
        check(&store, &sent);
        sent.extend(fill(&store, round * 300, round * 300 + 300));
        check(&store, &sent);
        assert!(dir.path().join("abort").exists());
        store.close();
        assert!(!dir.path().join("abort").exists());
    }
}

#[test]
fn messages_survive_a_kill_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let mut sent = Vec::new();
    for round in 0..8 {
        sent.extend(fill(&store, round * 70, round * 70 + 70));
        let copy = snapshot(dir.path());
        let again = Store::open(config(copy.path())).unwrap();
        check(&again, &sent);
        // And again after more, from the recovered store.
        let mut more = sent.clone();
        more.extend(fill(&again, sent.len(), sent.len() + 50));
        let second = snapshot(copy.path());
        check(&Store::open(config(second.path())).unwrap(), &more);
    }
}

#[test]
fn derived_files_that_are_gone_are_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let sent = fill(&store, 0, 600);
    store.close();
    let cases: [&[&str]; 5] = [
        &["consumequeue"],
        &["index"],
        &["consumequeue", "index", "checkpoint"],
        &["consumequeue/A/0"],
        &["checkpoint"],
    ];
    for gone in cases {
        let copy = snapshot(dir.path());
        for path in gone {
            let path = copy.path().join(path);
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
        }
        check(&Store::open(config(copy.path())).unwrap(), &sent);
    }
}

#[test]
fn what_a_crash_left_behind_the_end_never_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let mut sent = fill(&store, 0, 40);
    let tail = fill(&store, 40, 60);
    let copy = snapshot(dir.path());
    // The first message of the tail is torn; those after it are whole, but unreachable.
    let path = copy.path().join("commitlog").join(format!("{:020}", 0));
    let mut bytes = fs::read(&path).unwrap();
    bytes[tail[0].at.0 as usize + 90] ^= 0xFF;
    fs::write(&path, &bytes).unwrap();
    fs::remove_file(copy.path().join("checkpoint")).unwrap();
    let again = Store::open(config(copy.path())).unwrap();
    check(&again, &sent);
    // A record of the torn one's length would line the old tail up again.
    sent.push(send(&again, &tail[0].topic, tail[0].queue, 40));
    assert_eq!(sent[40].at, tail[0].at);
    let second = snapshot(copy.path());
    check(&Store::open(config(second.path())).unwrap(), &sent);
}

#[test]
fn sync_mode_shows_nothing_before_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(sync(dir.path())).unwrap();
    for n in 0..50 {
        let queue = store.queue("A", 0);
        let appended = store.append(&queue, &message(b"x", ""), None).unwrap();
        let seen = store.max_offset(&queue);
        assert!(seen <= QueueOffset(n + 1));
        if seen == QueueOffset(n + 1) {
            assert!(store.durable_end() >= appended.end);
        }
        while store.durable_end() < appended.end {
            thread::yield_now();
        }
        assert_eq!(store.max_offset(&queue), QueueOffset(n + 1));
    }
}

#[test]
fn a_batch_is_consecutive() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let queue = store.queue("A", 0);
    let bodies: Vec<Vec<u8>> = (0..100).map(|n| vec![n; 300]).collect();
    let batch: Vec<_> = bodies.iter().map(|body| message(body, "")).collect();
    for round in 0..3 {
        let mut places = Vec::new();
        store.append_batch(&queue, &batch, None, &mut |place| places.push(place)).unwrap();
        let offsets: Vec<_> = places.iter().map(|p| p.queue_offset.0).collect();
        assert_eq!(offsets, (round * 100..round * 100 + 100).collect::<Vec<_>>());
        assert!(places.windows(2).all(|p| p[0].end == p[1].physical_offset), "one piece, in one file");
    }
    assert_eq!(consume(&store, "A", 0).len(), 300);
    let huge = vec![0; 70_000];
    assert!(matches!(store.append(&queue, &message(&huge, ""), None), Err(AppendError::TooLarge { .. })));
}

#[test]
fn of_what_goes_together_a_crash_leaves_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let (a, marks) = (store.queue("A", 0), store.queue(name::TIMER_MARKS_TOPIC, 0));
    let places = std::cell::Cell::new(None);
    // Often enough for the file to end between two appends, never within one.
    for n in 0..200 {
        let tell = |all: &[Appended], mark: Appended| places.set(Some(([all[0], all[1]], mark)));
        let messages = [message(&[7; 300], ""), message(b"second", "")];
        let mark = NewMessage::own(1, b"mark", "");
        store.append_both((&a, &messages), (&marks, &mark), None, tell).unwrap();
        let ([one, two], mark) = places.get().unwrap();
        assert_eq!((one.queue_offset, two.queue_offset), (QueueOffset(2 * n), QueueOffset(2 * n + 1)));
        assert_eq!(mark.queue_offset, QueueOffset(n));
        assert!(mark.physical_offset < one.physical_offset);
        assert_eq!((one.end, two.end), (two.physical_offset, mark.end));
    }
    let count = |store: &Store| {
        let ends = [("A", 0), (name::TIMER_MARKS_TOPIC, 0)].map(|(topic, id)| {
            let queue = store.queue(topic, id);
            store.max_offset(&queue).0
        });
        (ends[0], ends[1])
    };
    let copy = snapshot(dir.path());
    assert_eq!(count(&Store::open(config(copy.path())).unwrap()), (400, 200));
    // The moment before the first of the last three is sealed; and a power cut that took only what stands in the middle, or in the
    // end.
    let ([one, two], mark) = places.get().unwrap();
    for gone in [mark, one, two] {
        let copy = snapshot(dir.path());
        let at = gone.physical_offset.0 as usize;
        let path = copy.path().join("commitlog").join(format!("{:020}", at / 65536 * 65536));
        let mut bytes = fs::read(&path).unwrap();
        bytes[at % 65536..][..4].fill(0);
        fs::write(&path, &bytes).unwrap();
        fs::remove_file(copy.path().join("checkpoint")).unwrap();
        assert_eq!(count(&Store::open(config(copy.path())).unwrap()), (398, 199));
    }
}

/// A store whose last stop was a kill, with so many messages on its disk; and what they are.
fn killed(count: usize) -> (tempfile::TempDir, Vec<Sent>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(sync(dir.path())).unwrap();
    let mut sent = fill(&store, 0, count - 50);
    store.inner.await_checkpoint().unwrap();
    sent.extend(fill(&store, count - 50, count));
    store.flush().unwrap();
    (snapshot(dir.path()), sent)
}

fn edit(root: &Path, at: PhysicalOffset, change: impl FnOnce(&mut [u8])) {
    let path = root.join("commitlog").join(format!("{:020}", at.0 / 65536 * 65536));
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes[at.0 as usize % 65536..]);
    fs::write(&path, &bytes).unwrap();
}

#[test]
fn damage_in_what_was_on_the_disk_costs_one_message_only() {
    // In the body, in the length, in the magic, in the queue offset, in what says where it is; of a message near the end and of
    // one far from it.
    for (byte, n) in
        [(95, 390), (3, 390), (5, 390), (26, 390), (34, 390), (95, 5), (3, 5), (26, 5), (26, 399)]
    {
        let (root, mut sent) = killed(400);
        edit(root.path(), sent[n].at, |record| record[byte] ^= 4);
        // Without a checkpoint's distance all of it is read again.
        for gone in [None, Some("consumequeue")] {
            let copy = snapshot(root.path());
            if let Some(gone) = gone {
                fs::remove_dir_all(copy.path().join(gone)).unwrap();
            }
            let store = Store::open(sync(copy.path())).unwrap();
            let rest: Vec<_> =
                sent.iter().enumerate().filter(|(at, _)| *at != n).map(|(_, sent)| sent).collect();
            for sent in rest {
                let queue = store.queue(&sent.topic, sent.queue);
                let there = store.message(&queue, QueueOffset(sent.offset)).unwrap();
                let there = there.unwrap_or_else(|| panic!("byte {byte} of {n}: {sent:?} is gone"));
                assert_eq!(Record::read(&there).unwrap().0.body, sent.body);
            }
            // And what comes next has its place behind all of it.
            let next = send(&store, &sent[n].topic, sent[n].queue, 1000);
            assert!(sent.iter().all(|sent| sent.at < next.at));
            let queue = store.queue(&next.topic, next.queue);
            assert!(store.max_offset(&queue).0 <= next.offset + 1);
        }
        sent.clear();
    }
}

#[test]
fn what_a_queue_says_wrongly_is_put_right_and_no_other_bytes_are_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(sync(dir.path())).unwrap();
    let sent = fill(&store, 0, 600);
    store.close();
    let of_queue: Vec<_> = sent.iter().filter(|sent| sent.topic == "A" && sent.queue == 0).collect();
    let expected: Vec<_> = of_queue.iter().map(|sent| (sent.offset, sent.body.clone())).collect();
    // A bit of the offset, of the length, of the tag's code; an entry of nothing; a whole sector of nothing; what another queue has.
    let damages: [fn(&mut [u8]); 6] = [
        |file| file[7 * 20 + 5] ^= 1,
        |file| file[7 * 20 + 11] ^= 2,
        |file| file[7 * 20 + 19] ^= 1,
        |file| file[7 * 20..8 * 20].fill(0),
        |file| file[..512].fill(0),
        |file| file[7 * 20 + 6] ^= 0x11,
    ];
    for damage in damages {
        let copy = snapshot(dir.path());
        let path = copy.path().join("consumequeue/A/0").join(format!("{:020}", 0));
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let store = Store::open(sync(copy.path())).unwrap();
        assert_eq!(consume(&store, "A", 0), expected);
        assert_eq!(store.lost(), 0);
        store.close();
        assert_eq!(consume(&Store::open(sync(copy.path())).unwrap(), "A", 0), expected);
    }
    let copy = snapshot(dir.path());
    edit(copy.path(), of_queue[9].at, |record| record[95] ^= 1);
    let store = Store::open(sync(copy.path())).unwrap();
    let rest: Vec<_> = expected.iter().filter(|(offset, _)| *offset != 9).cloned().collect();
    assert_eq!(consume(&store, "A", 0), rest);
    assert_eq!(store.lost(), 1);
}

#[test]
fn properties_that_did_not_reach_the_disk_make_no_message() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let sent = fill(&store, 0, 20);
    let long = format!("KEYS\u{1}{}\u{2}", "k".repeat(2000));
    let torn = store.append(&store.queue("A", 0), &message(b"torn", &long), None).unwrap();
    let next_sector = |at: usize| at + 512 - (torn.physical_offset.0 as usize + at) % 512;
    let sector = next_sector(500);
    // A whole sector; a byte; what is behind some place in its sector, and in the record: it was written before all was copied.
    for zeros in [sector..sector + 512, 700..701, 700..next_sector(700), 2000..2100] {
        let copy = snapshot(dir.path());
        edit(copy.path(), torn.physical_offset, |record| record[zeros.clone()].fill(0));
        fs::remove_file(copy.path().join("checkpoint")).unwrap();
        check(&Store::open(config(copy.path())).unwrap(), &sent);
    }
}

#[test]
fn properties_with_zeros_that_were_on_the_disk_once_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(sync(dir.path())).unwrap();
    let sent = fill(&store, 0, 20);
    let odd = store.append(&store.queue("A", 0), &message(b"odd", "KEYS\u{1}a\0b\u{2}"), None).unwrap();
    while store.durable_end() < odd.end {
        thread::yield_now();
    }
    let last = sent.iter().filter(|sent| (&*sent.topic, sent.queue) == ("A", 0)).count() as i64;
    let odd =
        Sent { topic: "A".into(), queue: 0, offset: last, at: odd.physical_offset, body: b"odd".into() };
    let sent = [sent, vec![odd]].concat();
    check(&Store::open(sync(snapshot(dir.path()).path())).unwrap(), &sent);
}

#[test]
fn a_deleted_topic_stays_deleted_through_a_kill_and_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    (0..20).for_each(|n| drop(send(&store, "A", 0, n)));
    store.delete_topic("A").unwrap();
    let again: Vec<_> = (0..3).map(|n| send(&store, "A", 0, n)).collect();
    for gone in [&[][..], &["consumequeue"], &["consumequeue", "checkpoint"]] {
        let copy = snapshot(dir.path());
        for path in gone {
            let path = copy.path().join(path);
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
        }
        let store = Store::open(config(copy.path())).unwrap();
        let bodies: Vec<_> = again.iter().map(|sent| (sent.offset, sent.body.clone())).collect();
        assert_eq!(consume(&store, "A", 0), bodies);
    }
}

#[test]
fn pulls_outside_a_queue_are_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let pull = |offset| {
        let pulled = store
            .pull(&store.queue("A", 0), QueueOffset(offset), PullLimits::new(32), &|_: i64| true)
            .unwrap();
        (pulled.status, pulled.next_offset.0)
    };
    assert_eq!(pull(0), (PullStatus::NoMessageInQueue, 0));
    assert_eq!(pull(5), (PullStatus::NoMessageInQueue, 0));
    (0..3).for_each(|n| drop(send(&store, "A", 0, n)));
    assert_eq!(pull(0).0, PullStatus::Found);
    assert_eq!(pull(3), (PullStatus::OffsetOverflowOne, 3));
    assert_eq!(pull(4), (PullStatus::OffsetOverflowBadly, 3));
    assert_eq!(pull(-1), (PullStatus::OffsetTooSmall, 0));
}

#[test]
fn a_filter_that_matches_nothing_still_advances() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    (0..1000).for_each(|n| drop(send(&store, "A", 0, n)));
    let queue = store.queue("A", 0);
    let pulled = store.pull(&queue, QueueOffset(0), PullLimits::new(32), &|_: i64| false).unwrap();
    assert_eq!((pulled.status, pulled.next_offset), (PullStatus::NoMatchedMessage, QueueOffset(800)));
    let code = tag_code(Some("tag1"));
    let pulled = store.pull(&queue, QueueOffset(0), PullLimits::new(5), &|tag: i64| tag == code).unwrap();
    let bytes: Vec<u8> = pulled.slices().flat_map(|slice| slice.to_vec()).collect();
    let offsets: Vec<_> = record::records(&bytes).map(|r| r.unwrap().queue_offset).collect();
    assert_eq!(offsets, [1, 4, 7, 10, 13]);
}

#[test]
fn offsets_are_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let queue = store.queue("A", 0);
    for n in 0..5 {
        send(&store, "A", 0, n);
        thread::sleep(Duration::from_millis(3));
    }
    let search = |time, boundary| store.search_offset(&queue, time, boundary).unwrap().0;
    for n in 0..5 {
        let time = store.store_timestamp(&queue, QueueOffset(n)).unwrap().unwrap();
        assert_eq!(search(time, Boundary::Lower), n);
        assert_eq!(search(time, Boundary::Upper), n);
        assert_eq!(search(time + 1, Boundary::Lower), n + 1);
        assert_eq!(search(time + 1, Boundary::Upper), n);
    }
    assert_eq!(search(0, Boundary::Lower), 0);
    assert_eq!(search(0, Boundary::Upper), 0);
    assert_eq!(search(i64::MAX, Boundary::Upper), 4);
}

#[test]
fn a_deleted_topic_starts_anew_and_stays_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    (0..60).for_each(|n| drop(send(&store, "A", 0, n)));
    store.delete_topic("A").unwrap();
    assert_eq!(consume(&store, "A", 0), []);
    let first = send(&store, "A", 0, 1);
    assert_eq!(first.offset, 0);
    let again = Store::open(config(snapshot(dir.path()).path())).unwrap();
    assert_eq!(consume(&again, "A", 0), [(0, first.body)]);
    store.delete_topic("A").unwrap();
    store.close();
    let again = Store::open(config(dir.path())).unwrap();
    assert!(again.existing_queue("A", 0).is_none());
}

#[test]
fn old_files_go_with_everything_derived_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let sent = fill(&store, 0, 2000);
    store.flush().unwrap();
    assert!(store.query("A", "none", &TIMES, 1).is_empty());
    let forced = Retention { expired_above: 0.0, forcibly_above: 0.0, ..Retention::default() };
    let policy = StoreConfig { retention: forced, ..config(dir.path()) };
    store.close();
    let store = Store::open(policy).unwrap();
    store.inner.delete_old_files(false).unwrap();
    let start = store.stats().log_start;
    assert!(start > PhysicalOffset(64 * 1024), "files went: {start}");
    for topic in ["A", "B", "%RETRY%g"] {
        for id in 0..4 {
            let left: Vec<_> =
                sent.iter().filter(|s| s.topic == topic && s.queue == id && s.at >= start).collect();
            assert_eq!(consume(&store, topic, id).len(), left.len());
            assert_eq!(store.queue(topic, id).min_offset().0, left.first().map_or(0, |s| s.offset));
        }
    }
    drop(store);
    // A rebuild from what is left keeps the offsets.
    fs::remove_dir_all(dir.path().join("consumequeue")).unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let last = sent.last().unwrap();
    let got = consume(&store, &last.topic, last.queue);
    assert_eq!(got.last().unwrap(), &(last.offset, last.body.clone()));
}

#[test]
fn who_asks_for_expired_files_to_go_means_what_was_just_sent() {
    let dir = tempfile::tempdir().unwrap();
    let nothing_is_kept = Retention { keep: Duration::ZERO, ..Retention::default() };
    let store = Store::open(StoreConfig { retention: nothing_is_kept, ..config(dir.path()) }).unwrap();
    fill(&store, 0, 4000);
    store.delete_expired().unwrap();
    let stats = store.stats();
    assert!(
        stats.log_end.0 - stats.log_start.0 <= 64 * 1024,
        "only the file being written is left: {stats:?}"
    );
}

#[test]
fn delayed_messages_keep_their_time_through_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let queue = store.queue(name::SCHEDULE_TOPIC, 2);
    let delayed =
        NewMessage { tag: Tag::DueAfter(Duration::from_secs(10)), ..message(b"later", "DELAY\u{1}3\u{2}") };
    let due = store.append(&queue, &delayed, None).unwrap().store_timestamp + 10_000;
    assert_eq!(store.entry(&queue, QueueOffset(0)).unwrap().unwrap().tag_code, due);
    let again = Store::open(config(snapshot(dir.path()).path())).unwrap();
    let queue = again.queue(name::SCHEDULE_TOPIC, 2);
    assert_eq!(again.entry(&queue, QueueOffset(0)).unwrap().unwrap().tag_code, due);
}

#[test]
fn a_store_is_opened_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    assert!(matches!(Store::open(config(dir.path())), Err(OpenError::InUse { .. })));
    send(&store, "A", 0, 1);
    drop(store);
    Store::open(config(dir.path())).unwrap();
    let other_size = StoreConfig { file_size: 128 * 1024, ..config(dir.path()) };
    assert!(matches!(Store::open(other_size), Err(OpenError::FileSize { .. })));
}

#[test]
fn a_missing_file_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    fill(&store, 0, 2000);
    drop(store);
    fs::remove_file(dir.path().join("commitlog").join(format!("{:020}", 64 * 1024))).unwrap();
    assert!(matches!(Store::open(config(dir.path())), Err(OpenError::Gap { .. })));
}

/// Damage of the newest part of the checkpoint looks as if Apache's broker had had the store: what was on the disk is there all the
/// same, behind damage of the log, too.
#[test]
fn a_damaged_checkpoint_is_no_reason_to_cut_the_log() {
    use std::os::unix::fs::FileExt as _;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let sent = fill(&store, 0, 300);
    drop(store);
    let store = Store::open(config(dir.path())).unwrap();
    let more = fill(&store, 300, 600);
    drop(store);
    let file = fs::File::options().write(true).open(dir.path().join("checkpoint")).unwrap();
    // Whichever slot is the newest.
    for slot in [512, 1024] {
        file.write_all_at(&[9; 30], slot).unwrap();
    }
    edit(dir.path(), sent[100].at, |record| record[100] ^= 1);
    let store = Store::open(config(dir.path())).unwrap();
    for sent in sent.iter().skip(101).chain(&more) {
        let bytes = store.read_at(sent.at).expect("it was acknowledged, and is not damaged");
        assert_eq!(Record::read(&bytes).unwrap().0.body, &sent.body[..]);
    }
}

/// A rebuild that is interrupted goes on from where it was, and nothing is missing in the end.
#[test]
fn an_interrupted_rebuild_is_kept() {
    const FILE: i64 = 64 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let sent = fill(&store, 0, 3000);
    let last = store.stats().log_end.0 / FILE * FILE;
    drop(store);
    fs::remove_dir_all(dir.path().join("consumequeue")).unwrap();
    let log = dir.path().join("commitlog");
    // Without its end the log is not whole, which is found out after all of it was read.
    let taken: Vec<_> = [last, last + FILE]
        .map(|at| format!("{at:020}"))
        .into_iter()
        .filter(|name| log.join(name).exists())
        .collect();
    for name in &taken {
        fs::rename(log.join(name), dir.path().join(name)).unwrap();
    }
    assert!(matches!(Store::open(config(dir.path())), Err(OpenError::EndGone { .. })));

    for name in &taken {
        fs::rename(dir.path().join(name), log.join(name)).unwrap();
    }
    let again = config(dir.path());
    let progress = Arc::clone(&again.progress);
    let store = Store::open(again).unwrap();
    assert!(progress.from().0 >= last - FILE, "it began again at {}", progress.from());
    check(&store, &sent);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens to the bytes after the last checkpoint, opening never panics, and what it accepts is a prefix.
    #[test]
    fn a_damaged_tail_leaves_a_prefix(at in 0.0..1.0_f64, len in 1..3000_usize, byte in any::<u8>(), keep_checkpoint in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { checkpoint_every: (Duration::from_secs(600), u64::MAX), ..config(dir.path()) }).unwrap();
        let sent = fill(&store, 0, 120);
        let copy = snapshot(dir.path());
        let end = store.stats().log_end.0 as usize;
        drop(store);
        if !keep_checkpoint {
            fs::remove_file(copy.path().join("checkpoint")).unwrap();
        }
        let path = copy.path().join("commitlog").join(format!("{:020}", 0));
        let mut bytes = fs::read(&path).unwrap();
        let at = (end as f64 * at) as usize;
        for b in bytes.iter_mut().skip(at).take(len) {
            *b = byte;
        }
        fs::write(&path, &bytes).unwrap();
        let again = Store::open(config(copy.path())).unwrap();
        let cut = again.stats().log_end;
        let kept: Vec<_> = sent.iter().filter(|s| s.at < cut).cloned().collect();
        // Damage inside topic or properties is not covered by the body's CRC; everything before the damage is intact.
        let intact = sent.iter().take_while(|s| (s.at.0 as usize) + 91 + s.body.len() + 120 < at).count();
        prop_assert!(kept.len() >= intact);
        for sent in &kept[..intact] {
            let bytes = again.read_at(sent.at).expect("intact");
            prop_assert_eq!(Record::read(&bytes).unwrap().0.body, &sent.body[..]);
        }
        send(&again, "A", 0, 1);
    }
}
