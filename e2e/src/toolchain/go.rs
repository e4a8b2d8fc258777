//! The Go side: programs built by Go.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};

use super::{Missing, crate_folder, on_path, run, text_of, with_build_lock};

/// Proof that a program is built.
#[derive(Clone, Debug)]
pub struct Go {
    program: PathBuf,
}

type Built = OnceLock<Result<Result<Go, Missing>, String>>;

impl Go {
    /// The client program with all cases.
    pub fn cases() -> Result<Result<Self, Missing>> {
        static BUILT: Built = OnceLock::new();
        Self::ready(&BUILT, "go")
    }

    /// What GitOps tools think of an object.
    pub fn kstatus() -> Result<Result<Self, Missing>> {
        static BUILT: Built = OnceLock::new();
        Self::ready(&BUILT, "kstatus")
    }

    /// Builds the program of that folder, once.
    fn ready(built: &Built, folder: &str) -> Result<Result<Self, Missing>> {
        let built = built.get_or_init(|| build(&crate_folder().join(folder)).map_err(|e| format!("{e:#}")));
        built.clone().map_err(|e| anyhow!(e))
    }

    #[must_use]
    pub fn command(&self) -> Command {
        Command::new(&self.program)
    }
}

fn build(folder: &Path) -> Result<Result<Go, Missing>> {
    if let Err(missing) = on_path("go") {
        return Ok(Err(missing));
    }
    with_build_lock(folder, || {
        let program = folder.join("target/program");
        compile(folder, &program).map(|built| built.map(|()| Go { program }))
    })
}

/// Go's own cache decides what is stale.
fn compile(folder: &Path, program: &Path) -> Result<Result<(), Missing>> {
    let build = run(Command::new("go").args(["build", "-o"]).arg(program).arg(".").current_dir(folder))?;
    if build.status.success() {
        return Ok(Ok(()));
    }
    let output = text_of(&build);
    if ["dial tcp", "no such host", "module lookup disabled"].iter().any(|text| output.contains(text)) {
        return Ok(Err(Missing::new(
            "Go cannot fetch its modules (no network, and they were never fetched here)",
        )));
    }
    bail!("building the Go program failed:\n{output}")
}
