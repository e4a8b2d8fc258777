//! The Java side: class paths made by Maven, and commands that use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};

use super::{Missing, crate_folder, is_stale, on_path, run, text_of, with_build_lock};

/// One class path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Module {
    Client5,
    Client4,
    Servers,
    Tools,
    Benchmark,
}

impl Module {
    const ALL: [Self; 5] = [Self::Client5, Self::Client4, Self::Servers, Self::Tools, Self::Benchmark];

    fn folder(self) -> PathBuf {
        crate_folder().join("java").join(match self {
            Self::Client5 => "client-5.5.0",
            Self::Client4 => "client-4.9.8",
            Self::Servers => "servers",
            Self::Tools => "tools",
            Self::Benchmark => "benchmark",
        })
    }

    fn class_path(self) -> String {
        let target = self.folder().join("target");
        format!("{}:{}", target.join("classes").display(), target.join("lib/*").display())
    }
}

/// Proof that the class paths are there.
#[derive(Clone, Copy, Debug)]
pub struct Java(());

impl Java {
    /// Builds what is not built yet.
    pub fn ready() -> Result<Result<Self, Missing>> {
        static BUILT: OnceLock<Result<Result<Java, Missing>, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| build().map_err(|e| format!("{e:#}")));
        built.clone().map_err(|e| anyhow!(e))
    }

    /// A command that runs that main class; options of the machine and arguments can be added by the caller.
    #[must_use]
    pub fn command(self, module: Module, machine_options: &[&str], main_class: &str) -> Command {
        let mut command = Command::new("java");
        // No shared files under the temporary folder.
        command.arg("-XX:-UsePerfData").args(machine_options);
        command.args(["-cp", &module.class_path(), main_class]);
        command.env_remove("JAVA_TOOL_OPTIONS").env_remove("NAMESRV_ADDR");
        command
    }
}

/// Options for a program that runs for seconds: start fast, take little.
pub const SHORT_LIVED: [&str; 3] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];

fn build() -> Result<Result<Java, Missing>> {
    if let Err(missing) = on_path("java") {
        return Ok(Err(missing));
    }
    let folder = crate_folder().join("java");
    with_build_lock(&folder, || {
        let stamp = folder.join("target/built");
        let mut sources: Vec<PathBuf> =
            Module::ALL.iter().map(|module| module.folder().join("pom.xml")).collect();
        sources.extend([folder.join("pom.xml"), folder.join("cases"), folder.join("tools/src")]);
        if !is_stale(&stamp, &sources) {
            return Ok(Ok(Java(())));
        }
        if let Err(missing) = on_path("mvn") {
            return Ok(Err(missing));
        }
        let built = maven(&folder)?;
        if built.is_ok() {
            fs::write(&stamp, "")?;
        }
        Ok(built.map(|()| Java(())))
    })
}

/// Offline first: what was resolved once needs no network again.
fn maven(folder: &Path) -> Result<Result<(), Missing>> {
    let offline = run(Command::new("mvn").args(["-q", "-B", "-o", "prepare-package"]).current_dir(folder))?;
    if offline.status.success() {
        return Ok(Ok(()));
    }
    let online = run(Command::new("mvn").args(["-q", "-B", "prepare-package"]).current_dir(folder))?;
    if online.status.success() {
        return Ok(Ok(()));
    }
    let output = text_of(&online);
    if ["Could not resolve", "Could not transfer", "could not be resolved"]
        .iter()
        .any(|text| output.contains(text))
    {
        return Ok(Err(Missing::new(
            "Maven cannot resolve the Java clients (no network, and they were never resolved here)",
        )));
    }
    bail!("building the Java cases failed:\n{output}")
}
