//! Who is measured.

use std::fmt;

use crate::Target;

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Contestant {
    Gantry,
    /// Apache 5.5.0 as its start script and its default configuration have it, the heap scaled to the machine.
    Apache,
    /// The same with native epoll, warmed files and, where flushes are asynchronous, the pool of transient stores: which is faster, and
    /// loses what was acknowledged when the process is killed.
    ApacheTuned,
    /// What answers without doing anything: the bound.
    Responder,
}

impl Contestant {
    pub const ALL: [Self; 4] = [Self::Gantry, Self::Apache, Self::ApacheTuned, Self::Responder];
    pub const APACHES: [Self; 2] = [Self::Apache, Self::ApacheTuned];

    /// Whose servers it is; the responder is nobody's.
    #[must_use]
    pub fn target(self) -> Option<Target> {
        match self {
            Self::Gantry => Some(Target::Gantry),
            Self::Apache | Self::ApacheTuned => Some(Target::Apache),
            Self::Responder => None,
        }
    }

    #[must_use]
    pub fn color(self) -> &'static str {
        match self {
            Self::Gantry => "#c2410c",
            Self::Apache => "#1d4ed8",
            Self::ApacheTuned => "#0e7490",
            Self::Responder => "#6b7280",
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gantry => "Gantry",
            Self::Apache => "Apache",
            Self::ApacheTuned => "Apache tuned",
            Self::Responder => "bound",
        })
    }
}
