//! Honest producers, and how long their sends take.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::broker_client::Draft;
use crate::remoting::Connection;

const PRODUCERS: usize = 4;
/// Between two sends of one: they are not there to fill the machine.
const PAUSE: Duration = Duration::from_millis(4);

/// What was sent in so long is judged by itself: other programs of the machine have their bad moments.
const WINDOW: Duration = Duration::from_secs(4);

/// How long sends took: medians of what the windows had.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub count: usize,
    pub p50: Duration,
    pub p99: Duration,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "p50 {:.3} ms, p99 {:.3} ms, of {}", ms(self.p50), ms(self.p99), self.count)
    }
}

/// Producers with a connection each, that they keep.
pub(super) struct Producers(Vec<Connection>);

impl Producers {
    pub(super) fn open(port: u16) -> Result<Self> {
        (0..PRODUCERS).map(|_| Connection::open(port)).collect::<Result<_>>().map(Self)
    }

    /// Sends for so long; every send has to succeed.
    pub(super) fn send(&mut self, duration: Duration) -> Result<Times> {
        let (start, mut windows, mut count) = (Instant::now(), Vec::new(), 0);
        while windows.is_empty() || start.elapsed() < duration {
            let times = self.send_for_a_window()?;
            count += times.len();
            windows.push((at(&times, 0.5), at(&times, 0.99)));
        }
        let median = |mut all: Vec<Duration>| {
            all.sort();
            all[all.len() / 2]
        };
        let (p50, p99) = windows.into_iter().unzip();
        Ok(Times { count, p50: median(p50), p99: median(p99) })
    }

    fn send_for_a_window(&mut self) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        thread::scope(|scope| {
            let producers: Vec<_> =
                self.0.iter_mut().enumerate().map(|(n, one)| scope.spawn(move || produce(one, n))).collect();
            for producer in producers {
                times.extend(producer.join().map_err(|_| anyhow!("a producer panicked"))??);
            }
            Ok::<_, anyhow::Error>(())
        })?;
        times.sort();
        ensure!(!times.is_empty(), "nothing was sent");
        Ok(times)
    }
}

fn at(times: &[Duration], share: f64) -> Duration {
    times[((times.len() - 1) as f64 * share) as usize]
}

fn produce(connection: &mut Connection, queue: usize) -> Result<Vec<Duration>> {
    let (body, properties) = ("0123456789abcdef".repeat(16), [("KEYS", "k")]);
    let queue = i32::try_from(queue)?;
    let request = Draft { topic: "honest", queue, body: body.as_bytes(), properties: &properties }.request();
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < WINDOW {
        let sent = Instant::now();
        connection.done(&request)?;
        times.push(sent.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(times)
}
