//! Settings that may be changed while the broker runs (Apache: UPDATE_BROKER_CONFIG, there for nearly all of them).
//!
//! What is on the list is looked at each time that it matters. All else is read once, at the start, and is refused here.

use super::{BrokerConfig, ConfigError, properties};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;

const KEYS: [&str; 21] = [
    "autoCreateTopicEnable",
    "autoCreateTopicMax",
    "brokerPermission",
    "defaultQueryMaxNum",
    "enablePropertyFilter",
    "leaveTimeoutMillis",
    "longPollingEnable",
    "maxMessageSize",
    "notifyConsumerIdsChangedEnable",
    "recallMessageEnable",
    "registerNameServerPeriod",
    "rejectTransactionMessage",
    "shortPollingTimeMills",
    "storeReplyMessageEnable",
    "syncFlushTimeout",
    "timerMaxDelaySec",
    "timerWheelEnable",
    "traceOn",
    "transactionCheckInterval",
    "transactionCheckMax",
    "transactionTimeOut",
];

/// Keys that Apache's broker lets nobody change, either.
const FORBIDDEN: [&str; 2] = ["configBlackList", "brokerConfigPath"];

impl BrokerConfig {
    /// These settings with the changes of `text`, in the form of a properties file.
    ///
    /// # Errors
    /// A key is unknown or may be changed by a restart only, or a value is not of its key's kind.
    pub(crate) fn changed(&self, text: &str) -> Result<Self, Refusal> {
        for (key, _) in properties::parse(text) {
            if FORBIDDEN.contains(&&*key) {
                let why = "Can not update config in black list.";
                return Err(Refusal::new(ResponseCode::NO_PERMISSION, why));
            }
            if !KEYS.contains(&&*key) {
                return Err(Refusal::new(
                    ResponseCode::INVALID_PARAMETER,
                    format!(
                        "{key} cannot be changed while the broker runs: set it in broker.conf and restart the broker. Without a restart: {}",
                        KEYS.join(", ")
                    ),
                ));
            }
        }
        let mut changed = self.clone();
        let refused = |error: ConfigError| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string());
        changed.apply(text).map_err(refused)?;
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_changed_or_nothing() {
        let config = BrokerConfig::new("/tmp/x");
        let changed = config.changed("traceOn=false\nmaxMessageSize=1000").unwrap();
        assert!(!changed.trace_on);
        assert_eq!(changed.max_message_size, 1000);
        for (text, says) in [
            ("traceOn=false\nlistenPort=1", "listenPort cannot be changed"),
            ("traceOn=maybe", "true or false"),
            ("nonsense=1", "nonsense cannot"),
        ] {
            let refusal = config.changed(text).unwrap_err();
            assert_eq!(refusal.code, ResponseCode::INVALID_PARAMETER);
            assert!(refusal.remark.contains(says), "{refusal}");
        }
    }

    #[test]
    fn what_may_be_changed_is_a_setting() {
        let all = BrokerConfig::new("/tmp/x").to_properties();
        for key in KEYS {
            assert!(all.lines().any(|line| line.starts_with(&format!("{key}="))), "{key}");
        }
    }
}
