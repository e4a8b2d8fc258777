//! A process of a client program: what is said to it and what it says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Client;
use crate::process::signal;
use crate::spawner;
use crate::work_folder::WorkFolder;

/// Those that wait for another case.
static IDLE: LazyLock<Mutex<HashMap<Client, Vec<Program>>>> = LazyLock::new(Mutex::default);

pub(super) struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    folder: PathBuf,
    /// Gone with one that runs one case after the other.
    own_folder: Option<WorkFolder>,
}

/// What comes of a program next.
pub(super) enum Line {
    /// Something is to be done to the servers.
    Action(String),
    Text(String),
    /// It waits for the next case.
    CaseEnded {
        held: bool,
    },
    ProgramEnded,
    TooLate,
}

impl Program {
    pub(super) fn start(mut command: Command, folder: &Path) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawner::spawn(command).context("starting the client program")?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take().context("stdout is piped")?, sender.clone());
        read_lines(child.stderr.take().context("stderr is piped")?, sender);
        Ok(Self { child, stdin, lines, folder: folder.into(), own_folder: None })
    }

    /// One that runs one case after the other, and waits for the next.
    pub(super) fn idle(client: Client) -> Result<Self> {
        let idle = IDLE.lock().expect("no one panics while holding it").get_mut(&client).and_then(Vec::pop);
        if let Some(program) = idle {
            return Ok(program);
        }
        let folder = WorkFolder::new(client.name())?;
        let mut command = client.command(folder.path())?;
        command.arg("serve");
        let mut program = Self::start(command, folder.path())?;
        program.own_folder = Some(folder);
        Ok(program)
    }

    /// Its case is over, and it may run another.
    pub(super) fn put_by(self, client: Client) {
        IDLE.lock().expect("no one panics while holding it").entry(client).or_default().push(self);
    }

    /// Where it leaves its files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.stdin, "{line}").context("the client program does not listen")
    }

    pub(super) fn next_line(&self, deadline: Instant) -> Line {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => match line.strip_prefix("@@ ") {
                Some("held") => Line::CaseEnded { held: true },
                Some("failed") => Line::CaseEnded { held: false },
                Some(action) => Line::Action(action.to_owned()),
                None => Line::Text(line),
            },
            Err(RecvTimeoutError::Disconnected) => Line::ProgramEnded,
            Err(RecvTimeoutError::Timeout) => Line::TooLate,
        }
    }

    /// How a program went that has ended.
    pub(super) fn exit(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    }

    /// What its threads are doing: a Java or Go program says so when asked by this signal.
    pub(super) fn stacks(&self) -> Vec<String> {
        signal(self.child.id(), libc::SIGQUIT);
        std::iter::from_fn(|| self.lines.recv_timeout(Duration::from_secs(1)).ok()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops the programs that wait for another case. Statics are never dropped: without this their folders would stay behind.
pub fn stop_idle() {
    if let Ok(mut idle) = IDLE.lock() {
        idle.clear();
    }
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}
