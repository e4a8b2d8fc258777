//! The lines of the table: what we want to hold, and by which figure it is judged.

/// Which way a figure is good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Good {
    Low,
    High,
}

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bar {
    /// The median of the ratios to the better of Apache's brokers, round by round.
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// The median of the ratios to the bound, round by round.
    ShareAtLeast(f64),
    /// The median of the figure itself.
    AtMost(f64),
    AtLeast(f64),
}

/// Bars that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    All(&'static [Bar]),
    Any(&'static [Bar]),
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// The name of its figures in files.
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) good: Good,
    pub(super) must: Goal,
    pub(super) aim: Goal,
}

impl Line {
    /// Whether there is something that no broker can do better.
    pub(super) fn has_bound(&self) -> bool {
        [self.must, self.aim].iter().any(|goal| {
            let (All(bars) | Any(bars)) = goal;
            bars.iter().any(|bar| matches!(bar, ShareAtLeast(_)))
        })
    }

    /// Of two figures the better one.
    pub(super) fn better(&self, one: f64, other: f64) -> f64 {
        match self.good {
            Good::Low => one.min(other),
            Good::High => one.max(other),
        }
    }
}

macro_rules! lines {
    ($($name:ident: $what:literal, $unit:literal, $good:ident, $must:expr, $aim:expr;)*) => {
        $(pub(super) const $name: Line = Line {
            id: stringify!($name), what: $what, unit: $unit, good: Good::$good, must: $must, aim: $aim,
        };)*
        /// In the order of the table.
        pub(super) const ALL: &[Line] = &[$($name),*];
    };
}

use Bar::{AtLeast, AtMost, RatioAtLeast, RatioAtMost, ShareAtLeast};
use Goal::{All, Any};

lines! {
    CPU_SEND_128: "broker CPU per million sends, 128 B", "s", Low, All(&[RatioAtMost(0.35)]), All(&[RatioAtMost(0.15)]);
    CPU_SEND_1K: "broker CPU per million sends, 1 KiB", "s", Low, All(&[RatioAtMost(0.35)]), All(&[RatioAtMost(0.15)]);
    CPU_PULL: "broker CPU per million messages pulled", "s", Low, All(&[RatioAtMost(0.35)]), All(&[RatioAtMost(0.15)]);
    CLIENT: "sends/s, Apache's benchmark client, 64 threads", "/s", High, Any(&[RatioAtLeast(1.5), ShareAtLeast(0.85)]), All(&[ShareAtLeast(0.95)]);
    NATIVE: "sends/s, our generator, 64 connections x 32 deep", "/s", High, All(&[RatioAtLeast(5.0)]), All(&[RatioAtLeast(10.0), ShareAtLeast(0.6)]);
    SYNC_64: "sends/s, SYNC_FLUSH, 64 senders", "/s", High, All(&[RatioAtLeast(2.0), ShareAtLeast(0.8)]), All(&[ShareAtLeast(0.95)]);
    SYNC_ONE: "SYNC_FLUSH, one sender: p50 above round trip + fdatasync", "us", Low, All(&[AtMost(30.0)]), All(&[AtMost(10.0)]);
    TAIL_ASYNC: "p99.9 of a send at half of Apache's maximum, ASYNC_FLUSH", "us", Low, All(&[RatioAtMost(0.3)]), All(&[RatioAtMost(0.1)]);
    TAIL_SYNC: "p99.9 of a send at half of Apache's maximum, SYNC_FLUSH", "us", Low, All(&[RatioAtMost(0.3)]), All(&[RatioAtMost(0.1)]);
    END_TO_END_P50: "end to end, p50", "us", Low, All(&[RatioAtMost(0.5)]), All(&[RatioAtMost(0.3)]);
    END_TO_END_P99: "end to end, p99", "us", Low, All(&[RatioAtMost(0.3)]), All(&[RatioAtMost(0.1)]);
    ALLOCATIONS_SEND: "allocations per send", "", Low, All(&[AtMost(2.0)]), All(&[AtMost(0.0)]);
    ALLOCATIONS_PULL: "allocations per message pulled", "", Low, All(&[AtMost(0.1)]), All(&[AtMost(0.0)]);
    CALLS_CLOSED: "system calls per send, closed loop", "", Low, All(&[AtMost(2.2)]), All(&[AtMost(2.0)]);
    CALLS_DEEP: "system calls per send, 32 deep", "", Low, All(&[AtMost(0.15)]), All(&[AtMost(0.07)]);
    GROWTH_CPU: "CPU per send at 100,000 queues, of that at one", "x", Low, All(&[AtMost(1.5)]), All(&[AtMost(1.15)]);
    GROWTH_P99: "p99 of a send at 100,000 queues, of that at one", "x", Low, All(&[AtMost(1.5)]), All(&[AtMost(1.15)]);
    MEMORY_IDLE: "anonymous memory, idle", "MiB", Low, All(&[AtMost(24.0)]), All(&[AtMost(12.0)]);
    MEMORY_QUEUE: "anonymous memory per queue, 10 to a topic", "B", Low, All(&[AtMost(400.0)]), All(&[AtMost(150.0)]);
    DISK_QUEUE: "disk per queue with one message", "KiB", Low, All(&[AtMost(8.0)]), All(&[AtMost(1.0)]);
    MAPS: "mappings at 100,000 queues", "", Low, All(&[AtMost(1_000.0)]), All(&[AtMost(1_000.0)]);
    COLD_RATE: "cold catch-up read, share of the disk's sequential rate", "%", High, All(&[AtLeast(80.0)]), All(&[AtLeast(95.0)]);
    COLD_LIVE: "live p99 beside a cold read, of that alone", "x", Low, All(&[AtMost(2.0)]), All(&[AtMost(1.2)]);
    POLLS_CPU: "10,000 idle long polls: CPU", "% of a core", Low, All(&[AtMost(1.0)]), All(&[AtMost(0.2)]);
    POLLS_MEMORY: "10,000 idle long polls: memory each", "KiB", Low, All(&[AtMost(8.0)]), All(&[AtMost(3.0)]);
    POLLS_WAKE: "10,000 idle long polls: wake p99", "ms", Low, All(&[AtMost(5.0)]), All(&[AtMost(1.0)]);
    START: "start of an empty broker to the first SEND_OK", "ms", Low, All(&[AtMost(150.0)]), All(&[AtMost(50.0)]);
    IMAGE: "image of the broker", "MB", Low, All(&[AtMost(30.0)]), All(&[AtMost(15.0)]);
    OVERLOAD: "goodput when twice the maximum is offered, of the maximum", "%", High, All(&[AtLeast(90.0)]), All(&[AtLeast(97.0)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_line_has_a_name_of_its_own() {
        assert_eq!(ALL.iter().map(|line| line.id).collect::<BTreeSet<_>>().len(), ALL.len());
    }

    #[test]
    fn the_better_figure_is_the_one_that_is_wanted() {
        assert!(NATIVE.better(2.0, 1.0) > 1.5 && CPU_PULL.better(2.0, 1.0) < 1.5);
    }
}
