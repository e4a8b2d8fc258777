//! The two implementations the cases run against.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::toolchain::{Java, Missing};

#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Target {
    Gantry,
    /// Apache's own servers, 5.5.0.
    Apache,
}

impl Target {
    pub const ALL: [Self; 2] = [Self::Gantry, Self::Apache];

    /// Whether it can be started here; `Err` inside when something is absent, `Err` outside when something is broken.
    pub fn available(self) -> Result<Result<(), Missing>> {
        Ok(match self {
            Self::Gantry => gantry_binaries().map(drop),
            Self::Apache => Java::ready()?.map(drop),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gantry => "gantry",
            Self::Apache => "apache",
        })
    }
}

/// The folder that holds `gantry-broker` and `gantry-nameserver`.
pub fn gantry_binaries() -> Result<PathBuf, Missing> {
    let candidates = match env::var_os("GANTRY_BIN_DIR") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
            vec![target.join("release"), target.join("debug")]
        }
    };
    let found = candidates
        .iter()
        .find(|folder| folder.join("gantry-broker").is_file() && folder.join("gantry-nameserver").is_file());
    found.cloned().ok_or_else(|| {
        let looked =
            candidates.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and ");
        Missing::new(format!(
            "gantry-broker and gantry-nameserver are not in {looked} (set GANTRY_BIN_DIR, or build them)"
        ))
    })
}
