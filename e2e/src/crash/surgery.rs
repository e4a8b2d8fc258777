//! F9: files are cut, emptied, swapped or gone at the next start. The broker is as it was, or it says which file is in the way and
//! does not start; with what was there before it then goes on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::Tally;
use super::derived::copy_folder;
use super::ground::Ground;
use super::run::Run;
use crate::history::Flush;

type Operation = fn(&Path) -> Result<()>;

/// What is done, and what a broker that does not start says of it.
const OPERATIONS: &[(&str, Operation, Option<&str>)] = &[
    (
        "the last log file is cut",
        |store| resize(&last_log_file(store)?, |len| len / 3),
        Some("bytes, but mapedFileSizeCommitLog is"),
    ),
    (
        "the last log file is longer",
        |store| resize(&last_log_file(store)?, |len| len + 4096),
        Some("bytes, but mapedFileSizeCommitLog is"),
    ),
    (
        "a log file in the middle is gone",
        |store| Ok(fs::remove_file(middle_log_file(store)?)?),
        Some("a CommitLog file is missing"),
    ),
    (
        "a log file in the middle is empty",
        |store| resize(&middle_log_file(store)?, |_| 0),
        Some("bytes, but mapedFileSizeCommitLog is"),
    ),
    ("the last log files are blank", blank_end, Some("the CommitLog was on the disk up to")),
    ("the queues are gone", |store| Ok(fs::remove_dir_all(store.join("consumequeue"))?), None),
    ("a queue is gone", |store| Ok(fs::remove_dir_all(store.join("consumequeue/orders/0"))?), None),
    ("a queue's files are cut", |store| cut_all(&store.join("consumequeue/orders/1")), None),
    ("the index is gone", |store| Ok(fs::remove_dir_all(store.join("index"))?), None),
    ("the index is cut", |store| cut_all(&store.join("index")), None),
    ("the checkpoint is gone", |store| Ok(fs::remove_file(store.join("checkpoint"))?), None),
    ("the checkpoint is empty", |store| resize(&store.join("checkpoint"), |_| 0), None),
    (
        "the topics are gone, their backup is there",
        |store| Ok(fs::remove_file(store.join("config/topics.json"))?),
        None,
    ),
    (
        "the topics are empty, their backup is there",
        |store| resize(&store.join("config/topics.json"), |_| 0),
        None,
    ),
    (
        "the offsets are cut, their backup is there",
        |store| resize(&store.join("config/consumerOffset.json"), |len| len / 2),
        None,
    ),
    (
        "something else lies in the log's folder",
        |store| Ok(fs::write(store.join("commitlog/notes.txt"), "x")?),
        None,
    ),
];

pub(super) const COUNT: u32 = OPERATIONS.len() as u32;

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    let mut run = Run::new(Flush::Sync, Ground::folder()?)?;
    let before = run.start.store.with_file_name("before");
    for cycle in 0..cycles {
        run.begin_life()?;
        run.look()?;
        // Several log files, and topics saved twice, so that there are backups of what matters.
        run.work(random.u64(1_000..2_500))?;
        run.stop()?;
        let store = run.start.store.clone();
        copy_folder(&store, &before)?;
        let (name, operation, refusal) = OPERATIONS[cycle as usize % OPERATIONS.len()];
        operation(&store).with_context(|| name)?;
        if let Some(refusal) = refusal {
            ensure!(!run.try_to_begin_life()?, "{name}: the broker starts");
            let log = fs::read_to_string(&run.start.log)?;
            let last = log.lines().last().unwrap_or_default();
            ensure!(log.lines().rev().take(5).any(|line| line.contains(refusal)), "{name}: it says {last}");
            fs::remove_dir_all(&store)?;
            fs::rename(&before, &store)?;
            tally.witness("starts that were refused", 1);
        } else {
            fs::remove_dir_all(&before)?;
            tally.witness("starts with what was left", 1);
        }
        tally.cycles += 1;
        each();
    }
    tally.add(run.judge()?);
    Ok(tally)
}

fn log_files(store: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(store.join("commitlog"))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_none());
    files.sort();
    Ok(files)
}

/// The last that has messages: behind it there is one that was made ahead.
fn last_used(store: &Path) -> Result<usize> {
    let files = log_files(store)?;
    for (n, file) in files.iter().enumerate().rev() {
        if fs::read(file)?.iter().take(8).any(|byte| *byte != 0) {
            return Ok(n);
        }
    }
    anyhow::bail!("no log file has messages")
}

fn last_log_file(store: &Path) -> Result<PathBuf> {
    Ok(log_files(store)?.swap_remove(last_used(store)?))
}

fn middle_log_file(store: &Path) -> Result<PathBuf> {
    let last = last_used(store)?;
    ensure!(last >= 2, "there are {} log files only", last + 1);
    Ok(log_files(store)?.swap_remove(last / 2))
}

fn blank_end(store: &Path) -> Result<()> {
    let last = last_used(store)?;
    for file in log_files(store)?.iter().skip(last.saturating_sub(1)) {
        let length = fs::metadata(file)?.len();
        let file = File::create(file)?;
        file.set_len(length)?;
    }
    // What is derived from it would tell as well.
    fs::remove_dir_all(store.join("consumequeue"))?;
    Ok(())
}

fn cut_all(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        resize(&entry?.path(), |length| length / 2)?;
    }
    Ok(())
}

fn resize(file: &Path, to: impl FnOnce(u64) -> u64) -> Result<()> {
    let open =
        File::options().write(true).open(file).with_context(|| format!("opening {}", file.display()))?;
    let length = open.metadata()?.len();
    Ok(open.set_len(to(length))?)
}
