use crate::settings::BadSetting;
use std::io;
use std::path::PathBuf;

/// Why a name server did not start. Each text says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("{0}")]
    Listen(#[source] io::Error),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {source}; choose a folder that this user may write to", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// Another process has the data folder.
    #[error("another name server uses the data folder {}: stop it, or give this one a folder of its own", .0.display())]
    InUse(PathBuf),
    /// A file of the data folder cannot be read.
    #[error("cannot read {}: {source}; make it readable for this user, or move it away to start without it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// `kvConfig.json` holds something else.
    #[error(
        "{} is not a KV config ({reason}); restore it from a backup, or move it away to start with an empty one",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting is wrong, in the configuration or in `namesrv.properties`.
    #[error("{origin}: {source}")]
    Setting {
        /// Where it was found.
        origin: String,
        /// What is wrong with it.
        source: BadSetting,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread: {0}; raise the limit on processes and threads")]
    Thread(#[source] io::Error),
}
