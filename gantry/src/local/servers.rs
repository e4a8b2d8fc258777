//! The two servers, started and stopped together. All that is known here of their crates is in this file.

use super::args::{Args, Flush};
use super::data_dir::DataDir;
use super::numbers::Numbers;
use gantry_broker::BrokerConfig;
use gantry_broker::config::FlushDiskType;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Name of the broker, part of every queue's name.
pub(super) const BROKER_NAME: &str = "broker-local";
/// Name of its cluster.
pub(super) const CLUSTER_NAME: &str = "local";
/// Files that are made at once should fit a laptop: 64 MiB instead of a gigabyte, a tenth of the usual index.
const COMMIT_LOG_FILE: u64 = 64 * 1024 * 1024;
const INDEX_SLOTS: u32 = 500_000;
const INDEX_ITEMS: u32 = 2_000_000;

/// Why a server did not start. Both name the port or file and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The name server.
    #[error("name server: {source}{}", if *is_listen { " (--port)" } else { "" })]
    NameServer {
        /// What happened.
        source: gantry_nameserver::Error,
        /// The port is in the way.
        is_listen: bool,
    },
    /// The broker.
    #[error("broker: {source}{}", if *is_listen { " (--broker-port)" } else { "" })]
    Broker {
        /// What happened.
        source: gantry_broker::Error,
        /// The port is in the way.
        is_listen: bool,
    },
}

impl From<gantry_nameserver::Error> for Error {
    fn from(source: gantry_nameserver::Error) -> Self {
        Self::NameServer { is_listen: matches!(source, gantry_nameserver::Error::Listen(_)), source }
    }
}

impl From<gantry_broker::Error> for Error {
    fn from(source: gantry_broker::Error) -> Self {
        Self::Broker { is_listen: matches!(source, gantry_broker::Error::Listen(_)), source }
    }
}

/// A name server and a broker that serve.
pub(super) struct Servers {
    /// As clients are told.
    host: IpAddr,
    /// As this process reaches them: what clients are told may be an address of another machine that forwards here.
    local: IpAddr,
    name_server_port: u16,
    stop_name_server: watch::Sender<bool>,
    name_server_task: JoinHandle<()>,
    broker: gantry_broker::Running,
    stop_broker: watch::Sender<bool>,
}

impl Servers {
    /// Starts both.
    pub(super) async fn start(args: &Args, data: &DataDir) -> Result<Self, Error> {
        let (stop_name_server, stopping) = watch::channel(false);
        let listen = SocketAddr::new(args.bind(), args.port);
        let config = gantry_nameserver::Config::new(listen, data.name_server());
        let name_server = gantry_nameserver::start(config, stopping).await?;
        let local = reachable(args.bind());
        let name_server_port = name_server.addr.port();
        let register_at = SocketAddr::new(local, name_server_port);
        let (stop_broker, stopping) = watch::channel(false);
        match gantry_broker::start(broker_config(args, data, register_at), stopping).await {
            Ok(broker) => Ok(Self {
                host: args.host,
                local,
                name_server_port,
                stop_name_server,
                name_server_task: name_server.task,
                broker,
                stop_broker,
            }),
            Err(error) => {
                stop_name_server.send_replace(true);
                let _ = name_server.task.await;
                Err(error.into())
            }
        }
    }

    /// The name server, as clients are told.
    pub(super) fn name_server(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.name_server_port)
    }

    /// The broker, as clients are told.
    pub(super) fn broker(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.broker.addr().port())
    }

    /// Both, as this process reaches them.
    pub(super) fn local_addresses(&self) -> (SocketAddr, SocketAddr) {
        let at = |port| SocketAddr::new(self.local, port);
        (at(self.name_server_port), at(self.broker.addr().port()))
    }

    /// How things are now.
    pub(super) fn numbers(&self) -> Numbers {
        let snapshot = self.broker.snapshot();
        Numbers {
            topics: snapshot.topics,
            groups: snapshot.groups,
            clients: snapshot.consumers + snapshot.producers,
            messages_in: snapshot.messages_in,
            messages_out: snapshot.messages_out,
            log_bytes: snapshot.log_bytes,
        }
    }

    /// Completes when the broker stops by itself: it lets go of what would tell it to.
    pub(super) async fn broker_failed(&self) {
        self.stop_broker.closed().await;
    }

    /// Stops both, the broker first: it says good-bye to the name server.
    ///
    /// # Errors
    /// Why the broker had stopped by itself.
    pub(super) async fn stop(self) -> Result<(), String> {
        self.stop_broker.send_replace(true);
        let broker = self.broker.stopped().await;
        self.stop_name_server.send_replace(true);
        // It reports its own troubles.
        let _ = self.name_server_task.await;
        broker
    }
}

/// How this process reaches what it listens on.
pub(super) fn reachable(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// A broker on a laptop, with its store in `root`.
pub(super) fn laptop_config(args: &Args, root: PathBuf, name_server: SocketAddr) -> BrokerConfig {
    BrokerConfig {
        broker_ip1: args.host,
        bind_address: args.bind(),
        vip_channel: false,
        namesrv_addr: vec![name_server.to_string()],
        auto_create_topic_enable: args.auto_create_topics,
        maped_file_size_commit_log: COMMIT_LOG_FILE,
        max_hash_slot_num: INDEX_SLOTS,
        max_index_num: INDEX_ITEMS,
        ..BrokerConfig::new(root)
    }
}

fn broker_config(args: &Args, data: &DataDir, name_server: SocketAddr) -> BrokerConfig {
    BrokerConfig {
        broker_cluster_name: CLUSTER_NAME.into(),
        broker_name: BROKER_NAME.into(),
        listen_port: args.broker_port,
        flush_disk_type: match args.flush {
            Flush::Sync => FlushDiskType::Sync,
            Flush::Async => FlushDiskType::Async,
        },
        ..laptop_config(args, data.broker(), name_server)
    }
}
