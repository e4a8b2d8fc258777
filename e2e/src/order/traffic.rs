//! `OrderedTraffic.java` at work, and the oracle that reads what it tells.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gantry_scaling::oracle::{Oracle, Sent, Verdict};

use crate::case::Client;
use crate::spawner;

/// How the clients behave.
#[derive(Clone, Debug)]
pub struct Options {
    pub producers: u32,
    pub keys: u32,
    /// Messages a second, of all producers.
    pub rate: u32,
    /// Between the starts of two producers.
    pub stagger: Duration,
    pub producer_poll: Duration,
    /// That of the first producer.
    pub first_producer_poll: Duration,
    pub consumer_poll: Duration,
    /// Between two looks of a consumer at which queues are its own.
    pub rebalance: Duration,
}

impl Options {
    /// Clients as they are when nobody changes their settings, started apart.
    pub const DEFAULTS: Self = Self {
        producers: 3,
        keys: 64,
        rate: 300,
        stagger: Duration::from_secs(10),
        producer_poll: Duration::from_secs(30),
        first_producer_poll: Duration::from_secs(30),
        consumer_poll: Duration::from_secs(30),
        rebalance: Duration::from_secs(20),
    };

    /// The same, but producers look for new queues this often.
    #[must_use]
    pub const fn producers_poll(self, every: Duration) -> Self {
        Self { producer_poll: every, first_producer_poll: every, ..self }
    }

    /// Clients that learn of everything within two seconds, so that a trial is short.
    pub const QUICK: Self = Self {
        stagger: Duration::from_millis(700),
        producer_poll: Duration::from_secs(2),
        first_producer_poll: Duration::from_secs(2),
        consumer_poll: Duration::from_secs(2),
        rebalance: Duration::from_secs(1),
        ..Self::DEFAULTS
    };
}

#[derive(Debug)]
pub struct Traffic {
    child: Child,
    stdin: ChildStdin,
    told: Arc<Told>,
    folder: PathBuf,
}

#[derive(Debug, Default)]
struct Told {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    oracle: Oracle,
    acknowledged: u64,
    failures: Vec<String>,
    /// Messages by group and queue.
    received: BTreeMap<(String, i32), u64>,
    /// When a group first got something of a queue.
    first: BTreeMap<(String, i32), Instant>,
    did: Vec<String>,
    other: Vec<String>,
    ended: bool,
}

impl Traffic {
    pub fn start(
        client: Client,
        name_server: &str,
        topic: &str,
        folder: &Path,
        options: &Options,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let rebalance = format!("-Drocketmq.client.rebalance.waitInterval={}", options.rebalance.as_millis());
        let mut command = client.program(folder, &[&rebalance], "dev.gantry.e2e.OrderedTraffic")?;
        command.args([name_server, topic]);
        for (name, value) in [
            ("producers", u128::from(options.producers)),
            ("keys", u128::from(options.keys)),
            ("rate", u128::from(options.rate)),
            ("stagger", options.stagger.as_millis()),
            ("producerPoll", options.producer_poll.as_millis()),
            ("firstProducerPoll", options.first_producer_poll.as_millis()),
            ("consumerPoll", options.consumer_poll.as_millis()),
        ] {
            command.arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawner::spawn(command).context("starting the clients")?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let told = Arc::new(Told::default());
        let listener = Arc::clone(&told);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                listener.hear(&line);
            }
            listener.lock().ended = true;
            listener.changed.notify_all();
        });
        let listener = Arc::clone(&told);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                listener.lock().other.push(line);
            }
        });
        Ok(Self { child, stdin, told, folder: folder.to_owned() })
    }

    /// Has the clients do something, and waits until it is done.
    pub fn order(&mut self, command: &str) -> Result<()> {
        writeln!(self.stdin, "{command}")?;
        self.wait(&format!("{command} is done"), Duration::from_secs(180), |seen| {
            seen.did.iter().any(|did| did == command).then_some(())
        })
    }

    /// Members that take so long for each message.
    pub fn consume(&mut self, group: &str, members: u32, each: Duration) -> Result<()> {
        self.order(&format!("consume {group} {members} {}", each.as_millis()))
    }

    /// Has the group stand still for a while, so that messages pile up in front of it.
    pub fn pause(&mut self, group: &str, time: Duration) -> Result<()> {
        self.order(&format!("pause {group} {}", time.as_millis()))
    }

    fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut(&Seen) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        let mut seen = self.told.lock();
        loop {
            if let Some(value) = is_so(&seen) {
                return Ok(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                let other = seen.other.join("\n");
                bail!(
                    "not so{}: {what}\n{other}",
                    if seen.ended { ", and the clients ended" } else { " in time" }
                );
            }
            seen = self
                .told
                .changed
                .wait_timeout(seen, left.min(Duration::from_secs(1)))
                .expect("no one panics")
                .0;
        }
    }

    /// Waits until so many more messages were acknowledged.
    pub fn until_sent(&self, more: u64) -> Result<()> {
        let from = self.told.lock().acknowledged;
        self.wait(&format!("{more} more messages are sent"), Duration::from_secs(180), |seen| {
            (seen.acknowledged >= from + more).then_some(())
        })
    }

    /// Waits until a group has got something of every one of these queues; says when it first had of each.
    pub fn until_read(
        &self,
        group: &str,
        queues: std::ops::Range<i32>,
        patience: Duration,
    ) -> Result<Instant> {
        self.wait(&format!("{group} reads queues {queues:?}"), patience, |seen| {
            let first = queues.clone().map(|queue| seen.first.get(&(group.to_owned(), queue)).copied());
            first.collect::<Option<Vec<_>>>()?.into_iter().max()
        })
    }

    /// Messages that a group got of a queue.
    #[must_use]
    pub fn received(&self, group: &str, queue: i32) -> u64 {
        self.told.lock().received.get(&(group.to_owned(), queue)).copied().unwrap_or(0)
    }

    /// Waits until the group has got everything that was acknowledged.
    pub fn until_all(&self, group: &str, patience: Duration) -> Result<()> {
        self.wait(&format!("{group} has everything"), patience, |seen| {
            seen.oracle.has_all(group).then_some(())
        })
        .with_context(|| {
            let missing = self.told.lock().oracle.examples_missing(group, 5);
            format!("{}; missing {missing:?}", self.verdict(group))
        })
    }

    #[must_use]
    pub fn verdict(&self, group: &str) -> Verdict {
        self.told.lock().oracle.verdict(group)
    }

    /// From now on the group is judged anew, because it was set back on purpose.
    pub fn start_over(&self, group: &str) {
        self.told.lock().oracle.start_over(group);
    }

    /// What producers were told went wrong.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.told.lock().failures.clone()
    }

    /// Refusals of pulls in the clients' own logs. What the client does to itself while it shuts down is none, nor is code 25: at
    /// every rebalance 4.9 may pull by a new subscription before it has told the broker of it, scaling or not.
    pub fn refused_pulls(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "log") {
                    let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                    let lines = text.lines().zip(text.lines().skip(1));
                    let bad = lines.filter(|(line, cause)| {
                        line.contains("pull request exception")
                            && cause.contains("MQBrokerException")
                            && !cause.contains("CODE: 25 ")
                    });
                    found.extend(bad.map(|(line, cause)| format!("{line} {cause}")));
                }
            }
        }
        Ok(found)
    }
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no one panics while holding it")
    }

    fn hear(&self, line: &str) {
        let mut seen = self.lock();
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "begun" => {
                if let Some(sent) = Sent::from_body(rest) {
                    seen.oracle.begun(&sent);
                }
            }
            "acknowledged" => {
                if let Some(sent) = Sent::from_body(rest) {
                    seen.oracle.acknowledged(&sent);
                    seen.acknowledged += 1;
                }
            }
            "received" => {
                let mut words = rest.splitn(3, ' ');
                if let (Some(group), Some(queue), Some(body)) = (words.next(), words.next(), words.next())
                    && let (Ok(queue), Some(sent)) = (queue.parse(), Sent::from_body(body))
                {
                    seen.oracle.received(group, &sent);
                    *seen.received.entry((group.to_owned(), queue)).or_default() += 1;
                    seen.first.entry((group.to_owned(), queue)).or_insert_with(Instant::now);
                }
            }
            "failed" => seen.failures.push(rest.to_owned()),
            "did" => seen.did.push(rest.to_owned()),
            _ => seen.other.push(line.to_owned()),
        }
        drop(seen);
        self.changed.notify_all();
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
