//! The ways the servers are set up for cases.

use gantry_e2e::Setup;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Usual,
    NoTopicIsAutoCreated,
    /// Small log files, kept for no time at all: see `Retention.java`.
    MessagesExpire,
    /// Producers are asked again soon.
    TransactionsAreChecked,
    /// What has to be switched on.
    AllIsEnabled,
    /// The broker tells clients an IPv6 address.
    IpV6,
}

impl Kind {
    pub(crate) fn setup(self) -> Setup {
        let usual = Setup::default()
            // The default index files take 420 MB a cluster from an implementation that allocates them.
            .set("maxHashSlotNum", 50_000)
            .set("maxIndexNum", 200_000)
            // Apache's broker writes its whole wheel each second, which takes an eighth of a core for each cluster.
            .set("timerFlushIntervalMs", 30_000)
            // With several cases on few cores, 200 ms in a queue is no overload.
            .set("waitTimeMillsInSendQueue", 60_000)
            .set("osPageCacheBusyTimeOutMills", 60_000);
        match self {
            Self::Usual => usual,
            Self::NoTopicIsAutoCreated => usual.set("autoCreateTopicEnable", false),
            Self::TransactionsAreChecked => {
                // Apache's broker notes within 3 s what was decided; a client of Go is known after its first heartbeat, in 30 s.
                usual.set("transactionCheckInterval", 3000).set("transactionCheckMax", 1000)
            }
            Self::AllIsEnabled => usual.set("enablePropertyFilter", true).set("recallMessageEnable", true),
            // Both families, as the checks of this crate come by the other.
            // In brackets, because Apache's broker puts the port right behind it, which Go does not read otherwise.
            Self::IpV6 => usual.set("brokerIP1", "[::1]").set("bindAddress", "::"),
            Self::MessagesExpire => {
                usual.set("mappedFileSizeCommitLog", 1_048_576).set("fileReservedTime", 0)
            }
        }
    }
}
