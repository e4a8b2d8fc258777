//! The files that declare, and whether they changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells one state of the files from another.
pub(super) type Fingerprint = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The files that `paths` stand for, as `kubectl -f` takes them: a file as it is, of a folder each `*.yaml` and `*.yml`.
pub(super) fn list(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut of_folder: Vec<_> =
            path.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        of_folder.retain(|file| is_yaml(file) && file.is_file());
        of_folder.sort();
        files.extend(of_folder);
    }
    Ok(files)
}

fn is_yaml(file: &Path) -> bool {
    // What editors leave beside the file begins with a dot or ends otherwise.
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The files' state now. One that is gone counts as such.
pub(super) fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let files = list(paths).unwrap_or_default();
    let state = |file: PathBuf| {
        let (modified, len) = match file.metadata() {
            Ok(data) => (data.modified().ok(), data.len()),
            Err(_) => (None, 0),
        };
        (file, (modified, len))
    };
    files.into_iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_stands_for_its_yaml_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "notes.txt", ".c.yaml", "d.yaml~"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = list(&[dir.path().to_owned()]).unwrap();
        assert_eq!(names, [dir.path().join("a.yml"), dir.path().join("b.yaml")]);
    }

    #[test]
    fn an_edit_shows_and_so_do_new_and_removed_files() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().to_owned()];
        let mut seen = vec![fingerprint(&paths)];
        let mut look = || {
            let now = fingerprint(&paths);
            let new = !seen.contains(&now);
            seen.push(now);
            new
        };
        fs::write(dir.path().join("a.yaml"), "1").unwrap();
        assert!(look());
        assert!(!look());
        fs::write(dir.path().join("a.yaml"), "12").unwrap();
        assert!(look());
        fs::write(dir.path().join("b.yaml"), "").unwrap();
        assert!(look());
        fs::rename(dir.path().join("b.yaml"), dir.path().join("b.txt")).unwrap();
        fs::write(dir.path().join("a.yaml"), "123").unwrap();
        assert!(look());
    }
}
