//! What can go wrong, with what to do about it.

use crate::PhysicalOffset;
use std::io;
use std::path::{Path, PathBuf};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An operation on a file failed.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("{} is in use by another broker: stop it, or choose another folder", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// A CommitLog file has another size than configured.
    #[error(
        "{} has {got} bytes, but mapedFileSizeCommitLog is {expected}: set it to the size that the store was made with",
        path.display()
    )]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Configured size.
        expected: u64,
        /// Size found.
        got: u64,
    },
    /// Messages were on the disk that are not there any more.
    #[error(
        "the CommitLog was on the disk up to {durable}, and ends at {end} now: restore {} from a backup; or, to go on with what is left, remove the file checkpoint beside it",
        dir.display()
    )]
    EndGone {
        /// The CommitLog's folder.
        dir: PathBuf,
        /// Up to where it was on the disk.
        durable: PhysicalOffset,
        /// Where it ends.
        end: PhysicalOffset,
    },
    /// CommitLog files do not follow one another.
    #[error(
        "{} should start at {expected}: a CommitLog file is missing or does not belong here; restore it from a backup, or move the files after the gap away",
        path.display()
    )]
    Gap {
        /// The file after the gap.
        path: PathBuf,
        /// Where it should start.
        expected: PhysicalOffset,
    },
}

impl OpenError {
    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { op, path, source }
    }
}

/// Why a message was not stored. Nothing of it is in the store then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The record does not fit a CommitLog file.
    #[error("the message takes {len} bytes, more than a CommitLog file can hold")]
    TooLarge {
        /// Bytes of the record.
        len: usize,
    },
    /// More properties than a record can have: it could not be read again, and a recovery would cut the log there.
    #[error("the message has {len} bytes of properties, more than a record can have")]
    PropertiesTooLong {
        /// Bytes of them, with those that the broker adds.
        len: usize,
    },
    /// The disk is too full, or full.
    #[error(
        "the broker's disk is full [CL: {used_percent:.2} used]: messages are refused until space is freed"
    )]
    DiskFull {
        /// Share of the disk in use, 0 to 1.
        used_percent: f64,
    },
    /// The disk does not keep up with what is stored.
    #[error("the disk does not keep up: try again in a moment, or on another broker")]
    Busy,
    /// No new CommitLog file could be made.
    #[error("cannot make the next CommitLog file: {0}")]
    Roll(io::Error),
    /// The message belongs into another queue by now: see [`Turn`](crate::Turn).
    #[error("the queues have changed")]
    NotItsTurn,
    /// The queue's topic was deleted just now.
    #[error("the topic was deleted")]
    QueueDeleted,
    /// The store is closed, or stopped itself because a flush failed.
    #[error("the store has stopped")]
    Stopped,
}
