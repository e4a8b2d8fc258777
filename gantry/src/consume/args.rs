//! What `gantry consume` can be told.

use crate::cli::name;
use crate::cli::name_servers::NameServerArgs;
use crate::consumer::{Config, Model, Start, TagFilter};
use crate::output::clock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const EXAMPLES: &str = "\
Examples:
  gantry consume orders                            what comes from now on
  gantry consume orders --from-beginning           what is there, then what comes
  gantry consume orders --until-end --json         all there is as JSON lines, then stop
  gantry consume orders --group billing            as a group's member: shares, keeps its place
  gantry consume orders --tag 'paid || refunded'   by tag
  gantry consume orders --from-timestamp 10m       since ten minutes ago
  gantry consume orders --count 1 --body-only      one body, as it is

Exit code: 0 when it ended as asked (Ctrl-C included), 1 when something failed, 2 for a wrong command line.";

/// Pulls must name a group. One name for all who only look, so that brokers keep one entry and not one for each time;
/// brokers that make no groups by themselves need this one made.
const ANONYMOUS: &str = "gantry-cli";
/// The longest that a request which is no long poll is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Consume messages and print them, until Ctrl-C.
///
/// With --group it is an ordinary member of a consumer group: it shares the queues with the group's other members, Java clients
/// included, and commits what it printed before it leaves. Without --group it only looks: it reads all queues, keeps no
/// offsets and takes nothing from anybody.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "gantry consume [OPTIONS] <TOPIC>")]
#[group(skip)]
pub(crate) struct Args {
    /// Topic to read
    #[arg(value_parser = name::topic)]
    pub(super) topic: String,

    #[command(flatten)]
    pub(super) name_servers: NameServerArgs,

    /// Consumer group to join [default: none, only look]
    #[arg(long, short = 'g', value_parser = name::group)]
    group: Option<String>,

    /// Tags to select, || between them
    #[arg(long, short = 't', value_name = "TAGS", default_value = "*", hide_default_value = true)]
    tag: TagFilter,

    /// Print only messages that have this key; may be given several times
    #[arg(long = "key", short = 'k', value_name = "KEY")]
    pub(super) keys: Vec<String>,

    /// Start at the oldest message, where the group has no offset yet
    #[arg(long, short = 'b')]
    from_beginning: bool,

    /// Start at the first message stored then: `10m` (ago), `2025-11-21 06:30` (local), RFC 3339, or milliseconds
    #[arg(long, value_name = "TIME", conflicts_with = "from_beginning", value_parser = timestamp)]
    from_timestamp: Option<i64>,

    /// Stop after this many messages
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// Stop when everything is read that was there at the start; a new group starts at the beginning
    #[arg(long, short = 'e')]
    pub(super) until_end: bool,

    /// Lock each queue while reading it, as Java's orderly consumers do
    #[arg(long, requires = "group", conflicts_with = "broadcast")]
    orderly: bool,

    /// Be a broadcasting member of the group: each reads all queues, and no offsets are kept
    #[arg(long, requires = "group")]
    broadcast: bool,

    /// Wait for the topic if it does not exist
    #[arg(long)]
    pub(super) wait: bool,

    /// Print one JSON object a line
    #[arg(long, conflicts_with = "body_only")]
    pub(super) json: bool,

    /// Print bodies and nothing else, as they are
    #[arg(long)]
    pub(super) body_only: bool,

    /// Say nothing beside the messages
    #[arg(long)]
    pub(super) quiet: bool,
}

impl Args {
    /// The member to be.
    pub(super) fn config(&self) -> Config {
        let start = match (self.from_beginning || self.until_end, self.from_timestamp) {
            (_, Some(timestamp)) => Start::Timestamp(timestamp),
            (true, None) => Start::Beginning,
            (false, None) => Start::End,
        };
        Config {
            topic: self.topic.clone(),
            group: self.group.clone().unwrap_or_else(|| ANONYMOUS.to_owned()),
            anonymous: self.group.is_none(),
            filter: self.tag.clone(),
            start,
            model: if self.broadcast || self.group.is_none() {
                Model::Broadcasting
            } else {
                Model::Clustering
            },
            orderly: self.orderly,
            until_end: self.until_end,
            timeout: TIMEOUT,
        }
    }

    /// A start was asked for.
    pub(super) fn chose_start(&self) -> bool {
        self.from_beginning || self.from_timestamp.is_some()
    }
}

fn timestamp(text: &str) -> Result<i64, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    clock::parse(text, i64::try_from(now.as_millis()).unwrap_or(i64::MAX)).ok_or_else(|| {
        "write a time like 10m (ago), '2025-11-21 06:30' (local), 2025-11-21T06:30:00Z, or milliseconds since 1970".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(words: &[&str]) -> Result<Args, String> {
        Line::try_parse_from(["consume"].iter().chain(words))
            .map(|line| line.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_start_follows_from_what_was_asked() {
        let start = |words: &[&str]| parsed(&[&["T"], words].concat()).unwrap().config().start;
        assert_eq!(start(&[]), Start::End);
        assert_eq!(start(&["--from-beginning"]), Start::Beginning);
        assert_eq!(start(&["--until-end"]), Start::Beginning);
        assert_eq!(
            start(&["--until-end", "--from-timestamp", "1700000000123"]),
            Start::Timestamp(1_700_000_000_123)
        );
        assert!(parsed(&["T", "--from-beginning", "--from-timestamp", "1h"]).is_err());
    }

    #[test]
    fn without_a_group_it_only_looks() {
        let config = parsed(&["T", "-g", "billing", "-t", "a || b"]).unwrap().config();
        assert_eq!(
            (config.group.as_str(), config.anonymous, config.model),
            ("billing", false, Model::Clustering)
        );
        assert_eq!(config.filter.to_string(), "a || b");
        let config = parsed(&["T"]).unwrap().config();
        assert_eq!(
            (config.group.as_str(), config.anonymous, config.model),
            ("gantry-cli", true, Model::Broadcasting)
        );
        assert!(parsed(&["T", "--orderly"]).is_err() && parsed(&["T", "--broadcast"]).is_err());
    }

    #[test]
    fn bad_names_and_times_are_refused_with_the_reason() {
        assert!(parsed(&["a.b"]).err().unwrap().contains("not allowed"));
        assert!(parsed(&["T", "-g", ""]).err().unwrap().contains("blank"));
        assert!(parsed(&["T", "--from-timestamp", "soon"]).err().unwrap().contains("10m (ago)"));
        assert!(parsed(&["T", "-g", "g", "--orderly", "--broadcast"]).is_err());
    }
}
