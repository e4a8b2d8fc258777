//! The client programs, and how each is run.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::toolchain::{Go, Java, Missing, Module, SHORT_LIVED};

/// The client programs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
