//! A broker through which the same messages go.

use anyhow::Result;
use gantry_e2e::broker_client::{BrokerClient, Draft};
use gantry_e2e::{Cluster, Setup, Target};

use crate::scraped::Scraped;

const TOPIC: &str = "Counted";
const GROUP: &str = "counting";
const QUEUES: i32 = 2;
/// In each queue.
const MESSAGES: i64 = 10;
const CONSUMED: i64 = 4;

pub(crate) struct Stage {
    cluster: Cluster,
    /// Keeps its member online.
    client: Option<BrokerClient>,
}

impl Stage {
    pub(crate) fn start(target: Target) -> Result<Self> {
        Ok(Self { cluster: Cluster::start(target, Setup::default().probes())?, client: None })
    }

    pub(crate) fn play(&mut self) -> Result<()> {
        let mut client = BrokerClient::open(self.cluster.broker_port())?;
        client.create_topic(TOPIC, QUEUES as u32, QUEUES as u32)?;
        client.join(GROUP, TOPIC)?;
        for n in 0..MESSAGES {
            for queue in 0..QUEUES {
                // From small ones to such as are in the next bucket.
                let body = vec![b'x'; 1 << n.min(11)];
                let key = format!("UNIQUE-{queue}-{n:08}");
                client.send(&Draft {
                    topic: TOPIC,
                    queue,
                    body: &body,
                    properties: &[("UNIQ_KEY", &key)],
                })?;
            }
        }
        let large = vec![b'x'; 3 << 20];
        client.send(&Draft {
            topic: TOPIC,
            queue: 0,
            body: &large,
            properties: &[("UNIQ_KEY", "UNIQUE-LARGE")],
        })?;
        for queue in 0..QUEUES {
            client.read_as(GROUP, TOPIC, queue, 0)?;
            client.commit(GROUP, TOPIC, queue, CONSUMED)?;
        }
        let dead = &client.read_as(GROUP, TOPIC, 0, 0)?[0];
        client.send_back(GROUP, dead, -1)?;
        self.client = Some(client);
        Ok(())
    }

    pub(crate) fn scrape(&self) -> Result<Scraped> {
        Scraped::read(&self.cluster.metrics()?, "rocketmq_")
    }

    pub(crate) fn log_tail(&self) -> String {
        self.cluster.log_tail()
    }
}
