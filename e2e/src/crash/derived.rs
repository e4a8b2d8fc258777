//! What is derived from the log, made anew on a copy of the store and compared with what the broker kept up to date.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;

use super::run::Run;
use crate::history::What;

/// Folders of the store that a broker makes anew when they are gone.
const QUEUES: &str = "consumequeue";

/// Puts both on record.
pub(super) fn compare(run: &mut Run) -> Result<()> {
    let live = run.start.store.clone();
    let copy = live.with_file_name("rebuilt");
    copy_folder(&live, &copy)?;
    for folder in [QUEUES, "index"] {
        match fs::remove_dir_all(copy.join(folder)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    run.start.store = copy.clone();
    run.begin_life()?;
    run.stop()?;
    run.start.store.clone_from(&live);
    let (live, rebuilt) = (digests(&live.join(QUEUES))?, digests(&copy.join(QUEUES))?);
    fs::remove_dir_all(&copy)?;
    for file in live.keys().chain(rebuilt.keys().filter(|file| !live.contains_key(*file))) {
        let digest =
            |of: &BTreeMap<String, String>| of.get(file).cloned().unwrap_or_else(|| "not there".into());
        run.record(What::Derived { file: file.clone(), live: digest(&live), rebuilt: digest(&rebuilt) });
    }
    Ok(())
}

/// Length up to the last byte that is not zero, and CRC, of each file.
fn digests(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<_> = root.exists().then(|| root.to_owned()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path)?;
            let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            // A file of nothing may be there or not.
            if length > 0 {
                let name = path.strip_prefix(root)?.display().to_string();
                files.insert(name, format!("{length} bytes, {:08x}", crc32fast::hash(&bytes)));
            }
        }
    }
    Ok(files)
}

pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
