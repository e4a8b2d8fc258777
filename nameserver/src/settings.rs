//! What an operator may change while the name server runs (UPDATE_NAMESRV_CONFIG, mqadmin updateNamesrvConfig), under
//! Apache's names. A typed list: nothing else can be set, and nothing that names a file is in it.

use crate::{Error, durable};
use parking_lot::RwLock;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where changed settings are kept.
const FILE: &str = "namesrv.properties";

/// Settings of a name server; defaults are Apache's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Routes carry the topic's entry of the KV namespace ORDER_TOPIC_CONFIG.
    pub order_message_enable: bool,
    /// Registering brokers are told the KV namespace ORDER_TOPIC_CONFIG.
    pub return_order_topic_config_to_broker: bool,
    /// The list of all topics is answered.
    pub enable_all_topic_list: bool,
    /// The list of a cluster's topics is answered.
    pub enable_topic_list: bool,
    /// A slave that stands in for its master is shown to clients as the master.
    pub support_acting_master: bool,
    /// Routes are refused for a while after the start, until all brokers can have registered: clients then keep the route
    /// that they have instead of taking a part for the whole.
    pub need_wait_for_service: bool,
    /// How long that while is.
    pub wait_seconds_for_service: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            order_message_enable: false,
            return_order_topic_config_to_broker: true,
            enable_all_topic_list: true,
            enable_topic_list: true,
            support_acting_master: false,
            need_wait_for_service: false,
            wait_seconds_for_service: 45,
        }
    }
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// Apache has this setting, but it must not change through a request: it says where files are.
    #[error("Can not update config in black list.")]
    BlackListed,
    /// Not on the list.
    #[error("there is no setting {0:?}; these can be changed: {names}", names = NAMES.join(", "))]
    Unknown(String),
    /// Not a value of its type.
    #[error("{name} must be {expected}, not {value:?}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was given, cut short.
        value: String,
    },
}

const BLACK_LIST: [&str; 4] = ["configBlackList", "configStorePath", "kvConfigPath", "rocketmqHome"];
const NAMES: [&str; 7] = [
    "enableAllTopicList",
    "enableTopicList",
    "needWaitForService",
    "orderMessageEnable",
    "returnOrderTopicConfigToBroker",
    "supportActingMaster",
    "waitSecondsForService",
];

impl Settings {
    /// Changes one setting.
    ///
    /// # Errors
    /// When there is none of that name, or the value is not of its type.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadSetting> {
        if BLACK_LIST.contains(&name) {
            return Err(BadSetting::BlackListed);
        }
        let short = |text: &str| text.chars().take(64).collect::<String>();
        let known = NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| BadSetting::Unknown(short(name)))?;
        let bad = |expected| BadSetting::Value { name, expected, value: short(value) };
        if let Some(flag) = self.flag_mut(name) {
            *flag = value.parse().map_err(|_| bad("true or false"))?;
        } else {
            let seconds = value.parse().ok().filter(|seconds| *seconds <= 3600);
            self.wait_seconds_for_service = seconds.ok_or_else(|| bad("0 to 3600 seconds"))?;
        }
        Ok(())
    }

    /// Names and values, in the order of their names.
    pub fn entries(mut self) -> impl Iterator<Item = (&'static str, String)> {
        NAMES.into_iter().map(move |name| {
            let flag = self.flag_mut(name).map(|flag| flag.to_string());
            (name, flag.unwrap_or_else(|| self.wait_seconds_for_service.to_string()))
        })
    }

    /// How long routes are refused after the start.
    #[must_use]
    pub fn wait_for_service(&self) -> Option<Duration> {
        self.need_wait_for_service.then(|| Duration::from_secs(self.wait_seconds_for_service.into()))
    }

    fn flag_mut(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "enableAllTopicList" => &mut self.enable_all_topic_list,
            "enableTopicList" => &mut self.enable_topic_list,
            "needWaitForService" => &mut self.need_wait_for_service,
            "orderMessageEnable" => &mut self.order_message_enable,
            "returnOrderTopicConfigToBroker" => &mut self.return_order_topic_config_to_broker,
            "supportActingMaster" => &mut self.support_acting_master,
            _ => return None,
        })
    }
}

/// Java's properties text, as tools send it: a line per pair, comments start with `#` or `!`.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    lines.map(|line| line.split_once('=').map_or((line, ""), |(name, value)| (name.trim(), value.trim())))
}

/// The settings in use, and their file.
#[derive(Debug)]
pub(crate) struct SettingsStore {
    path: PathBuf,
    current: RwLock<Settings>,
}

impl SettingsStore {
    /// Defaults, then the file of the data folder, then `given`.
    pub(crate) fn open(folder: &Path, given: &[(String, String)]) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let mut settings = Settings::default();
        let text = durable::read(&path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        for (name, value) in pairs(&String::from_utf8_lossy(&text.unwrap_or_default())) {
            match settings.set(name, value) {
                Ok(()) => {}
                // Apache's own file has more settings than ours.
                Err(BadSetting::BlackListed | BadSetting::Unknown(_)) => {
                    tracing::warn!(file = %path.display(), name, "setting ignored: not one of this name server's");
                }
                Err(source) => return Err(Error::Setting { origin: path.display().to_string(), source }),
            }
        }
        for (name, value) in given {
            settings
                .set(name, value)
                .map_err(|source| Error::Setting { origin: format!("{name}={value}"), source })?;
        }
        Ok(Self { path, current: RwLock::new(settings) })
    }

    /// The settings in use.
    pub(crate) fn get(&self) -> Settings {
        *self.current.read()
    }

    /// Changes all of `changes` or nothing. Called by one thread only.
    pub(crate) fn update(&self, changes: &[(String, String)]) -> Result<(), UpdateError> {
        let mut settings = self.get();
        for (name, value) in changes {
            settings.set(name, value)?;
        }
        let text: String = settings.entries().map(|(name, value)| format!("{name}={value}\n")).collect();
        durable::replace(&self.path, text.as_bytes())?;
        *self.current.write() = settings;
        Ok(())
    }
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    #[error(transparent)]
    Bad(#[from] BadSetting),
    #[error("cannot write the settings: {0}")]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_set_and_shown() {
        let mut settings = Settings::default();
        for (name, value) in Settings::default().entries() {
            let other = match value.as_str() {
                "true" => "false",
                "false" => "true",
                _ => "7",
            };
            settings.set(name, other).unwrap();
            assert_eq!(settings.entries().find(|(n, _)| *n == name).unwrap().1, other);
        }
    }

    #[test]
    fn what_is_not_on_the_list_is_refused() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("kvConfigPath", "/etc/passwd"), Err(BadSetting::BlackListed));
        let unknown = settings.set("listenPort", "1").unwrap_err();
        assert!(unknown.to_string().contains("orderMessageEnable"), "{unknown}");
        assert!(settings.set("orderMessageEnable", "yes").is_err());
        assert!(settings.set("waitSecondsForService", "-1").is_err());
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn updates_are_all_or_nothing_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = SettingsStore::open(folder.path(), &[]).unwrap();
        let change = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert!(store.update(&[change("orderMessageEnable", "true"), change("x", "1")]).is_err());
        assert_eq!(store.get(), Settings::default());
        store.update(&[change("orderMessageEnable", "true")]).unwrap();
        assert!(SettingsStore::open(folder.path(), &[]).unwrap().get().order_message_enable);
        let given = [change("orderMessageEnable", "false")];
        assert!(
            !SettingsStore::open(folder.path(), &given).unwrap().get().order_message_enable,
            "what is given wins"
        );
    }

    #[test]
    fn a_file_of_apaches_is_read_and_a_broken_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "#Tue\nkvConfigPath=/x\nlistenPort = 9876\n orderMessageEnable = true \n")
            .unwrap();
        assert!(SettingsStore::open(folder.path(), &[]).unwrap().get().order_message_enable);
        std::fs::write(&path, "orderMessageEnable=maybe").unwrap();
        let error = SettingsStore::open(folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains(FILE) && error.contains("true or false"), "{error}");
    }
}
