//! The broker with faults on purpose: `cargo build -p gantry-broker --features faults`, its folder in `GANTRY_FAULTY_BIN_DIR`.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use gantry_e2e::Setup;
use gantry_e2e::toolchain::Missing;

pub(crate) fn programs() -> Result<PathBuf, Missing> {
    let folder = env::var_os("GANTRY_FAULTY_BIN_DIR").map(PathBuf::from);
    folder.filter(|folder| folder.join("gantry-broker").is_file()).ok_or_else(|| {
        Missing::new(
            "GANTRY_FAULTY_BIN_DIR names no folder with a gantry-broker built with --features faults",
        )
    })
}

/// A cluster with that broker.
pub(crate) fn setup(variable: &str, value: &str) -> Result<Setup> {
    let programs = programs().map_err(|missing| anyhow!("{missing}"))?;
    Ok(Setup::default().special(&programs, variable, value))
}
