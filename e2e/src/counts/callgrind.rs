//! A broker whose instructions are counted.

use std::fs;

use anyhow::{Context as _, Result};

use crate::toolchain::{Missing, on_path};
use crate::{Cluster, Setup};

pub(super) fn available() -> Result<(), Missing> {
    on_path("valgrind")
}

pub(super) fn setup(setup: Setup) -> Setup {
    setup.under(&["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
}

/// Stops the broker and gives what was counted of its whole life.
pub(super) fn collected(mut cluster: Cluster) -> Result<i64> {
    cluster.stop_broker()?;
    let said = fs::read_to_string(cluster.folder().join("broker.out"))?;
    parse(&said).with_context(|| format!("callgrind said:\n{said}"))
}

fn parse(said: &str) -> Option<i64> {
    let (_, count) = said.lines().rev().find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_last_that_is_told() {
        assert_eq!(parse("==1== Events    : Ir\n==1== Collected : 757925046\n==1==\n"), Some(757_925_046));
        assert_eq!(parse("==1== Events    : Ir\n"), None);
    }
}
