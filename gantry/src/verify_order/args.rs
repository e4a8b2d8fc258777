//! What `gantry verify-order` can be told.

use crate::cli::duration;
use crate::cli::name;
use crate::cli::name_servers::NameServerArgs;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  gantry verify-order orders                       for a minute; scale the topic meanwhile
  gantry verify-order orders --for 10m --rate 1000 longer, and more
  gantry verify-order orders --groups 3 --json     three groups, the verdict as JSON

Exit code: 0 when every message came, and in order; 1 when not, or something failed; 2 for a wrong command line.";

/// Check that an ordered topic keeps the order of each key, whatever is done to it meanwhile.
///
/// Sends numbered messages for some keys, each by any of several producers and only after the last of its key was
/// acknowledged; reads them in groups of its own, in order; and counts what came out of order, what was lost, and what came
/// twice. The topic must exist, and keeps the messages: use one that is for trying.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "gantry verify-order [OPTIONS] <TOPIC>")]
#[group(skip)]
pub(crate) struct Args {
    /// Topic to send to and to read
    #[arg(value_parser = name::topic)]
    pub(super) topic: String,

    #[command(flatten)]
    pub(super) name_servers: NameServerArgs,

    /// How long to send
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration::parse_positive)]
    pub(super) time: Duration,

    /// Producers, each with connections of its own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) producers: u16,

    /// Keys
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) keys: u32,

    /// Messages a second, of all producers together
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) rate: u32,

    /// Consumer groups, each of which gets everything
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(super) groups: u16,

    /// How long to wait, after the last send, for a message to come
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse_positive)]
    pub(super) patience: Duration,

    /// Print the verdicts as JSON, a line for each group
    #[arg(long)]
    pub(super) json: bool,
}
