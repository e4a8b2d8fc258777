//! Flags and their environment variables.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::net::SocketAddr;

/// Runs name servers and brokers on Kubernetes as NameServer, BrokerGroup, Topic and ConsumerGroup ask for.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Outside a cluster it takes the current context of the kubeconfig:
  gantry-operator --watch-namespace demo --broker-image registry/gantry/broker:1 --nameserver-image registry/gantry/nameserver:1

RUST_LOG=debug shows more. SIGTERM stops it and gives the leadership back."
)]
pub struct Args {
    /// What to do; without one: run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub settings: Settings,
}

/// What else the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask a running operator whether it is ready; exits with 0 when it is
    Check {
        /// Its readiness address, such as http://gantry-operator:8080/readyz
        #[arg(long)]
        url: String,
    },
}

/// How the operator runs.
#[derive(Clone, Debug, ClapArgs)]
pub struct Settings {
    /// The only namespace to look after; without it, all namespaces
    #[arg(long, env = "WATCH_NAMESPACE", value_name = "NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// Image of new brokers whose BrokerGroup names none
    #[arg(long, env = "GANTRY_BROKER_IMAGE", value_name = "IMAGE", default_value = concat!("gantry/broker:", env!("CARGO_PKG_VERSION")))]
    pub broker_image: String,
    /// Image of new name servers whose NameServer names none
    #[arg(long, env = "GANTRY_NAMESERVER_IMAGE", value_name = "IMAGE", default_value = concat!("gantry/nameserver:", env!("CARGO_PKG_VERSION")))]
    pub nameserver_image: String,
    /// imagePullPolicy of brokers and name servers
    #[arg(long, env = "GANTRY_IMAGE_PULL_POLICY", value_name = "POLICY", default_value = "IfNotPresent")]
    pub image_pull_policy: String,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, env = "GANTRY_HTTP_LISTEN", value_name = "ADDR:PORT", default_value = "0.0.0.0:8080")]
    pub http_listen: SocketAddr,
    /// The Lease that decides which of several operators works
    #[arg(long, value_name = "NAME", default_value = "gantry-operator")]
    pub lease_name: String,
    /// The namespace of the Lease
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// Who this is, in the Lease and in events
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value_t = host_name())]
    pub identity: String,
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", name.trim(), std::process::id())
}
