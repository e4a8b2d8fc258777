//! The KV config: text by namespace and key, in the file and form of Apache's (`kvConfig.json`).

use crate::{Error, durable};
use gantry_remoting::body::KvTable;
use gantry_remoting::fastjson;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// How many queues an ordered topic has on which brokers, as operators wrote it: `broker-a:4;broker-b:4`.
pub(crate) const ORDER_TOPIC_CONFIG: &str = "ORDER_TOPIC_CONFIG";

const FILE: &str = "kvConfig.json";
/// Bytes of namespaces, keys and values in all.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    config_table: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("the KV config is full: it keeps at most {MAX_BYTES} bytes; delete what is not needed")]
    Full,
    #[error("cannot write the KV config: {0}")]
    Io(#[from] io::Error),
}

/// The KV config and its file.
#[derive(Debug)]
pub(crate) struct KvStore {
    path: PathBuf,
    table: RwLock<Table>,
}

impl KvStore {
    /// Reads the file of the data folder; none is an empty config.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = durable::read(&path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        let table = match text {
            None => Table::default(),
            Some(text) => fastjson::from_slice(&text)
                .map_err(|error| Error::Malformed { path: path.clone(), reason: error.to_string() })?,
        };
        Ok(Self { path, table: RwLock::new(table) })
    }

    pub(crate) fn get(&self, namespace: &str, key: &str) -> Option<String> {
        self.table.read().config_table.get(namespace)?.get(key).cloned()
    }

    /// All of a namespace, as the body of an answer (Apache: `KVTable`); `None` if it never had a key.
    pub(crate) fn list(&self, namespace: &str) -> Option<Vec<u8>> {
        let table = self.table.read().config_table.get(namespace).cloned()?;
        serde_json::to_vec(&KvTable { table }).ok()
    }

    /// Sets a key; on return it survives a power cut. Called by one thread only.
    pub(crate) fn put(&self, namespace: String, key: String, value: String) -> Result<(), ChangeError> {
        self.change(|table| table.config_table.entry(namespace).or_default().insert(key, value))
    }

    /// Deletes a key, if it is there. Called by one thread only.
    pub(crate) fn delete(&self, namespace: &str, key: &str) -> Result<(), ChangeError> {
        self.change(|table| table.config_table.get_mut(namespace)?.remove(key))
    }

    /// Written first, then shown: what a reader saw is never lost.
    fn change(&self, change: impl FnOnce(&mut Table) -> Option<String>) -> Result<(), ChangeError> {
        let mut table = self.table.read().clone();
        change(&mut table);
        if table.bytes() > MAX_BYTES {
            return Err(ChangeError::Full);
        }
        // Keys are text here: fastjson's form would write one that starts with a brace as an object.
        let text = serde_json::to_vec(&table).map_err(io::Error::from)?;
        durable::replace(&self.path, &text)?;
        *self.table.write() = table;
        Ok(())
    }
}

impl Table {
    fn bytes(&self) -> usize {
        let size = |(key, value): (&String, &String)| key.len() + value.len();
        self.config_table.iter().map(|(name, keys)| name.len() + keys.iter().map(size).sum::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &KvStore, namespace: &str, key: &str, value: &str) {
        store.put(namespace.into(), key.into(), value.into()).unwrap();
    }

    #[test]
    fn what_was_put_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        put(&store, ORDER_TOPIC_CONFIG, "T", "broker-a:4");
        put(&store, "ns", "{\"k\"}", "\u{1f600}\n");
        store.delete(ORDER_TOPIC_CONFIG, "absent").unwrap();
        store.delete("absent", "absent").unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        assert_eq!(store.get(ORDER_TOPIC_CONFIG, "T").as_deref(), Some("broker-a:4"));
        assert_eq!(store.get("ns", "{\"k\"}").as_deref(), Some("\u{1f600}\n"));
        store.delete(ORDER_TOPIC_CONFIG, "T").unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        assert_eq!(store.get(ORDER_TOPIC_CONFIG, "T"), None);
        assert_eq!(
            store.list(ORDER_TOPIC_CONFIG).unwrap(),
            br#"{"table":{}}"#,
            "the namespace stays, as with Apache"
        );
        assert_eq!(store.list("absent"), None);
    }

    #[test]
    fn the_file_is_apaches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(
            &path,
            "{\n\t\"configTable\":{\n\t\t\"ORDER_TOPIC_CONFIG\":{\"T\":\"a:4\"\n\t\t}\n\t}\n}",
        )
        .unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        assert_eq!(store.get(ORDER_TOPIC_CONFIG, "T").as_deref(), Some("a:4"));
        put(&store, "n", "k", "v");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, r#"{"configTable":{"ORDER_TOPIC_CONFIG":{"T":"a:4"},"n":{"k":"v"}}}"#);
    }

    #[test]
    fn a_broken_file_says_what_to_do_and_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for broken in ["", "{\"configTable\":{\"n\"", "[]", "{}", "\0\0"] {
            std::fs::write(&path, broken).unwrap();
            let error = KvStore::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(FILE) && error.contains("restore it from a backup"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
        }
    }

    #[test]
    fn a_change_that_cannot_be_written_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        put(&store, "n", "k", "old");
        std::fs::create_dir(folder.path().join("kvConfig.tmp")).unwrap();
        assert!(store.put("n".into(), "k".into(), "new".into()).is_err());
        assert_eq!(store.get("n", "k").as_deref(), Some("old"));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path()).unwrap();
        put(&store, "n", "k", &"x".repeat(MAX_BYTES - 2));
        assert!(matches!(store.put("n".into(), "k2".into(), "x".into()), Err(ChangeError::Full)));
        put(&store, "n", "k", "small again");
    }
}
