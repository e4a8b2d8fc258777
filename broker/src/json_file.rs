//! The small files beside the store: topics, groups, offsets. Apache's layout, fastjson's quirks, a `.bak` beside each.
//!
//! A file is replaced as a whole: written under another name, synced, renamed, and the folder synced. A crash leaves the
//! old one or the new one, and so does a full disk.
//!
//! Its last member is the CRC of everything before it, which Apache's broker does not know and passes over. A file that has none
//! is Apache's, or was written by hand.

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
    #[error("{} is damaged ({source}), and its .bak is too, or not there: restore one of them from a backup, or move both away to start without; what was edited by hand is read without its {CRC}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It is not what is written here.
    #[error("{0}")]
    Content(#[from] serde_json::Error),
    /// It is not what was written.
    #[error("its {CRC} does not match: a disk has changed it, or somebody has edited it and left that in")]
    Crc,
}

/// The member with the CRC (CRC-32 as of zlib, in 8 hexadecimal digits) of all that stands before it.
const CRC: &str = "gantryCrc32";

/// Reads `path`, or its backup when it is damaged or missing; the default when neither exists. A damaged file is put aside, so that
/// it never becomes the backup.
pub(crate) fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    load_latest(path).map(|(value, _)| value)
}

/// The same, and whether it is what was saved last: a backup is what was saved before that.
pub(crate) fn load_latest<T: DeserializeOwned + Default>(path: &Path) -> Result<(T, bool), Error> {
    let backup = backup(path);
    let first = match read(path)? {
        Some(Ok(value)) => return Ok((value, true)),
        first => first,
    };
    match (first, read(&backup)?) {
        (first, Some(Ok(value))) => {
            match first {
                Some(Err(damage)) => {
                    let aside =
                        put_aside(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
                    tracing::error!(
                        path = %path.display(), %damage, aside = %aside.display(),
                        "damaged: its .bak is used, and it is put aside"
                    );
                    // Were it there still, the next save would make it the backup.
                    fs::remove_file(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
                }
                _ => tracing::warn!(path = %path.display(), "missing: its .bak is used"),
            }
            Ok((value, false))
        }
        (Some(Err(source)), _) | (None, Some(Err(source))) => {
            Err(Error::Damaged { path: path.to_owned(), source })
        }
        _ => Ok((T::default(), false)),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<Result<T, Damage>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(parse(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { path: path.to_owned(), source }),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damage> {
    let Some((content, crc)) = split(bytes) else { return Ok(fastjson::from_slice(bytes)?) };
    if crc != format!("{:08x}", crc32fast::hash(content)).as_bytes() {
        return Err(Damage::Crc);
    }
    Ok(fastjson::from_slice(&[content, b"}"].concat())?)
}

/// What stands before the CRC, and the CRC; `None` for a file that has none where it is written.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.trim_ascii_end().strip_suffix(b"\"}")?;
    let (rest, crc) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    Some((rest.strip_suffix(format!(",\"{CRC}\":\"").as_bytes())?, crc))
}

/// The text of a file with its CRC.
fn with_crc(mut text: Vec<u8>) -> Vec<u8> {
    if text.ends_with(b"}") && text != b"{}" {
        text.pop();
        let crc = crc32fast::hash(&text);
        text.extend_from_slice(format!(",\"{CRC}\":\"{crc:08x}\"}}").as_bytes());
    }
    text
}

fn backup(path: &Path) -> PathBuf {
    beside(path, ".bak")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Keeps what a file has now under another name, which tells one content from another. Gives that name.
pub(crate) fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, &format!(".aside-{:08x}", crc32fast::hash(&fs::read(path)?)));
    match fs::hard_link(path, &aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(path)?;
    Ok(aside)
}

/// Some entries of a file that is whole are of no use here: it is put aside before a save leaves them out.
pub(crate) fn keep_entries(path: &Path, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    match put_aside(path) {
        Ok(aside) => tracing::error!(
            path = %path.display(), ?entries, aside = %aside.display(),
            "entries cannot be: they are left out, and the file is put aside"
        ),
        Err(error) => tracing::error!(
            path = %path.display(), ?entries, %error,
            "entries cannot be: they are left out, and the file cannot be put aside"
        ),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Replaces `path` by `value`, keeping what was there as its backup. After an error the old file is there still, or the new one as a
/// whole.
pub(crate) fn save(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let is_forgotten = |name, fault| path.ends_with(name) && has(fault);
    if is_forgotten("topics.json", Fault::TopicsNotSaved)
        || is_forgotten("consumerOffset.json", Fault::OffsetsNotSaved)
    {
        return Ok(());
    }
    let fresh = beside(path, ".tmp");
    replace(path, &fresh, &with_crc(fastjson::to_vec(value))).map_err(|error| {
        // The space it takes is missing elsewhere, maybe.
        let _ = fs::remove_file(&fresh);
        io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
    })
}

fn replace(path: &Path, fresh: &Path, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new(".")))?;
    let mut file = File::create(fresh)?;
    file.write_all(text)?;
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
    fs::rename(fresh, path)?;
    file_step(path, "renamed");
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Table = BTreeMap<String, BTreeMap<i32, i64>>;

    fn table(n: i64) -> Table {
        Table::from([("T@g".into(), BTreeMap::from([(0, n)]))])
    }

    fn saved(dir: &tempfile::TempDir, numbers: &[i64]) -> PathBuf {
        let path = dir.path().join("config/offsets.json");
        numbers.iter().for_each(|n| save(&path, &table(*n)).unwrap());
        path
    }

    #[test]
    fn a_damaged_file_falls_back_to_its_backup() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load::<Table>(&dir.path().join("none.json")).unwrap(), Table::new());
        let path = saved(&dir, &[1, 2]);
        assert_eq!(load::<Table>(&path).unwrap(), table(2));
        fs::write(&path, "{\"T@g").unwrap();
        assert_eq!(load::<Table>(&path).unwrap(), table(1));
        fs::write(&path, "{\"T@g").unwrap();
        fs::write(backup(&path), "").unwrap();
        assert!(load::<Table>(&path).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_bit_that_was_flipped_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = saved(&dir, &[1, 4_000_000]);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                fs::write(&path, &bad).unwrap();
                let found = load::<Table>(&path).unwrap();
                // What is flipped in the member's name leaves the content as it was.
                let is_name = bad.windows(CRC.len()).all(|window| window != CRC.as_bytes());
                let is_right =
                    found == table(1) || (is_name && found.get("T@g") == table(4_000_000).get("T@g"));
                assert!(is_right, "{:?}: {found:?}", String::from_utf8_lossy(&bad));
            }
        }
    }

    #[test]
    fn a_damaged_file_never_becomes_the_backup() {
        let dir = tempfile::tempdir().unwrap();
        let path = saved(&dir, &[1, 2]);
        fs::write(&path, "{\"T@g").unwrap();
        assert_eq!(load::<Table>(&path).unwrap(), table(1));
        // A crash before the save, or in it.
        assert_eq!(load::<Table>(&path).unwrap(), table(1));
        fs::create_dir(beside(&path, ".tmp")).unwrap();
        save(&path, &table(3)).unwrap_err();
        assert_eq!(load::<Table>(&backup(&path)).unwrap(), table(1));
        fs::remove_dir(beside(&path, ".tmp")).unwrap();
        save(&path, &table(3)).unwrap();
        assert_eq!(load::<Table>(&backup(&path)).unwrap(), table(1));
        assert_eq!(load::<Table>(&path).unwrap(), table(3));
        let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name());
        let aside = names.filter(|name| name.to_string_lossy().contains(".aside-")).count();
        assert_eq!(aside, 1, "somebody may want to look at it");
    }

    #[test]
    fn apaches_files_are_read_and_so_are_those_that_were_edited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offsets.json");
        fs::write(&path, "{\"T@g\":{0:12,1:3\n\t}\n}").unwrap();
        assert_eq!(load::<Table>(&path).unwrap()["T@g"], BTreeMap::from([(0, 12), (1, 3)]));
        save(&path, &Table::new()).unwrap();
        assert_eq!(load::<Table>(&path).unwrap(), Table::new());
    }

    /// All bytes of a file that can never be written.
    #[test]
    fn a_full_disk_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = saved(&dir, &[1, 2]);
        std::os::unix::fs::symlink("/dev/full", beside(&path, ".tmp")).unwrap();
        let error = save(&path, &table(3)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("offsets.json: No space left"), "{error}");
        assert_eq!(load::<Table>(&path).unwrap(), table(2));
        assert_eq!(load::<Table>(&backup(&path)).unwrap(), table(1));
        assert!(!beside(&path, ".tmp").is_symlink(), "what it has of the disk is given back");
        save(&path, &table(3)).unwrap();
    }
}
