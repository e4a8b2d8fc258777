//! A store whose files were damaged: it opens or says why not, reads without a panic, a hang or a signal, takes a message, and
//! still has it after a clean stop.
//!
//! The bytes say whether the store was stopped or killed, and what befell which of its files: CommitLog, ConsumeQueue, index,
//! checkpoint.
#![no_main]

use gantry_fuzz::choices::Choices;
use gantry_fuzz::folder;
use gantry_message::hash::tag_code;
use gantry_message::{Host, PhysicalOffset, Record, record};
use gantry_store::{
    Boundary, FlushMode, NewMessage, PullLimits, PullStatus, QueueOffset, Store, StoreConfig, Tag,
};
use libfuzzer_sys::fuzz_target;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

const TOPICS: [&str; 3] = ["A", "B", "SCHEDULE_TOPIC_XXXX"];
const FILE: u64 = 16 * 1024;

struct Seeds {
    stopped: TempDir,
    killed: TempDir,
}

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let (stopped, killed) = (folder::in_memory(), folder::in_memory());
    let store = Store::open(config(stopped.path())).expect("a new store opens");
    for n in 0..120 {
        append(&store, TOPICS[n % 3], (n % 2) as i32, &format!("body {n} ").repeat(n % 9 + 1));
    }
    store.flush().expect("memory takes it");
    let _ = store.await_index(Duration::from_secs(5));
    folder::copy(stopped.path(), killed.path());
    store.close();
    Seeds { stopped, killed }
});

fn config(root: &Path) -> StoreConfig {
    StoreConfig {
        file_size: FILE,
        queue_file_entries: 20,
        index_slots: 50,
        index_items: 200,
        warm_ahead: 0,
        flush: FlushMode::Async(Duration::from_millis(500)),
        ..StoreConfig::new(root)
    }
}

fn append(store: &Store, topic: &str, queue: i32, body: &str) -> Option<PhysicalOffset> {
    let properties = "KEYS\u{1}k\u{2}TAGS\u{1}t\u{2}DELAY\u{1}1\u{2}";
    let message = NewMessage {
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: Host::new("10.0.0.1:99".parse().expect("an address")),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: body.as_bytes(),
        properties,
        extra_properties: "",
        tag: Tag::Code(tag_code(Some("t"))),
    };
    store.append(&store.queue(topic, queue), &message, None).ok().map(|appended| appended.physical_offset)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// What can befall a file.
fn damage(path: &Path, all: &[PathBuf], choices: &mut Choices<'_>) {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    let len = file.metadata().map_or(0, |data| data.len());
    let place = |choices: &mut Choices<'_>| u64::from(choices.number()) % (len + 1);
    let done = match choices.byte() % 9 {
        0..=2 => {
            let at = place(choices);
            file.write_all_at(choices.some(), at)
        }
        3 => {
            // A number that means much.
            let at = place(choices) & !3;
            let number = choices.of(&[0_u32, 1, u32::MAX, 0x7FFF_FFFF, 0x8000_0000, 0xDAA3_20A7, 0xCBD4_3194, 91, FILE as u32]);
            file.write_all_at(&number.to_be_bytes(), at)
        }
        4 => file.set_len(place(choices)),
        5 => file.set_len(len + u64::from(choices.number() % 100_000)),
        6 => fs::remove_file(path),
        7 => {
            // Another file's content, or its name.
            let other = &all[choices.byte() as usize % all.len()];
            if choices.byte() % 2 == 0 { fs::copy(other, path).map(drop) } else { fs::rename(path, other) }
        }
        _ => {
            let at = place(choices);
            file.write_all_at(&vec![0; choices.number() as usize % 4096], at)
        }
    };
    // Whatever could not be done to it did not happen.
    let _ = done;
}

fn read_everything(store: &Store) {
    for topic in store.topics() {
        for queue in store.queues_of(&topic) {
            let (mut at, end) = (queue.min_offset(), store.max_offset(&queue));
            for _ in 0..100 {
                let Ok(pulled) = store.pull(&queue, at, PullLimits::new(32), &|_: i64| true) else { break };
                for slice in pulled.slices() {
                    for record in record::records(&slice) {
                        let _ = record.map(|record| record.check_crc());
                    }
                }
                if pulled.status != PullStatus::Found && pulled.next_offset <= at {
                    break;
                }
                at = pulled.next_offset;
            }
            for offset in [QueueOffset(0), queue.min_offset(), QueueOffset(end.0 - 1), QueueOffset(i64::MAX), QueueOffset(-1)] {
                let _ = store.message(&queue, offset);
                let _ = store.is_in_memory(&queue, offset);
                let _ = store.store_timestamp(&queue, offset);
            }
            let _ = store.search_offset(&queue, 1, Boundary::Lower);
            let _ = store.search_offset(&queue, i64::MAX, Boundary::Upper);
        }
        let _ = store.query(&topic, "k", &(0..=i64::MAX), 64);
    }
    for offset in [0, 1, FILE as i64 - 8, FILE as i64, i64::MAX, -1] {
        let _ = store.read_at(PhysicalOffset(offset));
    }
    let _ = (store.stats(), store.index_last_update());
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let seed = if choices.byte() % 2 == 0 { &SEEDS.killed } else { &SEEDS.stopped };
    let folder = folder::in_memory();
    let root = folder.path().join("store");
    folder::copy(seed.path(), &root);
    let mut all = Vec::new();
    files(&root, &mut all);
    while !choices.is_empty() {
        let path = &all[choices.byte() as usize % all.len()];
        damage(path, &all, &mut choices);
    }
    let Ok(store) = Store::open(config(&root)) else { return };
    read_everything(&store);
    let stored = append(&store, "A", 0, "after the damage");
    let _ = store.delete_expired();
    let _ = store.trim_queues();
    store.close();
    drop(store);
    let Some(at) = stored else { return };
    let store = Store::open(config(&root)).expect("what was stopped cleanly opens");
    let bytes = store.read_at(at).expect("what was stored is there");
    let (record, _) = Record::read(&bytes).expect("and whole");
    assert_eq!(record.body, b"after the damage");
});
