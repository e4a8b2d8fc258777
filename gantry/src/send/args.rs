//! What `gantry send` can be told.

use crate::cli::duration;
use crate::cli::name;
use crate::cli::name_servers::NameServerArgs;
use crate::producer::{Message, Target};
use clap::ValueEnum;
use gantry_remoting::compression::Compression;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  gantry send orders 'hello'                             one message
  gantry send orders --tag paid --key 4711 < order.json  body from a file, as it is
  tail -f app.log | gantry send logs --lines             one message a line
  gantry send orders 'step 1' --orderly-key customer-7   same key, same queue, in order
  gantry send orders 'wake up' --delay-level 3           delivered in 10 s (--help lists the levels)
  gantry send load --count 100000 --size 1024 --connections 4
  gantry send orders hello --json | jq .messageId

Exit code: 0 when every message is stored, 1 when one is not or nobody knows, 2 for a wrong command line.";

/// Send one message, or many.
///
/// The body is the argument, or standard input as it is. When a broker cannot take a message, another queue is tried, up
/// to three times, as Apache's producers do. When a broker does not answer in time, the message may or may not be
/// stored: then it is not sent again, and you are told.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "gantry send [OPTIONS] <TOPIC> [BODY]")]
pub(crate) struct Args {
    /// Topic to send to
    #[arg(value_parser = name::topic)]
    pub(super) topic: String,

    /// Body of the message; without it, standard input
    #[arg(allow_negative_numbers = true)]
    pub(super) body: Option<String>,

    #[command(flatten)]
    pub(super) name_servers: NameServerArgs,

    /// Tag, by which consumers can select
    #[arg(long, short = 't')]
    tag: Option<String>,

    /// Key to find the message by; may be given several times
    #[arg(long = "key", short = 'k', value_name = "KEY")]
    keys: Vec<String>,

    /// Property of your own; may be given several times
    #[arg(long = "property", short = 'p', value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,

    /// Choose the queue by this key's hash, as Java's SelectMessageQueueByHash: same key, same queue, in order
    #[arg(long, value_name = "KEY", conflicts_with = "queue")]
    orderly_key: Option<String>,

    /// Send to this queue and no other
    #[arg(long, short = 'q', value_name = "[BROKER:]NUMBER", value_parser = queue)]
    queue: Option<Target>,

    /// Deliver later: 1 to 18 for 1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(1..=99))]
    delay_level: Option<u32>,

    /// Compress the body (Go and C++ consumers know zlib only)
    #[arg(long, value_name = "KIND")]
    compress: Option<Kind>,

    /// Time that a message has to be stored, all attempts together
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration::parse_positive)]
    pub(super) timeout: Duration,

    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,

    /// Send each line of standard input as a message, stopping at the first that fails
    #[arg(long, conflicts_with_all = ["body", "count", "size"], help_heading = "Many messages")]
    pub(super) lines: bool,

    /// Send this many messages
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Many messages")]
    pub(super) count: Option<u64>,

    /// Size of each body, made up [default: 100]
    #[arg(long, value_name = "BYTES", requires = "count", conflicts_with = "body", help_heading = "Many messages", value_parser = clap::value_parser!(u32).range(1..=64 * 1024 * 1024))]
    size: Option<u32>,

    /// Connections to each broker
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Many messages", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) connections: u16,

    /// Messages on their way at once, for each connection [default: 32; 1 with --lines, which keeps their order]
    #[arg(long, value_name = "N", help_heading = "Many messages", value_parser = clap::value_parser!(u16).range(1..=4096))]
    in_flight: Option<u16>,
}

/// A body's compression.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Zlib,
    Lz4,
    Zstd,
}

impl Args {
    /// The messages without their bodies.
    pub(super) fn template(&self) -> Message {
        Message {
            topic: self.topic.clone(),
            tag: self.tag.clone(),
            keys: self.keys.clone(),
            properties: self.properties.clone(),
            sharding_key: self.orderly_key.clone(),
            delay_level: self.delay_level(),
            compression: self.compress.map(|kind| match kind {
                Kind::Zlib => Compression::Zlib,
                Kind::Lz4 => Compression::Lz4,
                Kind::Zstd => Compression::Zstd,
            }),
            ..Message::default()
        }
    }

    pub(super) fn target(&self) -> Target {
        match (&self.orderly_key, &self.queue) {
            (Some(key), _) => Target::Key(key.clone()),
            (None, Some(queue)) => queue.clone(),
            (None, None) => Target::Any,
        }
    }

    pub(super) fn delay_level(&self) -> u32 {
        self.delay_level.unwrap_or(0)
    }

    pub(super) fn size(&self) -> usize {
        self.size.map_or(100, |size| size as usize)
    }

    pub(super) fn in_flight(&self) -> u16 {
        self.in_flight.unwrap_or(if self.lines { 1 } else { 32 })
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as in --property region=eu")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn queue(text: &str) -> Result<Target, String> {
    let (broker_name, id) = match text.rsplit_once(':') {
        Some((broker_name, id)) => (Some(broker_name.to_owned()), id),
        None => (None, text),
    };
    match id.parse::<u16>() {
        Ok(id) if broker_name.as_deref() != Some("") => {
            Ok(Target::Queue { broker_name, queue_id: id.into() })
        }
        _ => Err("write a queue's number, or BROKER:NUMBER, as in --queue broker-a:0".into()),
    }
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

    fn parsed(line: &str) -> Result<Args, String> {
        let words = line.split(' ').map(|word| word.replace('_', " "));
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_line_becomes_a_message() {
        let args = parsed("send T hi -t A -k 1 -k 2 -p a=b=c --delay-level 3 --compress lz4").unwrap();
        let message = args.template();
        assert_eq!(message.keys, ["1", "2"]);
        assert_eq!(message.properties, [("a".into(), "b=c".into())]);
        assert_eq!((message.delay_level, message.compression), (3, Some(Compression::Lz4)));
        assert_eq!(args.target(), Target::Any);
        assert_eq!(parsed("send T --lines").unwrap().in_flight(), 1);
        assert_eq!(parsed("send T -c 5").unwrap().in_flight(), 32);
    }

    #[test]
    fn a_target_is_a_key_or_a_queue() {
        assert_eq!(parsed("send T x --orderly-key k").unwrap().target(), Target::Key("k".into()));
        let queue = |text| parsed(&format!("send T x --queue {text}")).map(|args| args.target());
        assert_eq!(queue("2"), Ok(Target::Queue { broker_name: None, queue_id: 2 }));
        assert_eq!(queue("b:2"), Ok(Target::Queue { broker_name: Some("b".into()), queue_id: 2 }));
        assert!(queue("two").unwrap_err().contains("broker-a:0"));
        assert!(queue(":2").is_err());
        assert!(parsed("send T x --queue 1 --orderly-key k").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        assert!(parsed("send a/b x").unwrap_err().contains("not allowed"));
        assert!(parsed("send T x -p novalue").unwrap_err().contains("NAME=VALUE"));
        assert!(parsed("send T x --timeout 0s").is_err());
        assert!(parsed("send T x --delay-level 0").is_err());
        assert!(parsed("send T x --lines").is_err());
        assert!(parsed("send T x -n http://h").unwrap_err().contains("host:port"));
    }
}
