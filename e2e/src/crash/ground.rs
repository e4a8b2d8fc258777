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

/// What of files had not reached the disk when the power went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    /// Sectors whose bytes were others on the disk.
    pub sectors: usize,
    /// Of these, what reached it all the same.
    pub kept: usize,
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

    /// Compares with what is on the disk now. Of each sector that did not get there `keep` says whether it did after all: a disk
    /// writes sectors in whatever order it likes. Where a name has its former file again, nothing was on the way to that one.
    pub(super) fn lost(&self, mut keep: impl FnMut() -> bool) -> Result<Lost> {
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
                if keep() {
                    lost.kept += 1;
                    let new = new.get(..old.len()).unwrap_or(new);
                    file.write_all_at(new, (n * SECTOR) as u64)?;
                }
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
        let lost = snapshot.lost(|| true)?;
        assert_eq!((lost.sectors, lost.kept, lost.files), (1, 1, 0));
        assert_eq!(fs::read(&path)?, [b'n'; SECTOR]);

        // The one that had this name before.
        let former = folder.path().join("former");
        fs::write(&former, old)?;
        fs::rename(&former, &path)?;
        let lost = snapshot.lost(|| true)?;
        assert_eq!((lost.sectors, lost.kept, lost.files), (0, 0, 1));
        assert_eq!(fs::read(&path)?, old);
        Ok(())
    }
}
