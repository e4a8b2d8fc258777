//! From files to documents: YAML with several to a file.

use super::files;
use serde::Deserialize as _;
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The file, as it was named.
    pub(super) file: PathBuf,
    /// Which document of it, from 1; 0 for the file as a whole.
    pub(super) document: usize,
    /// `Topic/orders`, once it is known.
    pub(super) object: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.document > 0 {
            write!(f, ", document {}", self.document)?;
        }
        if !self.object.is_empty() {
            write!(f, " ({})", self.object)?;
        }
        Ok(())
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) origin: Origin,
    /// With the field, where there is one: `spec.queues: must be at least 1, not 0`.
    pub(super) message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// All objects of all files, in order. A list stands for its items.
pub(super) fn read(paths: &[PathBuf], mistakes: &mut Vec<Mistake>) -> Vec<(Origin, Value)> {
    let mut objects = Vec::new();
    let whole = |file: PathBuf| Origin { file, document: 0, object: String::new() };
    let files = match files::list(paths) {
        Ok(files) => files,
        Err(error) => {
            let file = paths.first().cloned().unwrap_or_default();
            mistakes.push(Mistake { origin: whole(file), message: format!("cannot be read: {error}") });
            return objects;
        }
    };
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => split(&file, &text, &mut objects, mistakes),
            Err(error) => {
                mistakes.push(Mistake { origin: whole(file), message: format!("cannot be read: {error}") });
            }
        }
    }
    objects
}

fn split(
    file: &std::path::Path,
    text: &str,
    objects: &mut Vec<(Origin, Value)>,
    mistakes: &mut Vec<Mistake>,
) {
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let mut origin = Origin { file: file.to_owned(), document: index + 1, object: String::new() };
        // By way of YAML's own values: those notice a key that stands twice.
        let read = serde_yaml::Value::deserialize(document).and_then(|mut value| {
            value.apply_merge()?;
            Ok(value)
        });
        let value = match read
            .map_err(|error| error.to_string())
            .and_then(|value| serde_json::to_value(value).map_err(|error| error.to_string()))
        {
            Ok(Value::Null) => continue,
            Ok(value) => value,
            Err(error) => {
                mistakes.push(Mistake { origin, message: format!("is no good YAML: {error}") });
                // What comes after cannot be told apart: the reader would give the same error for ever.
                return;
            }
        };
        if value["kind"] == "List"
            && let Some(items) = value["items"].as_array()
        {
            objects.extend(items.iter().map(|item| (named(origin.clone(), item), item.clone())));
            continue;
        }
        origin = named(origin, &value);
        objects.push((origin, value));
    }
}

fn named(origin: Origin, object: &Value) -> Origin {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let separator = if name.is_empty() { "" } else { "/" };
    Origin { object: format!("{kind}{separator}{name}"), ..origin }
}
