//! Runs one case of a client program and does what it asks for in the middle.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::cluster::Cluster;
use crate::process::{Process, signal};
use crate::spawner;
use crate::toolchain::{Go, Java, Missing, Module, SHORT_LIVED};

/// The client programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Client {
    Java5,
    Java4,
    Go,
}

impl Client {
    pub const ALL: [Self; 3] = [Self::Java5, Self::Java4, Self::Go];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Java5 => "java-5.5.0",
            Self::Java4 => "java-4.9.8",
            Self::Go => "go",
        }
    }

    pub fn available(self) -> Result<Result<(), Missing>> {
        Ok(match self {
            Self::Java5 | Self::Java4 => Java::ready()?.map(drop),
            Self::Go => Go::cases()?.map(drop),
        })
    }

    /// The command that runs one case; what the client logs goes to that folder.
    pub fn command(self, folder: &Path) -> Result<Command> {
        self.program(folder, &[], "dev.gantry.e2e.Cases")
    }

    /// The same for another of the Java programs.
    pub fn program(self, folder: &Path, more: &[&str], main_class: &str) -> Result<Command> {
        let module = match self {
            Self::Java5 => Module::Client5,
            Self::Java4 => Module::Client4,
            Self::Go => {
                let mut command = Go::cases()?.map_err(|missing| anyhow!("{missing}"))?.command();
                command.env("HOME", folder).env("TMPDIR", folder);
                return Ok(command);
            }
        };
        let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
        let folder = folder.display();
        let own = [
            "-Xmx700m".to_owned(),
            format!("-Duser.home={folder}"),
            format!("-Djava.io.tmpdir={folder}"),
            format!("-Drocketmq.client.localOffsetStoreDir={folder}/offsets"),
            // The log of 5.x, then that of 4.9.
            format!("-Drocketmq.log.root={folder}/logs"),
            "-Drocketmq.log.level=warn".to_owned(),
            format!("-Drocketmq.client.logRoot={folder}/logs"),
            "-Drocketmq.client.logLevel=WARN".to_owned(),
        ];
        let options: Vec<&str> =
            SHORT_LIVED.iter().chain(more).copied().chain(own.iter().map(String::as_str)).collect();
        Ok(java.command(module, &options, main_class))
    }
}

/// What a case may ask of the cluster it runs on.
pub enum Stage<'a> {
    /// Other cases use it at the same time: nobody may touch the servers.
    Shared(&'a Cluster),
    Own(&'a mut Cluster),
    /// Servers that were not started by this crate.
    Elsewhere(&'a mut dyn Elsewhere),
}

/// Servers that were not started by this crate, on Kubernetes for instance.
pub trait Elsewhere {
    /// For clients where the case runs.
    fn name_server_address(&self) -> String;

    /// Where the case leaves its files.
    fn folder(&self) -> &Path;

    /// Runs the client program there; it gets the case's arguments.
    fn command(&self, args: &[&str]) -> Result<Command>;

    /// Does what the case is run for.
    fn disturb(&mut self) -> Result<()>;

    /// What the servers said last.
    fn log_tail(&self) -> String;
}

impl Stage<'_> {
    fn name_server_address(&self) -> String {
        match self {
            Self::Shared(cluster) => cluster.name_server_address(),
            Self::Own(cluster) => cluster.name_server_address(),
            Self::Elsewhere(servers) => servers.name_server_address(),
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Shared(cluster) => cluster.folder(),
            Self::Own(cluster) => cluster.folder(),
            Self::Elsewhere(servers) => servers.folder(),
        }
    }

    fn log_tail(&self) -> String {
        match self {
            Self::Shared(cluster) => cluster.log_tail(),
            Self::Own(cluster) => cluster.log_tail(),
            Self::Elsewhere(servers) => servers.log_tail(),
        }
    }

    fn command(&self, client: Client, case: &str, args: &[&str], folder: &Path) -> Result<Command> {
        let name_server = self.name_server_address();
        let args: Vec<&str> = [case, name_server.as_str()].iter().chain(args).copied().collect();
        if let Self::Elsewhere(servers) = self {
            return servers.command(&args);
        }
        let mut command = client.command(folder)?;
        command.args(args);
        Ok(command)
    }
}

/// Runs the case to its end. The error of a failed case carries its output and the end of the broker's log.
pub fn run(client: Client, case: &str, args: &[&str], stage: &mut Stage<'_>, limit: Duration) -> Result<()> {
    let folder = stage.folder().join(format!("{}-{}", client.name(), case));
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut run = Run::start(client, case, args, stage, &folder)?;
    let outcome = run.follow(stage, Instant::now() + limit);
    outcome.map_err(|reason| {
        let output = run.output.join("\n");
        anyhow!("{case} failed: {reason:#}\n--- its output ---\n{output}\n{}", stage.log_tail())
    })
}

/// A client program at work.
struct Run<'a> {
    client: Client,
    folder: &'a Path,
    child: Guarded,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    output: Vec<String>,
    peer: Option<Process>,
}

impl<'a> Run<'a> {
    fn start(client: Client, case: &str, args: &[&str], stage: &Stage<'_>, folder: &'a Path) -> Result<Self> {
        let mut command = stage.command(client, case, args, folder)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Guarded(spawner::spawn(command).with_context(|| format!("starting {case}"))?);
        let stdin = child.0.stdin.take().context("stdin is piped")?;
        let (sender, lines) = mpsc::channel();
        read_lines(child.0.stdout.take().context("stdout is piped")?, sender.clone());
        read_lines(child.0.stderr.take().context("stderr is piped")?, sender);
        Ok(Self { client, folder, child, stdin, lines, output: Vec::new(), peer: None })
    }

    fn follow(&mut self, stage: &mut Stage<'_>, deadline: Instant) -> Result<()> {
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let action = line.strip_prefix("@@ ").map(str::to_owned);
                    self.output.push(line);
                    if let Some(action) = action {
                        self.act(&action, stage).with_context(|| format!("on {action}"))?;
                        writeln!(self.stdin, "@@ done")?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.collect_stacks();
                    bail!("it did not end in time");
                }
            }
        }
        let status = self.child.0.wait()?;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    }

    fn act(&mut self, action: &str, stage: &mut Stage<'_>) -> Result<()> {
        let words: Vec<&str> = action.split_whitespace().collect();
        match (words.as_slice(), stage) {
            (["start-peer", case, args @ ..], stage) => {
                let mut command = self.client.command(self.folder)?;
                command.args([case, stage.name_server_address().as_str()]).args(args);
                self.peer = Some(Process::start("peer", command, &self.folder.join("peer.out"))?);
            }
            (["kill-peer"], _) => self.peer.take().context("no peer was started")?.kill(),
            (["restart-broker"], Stage::Own(cluster)) => {
                cluster.stop_broker()?;
                cluster.start_broker()?;
            }
            (["kill-broker"], Stage::Own(cluster)) => {
                cluster.kill_broker()?;
                cluster.start_broker()?;
            }
            (["disturb"], Stage::Elsewhere(servers)) => servers.disturb()?,
            _ => bail!("not possible here"),
        }
        Ok(())
    }

    /// A Java or Go program says what its threads are doing when asked by this signal.
    fn collect_stacks(&mut self) {
        signal(self.child.0.id(), libc::SIGQUIT);
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.output.push(line);
        }
    }
}

/// A child that is killed when it is not needed any more.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
