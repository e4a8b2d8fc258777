//! How a store is laid out and kept.

use crate::recovery::Progress;
use gantry_message::Host;
use gantry_message::delay::DelayLevels;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a store. Defaults are Apache's.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `storePathRootDir`.
    pub root: PathBuf,
    /// `storePathCommitLog`; `<root>/commitlog` when absent.
    pub commit_log: Option<PathBuf>,
    /// `mapedFileSizeCommitLog`: bytes of a CommitLog file.
    pub file_size: u64,
    /// `mapedFileSizeConsumeQueue` in entries of 20 bytes.
    pub queue_file_entries: u32,
    /// `flushDiskType`.
    pub flush: FlushMode,
    /// `messageIndexEnable`.
    pub index: bool,
    /// `maxHashSlotNum`.
    pub index_slots: u32,
    /// `maxIndexNum`.
    pub index_items: u32,
    /// When old files go.
    pub retention: Retention,
    /// `messageDelayLevel`: the ConsumeQueue of delayed messages holds their time of delivery.
    pub delay_levels: DelayLevels,
    /// `warmMapedFileEnable`: bytes ahead of the append that are kept faulted in; 0 switches it off.
    pub warm_ahead: u64,
    /// Locks the active CommitLog file into memory.
    pub mlock: bool,
    /// The broker as clients reach it: part of every record and of message ids.
    pub store_host: Host,
    /// A checkpoint is due after this long, or later where it takes long, and after this many bytes: that bounds what a recovery has to
    /// read.
    pub checkpoint_every: (Duration, u64),
    /// How far a recovery has come, while the store is opened.
    pub progress: Arc<Progress>,
    /// `osPageCacheBusyTimeOutMills`: a disk that takes longer for one message, or for one flush that answers wait for, is
    /// busy, and messages are refused.
    pub busy_after: Duration,
}

/// When an acknowledged message is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// In the page cache: it survives a kill of the process. Flushed at this interval (`flushIntervalCommitLog`).
    Async(Duration),
    /// On the disk: it survives a power cut.
    Sync,
}

/// When CommitLog files are deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// `fileReservedTime`: files untouched for longer have expired.
    pub keep: Duration,
    /// `deleteWhen`: the hour of the day, local time, in which expired files go; several are possible.
    pub delete_hours: u32,
    /// `diskMaxUsedSpaceRatio`: above this share of the disk, expired files go at any hour.
    pub expired_above: f64,
    /// `diskSpaceCleanForciblyRatio`: above this, the oldest files go whether expired or not.
    pub forcibly_above: f64,
    /// `diskSpaceWarningLevelRatio`: above this, messages are refused.
    pub refuse_above: f64,
}

impl Retention {
    /// A set of hours with one member; hours beyond 23 are ignored.
    #[must_use]
    pub fn hours(hours: &[u32]) -> u32 {
        hours.iter().filter(|h| **h < 24).fold(0, |set, h| set | 1 << h)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(72 * 3600),
            delete_hours: Self::hours(&[4]),
            expired_above: 0.75,
            forcibly_above: 0.85,
            refuse_above: 0.90,
        }
    }
}

impl StoreConfig {
    /// The defaults, in folder `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            commit_log: None,
            file_size: 1024 * 1024 * 1024,
            queue_file_entries: 300_000,
            flush: FlushMode::Async(Duration::from_millis(500)),
            index: true,
            index_slots: 5_000_000,
            index_items: 20_000_000,
            retention: Retention::default(),
            delay_levels: DelayLevels::default(),
            warm_ahead: 16 * 1024 * 1024,
            mlock: false,
            store_host: Host::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 10911))),
            checkpoint_every: (Duration::from_secs(5), 128 * 1024 * 1024),
            progress: Arc::default(),
            busy_after: Duration::from_secs(1),
        }
    }

    /// Where the CommitLog is.
    #[must_use]
    pub fn commit_log_dir(&self) -> PathBuf {
        self.commit_log.clone().unwrap_or_else(|| self.root.join("commitlog"))
    }
}
