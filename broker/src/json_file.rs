//! The small files beside the store: topics, groups, offsets. Apache's layout, fastjson's quirks, a `.bak` beside each.
//!
//! A file is replaced as a whole: written under another name, synced, renamed, and the folder synced. A crash leaves the
//! old one or the new one.

use crate::faults::{Fault, file_step, has};
use gantry_remoting::fastjson;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Neither the file nor its backup is what it should be.
    #[error("{} is damaged ({source}), and so is its .bak: restore one of them from a backup, or move both away to start without", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads `path`, or its backup when it is damaged or missing; the default when neither exists.
pub(crate) fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    let backup = backup(path);
    match read(path)? {
        Some(Ok(value)) => Ok(value),
        first => match (first, read(&backup)?) {
            (_, Some(Ok(value))) => {
                tracing::warn!(path = %path.display(), "damaged or missing: its .bak is used");
                Ok(value)
            }
            (Some(Err(source)), _) | (None, Some(Err(source))) => {
                Err(Error::Damaged { path: path.to_owned(), source })
            }
            _ => Ok(T::default()),
        },
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<Result<T, serde_json::Error>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(fastjson::from_slice(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { path: path.to_owned(), source }),
    }
}

fn backup(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".bak");
    name.into()
}

/// Replaces `path` by `value`, keeping what was there as its backup.
pub(crate) fn save(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let is_forgotten = |name, fault| path.ends_with(name) && has(fault);
    if is_forgotten("topics.json", Fault::TopicsNotSaved)
        || is_forgotten("consumerOffset.json", Fault::OffsetsNotSaved)
    {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".tmp");
    let fresh = PathBuf::from(fresh);
    let mut file = File::create(&fresh)?;
    file.write_all(&fastjson::to_vec(value))?;
    file.sync_all()?;
    file_step(path, "written");
    if path.exists() {
        let backup = backup(path);
        match fs::remove_file(&backup) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        file_step(path, "backup removed");
        // A second name for what is there now: at no time is there no file.
        fs::hard_link(path, &backup)?;
    }
    file_step(path, "backup made");
    fs::rename(&fresh, path)?;
    file_step(path, "renamed");
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Table = BTreeMap<String, BTreeMap<i32, i64>>;

    #[test]
    fn a_damaged_file_falls_back_to_its_backup() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/offsets.json");
        assert_eq!(load::<Table>(&path).unwrap(), Table::new());
        for n in [1, 2] {
            save(&path, &Table::from([("T@g".into(), BTreeMap::from([(0, n)]))])).unwrap();
        }
        assert_eq!(load::<Table>(&path).unwrap()["T@g"][&0], 2);
        fs::write(&path, "{\"T@g").unwrap();
        assert_eq!(load::<Table>(&path).unwrap()["T@g"][&0], 1);
        fs::write(backup(&path), "").unwrap();
        assert!(load::<Table>(&path).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn apaches_integer_keys_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offsets.json");
        fs::write(&path, "{\"T@g\":{0:12,1:3\n\t}\n}").unwrap();
        assert_eq!(load::<Table>(&path).unwrap()["T@g"], BTreeMap::from([(0, 12), (1, 3)]));
    }
}
