//! F8: bits of files are others at the next start. Messages whose own bytes changed may be gone; none is given out as it was not sent,
//! and no other is lost or moved.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Tally;
use super::ground::Ground;
use super::run::Run;
use crate::history::{Death, Flush, What};

/// Starts on one store: damage adds up.
const STARTS: u32 = 10;
const MOST_BITS: usize = 64;

/// Whose bits: each with how often it is chosen.
const KINDS: [(Kind, u32); 5] =
    [(Kind::Log, 40), (Kind::Queues, 25), (Kind::Index, 8), (Kind::Checkpoint, 12), (Kind::Config, 15)];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Log,
    Queues,
    Index,
    Checkpoint,
    Config,
}

impl Kind {
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Queues => Some("consumequeue"),
            Self::Index => Some("index"),
            Self::Config => Some("config"),
            Self::Log | Self::Checkpoint => None,
        }
    }
}

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally.cycles < cycles {
        let mut run = Run::new(Flush::Sync, Ground::folder()?)?.plain();
        for _ in 0..STARTS.min(cycles - tally.cycles) {
            run.begin_life()?;
            run.look()?;
            let enough = random.u64(50..1_500);
            if random.bool() {
                run.work_until(enough, Death::Kill, |_| Ok(()))?;
            } else {
                run.work(enough)?;
                run.stop()?;
            }
            let kind = pick(&mut random);
            // A broker that was killed early has written nothing else yet.
            let is_there = kind.folder().is_none_or(|folder| {
                files_in(&run.start.store.join(folder)).is_ok_and(|files| !files.is_empty())
            });
            let kind = if is_there { kind } else { Kind::Log };
            let bits = flip(&run, kind, &mut random)?;
            tally.witness(&format!("bits flipped in {kind:?}"), bits);
            tally.cycles += 1;
            each();
        }
        tally.add(run.judge_as_it_is()?);
    }
    Ok(tally)
}

fn pick(random: &mut fastrand::Rng) -> Kind {
    let all: u32 = KINDS.iter().map(|(_, weight)| weight).sum();
    let mut at = random.u32(..all);
    for (kind, weight) in KINDS {
        match at.checked_sub(weight) {
            Some(rest) => at = rest,
            None => return kind,
        }
    }
    Kind::Log
}

/// Flips bits of one file; gives how many.
fn flip(run: &Run, kind: Kind, random: &mut fastrand::Rng) -> Result<u64> {
    let store = &run.start.store;
    let (file, length) = match kind {
        Kind::Log => {
            // Only what was acknowledged, and so what is in use.
            let end = run.world.acked_end();
            let files = files_below(&store.join("commitlog"))?;
            let used: Vec<_> = files
                .into_iter()
                .filter_map(|file| {
                    let base = base_of(&file)?;
                    let length = (end - base).min(i64::try_from(fs::metadata(&file).ok()?.len()).ok()?);
                    (length > 0).then_some((file, length as u64))
                })
                .collect();
            random.choice(used).context("a log file")?
        }
        Kind::Queues => any(&store.join("consumequeue"), random)?,
        Kind::Index => any(&store.join("index"), random)?,
        Kind::Checkpoint => (store.join("checkpoint"), 2_100),
        Kind::Config => any(&store.join("config"), random)?,
    };
    if length == 0 {
        return Ok(0);
    }
    let bits = if random.bool() { 1 } else { random.usize(1..=MOST_BITS) };
    let open = File::options().read(true).write(true).open(&file)?;
    let at = random.u64(..length);
    for _ in 0..bits {
        // Close to each other: damage is, and so more than one hits what is in use.
        let at = (at + random.u64(..256)).min(length - 1);
        let mut byte = [0];
        open.read_exact_at(&mut byte, at)?;
        byte[0] ^= 1 << random.u32(..8);
        open.write_all_at(&byte, at)?;
        if let (Kind::Log, Some(base)) = (kind, base_of(&file)) {
            run.record(What::Damaged { physical: base + at as i64 });
        }
    }
    open.sync_all()?;
    let name = file.strip_prefix(store).unwrap_or(&file).display().to_string();
    run.record(What::Fault { name: "bit flips".into(), witness: format!("{bits} from {at} on in {name}") });
    Ok(bits as u64)
}

/// What a log file's name says.
fn base_of(file: &Path) -> Option<i64> {
    file.file_name()?.to_str()?.parse().ok()
}

/// A file, and how much of it is in use.
fn any(folder: &Path, random: &mut fastrand::Rng) -> Result<(PathBuf, u64)> {
    let file = random.choice(files_in(folder)?).with_context(|| format!("a file in {}", folder.display()))?;
    let bytes = fs::read(&file)?;
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok((file, used as u64))
}

/// Those of JSON only where there is a backup, and not that: whose file and backup are damaged is told so, and does not start.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_below(folder)?;
    files.retain(|file| {
        let name = file.display().to_string();
        !name.ends_with(".bak") && (!name.ends_with(".json") || Path::new(&format!("{name}.bak")).exists())
    });
    Ok(files)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}
