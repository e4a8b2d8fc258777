//! System calls of a process, counted by the kernel's tracepoint: a tracer that stops the process would change how it batches.

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use gantry_bench::{Load, Moment};

use crate::process::{signal, spawn};
use crate::toolchain::{Missing, on_path};

const EVENT: &str = "raw_syscalls:sys_enter";

/// Which calls count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Calls {
    All,
    /// All but those of a thread that waits for a lock: there are many when who has it is not let run, so that what else the machine
    /// does is counted, too.
    NoYields,
}

/// Counts until it is told to stop.
pub(crate) struct Counter(Child);

impl Counter {
    /// Whether they can be counted here.
    pub(crate) fn available() -> Result<(), Missing> {
        on_path("perf")?;
        let tried = Command::new("perf").args(["stat", "-x", ",", "-e", EVENT, "true"]).output();
        match tried {
            Ok(output) if parse(&String::from_utf8_lossy(&output.stderr)).is_some() => Ok(()),
            _ => Err(Missing::new(format!("perf cannot count {EVENT} here (it takes root)"))),
        }
    }

    /// System calls of a broker for each request of a load that was answered.
    pub(crate) fn per_answer(pid: u32, calls: Calls, load: &Load) -> Result<f64> {
        let (mut counter, mut count) = (None, 0);
        let tally = gantry_bench::run(load, |moment| {
            match (moment, counter.take()) {
                (Moment::Begin, _) => counter = Some(Self::start(pid, calls)?),
                (Moment::End, Some(running)) => count = running.stop()?,
                (Moment::End, None) => {}
            }
            Ok(())
        })?;
        Ok(count as f64 / tally.answered.max(1) as f64)
    }

    fn start(pid: u32, calls: Calls) -> Result<Self> {
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", EVENT]);
        if calls == Calls::NoYields {
            command.args(["--filter", &format!("id != {}", libc::SYS_sched_yield)]);
        }
        command.args(["-p", &pid.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(Self(spawn(command).context("starting perf")?))
    }

    fn stop(self) -> Result<u64> {
        signal(self.0.id(), libc::SIGINT);
        let output = self.0.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let Some(count) = parse(&said) else { bail!("perf said: {said}") };
        Ok(count)
    }
}

/// The count in perf's comma separated output.
fn parse(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_and_what_is_none_is_not() {
        assert_eq!(parse("1234,,raw_syscalls:sys_enter,1002003,100.00,,\n"), Some(1234));
        assert_eq!(parse("<not supported>,,raw_syscalls:sys_enter,0,100.00,,"), None);
        assert_eq!(parse("no permission"), None);
    }
}
