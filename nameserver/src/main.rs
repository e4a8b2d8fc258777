//! The command line of the name server.
#![forbid(unsafe_code)]

use clap::Parser;
use gantry_nameserver::{Config, Settings, start};
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Tells RocketMQ clients which brokers have a topic.
///
/// Brokers register here (namesrvAddr in their configuration) and repeat it every 30 s; clients and mqadmin ask here first.
/// Run two or three, independent of each other, and give brokers and clients all their addresses, separated by `;`.
/// Routes live in memory: a name server that starts anew is told by Gantry's brokers within a second or two, by Apache's
/// within 30 s.
#[derive(Debug, Parser)]
#[command(name = "gantry-nameserver", version, after_help = AFTER_HELP)]
struct Arguments {
    /// Address and port to listen on; 0.0.0.0 takes every interface, port 0 any free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:9876")]
    listen: SocketAddr,

    /// A second address to listen on, for clients outside the cluster: routes carry each broker's externalAddress there,
    /// brokers without one are left out, and nothing can be changed
    #[arg(long, value_name = "ADDR:PORT")]
    external_listen: Option<SocketAddr>,

    /// Serve /healthz, /readyz and /metrics by HTTP on this address
    #[arg(long, value_name = "ADDR:PORT")]
    probe_listen: Option<SocketAddr>,

    /// Folder for what operators store: kvConfig.json (that of an Apache name server can be put there) and
    /// namesrv.properties. Made when absent; one name server at a time
    #[arg(long, value_name = "DIR", default_value = "nameserver-data")]
    data: PathBuf,

    /// A setting, as mqadmin updateNamesrvConfig takes it; wins over namesrv.properties. Repeatable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

const AFTER_HELP: &str = "\
Settings (--set, or at run time: mqadmin updateNamesrvConfig -n ADDR -k NAME -v VALUE):
  orderMessageEnable=false              routes carry the topic's entry of the KV namespace ORDER_TOPIC_CONFIG
  returnOrderTopicConfigToBroker=true   registering brokers are told that namespace
  needWaitForService=false              refuse routes after the start, until brokers can have registered
  waitSecondsForService=45              for how long
  supportActingMaster=false             show a slave that stands in for its master as the master
  enableAllTopicList=true, enableTopicList=true   answer topic lists

Examples:
  gantry-nameserver --listen 0.0.0.0:9876 --data /var/lib/gantry-nameserver
      one of a set of name servers
  gantry-nameserver --listen 127.0.0.1:9876 --data /tmp/ns
      for this machine only
  gantry-nameserver --external-listen 0.0.0.0:9877 --probe-listen 0.0.0.0:8080
      in Kubernetes, with clients outside of it
  RUST_LOG=debug gantry-nameserver --set needWaitForService=true
      says why requests are refused; clients keep their old routes while it learns

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start, 2 wrong arguments.
Log lines go to standard error; RUST_LOG (error, warn, info, debug) says how many.";

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("write NAME=VALUE, for example orderMessageEnable=true")?;
    Settings::default().set(name, value).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let config = Config {
        settings: arguments.settings,
        external_listen: arguments.external_listen,
        probe_listen: arguments.probe_listen,
        ..Config::new(arguments.listen, arguments.data)
    };
    let (stop, stopped) = watch::channel(false);
    let running = start(config, stopped).await?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    // A second signal ends the process at once, should a client hold it up.
    let _ = stop.send(true);
    tokio::select! {
        ended = running.task => ended.map_err(Into::into),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
