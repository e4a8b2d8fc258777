//! A file system of a test's own, in a file, that can be made to take nothing for a while.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::toolchain::{Missing, on_path};
use crate::work_folder::WorkFolder;

/// Mounted until it is dropped. Whoever has files open there must be gone before.
#[derive(Debug)]
pub struct LoopDisk {
    folder: WorkFolder,
    is_mounted: bool,
}

/// The disk takes nothing: whoever writes waits. Until this is dropped.
#[derive(Debug)]
pub struct Frozen<'a>(&'a LoopDisk);

impl LoopDisk {
    /// Whether this machine lets us mount one.
    pub fn available() -> Result<(), Missing> {
        ["mkfs.ext4", "mount", "umount", "fsfreeze"].into_iter().try_for_each(on_path)?;
        Self::new(8)
            .map(drop)
            .map_err(|error| Missing::new(format!("no file system can be mounted here: {error:#}")))
    }

    /// An empty ext4 of so many MiB.
    pub fn new(mib: u64) -> Result<Self> {
        let folder = WorkFolder::new("disk")?;
        let image = folder.path().join("image");
        File::create(&image)?.set_len(mib << 20)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
        let mut disk = Self { folder, is_mounted: false };
        fs::create_dir(disk.path())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(disk.path()))?;
        disk.is_mounted = true;
        Ok(disk)
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Writes what is dirty, then lets nobody write.
    pub fn freeze(&self) -> Result<Frozen<'_>> {
        freeze(&self.path(), "--freeze")?;
        Ok(Frozen(self))
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if let Err(error) = freeze(&self.0.path(), "--unfreeze") {
            eprintln!("{error:#}");
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // A killed process lets go of its files a moment later.
        for _ in 0..100 {
            if !self.is_mounted || run(Command::new("umount").arg(self.path())).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{} is still mounted", self.path().display());
    }
}

fn freeze(path: &Path, how: &str) -> Result<()> {
    run(Command::new("fsfreeze").arg(how).arg(path))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
