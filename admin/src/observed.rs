//! What was found on the brokers before planning.

use crate::error::Error;
use std::collections::BTreeMap;

/// A broker that a resource names, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// As the spec and the status name it: a BrokerGroup, or `host:port`.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this `host:port`.
    At(String),
    /// It has no address yet; the text says why, for people.
    NotYet(String),
    /// There is no BrokerGroup of this name.
    Gone,
}

/// What was found on one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is not there.
    Absent,
    /// It is there.
    There(T),
    /// The broker could not be asked, or did not do what it was asked.
    Unknown(Trouble),
    /// There is no such broker.
    Gone,
}

/// What keeps a broker from being as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether it may pass by itself.
    pub transient: bool,
    /// One word.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        let advice = match error {
            Error::Unreachable { .. } => {
                "trying again; if it stays so, look whether the broker runs and its address is right"
            }
            Error::Busy { .. } => "trying again",
            Error::Refused { .. } => "change the spec or the broker's settings",
            Error::Malformed { .. } => "is this a RocketMQ broker of version 5 or Gantry?",
        };
        Self {
            transient: error.is_transient(),
            reason: error.reason(),
            message: format!("{error}; {advice}"),
        }
    }
}

/// What was found on each broker, by its name in the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<T> {
    brokers: BTreeMap<String, Found<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Found<T> {
    addr: String,
    seen: Seen<T>,
}

impl<T> Observed<T> {
    /// What a broker has, by name: its address, and what was seen there.
    #[must_use]
    pub fn at(&self, broker: &str) -> (&str, &Seen<T>) {
        match self.brokers.get(broker) {
            Some(found) => (&found.addr, &found.seen),
            None => ("", &Seen::Gone),
        }
    }

    /// Everything that is there.
    pub fn there(&self) -> impl Iterator<Item = (&str, &T)> {
        self.brokers.iter().filter_map(|(name, found)| match &found.seen {
            Seen::There(there) => Some((name.as_str(), there)),
            _ => None,
        })
    }

    /// Whether every one of these brokers could be asked.
    pub fn knows<'a>(&self, brokers: impl IntoIterator<Item = &'a String>) -> bool {
        brokers.into_iter().all(|name| !matches!(self.at(name).1, Seen::Unknown(_)))
    }

    /// Takes what was seen on a broker back, because it could not be changed.
    pub fn fail(&mut self, broker: &str, trouble: Trouble) {
        if let Some(found) = self.brokers.get_mut(broker) {
            found.seen = Seen::Unknown(trouble);
        }
    }

    /// Puts together what was seen, in any order.
    #[must_use]
    pub fn new(brokers: impl IntoIterator<Item = (Broker, Result<Option<T>, Error>)>) -> Self {
        let brokers = brokers.into_iter().map(|(broker, answer)| {
            let seen = match (&broker.place, answer) {
                (Place::Gone, _) => Seen::Gone,
                (Place::NotYet(why), _) => {
                    Seen::Unknown(Trouble { transient: true, reason: "BrokerNotReady", message: why.clone() })
                }
                (Place::At(_), Ok(None)) => Seen::Absent,
                (Place::At(_), Ok(Some(there))) => Seen::There(there),
                (Place::At(_), Err(error)) => Seen::Unknown(Trouble::from(&error)),
            };
            let addr = if let Place::At(addr) = broker.place { addr } else { String::new() };
            (broker.name, Found { addr, seen })
        });
        Self { brokers: brokers.collect() }
    }

    /// Asks all brokers of `names` at once: one that does not answer delays the others by nothing. One whose place was not
    /// looked up is waited for; it must not pass for gone.
    pub(crate) async fn ask<F>(names: Vec<String>, brokers: &[Broker], ask: impl Fn(String) -> F) -> Self
    where
        F: Future<Output = Result<Option<T>, Error>>,
    {
        let place = |name: &String| brokers.iter().find(|broker| broker.name == *name);
        let asked = names.into_iter().map(|name| {
            let broker = place(&name).cloned().unwrap_or_else(|| Broker {
                place: Place::NotYet("its address was not looked up yet".into()),
                name,
            });
            let answer = match &broker.place {
                Place::At(addr) => Some(ask(addr.clone())),
                _ => None,
            };
            async move {
                let answer = match answer {
                    Some(answer) => answer.await,
                    None => Ok(None),
                };
                (broker, answer)
            }
        });
        Self::new(futures_util::future::join_all(asked).await)
    }
}
