//! A topic's scales, by Gantry's own requests.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::remoting::{Connection, Request, Response, code};

/// Who scales one topic.
#[derive(Debug)]
pub struct Scales {
    port: u16,
    topic: String,
}

/// Where a topic's scales stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stand {
    pub queues: i32,
    pub read_queue_nums: i32,
    pub write_queue_nums: i32,
    pub announced: Option<Announced>,
    pub flips: Vec<Flip>,
    pub groups: Vec<Group>,
    pub stale_producers: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Announced {
    pub id: String,
    pub name_servers_behind: Vec<String>,
    pub settles_in_millis: Option<i64>,
    pub waits_for_producers_millis: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flip {
    pub id: String,
    pub from: i32,
    pub to: i32,
    pub fences: Vec<i64>,
    pub opened: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    pub group: String,
    pub online: bool,
    pub remaining: i64,
    pub gated_queues: Vec<i32>,
}

impl Scales {
    #[must_use]
    pub fn new(broker_port: u16, topic: &str) -> Self {
        Self { port: broker_port, topic: topic.into() }
    }

    /// Asks a broker that may be down at the moment, and dies of nothing but the patience of its caller.
    fn ask(&self, request: &Request) -> Result<Stand> {
        let answer = Connection::open(self.port)?.call(request)?;
        stand(&answer)
    }

    pub fn begin(
        &self,
        id: &str,
        from: i32,
        to: i32,
        settle: Duration,
        longest: Duration,
        early: bool,
    ) -> Result<Stand> {
        let request = Request::new(code::BEGIN_SCALE)
            .field("topic", &self.topic)
            .field("scaleId", id)
            .field("from", from)
            .field("to", to)
            .field("settleMillis", settle.as_millis())
            .field("maxSettleMillis", longest.as_millis())
            .field("openReadsEarly", early);
        self.ask(&request)
    }

    pub fn abort(&self, id: &str) -> Result<Stand> {
        self.ask(&Request::new(code::ABORT_SCALE).field("topic", &self.topic).field("scaleId", id))
    }

    pub fn open(&self, id: &str) -> Result<Stand> {
        self.ask(&Request::new(code::OPEN_SCALE).field("topic", &self.topic).field("scaleId", id))
    }

    pub fn stand(&self) -> Result<Stand> {
        self.ask(&Request::new(code::GET_SCALING).field("topic", &self.topic))
    }

    /// Waits until `is_so`, looking twice a second.
    pub fn until(&self, what: &str, patience: Duration, is_so: impl Fn(&Stand) -> bool) -> Result<Stand> {
        let start = Instant::now();
        loop {
            let stand = self.stand();
            if let Ok(stand) = &stand
                && is_so(stand)
            {
                return Ok(stand.clone());
            }
            if start.elapsed() > patience {
                bail!("after {patience:?} still not so: {what}; {stand:?}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn until_flipped(&self, id: &str, patience: Duration) -> Result<Stand> {
        self.until(&format!("{id} has flipped"), patience, |stand| stand.has_flipped(id))
    }
}

impl Stand {
    #[must_use]
    pub fn has_flipped(&self, id: &str) -> bool {
        self.flips.iter().any(|flip| flip.id == id)
    }

    /// Messages that these groups have to consume before all queues are open to them.
    #[must_use]
    pub fn remaining(&self, groups: &[&str]) -> i64 {
        self.groups
            .iter()
            .filter(|group| groups.contains(&group.group.as_str()))
            .map(|group| group.remaining)
            .sum()
    }
}

fn stand(answer: &Response) -> Result<Stand> {
    if answer.code != 0 {
        bail!("refused: {} {}", answer.code, answer.remark);
    }
    serde_json::from_slice(&answer.body).context("reading where scales stand")
}
