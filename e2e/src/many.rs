//! Many requests to one broker.

use std::thread;

use anyhow::{Context as _, Result, ensure};

use crate::remoting::{Connection, Request};

const LANES: usize = 8;
/// Requests that a connection has under way.
const DEPTH: usize = 64;

/// Asks so many times, over several connections, with many requests under way.
pub(crate) fn all(port: u16, count: usize, request: &(impl Fn(usize) -> Request + Sync)) -> Result<()> {
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES.min(count))
            .map(|lane| {
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(port)?;
                    let mut numbers = (lane..count).step_by(LANES).peekable();
                    while numbers.peek().is_some() {
                        let requests: Vec<_> = numbers.by_ref().take(DEPTH).map(request).collect();
                        for request in &requests {
                            connection.send(request)?;
                        }
                        for _ in &requests {
                            let answer = connection.any_answer()?;
                            ensure!(
                                answer.code == 0,
                                "one of {count} requests: {} {}",
                                answer.code,
                                answer.remark
                            );
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        for lane in lanes {
            lane.join().ok().context("a lane panicked")??;
        }
        Ok(())
    })
}
