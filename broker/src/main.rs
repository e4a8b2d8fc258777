//! `gantry-broker`: one broker, configured as Apache's is.

mod memory;

use anyhow::Context as _;
use clap::Parser;
use gantry_broker::BrokerConfig;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A RocketMQ-compatible broker.
///
/// Reads the broker.conf of Apache's broker; flags override it. Clients, mqadmin and the dashboard work with it unchanged.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  gantry-broker -n 127.0.0.1:9876
      One broker for the name server on this machine, its store in ~/store.
  gantry-broker -c broker.conf
      Settings as Apache names them: brokerName, listenPort, storePathRootDir, flushDiskType, ...
  gantry-broker -c broker.conf --set flushDiskType=SYNC_FLUSH --print-config
      What the settings amount to, without starting.

Gantry's own settings, beside Apache's (docs/operations/settings.md):
  probeListenPort=0       serve /healthz, /readyz and /metrics on this port; 0 is off
  externalAddress=        host:port by which clients outside the cluster reach this broker
  leaveTimeoutMillis=0    at SIGTERM, serve on for this long at most while producers leave
And Apache's fetchNameSrvAddrByDnsLookup=true registers with all addresses behind namesrvAddr.

SIGTERM or Ctrl-C stops it cleanly; a second one does not wait for producers.
RUST_LOG=debug shows more."
)]
struct Args {
    /// Settings in Apache's format, key=value lines.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Name servers, host:port, several separated by ';'.
    #[arg(short = 'n', long, env = "NAMESRV_ADDR", value_name = "ADDRESSES")]
    namesrv: Option<String>,
    /// One setting, overriding the file; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print all settings and exit.
    #[arg(short = 'p', long)]
    print_config: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let config = config(&args)?;
    if args.print_config {
        print!("{}", config.to_properties());
        return Ok(());
    }
    if config.namesrv_addr.is_empty() {
        tracing::warn!("no name server given (-n, or namesrvAddr): clients will not find this broker");
    }
    let runtime = runtime()?;
    let result = runtime.block_on(run(config));
    // A recovery that was told to stop is no reason to wait: it may end anywhere.
    runtime.shutdown_background();
    result
}

/// One thread a core, and two at least: an append that the disk holds up must not keep everybody else from being served.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread().worker_threads(cores.max(2)).enable_all().build()
}

fn config(args: &Args) -> anyhow::Result<BrokerConfig> {
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut config = BrokerConfig::new(home.join("store"));
    let mut ignored = match &args.config {
        Some(path) => config.apply_file(path).with_context(|| format!("in {}", path.display()))?,
        None => Vec::new(),
    };
    let mut flags = args.set.join("\n");
    if let Some(namesrv) = &args.namesrv {
        flags.push_str(&format!("\nnamesrvAddr={namesrv}"));
    }
    ignored.extend(config.apply(&flags)?);
    for ignored in ignored {
        if ignored.has_no_effect {
            tracing::info!(key = ignored.key, "has no effect in Gantry");
        } else {
            tracing::warn!(
                key = ignored.key,
                "unknown setting: it is ignored; --print-config lists those there are"
            );
        }
    }
    Ok(config)
}

async fn run(config: BrokerConfig) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let (hurry, mut hurried) = watch::channel(false);
    // Before anything else: a start may take long, and whoever stops it then must not wait, nor be taken for a killer.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.send_replace(true) {
                tracing::info!("asked again: stopping without waiting for producers to leave");
                hurry.send_replace(true);
            } else {
                tracing::info!("stopping");
            }
        }
    });
    tokio::spawn(memory::give_back());
    let broker = match gantry_broker::start(config, stopped).await {
        Err(gantry_broker::Error::Stopped) => {
            tracing::info!("stopped while starting: the next start goes on");
            return Ok(());
        }
        started => started?,
    };
    let in_a_hurry = broker.hurry();
    tokio::spawn(async move {
        if hurried.wait_for(|hurried| *hurried).await.is_ok() {
            in_a_hurry.up();
        }
    });
    broker.stopped().await.map_err(anyhow::Error::msg)
}
