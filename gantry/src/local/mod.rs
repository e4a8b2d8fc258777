//! `gantry local`: a name server and a broker in this process.

mod args;
mod banner;
mod data_dir;
mod declared;
mod log;
mod numbers;
mod owned;
mod screen;
mod servers;

pub(crate) use args::Args;

use crate::cli::signal::StopSignal;
use crate::client::Links;
use crate::output::numbers::{bytes, counted, span};
use crate::route::NameServers;
use anyhow::Context as _;
use banner::Banner;
use data_dir::DataDir;
use gantry_message::name::SCHEDULE_TOPIC;
use numbers::{Numbers, Owned};
use screen::{Said, Screen};
use servers::Servers;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the live line is computed.
const TICK: Duration = Duration::from_millis(500);
/// The broker tells the name server of itself at once; this is for a machine that is very busy.
const REGISTRATION: Duration = Duration::from_secs(10);

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if !args.files.is_empty() {
        return declared::run(&args).await;
    }
    let data = DataDir::open(&args.data)?;
    let screen = Screen::new();
    let log_path = data.log();
    let log = OpenOptions::new().create(true).append(true).open(&log_path);
    log::init(log.with_context(|| format!("cannot open {}", log_path.display()))?, &screen);
    let mut stop = StopSignal::listen()?;

    let servers = Servers::start(&args, &data).await?;
    let (name_server, broker) = servers.local_addresses();
    registered(name_server).await;
    let started = Instant::now();
    screen.say(
        &Banner {
            name_server: servers.name_server(),
            broker: servers.broker(),
            data: data.path(),
            auto_create_topics: args.auto_create_topics,
        }
        .text(),
    );
    tokio::select! {
        () = watch(&servers, &screen, broker) => {}
        () = servers.broker_failed() => {}
        () = stop.received() => {}
    }
    screen.clear();
    let last = servers.numbers();
    screen.say("stopping");
    let stopped = tokio::select! {
        stopped = servers.stop() => stopped,
        () = stop.received() => {
            screen.say("stopped at once; the next start repairs what was cut short");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Err(why) = stopped {
        anyhow::bail!("the broker had to stop: {why}; see {}", log_path.display());
    }
    screen.say(&farewell(&last, started.elapsed(), data.path()));
    Ok(ExitCode::SUCCESS)
}

/// Waits until clients find the broker.
async fn registered(name_server: SocketAddr) {
    let Ok(list) = name_server.to_string().parse() else { return };
    let name_servers = NameServers::new(list, TICK);
    let deadline = Instant::now() + REGISTRATION;
    // Every broker has this topic.
    while name_servers.route(SCHEDULE_TOPIC).await.is_err() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Shows the live line, for ever.
async fn watch(servers: &Servers, screen: &Screen, broker: SocketAddr) {
    let links = Links::default();
    let broker = broker.to_string();
    let mut said = Said::default();
    let (mut before, mut at) = (servers.numbers(), Instant::now());
    let mut owned = Owned::default();
    let mut counted_at: Option<Numbers> = None;
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let (now, elapsed) = (servers.numbers(), at.elapsed());
        // Names are asked for only when there are more or fewer.
        if counted_at.is_none_or(|then| (then.topics, then.groups) != (now.topics, now.groups)) {
            match owned::owned(&links, &broker).await {
                Ok(count) => (owned, counted_at) = (count, Some(now)),
                Err(error) => tracing::debug!(%error, "cannot count topics and groups"),
            }
        }
        // Rates are those since the line before.
        if screen.show(numbers::line(owned, &before, &now, elapsed), &mut said) {
            (before, at) = (now, Instant::now());
        }
    }
}

fn farewell(last: &Numbers, uptime: Duration, data: &std::path::Path) -> String {
    format!(
        "stopped after {} ({} in). {} of messages stay in {}: the next start continues with them.",
        span(uptime),
        counted(last.messages_in, "message"),
        bytes(last.log_bytes),
        data.display()
    )
}
