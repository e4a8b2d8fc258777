//! The Go side: one program with all cases.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};

use super::{Missing, crate_folder, on_path, run, text_of, with_build_lock};

/// Proof that the program is built.
#[derive(Clone, Debug)]
pub struct Go {
    program: PathBuf,
}

impl Go {
    pub fn ready() -> Result<Result<Self, Missing>> {
        static BUILT: OnceLock<Result<Result<Go, Missing>, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| build().map_err(|e| format!("{e:#}")));
        built.clone().map_err(|e| anyhow!(e))
    }

    #[must_use]
    pub fn command(&self) -> Command {
        Command::new(&self.program)
    }
}

fn build() -> Result<Result<Go, Missing>> {
    if let Err(missing) = on_path("go") {
        return Ok(Err(missing));
    }
    let folder = crate_folder().join("go");
    with_build_lock(&folder, || {
        let program = folder.join("target/cases");
        compile(&folder, &program).map(|built| built.map(|()| Go { program }))
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
            "Go cannot fetch its client (no network, and it was never fetched here)",
        )));
    }
    bail!("building the Go cases failed:\n{output}")
}
