//! What `gantry local` can be told.

use clap::ValueEnum;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  gantry local                                   ports 9876 and 10911, data in ./.gantry
  gantry local --data /tmp/try --flush sync      a message counts once on the disk
  gantry local --port 19876 --broker-port 20911  beside another RocketMQ
  gantry local --host 192.0.2.17                 for clients on other machines
  gantry local --auto-create-topics false        topics have to be made before they are used
  gantry local -f quickstart.yaml                what the file declares: edit it, save, and watch

With -f, the same YAML that Kubernetes gets (NameServer, BrokerGroup, Topic, ConsumerGroup) is checked by the same rules
and runs here: one name server, a broker for each BrokerGroup, topics and groups made and kept as declared. A file:
  apiVersion: gantry.dev/v1alpha1
  kind: BrokerGroup
  metadata: {name: main}
  spec: {nameServerRef: {name: names}, storage: {size: 1Gi}}
  ---
  apiVersion: gantry.dev/v1alpha1
  kind: Topic
  metadata: {name: orders}
  spec: {brokerGroups: [main], queues: 4}

Ctrl-C stops it cleanly. What was stored is there again at the next start.";

/// Run a name server and a broker in this process, to try things on or to develop against.
///
/// Unmodified RocketMQ clients work with it: Java, Go, C++, Python, mqadmin. Everything is kept in one folder.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run what this YAML file, or each in this folder, declares, and follow its changes; may be given several times
    #[arg(short, long = "file", value_name = "FILE|DIR")]
    pub(super) files: Vec<PathBuf>,

    /// Folder for everything that is stored; made if absent
    #[arg(long, value_name = "DIR", default_value = ".gantry")]
    pub(super) data: PathBuf,

    /// Port of the name server, which is what clients are given; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9876)]
    pub(super) port: u16,

    /// Port of the broker; 0 takes a free one. With -f, each further broker is 10 above the one before
    #[arg(long, value_name = "PORT", default_value_t = 10911)]
    pub(super) broker_port: u16,

    /// Address of this machine that clients are told; on any but a loopback address, all interfaces are listened on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    pub(super) host: IpAddr,

    /// A first message makes its topic
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(super) auto_create_topics: bool,

    /// When a message counts as stored
    #[arg(long, value_enum, default_value_t = Flush::Async, conflicts_with = "files")]
    pub(super) flush: Flush,
}

/// When a message counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Flush {
    /// Once it is on the disk: survives a power cut
    Sync,
    /// Once the system has it: survives a kill of this program
    Async,
}

impl Args {
    /// Where to listen.
    pub(super) fn bind(&self) -> IpAddr {
        match self.host {
            host if host.is_loopback() => host,
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// An address, or a name that has one: clients find an address in each message's id, so it cannot be a name.
fn address(text: &str) -> Result<IpAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.is_empty() || text.contains([':', '/']) {
        return Err("give an address or a host name without a port, as in 192.0.2.17".into());
    }
    let found = (text, 0)
        .to_socket_addrs()
        .map_err(|error| format!("the name does not resolve ({error}); give an address, as in 192.0.2.17"))?;
    let addresses: Vec<IpAddr> = found.map(|found| found.ip()).collect();
    let preferred = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    preferred.copied().ok_or_else(|| "the name has no address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name_that_has_one() {
        assert_eq!(address("192.0.2.17"), Ok([192, 0, 2, 17].into()));
        assert_eq!(address("::1"), Ok(std::net::Ipv6Addr::LOCALHOST.into()));
        assert!(address("localhost").unwrap().is_loopback());
        assert!(address("").unwrap_err().contains("without a port"));
        assert!(address("localhost:9876").unwrap_err().contains("without a port"));
        assert!(address("no such host").unwrap_err().contains("does not resolve"));
    }
}
