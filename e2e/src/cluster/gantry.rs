//! How Gantry's servers are started.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::target::gantry_binaries;

pub(super) fn name_server(port: u16, data: &Path) -> Result<Command> {
    let mut command = binary("gantry-nameserver")?;
    command.args(["--listen", &format!("127.0.0.1:{port}")]).arg("--data").arg(data);
    Ok(command)
}

pub(super) fn broker(programs: Option<&Path>, conf: &Path) -> Result<Command> {
    let mut command = match programs {
        Some(folder) => Command::new(folder.join("gantry-broker")),
        None => binary("gantry-broker")?,
    };
    command.arg("-c").arg(conf);
    Ok(command)
}

pub(crate) fn binary(name: &str) -> Result<Command> {
    let folder = gantry_binaries().map_err(|missing| anyhow!("{missing}"))?;
    Ok(Command::new(folder.join(name)))
}
