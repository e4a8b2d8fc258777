//! One table: each key, how it is read and how it is written.

use super::{BrokerConfig, FlushDiskType, MetricsExporter};
use gantry_message::name::{self, BadName};
use gantry_store::Retention;
use std::path::PathBuf;
use std::time::Duration;

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A value is not of its key's kind.
    #[error("{key}={value}: {expected}")]
    Value {
        /// The key.
        key: String,
        /// What was given.
        value: String,
        /// What it should be.
        expected: String,
    },
}

/// How a key's value is read from and written to text.
trait Setting: Sized {
    fn read(text: &str) -> Result<Self, String>;
    fn write(&self) -> String;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("must be a number from {} to {}", Self::MIN, Self::MAX))
            }
            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
number!(i32, i64, u16, u32, u64, usize);

impl Setting for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".into()),
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn write(&self) -> String {
        self.clone()
    }
}

/// Durations are milliseconds, as in Apache.
impl Setting for Duration {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map(Self::from_millis).map_err(|_| "must be a number of milliseconds".into())
    }
    fn write(&self) -> String {
        self.as_millis().to_string()
    }
}

impl Setting for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must be a folder".into()) } else { Ok(text.into()) }
    }
    fn write(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for Option<PathBuf> {
    fn read(text: &str) -> Result<Self, String> {
        PathBuf::read(text).map(Some)
    }
    fn write(&self) -> String {
        self.as_ref().map(Setting::write).unwrap_or_default()
    }
}

/// An IPv6 address may stand in brackets: Apache's broker puts the port right behind what it is given.
impl Setting for std::net::IpAddr {
    fn read(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().map_err(|_| "must be an IP address that clients can reach".into())
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

/// `host:port`; nothing is none.
impl Setting for Option<String> {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(None),
            _ if is_host_port(text) => Ok(Some(text.to_owned())),
            _ => Err("must be host:port".into()),
        }
    }
    fn write(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

/// A host as DNS and IPv6 write it, and a port that can be connected to.
fn is_host_port(text: &str) -> bool {
    let letters =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%');
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && host.bytes().all(letters) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Name servers, `;` separated.
impl Setting for Vec<String> {
    fn read(text: &str) -> Result<Self, String> {
        let list: Self =
            text.split([';', ',']).map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned).collect();
        match list
            .iter()
            .find(|addr| addr.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()))
        {
            Some(bad) => Err(format!("{bad:?} must be host:port; several are separated by ';'")),
            None => Ok(list),
        }
    }
    fn write(&self) -> String {
        self.join(";")
    }
}

impl Setting for FlushDiskType {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "ASYNC_FLUSH" => Ok(Self::Async),
            "SYNC_FLUSH" => Ok(Self::Sync),
            _ => Err("must be ASYNC_FLUSH or SYNC_FLUSH".into()),
        }
    }
    fn write(&self) -> String {
        match self {
            Self::Async => "ASYNC_FLUSH".into(),
            Self::Sync => "SYNC_FLUSH".into(),
        }
    }
}

impl Setting for MetricsExporter {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "DISABLE" => Ok(Self::Disabled),
            "PROM" => Ok(Self::Prometheus),
            _ => Err("must be DISABLE or PROM: metrics are fetched here, not sent".into()),
        }
    }
    fn write(&self) -> String {
        match self {
            Self::Disabled => "DISABLE".into(),
            Self::Prometheus => "PROM".into(),
        }
    }
}

/// A percentage, kept as a share.
struct Percent(f64);

impl Setting for Percent {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(n) if (1.0..=100.0).contains(&n) => Ok(Self(n / 100.0)),
            Ok(n) if n > 0.0 && n < 1.0 => Ok(Self(n)),
            _ => Err("must be a percentage between 0 and 100".into()),
        }
    }
    fn write(&self) -> String {
        format!("{:.0}", self.0 * 100.0)
    }
}

/// Hours of the day, `;` separated.
struct Hours(u32);

impl Setting for Hours {
    fn read(text: &str) -> Result<Self, String> {
        let hours: Result<Vec<u32>, _> = text.split(';').map(|hour| hour.trim().parse()).collect();
        match hours {
            Ok(hours) if hours.iter().all(|hour| *hour < 24) => Ok(Self(Retention::hours(&hours))),
            _ => Err("must be hours from 00 to 23, separated by ';'".into()),
        }
    }
    fn write(&self) -> String {
        let hours: Vec<_> =
            (0..24).filter(|hour| self.0 & (1 << hour) != 0).map(|hour| format!("{hour:02}")).collect();
        hours.join(";")
    }
}

/// Hours of keeping.
struct KeepHours(Duration);

impl Setting for KeepHours {
    fn read(text: &str) -> Result<Self, String> {
        let hours = text.parse::<u64>().ok().and_then(|hours| hours.checked_mul(3600));
        hours.map(|s| Self(Duration::from_secs(s))).ok_or_else(|| "must be a number of hours".into())
    }
    fn write(&self) -> String {
        (self.0.as_secs() / 3600).to_string()
    }
}

macro_rules! table {
    (
        plain { $($key:literal => $field:ident,)* }
        wrapped { $($wkey:literal => $wrap:ident($($wfield:ident).+),)* }
    ) => {
        /// Sets one key; false when it means nothing here.
        pub(super) fn set(config: &mut BrokerConfig, key: &str, value: &str) -> Result<bool, ConfigError> {
            // 4.x wrote "maped", 5.x writes "mapped".
            let key = key.replacen("mappedFile", "mapedFile", 1);
            let key = key.as_str();
            let refuse = |expected| ConfigError::Value { key: key.into(), value: value.into(), expected };
            match key {
                $($key => config.$field = Setting::read(value).map_err(refuse)?,)*
                $($wkey => config.$($wfield).+ = <$wrap as Setting>::read(value).map_err(refuse)?.0,)*
                _ => return Ok(false),
            }
            check(config, key).map_err(refuse)?;
            Ok(true)
        }

        /// Every key with its value.
        pub(super) fn all(config: &BrokerConfig) -> Vec<(&'static str, String)> {
            vec![
                $(($key, config.$field.write()),)*
                $(($wkey, $wrap(config.$($wfield).+).write()),)*
            ]
        }
    };
}

table! {
    plain {
        "brokerClusterName" => broker_cluster_name,
        "brokerName" => broker_name,
        "brokerId" => broker_id,
        "brokerIP1" => broker_ip1,
        "bindAddress" => bind_address,
        "listenPort" => listen_port,
        "vipChannelEnabled" => vip_channel,
        "namesrvAddr" => namesrv_addr,
        "fetchNameSrvAddrByDnsLookup" => fetch_name_srv_addr_by_dns_lookup,
        "registerNameServerPeriod" => register_name_server_period,
        "brokerPermission" => broker_permission,
        "defaultTopicQueueNums" => default_topic_queue_nums,
        "autoCreateTopicEnable" => auto_create_topic_enable,
        "autoCreateTopicMax" => auto_create_topic_max,
        "autoCreateSubscriptionGroup" => auto_create_subscription_group,
        "autoCreateSubscriptionGroupMax" => auto_create_subscription_group_max,
        "traceTopicEnable" => trace_topic_enable,
        "msgTraceTopicName" => msg_trace_topic_name,
        "regionId" => region_id,
        "traceOn" => trace_on,
        "longPollingEnable" => long_polling_enable,
        "shortPollingTimeMills" => short_polling_time,
        "maxMessageSize" => max_message_size,
        "flushConsumerOffsetInterval" => flush_consumer_offset_interval,
        "syncFlushTimeout" => sync_flush_timeout,
        "notifyConsumerIdsChangedEnable" => notify_consumer_ids_changed_enable,
        "defaultQueryMaxNum" => default_query_max_num,
        "storePathRootDir" => store_path_root_dir,
        "storePathCommitLog" => store_path_commit_log,
        "flushDiskType" => flush_disk_type,
        "osPageCacheBusyTimeOutMills" => os_page_cache_busy_time_out,
        "flushIntervalCommitLog" => flush_interval_commit_log,
        "mapedFileSizeCommitLog" => maped_file_size_commit_log,
        "mapedFileSizeConsumeQueue" => maped_file_size_consume_queue,
        "messageIndexEnable" => message_index_enable,
        "maxHashSlotNum" => max_hash_slot_num,
        "maxIndexNum" => max_index_num,
        "warmMapedFileEnable" => warm_maped_file_enable,
        "mlockCommitLog" => mlock,
        "messageDelayLevel" => message_delay_level,
        "transactionTimeOut" => transaction_time_out,
        "transactionCheckMax" => transaction_check_max,
        "transactionCheckInterval" => transaction_check_interval,
        "rejectTransactionMessage" => reject_transaction_message,
        "timerWheelEnable" => timer_wheel_enable,
        "timerMaxDelaySec" => timer_max_delay_sec,
        "recallMessageEnable" => recall_message_enable,
        "storeReplyMessageEnable" => store_reply_message_enable,
        "enablePropertyFilter" => enable_property_filter,
        "metricsExporterType" => metrics_exporter,
        "metricsPromExporterPort" => metrics_prom_exporter_port,
        "probeListenPort" => probe_listen_port,
        "externalAddress" => external_address,
        "leaveTimeoutMillis" => leave_timeout,
    }
    wrapped {
        "deleteWhen" => Hours(retention.delete_hours),
        "fileReservedTime" => KeepHours(retention.keep),
        "diskMaxUsedSpaceRatio" => Percent(retention.expired_above),
        "diskSpaceCleanForciblyRatio" => Percent(retention.forcibly_above),
        "diskSpaceWarningLevelRatio" => Percent(retention.refuse_above),
    }
}

/// Rules beyond a value's kind.
fn check(config: &BrokerConfig, key: &str) -> Result<(), String> {
    let name = |name: &str| name::check_topic(name).map_err(|error: BadName| error.to_string());
    match key {
        "brokerClusterName" => name(&config.broker_cluster_name),
        "brokerName" => name(&config.broker_name),
        "brokerId" if config.broker_id != 0 => Err("must be 0: replicas are not supported yet".into()),
        "listenPort" if config.listen_port < 3 => Err("must be a port above 2".into()),
        "defaultTopicQueueNums" if config.default_topic_queue_nums < 1 => Err("must be at least 1".into()),
        "mapedFileSizeCommitLog" if config.maped_file_size_commit_log < 64 * 1024 => {
            Err("must be at least 65536, and larger than any message".into())
        }
        "mapedFileSizeCommitLog" if config.maped_file_size_commit_log > i32::MAX as u64 => {
            Err("must be below 2 GiB".into())
        }
        "mapedFileSizeConsumeQueue" if config.maped_file_size_consume_queue < 20 => {
            Err("must be at least 20".into())
        }
        "timerMaxDelaySec" if config.timer_max_delay_sec < 1 => Err("must be at least 1".into()),
        "messageDelayLevel" => gantry_message::delay::DelayLevels::parse(&config.message_delay_level)
            .map(drop)
            .map_err(|e| e.to_string()),
        _ => Ok(()),
    }
}

/// Keys of Apache's broker that set something Gantry does not have: thread pools, JVM memory, switches of features that
/// are always on. Telling them apart from typing errors is a kindness.
pub(super) fn is_apaches(key: &str) -> bool {
    const ENDINGS: [&str; 6] =
        ["ThreadPoolNums", "ThreadPoolQueueCapacity", "ThreadPoolNum", "InQueue", "PoolSize", "MillsInQueue"];
    const KEYS: [&str; 19] = [
        "brokerRole",
        "brokerIP2",
        "haListenPort",
        "storePathConsumeQueue",
        "storePathIndex",
        "storeCheckpoint",
        "abortFile",
        "transientStorePoolEnable",
        "useReentrantLockWhenPutMessage",
        "useEpollNativeSelector",
        "metricsPromExporterHost",
        "transferMsgByHeap",
        "flushCommitLogTimed",
        "slaveReadEnable",
        "brokerFastFailureEnable",
        "enableCalcFilterBitMap",
        "compressedRegister",
        "rocketmqHome",
        "useServerSideResetOffset",
    ];
    KEYS.contains(&key) || ENDINGS.iter().any(|ending| key.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use crate::BrokerConfig;

    #[test]
    fn apaches_keys_are_read_and_unknown_ones_named() {
        let mut config = BrokerConfig::new("/tmp/x");
        let text = "mappedFileSizeCommitLog=1048576\nbrokerName=b\nlistenPort=20911\nflushDiskType=SYNC_FLUSH\ndeleteWhen=04;16\nfileReservedTime=48\n\
            diskMaxUsedSpaceRatio=88\nnamesrvAddr=a:1;b:2\nsendMessageThreadPoolNums=4\nbrokerNam=typo\n";
        let ignored = config.apply(text).unwrap();
        assert_eq!(config.maped_file_size_commit_log, 1_048_576);
        assert_eq!(config.listen_port, 20911);
        assert_eq!(config.namesrv_addr, ["a:1", "b:2"]);
        assert_eq!(config.retention.keep.as_secs(), 48 * 3600);
        assert_eq!(config.retention.delete_hours, 1 << 4 | 1 << 16);
        let ignored: Vec<_> = ignored.iter().map(|i| (i.key.as_str(), i.has_no_effect)).collect();
        assert_eq!(ignored, [("sendMessageThreadPoolNums", true), ("brokerNam", false)]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut config = BrokerConfig::new("/tmp/x");
        config.apply("deleteWhen=03;05\nnamesrvAddr=h:1\nstorePathCommitLog=/tmp/y").unwrap();
        config
            .apply("probeListenPort=10909\nexternalAddress=b.example.com:31911\nleaveTimeoutMillis=40000")
            .unwrap();
        config.apply("fetchNameSrvAddrByDnsLookup=true").unwrap();
        let mut again = BrokerConfig::new("/tmp/z");
        again.apply(&config.to_properties()).unwrap();
        assert_eq!(again.to_properties(), config.to_properties());
        config.apply("externalAddress=").unwrap();
        assert_eq!(config.external_address, None, "what was set can be taken back");
    }

    #[test]
    fn an_ipv6_address_may_stand_in_brackets() {
        let mut config = BrokerConfig::new("/tmp/x");
        for text in ["brokerIP1=::1", "brokerIP1=[::1]"] {
            config.apply(text).unwrap();
            assert_eq!(config.broker_ip1, std::net::Ipv6Addr::LOCALHOST);
        }
        assert!(config.apply("brokerIP1=[::1").is_err());
    }

    #[test]
    fn bad_values_say_what_they_should_be() {
        for text in [
            "listenPort=70000",
            "flushDiskType=MAYBE",
            "brokerName=../x",
            "deleteWhen=25",
            "namesrvAddr=nowhere",
            "autoCreateTopicEnable=yes",
            "messageDelayLevel=1x",
            "brokerId=1",
            "probeListenPort=-1",
            "externalAddress=broker.example.com",
            "externalAddress=a,b:1",
            "externalAddress=broker.example.com:0",
            "leaveTimeoutMillis=10s",
            "fetchNameSrvAddrByDnsLookup=1",
        ] {
            let error = BrokerConfig::new("/tmp/x").apply(text).unwrap_err().to_string();
            assert!(error.contains("must") || error.contains("not"), "{error}");
        }
    }
}
