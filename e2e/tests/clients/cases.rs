//! What is run: the cases of the client programs, by which clients and on which servers.

use std::time::Duration;

use gantry_e2e::case::Client::{self, Go, Java4, Java5};

use crate::kind::Kind;

pub(crate) struct Case {
    /// In the name of the trial.
    pub(crate) name: &'static str,
    /// In the client program, which may know it by a shorter name with arguments.
    pub(crate) program: &'static str,
    pub(crate) args: &'static [&'static str],
    pub(crate) clients: &'static [Client],
    pub(crate) servers: Servers,
    /// In a process of its own.
    pub(crate) alone: bool,
    limit_seconds: u64,
}

#[derive(Clone, Copy)]
pub(crate) enum Servers {
    Shared(Kind),
    /// The case stops them, kills them or makes messages disappear.
    Own(Kind),
}

const EVERY: &[Client] = &[Java5, Java4, Go];
const JAVA: &[Client] = &[Java5, Java4];

/// The long ones first, so that the short ones fill the gaps beside them.
pub(crate) const CASES: &[Case] = &[
    case("orderly-after-peer-killed", JAVA).alone().within(400),
    case("bulk", &[Java5]).with(&["100000", "1024", "64", "2"]).alone().within(400),
    case("bulk-4.9", &[Java4]).program("bulk").with(&["20000", "1024", "64", "2"]).alone().within(400),
    case("offsets-survive-broker-restart", JAVA).on_own(Kind::Usual),
    case("messages-survive-broker-kill", JAVA).on_own(Kind::Usual),
    case("consume-from-when-old", JAVA).on_own(Kind::MessagesExpire),
    case("transactions-survive-broker-kill", JAVA).on_own(Kind::TransactionsAreChecked),
    // On Apache's broker the checks take most of a core from then on.
    case("transactions", EVERY).on_own(Kind::TransactionsAreChecked),
    case("timed-delivery-survives-broker-kill", JAVA).on_own(Kind::Usual),
    case("timed-delivery", EVERY),
    case("delay-levels", EVERY),
    // These speak below the client, so that one is as good as the other.
    case("timed-delivery-recalled", &[Java5]).on(Kind::AllIsEnabled),
    case("pop-push", &[Java5]).alone(),
    case("pop", &[Java5]),
    case("pop-in-order", &[Java5]),
    case("dead-letters-in-order", EVERY).alone(),
    case("dead-letters", EVERY).alone(),
    case("traces", EVERY),
    case("namespaces", EVERY),
    case("namespaces-v2", &[Java5]),
    case("unit-mode", JAVA).alone(),
    case("request-reply", EVERY),
    case("queue-locked-by-another", EVERY).alone(),
    case("group-suspended", EVERY),
    case("group-not-broadcast", EVERY),
    case("topic-not-read", EVERY),
    case("topic-not-written", EVERY),
    case("push-orderly", EVERY),
    case("retry-after-failed-listener", EVERY).alone(),
    case("push-concurrently", EVERY),
    case("lite-pull-assign", JAVA),
    case("lite-pull-subscribe", JAVA),
    case("rebalance-announced", JAVA).alone(),
    case("consume-from-first", EVERY),
    case("consume-from-last", EVERY),
    case("consume-from-timestamp", JAVA),
    case("offsets-survive-consumer-restart", EVERY),
    case("broadcasting", EVERY),
    case("tag-filter", EVERY),
    case("property-filter", EVERY).on(Kind::AllIsEnabled),
    case("send-sync", EVERY),
    case("send-async", EVERY),
    case("send-oneway", EVERY),
    case("send-batch", EVERY),
    case("batch-of-each-its-own", JAVA),
    case("batch-refused", JAVA),
    case("queue-selection", JAVA),
    case("auto-created-topic", JAVA),
    case("auto-create-off", JAVA).on(Kind::NoTopicIsAutoCreated),
    case("compressed-body-zlib", JAVA).program("compressed-body").with(&["zlib"]),
    case("compressed-body-lz4", JAVA).program("compressed-body").with(&["lz4"]),
    case("compressed-body-zstd", JAVA).program("compressed-body").with(&["zstd"]),
    case("large-message", JAVA),
    case("refused-sends", &[Java5]),
    case("refused-pulls", &[Java5]),
    case("refused-requests", &[Java5]),
    case("permissions", &[Java5]),
    case("queue-locks", &[Java5]),
    case("group-retries", &[Java5]),
    case("query-by-key", JAVA),
    case("query-by-unique-key", JAVA),
    case("view-by-id", JAVA),
    case("ipv6-view-by-id", JAVA).program("view-by-id").on(Kind::IpV6),
    case("ipv6-send-sync", EVERY).program("send-sync").on(Kind::IpV6),
    case("ipv6-send-batch", JAVA).program("batch-of-each-its-own").on(Kind::IpV6),
    case("ipv6-retry", JAVA).program("retry-after-failed-listener").on(Kind::IpV6).alone(),
];

const fn case(name: &'static str, clients: &'static [Client]) -> Case {
    Case {
        name,
        program: name,
        args: &[],
        clients,
        servers: Servers::Shared(Kind::Usual),
        alone: false,
        limit_seconds: 180,
    }
}

impl Case {
    const fn program(self, program: &'static str) -> Self {
        Self { program, ..self }
    }

    const fn with(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    const fn on(self, kind: Kind) -> Self {
        Self { servers: Servers::Shared(kind), ..self }
    }

    const fn on_own(self, kind: Kind) -> Self {
        Self { servers: Servers::Own(kind), ..self }
    }

    /// It sets what holds for a whole process, or has the machine to itself as far as it can.
    const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    const fn within(self, limit_seconds: u64) -> Self {
        Self { limit_seconds, ..self }
    }

    pub(crate) const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_seconds)
    }
}
