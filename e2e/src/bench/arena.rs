//! A broker that is there to be measured: started on an empty store, gone when its owner is.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Contestant;
use crate::await_condition::await_condition;
use crate::ports::PortBlock;
use crate::process::Process;
use crate::work_folder::WorkFolder;
use crate::{Cluster, Setup};

/// When SEND_OK is said.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Flush {
    Async,
    Sync,
}

impl Flush {
    fn disk_type(self) -> &'static str {
        match self {
            Self::Async => "ASYNC_FLUSH",
            Self::Sync => "SYNC_FLUSH",
        }
    }
}

pub(super) struct Arena {
    who: Who,
    port: u16,
}

enum Who {
    // Large beside the other.
    Broker(Box<Cluster>),
    Responder { process: Process, folder: WorkFolder, _ports: PortBlock },
}

impl Arena {
    pub(super) fn start(contestant: Contestant, flush: Flush) -> Result<Self> {
        let Some(target) = contestant.target() else { return Self::start_responder(flush) };
        let cluster = Cluster::start(target, setup(contestant, flush))?;
        Ok(Self { port: cluster.broker_port(), who: Who::Broker(Box::new(cluster)) })
    }

    /// What answers without doing anything, or not more than one `fdatasync` for what came together.
    pub(super) fn start_responder(flush: Flush) -> Result<Self> {
        let (folder, ports) = (WorkFolder::new("responder")?, PortBlock::reserve()?);
        let port = ports.broker();
        let mut command = Command::new(env::current_exe()?);
        command.args(["respond", &address(port).to_string()]);
        if flush == Flush::Sync {
            command.arg("--sync").arg(folder.path());
        }
        let process = Process::start("responder", command, &folder.path().join("out"))?;
        await_condition("the responder takes connections", Duration::from_secs(10), || {
            Ok(TcpStream::connect(address(port)).is_ok())
        })
        .with_context(|| process.output_tail())?;
        Ok(Self { port, who: Who::Responder { process, folder, _ports: ports } })
    }

    pub(super) fn address(&self) -> SocketAddr {
        address(self.port)
    }

    /// Where clients ask for routes.
    pub(super) fn name_server(&self) -> String {
        match &self.who {
            Who::Broker(cluster) => cluster.name_server_address(),
            Who::Responder { .. } => self.address().to_string(),
        }
    }

    /// Of the broker alone.
    pub(super) fn pid(&self) -> Result<u32> {
        match &self.who {
            Who::Broker(cluster) => cluster.broker_pid().context("the broker is running"),
            Who::Responder { process, .. } => Ok(process.pid()),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        match &self.who {
            Who::Broker(cluster) => cluster.folder(),
            Who::Responder { folder, .. } => folder.path(),
        }
    }

    pub(super) fn log_tail(&self) -> String {
        match &self.who {
            Who::Broker(cluster) => cluster.log_tail(),
            Who::Responder { process, .. } => process.output_tail(),
        }
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The same durability and the same file sizes for both, which are Apache's defaults.
pub(super) fn setup(contestant: Contestant, flush: Flush) -> Setup {
    let setup = Setup::default()
        .in_earnest()
        .set("mappedFileSizeCommitLog", 1_u32 << 30)
        .set("flushDiskType", flush.disk_type());
    if contestant != Contestant::ApacheTuned {
        return setup;
    }
    let tuned = setup.set("useEpollNativeSelector", true).set("warmMapedFileEnable", true);
    match flush {
        // Two of the pool are in use, and with none left sends are refused.
        Flush::Async => tuned.set("transientStorePoolEnable", true).set("transientStorePoolSize", 4),
        Flush::Sync => tuned.set("useReentrantLockWhenPutMessage", true),
    }
}
