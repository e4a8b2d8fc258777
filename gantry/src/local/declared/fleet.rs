//! The processes of a cluster in this one: a name server, and a broker for each BrokerGroup.

use super::broker::{self, restart_reasons};
use crate::local::args::Args;
use crate::local::data_dir::DataDir;
use crate::local::servers::{Error, reachable};
use gantry_admin::Place;
use gantry_broker::Snapshot;
use gantry_crds::BrokerGroupSpec;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Distance between the ports of two brokers: clients may want the two below.
const PORT_STEP: u16 = 10;

/// Which place in the row of ports each BrokerGroup has. Kept, so that a broker stays where it is.
pub(super) type Slots = BTreeMap<String, u16>;

/// The servers. Dropping it stops them without waiting.
pub(super) struct Fleet<'a> {
    args: &'a Args,
    data: &'a DataDir,
    name_server_port: u16,
    stop_name_server: watch::Sender<bool>,
    name_server_task: JoinHandle<()>,
    brokers: BTreeMap<String, Member>,
    /// Brokers on their way out. Kept here, so that nobody forgets to wait for them.
    leaving: Vec<JoinHandle<()>>,
}

struct Member {
    spec: BrokerGroupSpec,
    state: State,
}

enum State {
    Running {
        broker: gantry_broker::Running,
        stop: watch::Sender<bool>,
    },
    /// Why it does not run.
    Down(String),
}

/// How a BrokerGroup's broker is.
pub(super) enum Health {
    /// It serves at this address, as clients are told.
    Serving(SocketAddr, Snapshot),
    /// Why it does not.
    Down(String),
}

impl<'a> Fleet<'a> {
    /// Starts the name server.
    pub(super) async fn start(args: &'a Args, data: &'a DataDir) -> Result<Self, Error> {
        let (stop_name_server, stopping) = watch::channel(false);
        let listen = SocketAddr::new(args.bind(), args.port);
        let config = gantry_nameserver::Config::new(listen, data.name_server());
        let name_server = gantry_nameserver::start(config, stopping).await?;
        Ok(Self {
            args,
            data,
            name_server_port: name_server.addr.port(),
            stop_name_server,
            name_server_task: name_server.task,
            brokers: BTreeMap::new(),
            leaving: Vec::new(),
        })
    }

    /// The name server, as clients are told.
    pub(super) fn name_server(&self) -> SocketAddr {
        SocketAddr::new(self.args.host, self.name_server_port)
    }

    /// The name server, as this process reaches it.
    pub(super) fn local_name_server(&self) -> SocketAddr {
        SocketAddr::new(reachable(self.args.bind()), self.name_server_port)
    }

    /// Starts, restarts and stops brokers until they are those of the files. Says what it did and why.
    pub(super) async fn agree(
        &mut self,
        declared: &BTreeMap<String, BrokerGroupSpec>,
        slots: &mut Slots,
        mut say: impl FnMut(String),
    ) {
        let gone: Vec<_> =
            self.brokers.keys().filter(|name| !declared.contains_key(*name)).cloned().collect();
        for name in gone {
            self.stop_broker(&name).await;
            slots.remove(&name);
            let store = self.data.broker_group(&name);
            say(format!(
                "BrokerGroup/{name}: stopped, it is not declared any more; its messages stay in {}",
                store.display()
            ));
        }
        for (name, spec) in declared {
            if let Some(member) = self.brokers.get_mut(name) {
                let reasons = restart_reasons(&member.spec, spec);
                member.spec = spec.clone();
                if matches!(member.state, State::Running { .. }) {
                    if reasons.is_empty() {
                        continue;
                    }
                    say(format!("BrokerGroup/{name}: restarting for {}", reasons.join(", ")));
                }
                // One that is down is tried again with every change of the files.
                self.stop_broker(name).await;
            }
            let slot = slot(slots, name);
            let state = self.start_broker(name, spec, slot).await;
            match &state {
                State::Running { broker, .. } => {
                    say(format!(
                        "BrokerGroup/{name}: serving at {}",
                        SocketAddr::new(self.args.host, broker.addr().port())
                    ));
                }
                State::Down(why) => say(format!("BrokerGroup/{name}: {why}")),
            }
            self.brokers.insert(name.clone(), Member { spec: spec.clone(), state });
        }
    }

    async fn start_broker(&self, name: &str, spec: &BrokerGroupSpec, slot: u16) -> State {
        let port = match self.args.broker_port {
            0 => 0,
            first => first.saturating_add(slot.saturating_mul(PORT_STEP)),
        };
        let root = self.data.broker_group(name);
        let config = match broker::config(self.args, name, spec, root, port, self.local_name_server()) {
            Ok(config) => config,
            Err(error) => return State::Down(error.to_string()),
        };
        let (stop, stopping) = watch::channel(false);
        match gantry_broker::start(config, stopping).await {
            Ok(broker) => State::Running { broker, stop },
            Err(error) => State::Down(format!("cannot start: {}", Error::from(error))),
        }
    }

    async fn stop_broker(&mut self, name: &str) {
        let Some(member) = self.brokers.remove(name) else { return };
        if let State::Running { broker, stop } = member.state {
            stop.send_replace(true);
            // A task of its own, with the end of its store: whoever waits here may be called away.
            self.leaving.push(tokio::spawn(async move {
                if let Err(error) = broker.stopped().await {
                    tracing::error!(error, "the broker had stopped by itself");
                }
            }));
            self.left().await;
        }
    }

    /// Waits for the brokers on their way out.
    async fn left(&mut self) {
        while let Some(task) = self.leaving.last_mut() {
            // It reports its own troubles.
            let _ = task.await;
            self.leaving.pop();
        }
    }

    /// Notices brokers that stopped by themselves.
    pub(super) async fn look_after(&mut self, mut say: impl FnMut(String)) {
        for (name, member) in &mut self.brokers {
            let has_ended = |state: &State| matches!(state, State::Running { stop, .. } if stop.is_closed());
            if !has_ended(&member.state) {
                continue;
            }
            let ended = std::mem::replace(&mut member.state, State::Down("stopped".into()));
            if let State::Running { broker, .. } = ended {
                let why = broker.stopped().await.err().unwrap_or_else(|| "it stopped by itself".into());
                let text = format!("had to stop: {why}; mend that and start gantry local again");
                say(format!("BrokerGroup/{name}: {text}"));
                member.state = State::Down(text);
            }
        }
    }

    /// Where the plans find the broker of a BrokerGroup.
    pub(super) fn place(&self, name: &str) -> Place {
        match self.brokers.get(name).map(|member| &member.state) {
            None => Place::Gone,
            Some(State::Down(why)) => Place::NotYet(why.clone()),
            Some(State::Running { broker, .. }) => {
                Place::At(SocketAddr::new(reachable(self.args.bind()), broker.addr().port()).to_string())
            }
        }
    }

    /// All brokers, by BrokerGroup.
    pub(super) fn health(&self) -> impl Iterator<Item = (&str, Health)> {
        self.brokers.iter().map(|(name, member)| {
            let health = match &member.state {
                State::Down(why) => Health::Down(why.clone()),
                State::Running { broker, .. } => {
                    Health::Serving(SocketAddr::new(self.args.host, broker.addr().port()), broker.snapshot())
                }
            };
            (name.as_str(), health)
        })
    }

    /// Stops all, the brokers first: they say good-bye to the name server.
    pub(super) async fn stop(&mut self) {
        for member in std::mem::take(&mut self.brokers).into_values() {
            if let State::Running { broker, stop } = member.state {
                stop.send_replace(true);
                self.leaving.push(tokio::spawn(async move {
                    let _ = broker.stopped().await;
                }));
            }
        }
        self.left().await;
        self.stop_name_server.send_replace(true);
        // It reports its own troubles.
        let _ = (&mut self.name_server_task).await;
    }
}

/// The lowest place that nobody has, unless there is one already.
fn slot(slots: &mut Slots, name: &str) -> u16 {
    if let Some(slot) = slots.get(name) {
        return *slot;
    }
    let free = (0..u16::MAX).find(|slot| !slots.values().any(|taken| taken == slot)).unwrap_or_default();
    slots.insert(name.to_owned(), free);
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_keeps_its_port_when_others_come_and_go() {
        let mut slots = Slots::new();
        assert_eq!((slot(&mut slots, "b"), slot(&mut slots, "c")), (0, 1));
        assert_eq!((slot(&mut slots, "a"), slot(&mut slots, "b")), (2, 0));
        slots.remove("c");
        assert_eq!((slot(&mut slots, "d"), slot(&mut slots, "a")), (1, 2));
    }
}
