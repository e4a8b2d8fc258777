//! Runs one case of a client program and does what it asks for in the middle.

mod client;
mod program;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

pub use client::Client;
pub use program::stop_idle;

use crate::cluster::Cluster;
use crate::process::Process;
use program::{Line, Program};

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

/// Runs the case in a process of its own, to its end. The error of a failed case carries its output and the end of the broker's log.
pub fn run(client: Client, case: &str, args: &[&str], stage: &mut Stage<'_>, limit: Duration) -> Result<()> {
    let folder = stage.folder().join(format!("{}-{}", client.name(), case));
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let program = Program::start(stage.command(client, case, args, &folder)?, &folder)?;
    let mut run = Run { client, program, output: Vec::new(), peer: None };
    let outcome = run.follow(stage, Instant::now() + limit);
    outcome.map_err(|reason| run.failed(case, &reason, stage))
}

/// Runs the case in a process that other cases ran in before, if there is one: most of a short case's time is that of Java's start.
pub fn run_beside(
    client: Client,
    case: &str,
    args: &[&str],
    stage: &mut Stage<'_>,
    limit: Duration,
) -> Result<()> {
    if client == Client::Go {
        return run(client, case, args, stage, limit);
    }
    let mut program = Program::idle(client)?;
    let name_server = stage.name_server_address();
    program.say(&[&[case, name_server.as_str()], args].concat().join(" "))?;
    let mut run = Run { client, program, output: Vec::new(), peer: None };
    match run.follow(stage, Instant::now() + limit) {
        Ok(()) => {
            run.program.put_by(client);
            Ok(())
        }
        // Whatever it left behind goes with its process.
        Err(reason) => Err(run.failed(case, &reason, stage)),
    }
}

/// A client program at work.
struct Run {
    client: Client,
    program: Program,
    output: Vec<String>,
    peer: Option<Process>,
}

impl Run {
    fn follow(&mut self, stage: &mut Stage<'_>, deadline: Instant) -> Result<()> {
        loop {
            match self.program.next_line(deadline) {
                Line::Action(action) => {
                    self.output.push(action.clone());
                    self.act(&action, stage).with_context(|| format!("on {action}"))?;
                    self.program.say("@@ done")?;
                }
                Line::Text(line) => self.output.push(line),
                Line::CaseEnded { held: true } => return Ok(()),
                Line::CaseEnded { held: false } => bail!("it did not hold"),
                Line::ProgramEnded => return self.program.exit(),
                Line::TooLate => {
                    self.output.extend(self.program.stacks());
                    bail!("it did not end in time");
                }
            }
        }
    }

    fn act(&mut self, action: &str, stage: &mut Stage<'_>) -> Result<()> {
        let words: Vec<&str> = action.split_whitespace().collect();
        match (words.as_slice(), stage) {
            (["start-peer", case, args @ ..], stage) => {
                let folder = self.program.folder();
                let mut command = self.client.command(folder)?;
                command.args([case, stage.name_server_address().as_str()]).args(args);
                self.peer = Some(Process::start("peer", command, &folder.join("peer.out"))?);
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

    fn failed(&self, case: &str, reason: &anyhow::Error, stage: &Stage<'_>) -> anyhow::Error {
        let output = self.output.join("\n");
        anyhow!("{case} failed: {reason:#}\n--- its output ---\n{output}\n{}", stage.log_tail())
    }
}
