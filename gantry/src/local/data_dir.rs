//! The folder that everything is kept in, used by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The data folder, ours until this is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why the folder cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be made, read or written.
    #[error("cannot {op} {}: {source}; choose a folder that you may write to, with --data", path.display())]
    Io {
        /// What was attempted.
        op: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is something else by that name.
    #[error("{} is not a folder; choose another with --data", .0.display())]
    NotAFolder(PathBuf),
    /// Another process has it.
    #[error(
        "another gantry local{holder} uses {}: stop it, or give this one a folder and ports of its own \
         (--data, --port, --broker-port)", path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// ` (process 123)`, if it said so.
        holder: String,
    },
}

impl DataDir {
    /// Makes the folder if it is absent, and keeps others out.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if path.exists() && !path.is_dir() {
            return Err(Error::NotAFolder(path.to_owned()));
        }
        let fail = |op, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { op, path, source }
        };
        fs::create_dir_all(path).map_err(fail("make the folder", path))?;
        let lock_path = path.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&lock_path).map_err(fail("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(fail("lock", &lock_path)(source)),
        }
        // For the message above, in another process.
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(fail("write", &lock_path))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// As the user named it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn broker(&self) -> PathBuf {
        self.path.join("broker")
    }

    /// Where the broker of a BrokerGroup keeps its messages.
    pub(super) fn broker_group(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What is written down about declared topics and groups.
    pub(super) fn status(&self) -> PathBuf {
        self.path.join("status.json")
    }

    pub(super) fn name_server(&self) -> PathBuf {
        self.path.join("nameserver")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("gantry.log")
    }
}

fn holder(lock: &mut File) -> String {
    let mut process = String::new();
    match lock.read_to_string(&mut process) {
        Ok(_) if !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit()) => {
            format!(" (process {process})")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        let refused = DataDir::open(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(DataDir::open(&file), Err(Error::NotAFolder(_))));
        assert!(DataDir::open(&file.join("below")).unwrap_err().to_string().contains("--data"));
    }
}
