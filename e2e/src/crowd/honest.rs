//! Honest producers, and how long their sends take.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::remoting::{Connection, Request, code};

const PRODUCERS: usize = 4;
/// Between two sends of one: they are not there to fill the machine.
const PAUSE: Duration = Duration::from_millis(4);

/// How long sends took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub count: usize,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let Self { count, p50, p99, max } = self;
        write!(f, "p50 {:.3} ms, p99 {:.3} ms, max {:.1} ms, of {count}", ms(*p50), ms(*p99), ms(*max))
    }
}

/// Sends for so long; every send has to succeed.
pub(super) fn send(port: u16, duration: Duration) -> Result<Times> {
    let mut times = Vec::new();
    thread::scope(|scope| {
        let producers: Vec<_> =
            (0..PRODUCERS).map(|n| scope.spawn(move || producer(port, n, duration))).collect();
        for producer in producers {
            times.extend(producer.join().map_err(|_| anyhow!("a producer panicked"))??);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    times.sort();
    ensure!(!times.is_empty(), "nothing was sent");
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Ok(Times { count: times.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) })
}

fn producer(port: u16, queue: usize, duration: Duration) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(port)?;
    let request = Request::new(code::SEND_MESSAGE_V2)
        .field("a", "honest")
        .field("b", "honest")
        .field("c", "TBW102")
        .field("d", 4)
        .field("e", queue)
        .field("f", 0)
        .field("g", 1)
        .field("h", 0)
        .field("i", "KEYS\u{1}k\u{2}")
        .field("j", 0)
        .field("k", false)
        .field("m", false)
        .body("0123456789abcdef".repeat(16));
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < duration {
        let sent = Instant::now();
        connection.done(&request)?;
        times.push(sent.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(times)
}
