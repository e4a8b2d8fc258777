//! A file system of a test's own, in a file: it can be made to take nothing for a while, or to lose what is not on the disk.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::await_condition::await_condition;
use crate::process::output_of;
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
        let mut disk = Self { folder: WorkFolder::new("disk")?, is_mounted: false };
        File::create(disk.image())?.set_len(mib << 20)?;
        output_of(Command::new("mkfs.ext4").arg("-q").arg(disk.image()))?;
        fs::create_dir(disk.path())?;
        disk.mount()?;
        Ok(disk)
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// The file that it is in.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// The power goes: from now on nothing reaches the disk, and after [`Self::mount_again`] only what was there before is there.
    /// (`EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: neither data nor the journal are written.)
    pub fn cut_power(&self) -> Result<()> {
        const EXT4_IOC_SHUTDOWN: libc::Ioctl = 0x8004_587D_u32 as libc::Ioctl;
        let no_log_flush: u32 = 2;
        let folder = File::open(self.path())?;
        // SAFETY: the call reads one u32 through its argument, which outlives it.
        let done = unsafe { libc::ioctl(folder.as_raw_fd(), EXT4_IOC_SHUTDOWN, &raw const no_log_flush) };
        if done != 0 {
            return Err(io::Error::last_os_error()).context("cutting the power");
        }
        Ok(())
    }

    /// Once nobody has a file open there.
    pub fn mount_again(&mut self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }

    fn mount(&mut self) -> Result<()> {
        output_of(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        // A killed process lets go of its files a moment later.
        await_condition("the disk can be unmounted", Duration::from_secs(5), || {
            Ok(!self.is_mounted || output_of(Command::new("umount").arg(self.path())).is_ok())
        })?;
        self.is_mounted = false;
        Ok(())
    }

    /// Bytes written to it so far (Linux: `Documentation/block/stat.rst`).
    pub fn written(&self) -> Result<u64> {
        const SECTOR: u64 = 512;
        let device = fs::metadata(self.path())?.dev();
        let path = format!("/sys/dev/block/{}:{}/stat", libc::major(device), libc::minor(device));
        let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let sectors: u64 = stat.split_whitespace().nth(6).context("sectors written")?.parse()?;
        Ok(sectors * SECTOR)
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
        if let Err(error) = self.unmount() {
            eprintln!("{} is still mounted: {error:#}", self.path().display());
        }
    }
}

fn freeze(path: &Path, how: &str) -> Result<()> {
    output_of(Command::new("fsfreeze").arg(how).arg(path)).map(drop)
}
