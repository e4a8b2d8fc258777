//! Ports nobody else uses, for one name server and one broker.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

/// Below the ports the kernel gives to outgoing connections.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 10;
const BLOCKS: u16 = 1_200;

/// Ten ports in a row, held by a file lock for as long as this value lives: a server that is down between two starts
/// does not lose its port to another test.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    _lock: File,
}

impl PortBlock {
    pub fn reserve() -> Result<Self> {
        let folder = env::temp_dir().join("gantry-e2e-ports");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_micros() ^ process::id();
        for step in 0..u32::from(BLOCKS) {
            let block = u16::try_from((start + step) % u32::from(BLOCKS))?;
            let first = FIRST + block * BLOCK;
            let lock = File::create(folder.join(first.to_string()))?;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Ok(Self { first, _lock: lock });
            }
        }
        bail!("no block of {BLOCK} free ports")
    }

    #[must_use]
    pub fn name_server(&self) -> u16 {
        self.first
    }

    /// The broker's own; that minus 2 (VIP channel) and plus 1 (replication) are in the block too.
    #[must_use]
    pub fn broker(&self) -> u16 {
        self.first + 4
    }

    /// For the broker's probes and metrics.
    #[must_use]
    pub fn probes(&self) -> u16 {
        self.first + 7
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
