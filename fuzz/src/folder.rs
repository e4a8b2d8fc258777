//! Folders in memory: a fuzzer that waits for a disk finds little.

use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A new folder: where `GANTRY_FUZZ_FOLDER` says, which `run` has in memory and clears, or with the other temporary ones.
#[must_use]
pub fn in_memory() -> TempDir {
    let made = match std::env::var_os("GANTRY_FUZZ_FOLDER") {
        Some(folder) => TempDir::new_in(folder),
        None => TempDir::new(),
    };
    made.expect("a folder")
}

/// Copies a folder's files.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}
