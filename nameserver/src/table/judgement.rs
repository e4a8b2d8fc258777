//! May a registration replace what is stored? The rule against late registrations.
//!
//! Apache takes every registration whose version *differs* from the stored one. So one that was delayed on its way undoes
//! the one that was sent after it, and clients are sent back to an old queue count until the broker speaks again. Here a
//! registration is measured against the live member that it would replace: the one with the same name and id, and the one
//! with the same address.
//!
//! 1. A member that expired, left, or whose connection closed is no obstacle: the first registration after that gets in.
//! 2. The same name and id at another address needs a `stateVersion` (the epoch of a failover) that is not lower. This is
//!    Apache's own rule.
//! 3. A newer connection wins: a broker that restarted or reconnected has made one. Its version does not matter, so a
//!    fresh store (its counter starts again) or a clock that was set back keeps nobody out.
//! 4. An older connection loses: what still arrives over it was sent before the broker restarted or reconnected.
//! 5. Over the same connection, another address, name or id wins: the process changed its role or address. Otherwise the
//!    version must not be older than the stored one, in the order of Apache's `DataVersion.compare`: `stateVersion`,
//!    counter, timestamp. Within a process the counter only grows, whatever the clock does. (A slave's may fall: it follows
//!    its master's table, and its own topics do not count. So nobody looks at it.)
//! 6. The protection of rules 4 and 5 ends when nobody confirmed the stored version (by registering it again, or by a
//!    QUERY_DATA_VERSION that names it) for as long as the member's heartbeat timeout. So a process whose version really
//!    went back, or which went back to an older connection, gets through too. The former without a gap: its refused
//!    registrations over the member's own connection are signs of life, so that the member does not expire meanwhile.

use super::{ConnectionId, Member};
use gantry_remoting::body::DataVersion;
use std::cmp::Ordering;
use std::time::Instant;

/// How a stored member is in a registration's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Same name, id and address.
    Itself {
        /// Its topics count: it is the master, or in its place.
        leads: bool,
    },
    /// Same name and id, at another address.
    OtherAddress,
    /// Same address, under another name or id.
    OtherIdentity,
}

/// Why a stored member keeps its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stale {
    /// Rule 2.
    #[error("{addr} registered the same broker name and id with a higher stateVersion and is alive")]
    LowerEpoch {
        /// The member's address.
        addr: String,
    },
    /// Rules 4 and 5.
    #[error("a newer registration of {addr} is stored (counter {counter}, timestamp {timestamp})")]
    Superseded {
        /// The member's address.
        addr: String,
        /// Of its version.
        counter: i64,
        /// Of its version.
        timestamp: i64,
    },
}

/// Which of two versions is older, where one process made both.
fn compare(a: &DataVersion, b: &DataVersion) -> Ordering {
    let key = |version: &DataVersion| (version.state_version, version.counter, version.timestamp);
    key(a).cmp(&key(b))
}

/// Whether a registration of `version` over `connection` may replace `held`.
pub(super) fn judge(
    held: &Member,
    holder: Holder,
    version: &DataVersion,
    connection: ConnectionId,
    now: Instant,
) -> Result<(), Stale> {
    if held.is_expired(now) {
        return Ok(());
    }
    if holder == Holder::OtherAddress && version.state_version < held.version.state_version {
        return Err(Stale::LowerEpoch { addr: held.addr.clone() });
    }
    let late = match connection.cmp(&held.connection) {
        Ordering::Greater => false,
        Ordering::Less => true,
        Ordering::Equal => {
            holder == Holder::Itself { leads: true } && compare(version, &held.version).is_lt()
        }
    };
    let unconfirmed = now.saturating_duration_since(held.confirmed) >= held.timeout;
    if !late || unconfirmed {
        return Ok(());
    }
    let DataVersion { counter, timestamp, .. } = held.version;
    Err(Stale::Superseded { addr: held.addr.clone(), counter, timestamp })
}
