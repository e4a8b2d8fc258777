//! From the settings to an operator that works, and to its end.

use crate::args::Settings;
use crate::context::Context;
use crate::leader::{Candidate, Gate};
use crate::metrics::Metrics;
use crate::on_brokers::{consumer_group, topic};
use crate::{broker_group, client, engine, name_server};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// An operator that has not heard of the API server for so long is not ready.
const SILENCE: Duration = Duration::from_secs(30);

/// Runs until SIGTERM or Ctrl-C, or until the leadership is lost.
///
/// # Errors
/// When the API server cannot be reached at all, or the leadership was lost.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let config = kube::Config::infer()
        .await
        .context("no cluster: neither in-cluster configuration nor a kubeconfig")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(false);
    let metrics = Arc::new(Metrics::new());
    let gate = Arc::new(Gate::default());
    let status = Arc::new(Operator { metrics: Arc::clone(&metrics), gate: Arc::clone(&gate) });
    let listener = TcpListener::bind(settings.http_listen)
        .await
        .with_context(|| format!("cannot listen on {} (--http-listen)", settings.http_listen))?;
    tokio::spawn(gantry_probes::serve(listener, status, stopped.clone()));

    let plain = kube::Client::try_from(config.clone())?;
    let mut candidate = Candidate::new(
        plain,
        &settings.lease_namespace,
        &settings.lease_name,
        &settings.identity,
        Arc::clone(&gate),
    );
    tokio::select! {
        () = candidate.acquire() => {}
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    }
    metrics.leads(true);
    let client = client::gated(config, Arc::clone(&gate), Arc::clone(&metrics))?;
    let context = Arc::new(Context::new(client, settings, metrics, gate));
    let mut work = tokio::spawn(work(Arc::clone(&context), stopped.clone()));
    let until_stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let kept = tokio::select! {
        kept = candidate.keep(until_stopped) => kept.map_err(|lost| lost.to_string()),
        // A panic: one who leads and does nothing is worse than one who starts anew.
        ended = &mut work => Err(format!("the controllers ended: {ended:?}")),
    };
    let released = match kept {
        Ok(released) => released,
        Err(why) => {
            tracing::error!("{why}");
            // Nothing may be written any more: not by a task that is in the middle of something either.
            std::process::exit(1);
        }
    };
    tracing::info!("stopping: finishing what was begun");
    let _ = stop.send(true);
    work.await?;
    context.metrics.leads(false);
    released.release().await;
    Ok(())
}

async fn work(context: Arc<Context>, stop: watch::Receiver<bool>) {
    let name_servers = name_server::controller(&context);
    let broker_groups = broker_group::controller(&context);
    let (names, groups) = (name_servers.store(), broker_groups.store());
    // What is not in these lists does not exist: they must be whole before anybody relies on that.
    let names_are_known = async {
        if names.wait_until_ready().await.is_ok() {
            let _ = context.name_servers.set(names.clone());
        }
    };
    let on_brokers = async {
        if groups.wait_until_ready().await.is_err() {
            return;
        }
        let _ = context.broker_groups.set(groups.clone());
        futures::join!(
            engine::run(topic::controller(&context), Arc::clone(&context), stop.clone()),
            engine::run(consumer_group::controller(&context), Arc::clone(&context), stop.clone()),
        );
    };
    futures::join!(
        engine::run(name_servers, Arc::clone(&context), stop.clone()),
        engine::run(broker_groups, Arc::clone(&context), stop.clone()),
        names_are_known,
        on_brokers,
    );
}

/// What the probes are told.
struct Operator {
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
}

impl gantry_probes::Status for Operator {
    /// One that waits for the leadership is ready too: a rolling update must not wait for it to lead.
    fn ready(&self) -> Result<(), String> {
        if self.gate.in_touch(SILENCE) { Ok(()) } else { Err("the API server does not answer".into()) }
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }
}
