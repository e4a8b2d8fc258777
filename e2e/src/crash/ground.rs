//! Where a broker's store lies: in a folder, or on a disk whose power can be cut.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::loop_disk::LoopDisk;
use crate::work_folder::WorkFolder;

const SECTOR: usize = 512;
const DISK_MIB: u64 = 2048;

#[derive(Debug)]
pub(super) enum Ground {
    Folder(WorkFolder),
    Disk(LoopDisk),
}

/// How much of a sector that was on its way to the disk got there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reached {
    Nothing,
    /// It was written while its bytes were being copied into memory, and these many were.
    Midway(usize),
    All,
}

impl Reached {
    /// Any of these, `All` for this share of sectors.
    pub(super) fn any(random: &mut fastrand::Rng, share: f64) -> Self {
        if random.f64() < share {
            Self::All
        } else if random.bool() {
            // Words are copied whole.
            Self::Midway(random.usize(1..SECTOR / 8) * 8)
        } else {
            Self::Nothing
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Midway(bytes) => bytes,
            Self::All => SECTOR,
        }
    }
}

/// What of files had not reached the disk when the power went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    /// Sectors whose bytes were others on the disk.
    pub sectors: usize,
    /// Of these, what reached it all the same, and of what some did.
    pub kept: usize,
    pub midway: usize,
    /// Files that were not there at all, not as long, or not yet under their name.
    pub files: usize,
}

impl Ground {
    pub(super) fn folder() -> Result<Self> {
        WorkFolder::new("crash").map(Self::Folder)
    }

    pub(super) fn disk() -> Result<Self> {
        LoopDisk::new(DISK_MIB).map(Self::Disk)
    }

    /// One that is soon full.
    pub(super) fn small_disk(mib: u64) -> Result<Self> {
        LoopDisk::new(mib).map(Self::Disk)
    }

    pub(super) fn store(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join("store"),
            Self::Disk(disk) => disk.path().join("store"),
        }
    }

    /// The file that the disk is in, if it is one of its own.
    pub(super) fn image(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(_) => None,
            Self::Disk(disk) => Some(disk.image()),
        }
    }

    pub(super) fn as_disk(&mut self) -> Option<&mut LoopDisk> {
        match self {
            Self::Folder(_) => None,
            Self::Disk(disk) => Some(disk),
        }
    }
}

/// The files below a folder as they look to processes.
#[derive(Debug)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Content>);

#[derive(Debug)]
struct Content {
    inode: Inode,
    bytes: Vec<u8>,
}

/// Which file it is, whatever its name: the number, and when it was made, as numbers are used again.
#[derive(Debug, Eq, PartialEq)]
struct Inode(u64, SystemTime);

impl Content {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self { inode: Inode(metadata.ino(), metadata.created()?), bytes })
    }
}

impl Snapshot {
    pub(super) fn take(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content =
                        Content::read(&path).with_context(|| format!("reading {}", path.display()))?;
                    files.insert(path, content);
                }
            }
        }
        Ok(Self(files))
    }

    /// Compares with what is on the disk now. Of each sector that did not get there `reached` says how much of it did after all: a
    /// disk writes sectors in whatever order it likes, and the kernel hands it pages while they are written to. Where a name has
    /// its former file again, nothing was on the way to that one.
    pub(super) fn lost(&self, mut reached: impl FnMut() -> Reached) -> Result<Lost> {
        let mut lost = Lost::default();
        for (path, before) in &self.0 {
            let Some(after) = Content::read(path).ok().filter(|after| after.inode == before.inode) else {
                lost.files += 1;
                continue;
            };
            let (before, after) = (&before.bytes, &after.bytes);
            if after.len() < before.len() {
                lost.files += 1;
            }
            let file = File::options().write(true).open(path)?;
            for (n, (old, new)) in after.chunks(SECTOR).zip(before.chunks(SECTOR)).enumerate() {
                if old == new {
                    continue;
                }
                lost.sectors += 1;
                let reached = reached();
                match reached {
                    Reached::Nothing => {}
                    Reached::Midway(_) => lost.midway += 1,
                    Reached::All => lost.kept += 1,
                }
                let new = new.get(..old.len().min(reached.bytes())).unwrap_or(new);
                file.write_all_at(new, (n * SECTOR) as u64)?;
            }
            file.sync_all()?;
        }
        Ok(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_reaches_the_file_that_it_was_on_the_way_to_and_no_other_of_its_name() -> Result<()> {
        let folder = WorkFolder::new("torn")?;
        let path = folder.path().join("file");
        let old = [b'o'; SECTOR];
        fs::write(&path, [b'n'; SECTOR])?;
        let snapshot = Snapshot::take(folder.path())?;

        // The same file, as it was before.
        fs::write(&path, old)?;
        let lost = snapshot.lost(|| Reached::Midway(8))?;
        assert_eq!((lost.sectors, lost.kept, lost.midway, lost.files), (1, 0, 1, 0));
        assert_eq!(fs::read(&path)?, [[b'n'; 8].as_slice(), &[b'o'; SECTOR - 8]].concat());
        let lost = snapshot.lost(|| Reached::All)?;
        assert_eq!((lost.sectors, lost.kept, lost.midway, lost.files), (1, 1, 0, 0));
        assert_eq!(fs::read(&path)?, [b'n'; SECTOR]);

        // The one that had this name before.
        let former = folder.path().join("former");
        fs::write(&former, old)?;
        fs::rename(&former, &path)?;
        let lost = snapshot.lost(|| Reached::All)?;
        assert_eq!((lost.sectors, lost.kept, lost.files), (0, 0, 1));
        assert_eq!(fs::read(&path)?, old);
        Ok(())
    }
}
