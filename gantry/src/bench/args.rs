//! What `gantry bench` can be told.

use crate::cli::duration;
use crate::cli::name;
use clap::ValueEnum;
use gantry_bench::{Load, Mode, Pace};
use gantry_remoting::SerializeType;
use std::net::SocketAddr;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  gantry bench send                                     one message after another, to 127.0.0.1:10911
  gantry bench send --connections 64 --depth 32         the most that the broker takes
  gantry bench send --connections 64 --rate 10000       how long sends take at 10,000 a second
  gantry bench pull --connections 16                    the most that it gives
  gantry bench end-to-end --rate 1000                   from a send until a long poll has the message
  gantry bench send broker-a:10911 --header json --size 1024 --queues 16 --for 60s
  gantry bench respond 127.0.0.1:9999                   answer sends, do nothing: what the machine allows
  gantry bench send 127.0.0.1:9999 --connections 64 --depth 32

With --rate, latency counts from when a request was due, so that those are charged that a slow one kept waiting. Without it, the next
one goes out when an answer makes room: look at the throughput then, the latency flatters.

Exit code: 0 when every request was answered well, 1 when not, 2 for a wrong command line.";

/// Measure how fast a broker is, Gantry's or any other of RocketMQ.
///
/// Messages are stored in a topic of the broker, which is made for it, and stay there.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "gantry bench [OPTIONS] <WHAT> [BROKER]")]
#[group(skip)]
pub(crate) struct Args {
    /// What to do
    #[arg(value_name = "WHAT")]
    pub(super) what: What,

    /// The broker, not a name server; with `respond`, where to listen
    #[arg(value_name = "BROKER", default_value = "127.0.0.1:10911")]
    pub(super) broker: String,

    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    connections: u16,

    /// Connections that poll, with `end-to-end`; no more than there are queues
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pollers: u16,

    /// Requests on their way at once, for each connection [default: 1; 256 with --rate]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    depth: Option<u16>,

    /// Requests a second, of all connections together; without it, as many as are answered
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// Size of each body
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(..=4 * 1024 * 1024))]
    size: u32,

    /// Encoding of headers; Apache's clients use JSON unless they are told otherwise, its benchmark the binary one
    #[arg(long, value_name = "KIND", default_value = "binary")]
    header: Header,

    /// Topic
    #[arg(long, value_name = "NAME", default_value = "gantry-bench", value_parser = name::topic)]
    topic: String,

    /// Number of topics; several are called NAME-0, NAME-1 and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    topics: u32,

    /// Queues of each topic
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    queues: u16,

    /// Use topics as they are, instead of giving them that many queues
    #[arg(long)]
    pub(super) keep_topics: bool,

    /// Messages that a pull asks for
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(i32).range(1..=1024))]
    batch: i32,

    /// Threads of the generator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Time under load that does not count
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse)]
    warm_up: Duration,

    /// Time that counts
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = duration::parse_positive)]
    measured: Duration,

    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum What {
    /// Send messages
    Send,
    /// Pull what is in the topic, over and over; send something before
    Pull,
    /// Send, and have long polls wait for the messages
    EndToEnd,
    /// Listen, and answer sends without doing anything
    Respond,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Header {
    /// ROCKETMQ, as Apache calls it
    Binary,
    Json,
}

/// Deep enough that the pace, and not a lack of room, says when a request goes out.
const DEPTH_OF_A_PACE: usize = 256;

impl Args {
    /// The load; `None` when nothing is sent.
    pub(super) fn load(&self, broker: SocketAddr) -> Option<Load> {
        let mode = match self.what {
            What::Send => Mode::Send,
            What::Pull => Mode::Pull,
            What::EndToEnd => Mode::EndToEnd,
            What::Respond => return None,
        };
        let default_depth = if self.rate.is_some() { DEPTH_OF_A_PACE } else { 1 };
        Some(Load {
            broker,
            mode,
            pace: self.rate.map_or(Pace::Closed, Pace::Rate),
            connections: self.connections.into(),
            pollers: self.pollers.into(),
            depth: self.depth.map_or(default_depth, Into::into),
            threads: usize::from(self.threads.min(self.connections)),
            size: self.size as usize,
            header: match self.header {
                Header::Binary => SerializeType::Binary,
                Header::Json => SerializeType::Json,
            },
            topic: self.topic.clone(),
            topics: self.topics as usize,
            queues: self.queues.into(),
            batch: self.batch,
            warm_up: self.warm_up,
            measured: self.measured,
        })
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "write a number, as in --rate 10000")?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("it must be more than 0".into()) }
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

    fn load(line: &str) -> Option<Load> {
        let args = Line::try_parse_from(line.split(' ')).ok()?.args;
        args.load(([127, 0, 0, 1], 1).into())
    }

    #[test]
    fn a_pace_has_room_and_a_closed_loop_one_at_a_time() {
        let closed = load("bench send --connections 64").unwrap();
        assert_eq!((closed.pace, closed.connections, closed.depth), (Pace::Closed, 64, 1));
        let open = load("bench end-to-end --rate 500").unwrap();
        assert_eq!((open.mode, open.pace, open.depth), (Mode::EndToEnd, Pace::Rate(500.0), 256));
        assert_eq!(load("bench send --threads 8").unwrap().threads, 1);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in
            ["bench", "bench fly", "bench send --rate 0", "bench send --rate nan", "bench send --depth 0"]
        {
            assert!(load(line).is_none(), "{line}");
        }
    }
}
