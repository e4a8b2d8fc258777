//! Settings, in Apache's key names (`BrokerConfig`, `MessageStoreConfig`).

mod keys;
mod live;
mod properties;

pub use keys::ConfigError;

use gantry_message::Host;
use gantry_message::delay::DelayLevels;
use gantry_store::{FlushMode, Retention, StoreConfig};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All settings of a broker, with Apache's defaults.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are Apache's keys; units are in the types")]
pub struct BrokerConfig {
    pub broker_cluster_name: String,
    pub broker_name: String,
    pub broker_id: i64,
    /// The address that clients are told, and that is part of message ids.
    pub broker_ip1: IpAddr,
    /// Where to listen; all interfaces by default.
    pub bind_address: IpAddr,
    pub listen_port: u16,
    /// Also listen on `listenPort - 2`, where clients with the VIP channel switched on expect the broker.
    pub vip_channel: bool,
    /// `host:port`, several.
    pub namesrv_addr: Vec<String>,
    /// Each `host:port` stands for all addresses that the host resolves to, now and later.
    pub fetch_name_srv_addr_by_dns_lookup: bool,
    pub register_name_server_period: Duration,
    pub broker_permission: i32,
    pub default_topic_queue_nums: i32,
    pub auto_create_topic_enable: bool,
    /// Gantry's own: a send to a new name makes no topic when there are so many.
    pub auto_create_topic_max: usize,
    pub auto_create_subscription_group: bool,
    /// Gantry's own: a client with a new name makes no group when there are so many.
    pub auto_create_subscription_group_max: usize,
    pub trace_topic_enable: bool,
    pub msg_trace_topic_name: String,
    pub region_id: String,
    pub trace_on: bool,
    pub long_polling_enable: bool,
    pub short_polling_time: Duration,
    pub max_message_size: usize,
    pub flush_consumer_offset_interval: Duration,
    pub sync_flush_timeout: Duration,
    pub notify_consumer_ids_changed_enable: bool,
    pub default_query_max_num: i32,
    pub store_path_root_dir: PathBuf,
    pub store_path_commit_log: Option<PathBuf>,
    pub flush_disk_type: FlushDiskType,
    pub flush_interval_commit_log: Duration,
    /// A disk that takes longer for a message is busy, and messages are refused.
    pub os_page_cache_busy_time_out: Duration,
    pub maped_file_size_commit_log: u64,
    pub maped_file_size_consume_queue: u64,
    pub message_index_enable: bool,
    pub max_hash_slot_num: u32,
    pub max_index_num: u32,
    pub warm_maped_file_enable: bool,
    pub mlock: bool,
    pub retention: Retention,
    pub message_delay_level: String,
    /// How long a transaction may be open before its producer is asked.
    pub transaction_time_out: Duration,
    /// How often producers are asked before a transaction is given up.
    pub transaction_check_max: u32,
    pub transaction_check_interval: Duration,
    pub reject_transaction_message: bool,
    /// Messages may have a time of delivery of their own.
    pub timer_wheel_enable: bool,
    /// How far away that may be, in seconds.
    pub timer_max_delay_sec: i64,
    /// They may be taken back by their handle until then.
    pub recall_message_enable: bool,
    /// Answers to requests are stored, too.
    pub store_reply_message_enable: bool,
    /// Subscriptions may be expressions on properties (SQL92).
    pub enable_property_filter: bool,
    /// Apache's way to have metrics fetched.
    pub metrics_exporter: MetricsExporter,
    /// Where, then.
    pub metrics_prom_exporter_port: u16,
    /// Gantry's own: where probes and metrics are served by HTTP; 0 is off.
    pub probe_listen_port: u16,
    /// Gantry's own: `host:port` by which clients outside reach this broker, told to the name servers.
    pub external_address: Option<String>,
    /// Gantry's own: how long a broker that stops keeps serving, for its clients to move to others.
    pub leave_timeout: Duration,
}

/// `flushDiskType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushDiskType {
    /// SEND_OK: the message survives a kill of the process.
    Async,
    /// SEND_OK: the message is on the disk.
    Sync,
}

/// `metricsExporterType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsExporter {
    /// Not on a port of their own.
    Disabled,
    /// Served at `/metrics` on `metricsPromExporterPort`.
    Prometheus,
}

impl BrokerConfig {
    /// Ports on which probes and metrics are served.
    pub(crate) fn probe_ports(&self) -> Vec<u16> {
        let prometheus = self.metrics_exporter == MetricsExporter::Prometheus;
        let port = prometheus.then_some(self.metrics_prom_exporter_port);
        [Some(self.probe_listen_port), port].into_iter().flatten().filter(|port| *port != 0).collect()
    }

    /// The defaults, with the store in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let store = StoreConfig::new("");
        Self {
            broker_cluster_name: "DefaultCluster".into(),
            broker_name: host_name(),
            broker_id: 0,
            broker_ip1: local_address(),
            bind_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            listen_port: 10911,
            vip_channel: true,
            namesrv_addr: Vec::new(),
            fetch_name_srv_addr_by_dns_lookup: false,
            register_name_server_period: Duration::from_secs(30),
            broker_permission: 6,
            default_topic_queue_nums: 8,
            auto_create_topic_enable: true,
            auto_create_topic_max: 10_000,
            auto_create_subscription_group: true,
            auto_create_subscription_group_max: 10_000,
            trace_topic_enable: false,
            msg_trace_topic_name: "RMQ_SYS_TRACE_TOPIC".into(),
            region_id: "DefaultRegion".into(),
            trace_on: true,
            long_polling_enable: true,
            short_polling_time: Duration::from_secs(1),
            max_message_size: 4 * 1024 * 1024,
            flush_consumer_offset_interval: Duration::from_secs(5),
            sync_flush_timeout: Duration::from_secs(5),
            notify_consumer_ids_changed_enable: true,
            default_query_max_num: 32,
            store_path_root_dir: root.into(),
            store_path_commit_log: None,
            flush_disk_type: FlushDiskType::Async,
            flush_interval_commit_log: Duration::from_millis(500),
            os_page_cache_busy_time_out: store.busy_after,
            maped_file_size_commit_log: store.file_size,
            maped_file_size_consume_queue: u64::from(store.queue_file_entries) * 20,
            message_index_enable: true,
            max_hash_slot_num: store.index_slots,
            max_index_num: store.index_items,
            warm_maped_file_enable: true,
            mlock: false,
            retention: Retention::default(),
            message_delay_level: gantry_message::delay::DEFAULT_LEVELS.into(),
            transaction_time_out: Duration::from_secs(6),
            transaction_check_max: 15,
            transaction_check_interval: Duration::from_secs(30),
            reject_transaction_message: false,
            timer_wheel_enable: true,
            timer_max_delay_sec: 3 * 24 * 3600,
            recall_message_enable: false,
            store_reply_message_enable: true,
            enable_property_filter: false,
            metrics_exporter: MetricsExporter::Disabled,
            metrics_prom_exporter_port: 5557,
            probe_listen_port: 0,
            external_address: None,
            leave_timeout: Duration::ZERO,
        }
    }

    /// Applies a `broker.conf`: Java properties with Apache's keys. Gives back the keys that mean nothing here.
    ///
    /// # Errors
    /// When the file cannot be read, or a value is not of its key's kind.
    pub fn apply_file(&mut self, path: &Path) -> Result<Vec<Ignored>, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        self.apply(&text)
    }

    /// Applies settings in the form of a properties file. Gives back the keys that mean nothing here.
    ///
    /// # Errors
    /// When a value is not of its key's kind.
    pub fn apply(&mut self, text: &str) -> Result<Vec<Ignored>, ConfigError> {
        let mut ignored = Vec::new();
        for (key, value) in properties::parse(text) {
            if !keys::set(self, &key, &value)? {
                ignored.push(Ignored { has_no_effect: keys::is_apaches(&key), key });
            }
        }
        Ok(ignored)
    }

    /// All settings as `key=value` lines, as GET_BROKER_CONFIG answers them.
    #[must_use]
    pub fn to_properties(&self) -> String {
        keys::all(self).iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    /// `host:port` as clients are told.
    #[must_use]
    pub fn advertised(&self) -> SocketAddr {
        SocketAddr::new(self.broker_ip1, self.listen_port)
    }

    /// Up to how many groups there may be for clients to make one more.
    pub(crate) fn groups_to_be_made(&self) -> usize {
        if self.auto_create_subscription_group { self.auto_create_subscription_group_max } else { 0 }
    }

    /// The store's settings.
    ///
    /// # Errors
    /// When the delay levels are malformed.
    pub fn store(&self) -> Result<StoreConfig, ConfigError> {
        let delay_levels =
            DelayLevels::parse(&self.message_delay_level).map_err(|error| ConfigError::Value {
                key: "messageDelayLevel".into(),
                value: self.message_delay_level.clone(),
                expected: error.to_string(),
            })?;
        Ok(StoreConfig {
            root: self.store_path_root_dir.clone(),
            commit_log: self.store_path_commit_log.clone(),
            file_size: self.maped_file_size_commit_log,
            queue_file_entries: (self.maped_file_size_consume_queue / 20).clamp(1, u64::from(u32::MAX))
                as u32,
            flush: match self.flush_disk_type {
                FlushDiskType::Async => FlushMode::Async(self.flush_interval_commit_log),
                FlushDiskType::Sync => FlushMode::Sync,
            },
            index: self.message_index_enable,
            index_slots: self.max_hash_slot_num,
            index_items: self.max_index_num,
            retention: self.retention,
            delay_levels,
            warm_ahead: if self.warm_maped_file_enable { StoreConfig::new("").warm_ahead } else { 0 },
            mlock: self.mlock,
            store_host: Host::new(self.advertised()),
            busy_after: self.os_page_cache_busy_time_out,
            ..StoreConfig::new(&self.store_path_root_dir)
        })
    }
}

/// A key that was read and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The key.
    pub key: String,
    /// Apache's broker knows it, but Gantry has nothing to set by it (thread pools and the like).
    pub has_no_effect: bool,
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if gantry_message::name::check_topic(name).is_ok() { name.into() } else { "DEFAULT_BROKER".into() }
}

/// The address of the interface that leads outside; no packet is sent.
fn local_address() -> IpAddr {
    let probe = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    probe().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |addr| addr.ip())
}
