//! Which name servers there are: those that were given, or, with `fetchNameSrvAddrByDnsLookup`, all addresses that their
//! host names resolve to at the moment. In Kubernetes that is how one name stands for name servers that come and go.

use crate::BrokerConfig;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often names are resolved again. Cheap, and it bounds how long a new name server does not know the broker.
const LOOK_UP_PERIOD: Duration = Duration::from_secs(2);

/// The name servers that this broker registers with.
#[derive(Debug)]
pub(crate) struct NameServers {
    given: Vec<String>,
    by_lookup: bool,
    /// What each given name was last found to be.
    found: Mutex<BTreeMap<String, Found>>,
}

#[derive(Debug, Default)]
struct Found {
    addresses: BTreeSet<String>,
    /// The last look-up failed: a change of that is worth a line in the log.
    fails: bool,
}

impl NameServers {
    pub(crate) fn new(config: &BrokerConfig) -> Self {
        Self {
            given: config.namesrv_addr.clone(),
            by_lookup: config.fetch_name_srv_addr_by_dns_lookup,
            found: Mutex::default(),
        }
    }

    /// No name server was configured.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// The name servers of this moment, as `host:port`.
    pub(crate) async fn now(&self) -> BTreeSet<String> {
        if !self.by_lookup {
            return self.given.iter().cloned().collect();
        }
        // All at once: a name whose DNS hangs delays no other beyond this round.
        let mut lookups = JoinSet::new();
        for name in self.given.iter().cloned() {
            lookups.spawn(async move {
                let found = tokio::net::lookup_host(name.clone()).await;
                (name, found.map(|found| found.map(|addr| addr.to_string()).collect()))
            });
        }
        while let Some(found) = lookups.join_next().await {
            if let Ok((name, found)) = found {
                self.note(&name, found);
            }
        }
        self.found.lock().values().flat_map(|found| &found.addresses).cloned().collect()
    }

    /// Waits until it is worth asking [`now`](Self::now) again: forever, if nothing can change.
    pub(crate) async fn next_look(&self) {
        if !self.by_lookup {
            return std::future::pending().await;
        }
        tokio::time::sleep(LOOK_UP_PERIOD).await;
    }

    /// A DNS that fails is no reason to leave name servers that were found before.
    fn note(&self, name: &str, addresses: io::Result<BTreeSet<String>>) {
        let mut all = self.found.lock();
        let found = all.entry(name.to_owned()).or_default();
        let failed = std::mem::replace(&mut found.fails, addresses.is_err());
        match addresses {
            Ok(addresses) => {
                if found.addresses != addresses {
                    tracing::info!(name, ?addresses, "name servers found");
                }
                found.addresses = addresses;
            }
            Err(error) if !failed => {
                tracing::warn!(name, %error, known = ?found.addresses, "cannot resolve the name servers: trying again");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_servers(settings: &str) -> NameServers {
        let mut config = BrokerConfig::new("/tmp/x");
        config.apply(settings).unwrap();
        NameServers::new(&config)
    }

    fn set<const N: usize>(addresses: [&str; N]) -> BTreeSet<String> {
        addresses.map(str::to_owned).into()
    }

    #[tokio::test]
    async fn without_look_up_they_are_as_given() {
        assert!(name_servers("").is_empty());
        let given = name_servers("namesrvAddr=ns:1;other:2");
        assert_eq!(given.now().await, set(["ns:1", "other:2"]));
    }

    #[tokio::test]
    async fn a_name_stands_for_all_its_addresses() {
        let found = name_servers("namesrvAddr=localhost:7;127.0.0.2:8\nfetchNameSrvAddrByDnsLookup=true");
        let now = found.now().await;
        assert!(now.contains("127.0.0.1:7") && now.contains("127.0.0.2:8"), "{now:?}");
        assert!(!now.contains("localhost:7"));
    }

    #[test]
    fn addresses_come_and_go_with_the_answers_and_stay_without_one() {
        let found = name_servers("namesrvAddr=ns:1");
        let now = || found.found.lock()["ns:1"].addresses.clone();
        found.note("ns:1", Ok(set(["10.0.0.1:1", "10.0.0.2:1"])));
        found.note("ns:1", Err(io::ErrorKind::NotFound.into()));
        assert_eq!(now(), set(["10.0.0.1:1", "10.0.0.2:1"]));
        found.note("ns:1", Ok(set(["10.0.0.2:1", "10.0.0.3:1"])));
        assert_eq!(now(), set(["10.0.0.2:1", "10.0.0.3:1"]));
    }
}
