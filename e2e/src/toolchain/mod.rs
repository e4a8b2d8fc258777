//! What the clients are built with. A tool that is absent is a reason to skip; one that fails is an error.

mod go;
mod java;

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result};

pub use go::Go;
pub use java::{Java, Module, SHORT_LIVED};

/// Why something cannot be tried here.
#[derive(Clone, Debug)]
pub struct Missing(String);

impl Missing {
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds are made once, by whoever comes first, also among several test binaries.
fn with_build_lock<T>(folder: &Path, build: impl FnOnce() -> Result<T>) -> Result<T> {
    let target = folder.join("target");
    fs::create_dir_all(&target).with_context(|| format!("creating {}", target.display()))?;
    let lock = File::create(target.join("lock"))?;
    lock.lock().context("waiting for another build")?;
    build()
}

pub(crate) fn on_path(program: &str) -> Result<(), Missing> {
    let found = env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if found { Ok(()) } else { Err(Missing::new(format!("{program} is not installed"))) }
}

fn run(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Whether anything the build reads is newer than the file it leaves behind when it succeeds.
fn is_stale(stamp: &Path, sources: &[PathBuf]) -> bool {
    let built = fs::metadata(stamp).and_then(|data| data.modified());
    built.map_or(true, |built| sources.iter().any(|source| newest(source) > built))
}

fn newest(path: &Path) -> SystemTime {
    let own = fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let inside = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path()));
    inside.fold(own, SystemTime::max)
}
