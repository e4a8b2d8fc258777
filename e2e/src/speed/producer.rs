//! `org.apache.rocketmq.example.benchmark.Producer` as a process: sends until it is killed.

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::process::Process;
use crate::toolchain::{Java, Module};

/// Between two lines of what it says, in milliseconds.
const INTERVAL: &str = "1000";

/// What it writes goes to `output`, its logs to `folder`.
pub(crate) fn start(
    folder: &Path,
    name_server: &str,
    topic: &str,
    threads: u32,
    bytes: u32,
    output: &Path,
) -> Result<Process> {
    let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
    let home = format!("-Duser.home={}", folder.display());
    let logs = format!("-Drocketmq.log.root={}", folder.join("producer-logs").display());
    let options = ["-Xms512m", "-Xmx512m", &home, &logs, "-Drocketmq.log.level=warn"];
    let mut command =
        java.command(Module::Benchmark, &options, "org.apache.rocketmq.example.benchmark.Producer");
    command.args(["-n", name_server, "-t", topic, "-ri", INTERVAL]);
    command.args(["-w", &threads.to_string(), "-s", &bytes.to_string()]);
    Process::start("benchmark producer", command, output)
}
