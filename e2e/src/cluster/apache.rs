//! How Apache's servers are started. Everything they write goes to the cluster's folder, which is their home.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::toolchain::{Java, Module, SHORT_LIVED};

/// Netty and the store reach into the JDK, which modules forbid since Java 16.
const OPEN_THE_JDK: [&str; 5] = [
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
];

pub(super) fn name_server(port: u16, home: &Path) -> Result<Command> {
    let conf = home.join("name-server.conf");
    let kv_config = home.join("name-server/kvConfig.json");
    let text = format!("listenPort={port}\nbindAddress=127.0.0.1\nkvConfigPath={}\n", kv_config.display());
    fs::write(&conf, text).with_context(|| format!("writing {}", conf.display()))?;
    server(
        "org.apache.rocketmq.namesrv.NamesrvStartup",
        &[&["-Xms64m", "-Xmx128m"][..], &SHORT_LIVED].concat(),
        &conf,
        home,
    )
}

/// How much the broker's Java may take to be fast.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Speed {
    /// Most brokers live for a minute and cost more to start and to optimise than they ever work.
    #[default]
    ShortLived,
    /// The usual compiler and collector, in little memory.
    Full,
    /// Apache's own start script (`runbroker.sh`), the heap scaled from the machine that it is meant for.
    InEarnest,
}

const LITTLE_MEMORY: [&str; 3] = ["-Xms512m", "-Xmx512m", "-XX:MaxDirectMemorySize=512m"];
const IN_EARNEST: [&str; 12] = [
    "-server",
    "-Xms4g",
    "-Xmx4g",
    "-XX:+UseG1GC",
    "-XX:G1HeapRegionSize=16m",
    "-XX:G1ReservePercent=25",
    "-XX:InitiatingHeapOccupancyPercent=30",
    "-XX:SoftRefLRUPolicyMSPerMB=0",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+AlwaysPreTouch",
    "-XX:MaxDirectMemorySize=6g",
    "-XX:-UseLargePages",
];

pub(super) fn broker(conf: &Path, home: &Path, speed: Speed) -> Result<Command> {
    let options = match speed {
        Speed::ShortLived => [&LITTLE_MEMORY[..], &SHORT_LIVED].concat(),
        Speed::Full => [&LITTLE_MEMORY[..], &["-XX:+UseG1GC"]].concat(),
        Speed::InEarnest => IN_EARNEST.to_vec(),
    };
    server("org.apache.rocketmq.broker.BrokerStartup", &options, conf, home)
}

pub(super) fn broker_log(home: &Path) -> PathBuf {
    home.join("logs/rocketmqlogs/broker.log")
}

fn server(main_class: &str, memory: &[&str], conf: &Path, home: &Path) -> Result<Command> {
    let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
    let user_home = format!("-Duser.home={}", home.display());
    let options = [memory, &OPEN_THE_JDK, &[user_home.as_str()]].concat();
    let mut command = java.command(Module::Servers, &options, main_class);
    command.arg("-c").arg(conf).env("ROCKETMQ_HOME", home);
    Ok(command)
}
