//! A server process: its output goes to a file, and it is gone when its owner is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::await_condition::await_some;
pub use crate::spawner::spawn;

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// When it cannot be started or fails; says what it complained about.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts the command with its output appended to the file.
    pub fn start(name: &'static str, mut command: Command, output: &Path) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(output)
            .with_context(|| format!("opening {}", output.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn(command).with_context(|| format!("starting the {name}"))?;
        Ok(Self { name, child, output: output.into() })
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asked of the kernel, since asking the child needs it exclusively. One that ended and was not waited for is a zombie.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// How it ended, if it did.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to stop, and waits until it has.
    pub fn terminate(mut self, patience: Duration) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the {} was to be stopped, but it had ended by itself: {status}", self.name);
        }
        signal(self.pid(), libc::SIGTERM);
        let child = &mut self.child;
        let stopped = await_some("it stops on SIGTERM", patience, || Ok(child.try_wait()?));
        stopped.map(drop).with_context(|| format!("stopping the {}", self.name))
    }

    /// Kills it without warning, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// The last lines it wrote.
    #[must_use]
    pub fn output_tail(&self) -> String {
        tail(&self.output, 40, |_| true)
    }

    fn end(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends a signal to one process by its id.
pub fn signal(pid: u32, signal: libc::c_int) {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return };
    // SAFETY: kill has no memory effects; the id is that of a child not yet waited for, so it names no other process.
    unsafe { libc::kill(pid, signal) };
}

/// The last lines of a text file that are to be shown, or nothing when it is not there.
#[must_use]
pub fn tail(file: &Path, lines: usize, shown: impl Fn(&str) -> bool) -> String {
    let text = fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().filter(|line| shown(line)).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
