//! A cluster with the same topics, messages, groups and offsets in it whoever runs it.

use anyhow::Result;
use gantry_e2e::broker_client::{BrokerClient, Draft};
use gantry_e2e::{Cluster, Setup, Target};

pub(crate) struct Prepared {
    cluster: Cluster,
    /// The place of one message, which the commands that look it up are given.
    offset_id: String,
}

const GROUP: &str = "readers";

impl Prepared {
    pub(crate) fn start(target: Target) -> Result<Self> {
        let cluster = Cluster::start(target, Setup::default())?;
        let mut client = BrokerClient::open(cluster.broker_port())?;
        for (topic, queues) in [("Orders", 4), ("Payments", 2), ("Doomed", 1), ("Changing", 4)] {
            client.create_topic(topic, queues, queues)?;
        }
        let mut offset_id = String::new();
        for index in 0..20 {
            let unique = format!("UNIQUE-ORDER-{index:02}");
            let key = format!("order-{index} customer-{}", index % 3);
            let tag = format!("tag-{}", index % 2);
            let placed = client.send(&Draft {
                topic: "Orders",
                queue: index % 4,
                body: format!("order {index}").as_bytes(),
                properties: &[("UNIQ_KEY", &unique), ("KEYS", &key), ("TAGS", &tag), ("colour", "blue")],
            })?;
            if index == 7 {
                offset_id = placed.offset_id;
            }
        }
        for queue in 0..2 {
            client.send(&Draft {
                topic: "Payments",
                queue,
                body: b"payment",
                properties: &[("UNIQ_KEY", "UNIQUE-PAYMENT"), ("KEYS", "payment")],
            })?;
        }
        client.join(GROUP, "Orders")?;
        for queue in 0..4 {
            client.commit(GROUP, "Orders", queue, i64::from(queue))?;
        }
        client.await_indexed("Payments", "payment")?;
        client.await_runtime_info()?;
        Ok(Self { cluster, offset_id })
    }

    /// The words of a step with what is known only here.
    pub(crate) fn fill(&self, command: &str) -> String {
        command
            .replace("{name-server}", &self.cluster.name_server_address())
            .replace("{broker}", &self.broker_address())
            .replace("{offset-id}", &self.offset_id)
    }

    pub(crate) fn broker_address(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.broker_port())
    }

    pub(crate) fn name_server_address(&self) -> String {
        self.cluster.name_server_address()
    }

    pub(crate) fn log_tail(&self) -> String {
        self.cluster.log_tail()
    }
}
