//! A broker process to be treated badly.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::await_condition::await_condition;
use crate::broker_client::BrokerClient;
use crate::cluster::gantry;
use crate::process::{Process, signal, tail};

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// How it is started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub port: u16,
    pub store: PathBuf,
    pub log: PathBuf,
    /// `broker.conf` keys and values.
    pub settings: Vec<(String, String)>,
    /// Its program is there, when it is a special one.
    pub programs: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// What runs it: a program and its arguments, before its own.
    pub wrapper: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Victim {
    process: Process,
    port: u16,
    /// What it says, from its own first byte on.
    log: File,
}

impl Victim {
    pub(super) fn spawn(start: &Start) -> Result<Self> {
        let mut log = File::options().create(true).append(true).read(true).open(&start.log)?;
        log.seek(SeekFrom::End(0))?;
        let broker = match &start.programs {
            Some(folder) => Command::new(folder.join("gantry-broker")),
            None => gantry::binary("gantry-broker")?,
        };
        let mut command = match start.wrapper.split_first() {
            Some((wrapper, args)) => {
                let mut command = Command::new(wrapper);
                command.args(args).arg(broker.get_program());
                command
            }
            None => broker,
        };
        command
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "0")
            .env_remove("NAMESRV_ADDR")
            .envs(start.environment.iter().cloned());
        let own = [
            ("brokerName", "crash".to_owned()),
            ("brokerIP1", "127.0.0.1".to_owned()),
            ("bindAddress", "127.0.0.1".to_owned()),
            ("listenPort", start.port.to_string()),
            ("storePathRootDir", start.store.display().to_string()),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value));
        for (key, value) in start.settings.iter().chain(&own) {
            command.args(["--set", &format!("{key}={value}")]);
        }
        Ok(Self { process: Process::start("broker", command, &start.log)?, port: start.port, log })
    }

    /// Waits until it answers (it takes connections before its store is open); `false` when it has ended instead.
    pub(super) fn serves(&mut self) -> Result<bool> {
        let since = Instant::now();
        while BrokerClient::open(self.port).and_then(|mut broker| broker.has_topic("none")).is_err() {
            if self.has_ended()? {
                return Ok(false);
            }
            if since.elapsed() > START_PATIENCE {
                bail!("the broker does not come up\n{}", self.process.output_tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(true)
    }

    pub(super) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.exit_status()?.is_some())
    }

    /// Waits until it has ended by itself.
    pub(super) fn ends_within(&mut self, patience: Duration) -> Result<bool> {
        self.comes_to(patience, Self::has_ended)
    }

    /// Waits until it dies at its step, or has ended. To be gone may take it much longer: a thread that waits for the disk cannot go.
    pub(super) fn dies_within(&mut self, patience: Duration) -> Result<bool> {
        const LAST_WORDS: &[u8] = b"dies at ";
        let mut said = Vec::new();
        self.comes_to(patience, |victim| {
            // What was looked at before is not looked at again, but for a part of these words.
            said.drain(..said.len().saturating_sub(LAST_WORDS.len()));
            victim.log.read_to_end(&mut said)?;
            let is_dying = said.windows(LAST_WORDS.len()).any(|words| words == LAST_WORDS);
            Ok(is_dying || victim.has_ended()?)
        })
    }

    fn comes_to(
        &mut self,
        patience: Duration,
        mut it: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        let since = Instant::now();
        while !it(self)? {
            if since.elapsed() > patience {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(true)
    }

    pub(super) fn kill(self) {
        self.process.kill();
    }

    pub(super) fn stop(self) -> Result<()> {
        self.process.terminate(STOP_PATIENCE)
    }

    /// It does not run until it is told to go on: on return none of its threads does, and no system call of one is under way.
    pub(super) fn pause(&self) -> Result<()> {
        let pid = self.process.pid();
        signal(pid, libc::SIGSTOP);
        await_condition("the broker stands still", START_PATIENCE, || {
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                let stat = fs::read_to_string(thread?.path().join("stat"))?;
                if !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    pub(super) fn go_on(&self) {
        signal(self.process.pid(), libc::SIGCONT);
    }
}

/// What it wrote last.
pub(super) fn log_tail(log: &Path) -> String {
    tail(log, 30, |_| true)
}
