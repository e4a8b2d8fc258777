//! `org.apache.rocketmq.example.benchmark.Producer` as a process: sends until it is killed.

use anyhow::{Result, anyhow};

use super::Load;
use crate::cluster::Cluster;
use crate::process::Process;
use crate::toolchain::{Java, Module};

pub(super) fn start(cluster: &Cluster, topic: &str, load: &Load) -> Result<Process> {
    let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
    let home = format!("-Duser.home={}", cluster.folder().display());
    let logs = format!("-Drocketmq.log.root={}", cluster.folder().join("producer-logs").display());
    let options = ["-Xms512m", "-Xmx512m", &home, &logs, "-Drocketmq.log.level=warn"];
    let mut command =
        java.command(Module::Benchmark, &options, "org.apache.rocketmq.example.benchmark.Producer");
    command.args(["-n", &cluster.name_server_address(), "-t", topic]);
    command.args(["-w", &load.threads.to_string(), "-s", &load.bytes.to_string()]);
    Process::start("benchmark producer", command, &cluster.folder().join("producer.out"))
}
