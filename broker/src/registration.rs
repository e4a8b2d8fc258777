//! Telling the name servers what is here (Apache: `BrokerOuterAPI.registerBrokerAll`).

use crate::broker::Broker;
use gantry_remoting::body::RegisterBrokerBody;
use gantry_remoting::client::Pool;
use gantry_remoting::header::{BrokerIdentity, RegisterBroker, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The connections to the name servers.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    pool: Arc<Pool>,
    changed: Notify,
    /// Registrations go out one after the other, so that an older table never arrives after a newer one.
    one_at_a_time: tokio::sync::Mutex<()>,
    /// Name servers by whether the last registration reached them: a change is worth a line in the log.
    reached: Mutex<HashMap<String, bool>>,
}

impl Registration {
    /// Has the topics registered soon.
    pub(crate) fn topics_changed(&self) {
        self.changed.notify_one();
    }

    /// Registers at every period and at every change, until `shutdown`; then says goodbye.
    pub(crate) async fn run(broker: Arc<Broker>, mut shutdown: watch::Receiver<bool>) {
        let this = &broker.registration;
        loop {
            this.register(&broker).await;
            tokio::select! {
                () = tokio::time::sleep(broker.config.register_name_server_period) => {}
                () = this.changed.notified() => {}
                _ = shutdown.wait_for(|stop| *stop) => break,
            }
        }
        this.unregister(&broker).await;
    }

    /// Registers with every name server and waits for their answers.
    pub(crate) async fn register(&self, broker: &Broker) {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let mut topics = broker.topics.table();
        for topic in topics.topic_config_table.values_mut() {
            topic.perm &= broker.config.broker_permission | !6;
        }
        let body = fastjson::to_vec(&RegisterBrokerBody { filter_server_list: Vec::new(), topics });
        let crc = (crc32fast::hash(&body) & 0x7FFF_FFFF) as i32;
        let (addr, ha) = addresses(broker);
        let header = RegisterBroker {
            broker_name: &broker.config.broker_name,
            broker_addr: &addr,
            cluster_name: &broker.config.broker_cluster_name,
            ha_server_addr: &ha,
            broker_id: broker.config.broker_id,
            heartbeat_timeout_millis: None,
            enable_acting_master: Some(false),
            compressed: false,
            body_crc32: Some(crc),
        };
        let command = header.into_command(CommandBuf::request(RequestCode::REGISTER_BROKER)).with_body(body);
        for (server, result) in self.ask_all(broker, command).await {
            let before = self.reached.lock().insert(server.clone(), result.is_ok());
            match result {
                Ok(()) if before != Some(true) => tracing::info!(server, "registered with the name server"),
                Err(error) if before != Some(false) => {
                    tracing::warn!(server, error, "cannot register with the name server: trying again");
                }
                _ => {}
            }
        }
    }

    async fn unregister(&self, broker: &Broker) {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let (addr, _) = addresses(broker);
        let header = BrokerIdentity {
            broker_name: &broker.config.broker_name,
            broker_addr: &addr,
            cluster_name: &broker.config.broker_cluster_name,
            broker_id: Some(broker.config.broker_id),
        };
        let command = header.into_command(CommandBuf::request(RequestCode::UNREGISTER_BROKER));
        for (server, result) in self.ask_all(broker, command).await {
            if let Err(error) = result {
                tracing::warn!(server, error, "cannot unregister: clients will notice within two minutes");
            }
        }
    }

    /// Asks all name servers at once: one that hangs delays nobody beyond its timeout.
    async fn ask_all(&self, broker: &Broker, command: CommandBuf) -> Vec<(String, Result<(), String>)> {
        let asks: Vec<_> = broker
            .config
            .namesrv_addr
            .iter()
            .cloned()
            .map(|server| {
                let (pool, command) = (Arc::clone(&self.pool), command.clone());
                tokio::spawn(async move {
                    let result = match pool.request(&server, command, TIMEOUT).await {
                        Ok(answer) if answer.response_code() == ResponseCode::SUCCESS => Ok(()),
                        Ok(answer) => {
                            Err(format!("{}: {}", answer.response_code(), answer.remark.unwrap_or_default()))
                        }
                        Err(error) => Err(error.to_string()),
                    };
                    (server, result)
                })
            })
            .collect();
        let mut results = Vec::with_capacity(asks.len());
        for ask in asks {
            if let Ok(result) = ask.await {
                results.push(result);
            }
        }
        results
    }
}

/// The broker's address and its replication address, as text.
fn addresses(broker: &Broker) -> (String, String) {
    let addr = broker.config.advertised();
    let ha = std::net::SocketAddr::new(addr.ip(), addr.port().wrapping_add(1));
    (addr.to_string(), ha.to_string())
}
