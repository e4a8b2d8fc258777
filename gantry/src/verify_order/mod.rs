//! `gantry verify-order`: the oracle of [`gantry_scaling::oracle`] with producers and consumers of our own.

mod args;
mod reading;
mod sending;

pub(crate) use args::Args;

use crate::cli::signal::StopSignal;
use crate::output::note::{note, warning};
use crate::output::progress::Progress;
use gantry_scaling::oracle::{Oracle, Sent, Verdict};
use parking_lot::Mutex;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest that a request which is no long poll is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(200);

/// What producers and consumers tell.
#[derive(Debug)]
struct Run {
    /// Keys begin with this: messages of other runs are not ours to judge.
    name: String,
    oracle: Mutex<Oracle>,
    acknowledged: AtomicU64,
    received: AtomicU64,
    failed: AtomicU64,
    stop_sending: AtomicBool,
}

impl Run {
    fn key(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }

    fn is_ours(&self, sent: &Sent) -> bool {
        sent.key.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('-'))
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignal::listen()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let run = Arc::new(Run {
        name: format!("verify-{now}"),
        oracle: Mutex::default(),
        acknowledged: AtomicU64::new(0),
        received: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        stop_sending: AtomicBool::new(false),
    });
    let groups: Vec<String> =
        (1..=args.groups).map(|number| format!("{}-group-{number}", run.name)).collect();
    let mut readers = Vec::new();
    for group in &groups {
        // Before anything is sent: a group that begins later would miss what came before.
        readers.push(reading::Reader::start(&args, &run, group, i64::try_from(now).unwrap_or(0)).await?);
    }
    let senders = sending::start(&args, &run).await?;
    if !args.json {
        note(format_args!("sending to {} for {:?}: scale it now, and watch", args.topic, args.time));
    }
    let mut progress = Progress::new("received", None);
    let began = Instant::now();
    let mut last = (0, Instant::now());
    let mut ended_early = false;
    loop {
        tokio::select! {
            () = stop.received() => {
                if run.stop_sending.swap(true, Ordering::AcqRel) {
                    ended_early = true;
                    break;
                }
                progress.aside(|| note("no more is sent; waiting for what is on its way (again: not any more)"));
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        if began.elapsed() >= args.time {
            run.stop_sending.store(true, Ordering::Release);
        }
        let received = run.received.load(Ordering::Relaxed);
        if received != last.0 {
            last = (received, Instant::now());
        }
        let wrong = summary(&run, &groups);
        progress.update(received, &wrong);
        let is_over = senders.iter().all(tokio::task::JoinHandle::is_finished);
        let all_here = || groups.iter().all(|group| run.oracle.lock().has_all(group));
        if is_over && (all_here() || last.1.elapsed() >= args.patience) {
            break;
        }
    }
    progress.finish();
    for reader in readers {
        reader.stop().await;
    }
    let verdicts: Vec<Verdict> = groups.iter().map(|group| run.oracle.lock().verdict(group)).collect();
    tell(&args, &run, &groups, &verdicts)?;
    let good = !ended_early && verdicts.iter().all(|verdict| verdict.is_good() && verdict.acknowledged > 0);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(run: &Run, groups: &[String]) -> String {
    let oracle = run.oracle.lock();
    let inversions: u64 = groups.iter().map(|group| oracle.inversions(group)).sum();
    format!("{} acknowledged, {inversions} out of order", run.acknowledged.load(Ordering::Relaxed))
}

fn tell(args: &Args, run: &Run, groups: &[String], verdicts: &[Verdict]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (group, verdict) in groups.iter().zip(verdicts) {
        if args.json {
            let line = json!({
                "group": group,
                "good": verdict.is_good(),
                "acknowledged": verdict.acknowledged,
                "received": verdict.received,
                "inversionsWithinProducer": verdict.inversions_within,
                "inversionsAcross": verdict.inversions_across,
                "lost": verdict.lost,
                "duplicates": verdict.duplicates,
                "keysOutOfOrder": verdict.keys_out_of_order,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{}: {verdict}", if verdict.is_good() { "in order" } else { "NOT IN ORDER" })?;
            for (key, number) in run.oracle.lock().examples_missing(group, 3) {
                warning(format_args!("{group} was never given message {number} of {key}"));
            }
        }
    }
    let failed = run.failed.load(Ordering::Relaxed);
    if failed > 0 {
        warning(format_args!("{failed} sends failed and were done again"));
    }
    Ok(())
}
