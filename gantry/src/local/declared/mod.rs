//! `gantry local -f`: what the files declare runs in this process, and follows their changes.
//!
//! A cluster in small: `declaration` is what the API server does (read and check), `fleet` what the operator does for
//! NameServer and BrokerGroup, `round` runs the operator's own plans for Topic and ConsumerGroup, `store` keeps their
//! status.

mod broker;
mod declaration;
mod documents;
mod files;
mod fleet;
mod picture;
mod round;
mod store;
mod view;

use crate::cli::signal::StopSignal;
use crate::local::args::Args;
use crate::local::data_dir::DataDir;
use crate::local::log;
use crate::local::screen::Screen;
use crate::output::numbers::span;
use anyhow::Context as _;
use declaration::{Before, Declaration};
use documents::Mistake;
use files::Fingerprint;
use fleet::Fleet;
use gantry_admin::Calls;
use gantry_crds::BrokerGroup;
use round::Standings;
use std::fs::OpenOptions;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::Store;
use tokio::time::MissedTickBehavior;
use view::View;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How often the view is made anew.
const SHOW: Duration = Duration::from_secs(1);
/// How often brokers are compared with what is declared: what somebody changes by hand is put back after this.
const ROUND: Duration = Duration::from_secs(3);

pub(super) async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut fingerprint = files::fingerprint(&args.files);
    let data = DataDir::open(&args.data)?;
    let store = Store::open(data.status())?;
    let declared = declaration::read(&args.files, &before(&store, None))
        .map_err(|mistakes| anyhow::anyhow!("nothing was started:\n{}", listed(&mistakes)))?;
    if declared.broker_groups.is_empty() {
        anyhow::bail!(
            "the files declare no BrokerGroup, so nothing would keep messages; `gantry local --help` has an example"
        );
    }
    let screen = Screen::tall();
    let log_path = data.log();
    let log = OpenOptions::new().create(true).append(true).open(&log_path);
    log::init(log.with_context(|| format!("cannot open {}", log_path.display()))?, &screen);
    let mut stop = StopSignal::listen()?;
    let started = Instant::now();

    let mut cluster = Cluster {
        args,
        screen: &screen,
        fleet: Fleet::start(args, &data).await?,
        calls: Calls::default(),
        store,
        declared,
        standings: Standings::new(),
        mistakes: Vec::new(),
        view: View::default(),
    };
    screen.say(&banner(&cluster, &data));
    cluster.declared.notices.iter().for_each(|notice| screen.say(&format!("note: {notice}")));
    let ended = tokio::select! {
        ended = cluster.live(&mut fingerprint) => ended,
        () = stop.received() => Ok(()),
    };
    screen.clear();
    screen.say("stopping");
    tokio::select! {
        () = cluster.fleet.stop() => {}
        () = stop.received() => {
            screen.say("stopped at once; the next start repairs what was cut short");
            return Ok(ExitCode::FAILURE);
        }
    }
    ended.with_context(|| format!("cannot write {}", data.status().display()))?;
    screen.say(&format!(
        "stopped after {}. Everything stays in {}: the next start continues with it.",
        span(started.elapsed()),
        data.path().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Everything that lives while the program runs.
struct Cluster<'a> {
    args: &'a Args,
    screen: &'a Screen,
    fleet: Fleet<'a>,
    calls: Calls,
    store: Store,
    declared: Declaration,
    standings: Standings,
    /// Of the files as they are now; what was declared before them holds meanwhile.
    mistakes: Vec<Mistake>,
    view: View,
}

impl Cluster<'_> {
    /// Follows the files, for ever.
    async fn live(&mut self, fingerprint: &mut Fingerprint) -> std::io::Result<()> {
        self.agree().await?;
        let every = |period| {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut look, mut show, mut round) = (every(LOOK), every(SHOW), every(ROUND));
        let mut pending = None;
        loop {
            tokio::select! {
                _ = look.tick() => {
                    let now = files::fingerprint(&self.args.files);
                    if now == *fingerprint {
                        pending = None;
                    } else if pending.replace(now.clone()) == Some(now.clone()) {
                        // Twice the same: whoever writes has finished.
                        *fingerprint = now;
                        pending = None;
                        self.reread().await?;
                    }
                }
                _ = round.tick() => self.round().await?,
                _ = show.tick() => self.show().await,
            }
        }
    }

    /// Takes over the files as they are now, unless something is wrong in them.
    async fn reread(&mut self) -> std::io::Result<()> {
        match declaration::read(&self.args.files, &before(&self.store, Some(&self.declared))) {
            Err(mistakes) => {
                if mistakes != self.mistakes {
                    self.screen
                        .say(&format!("not applied, what was declared before holds:\n{}", listed(&mistakes)));
                }
                self.mistakes = mistakes;
                Ok(())
            }
            Ok(declared) => {
                self.mistakes.clear();
                if declared == self.declared {
                    return Ok(());
                }
                let news = declared.notices.iter().filter(|notice| !self.declared.notices.contains(notice));
                news.for_each(|notice| self.screen.say(&format!("note: {notice}")));
                self.declared = declared;
                self.agree().await
            }
        }
    }

    /// Brokers first, then what is on them.
    async fn agree(&mut self) -> std::io::Result<()> {
        let screen = self.screen;
        let slots = &mut self.store.contents.slots;
        self.fleet.agree(&self.declared.broker_groups, slots, |did| screen.say(&did)).await;
        self.store.save()?;
        self.round().await?;
        self.show().await;
        Ok(())
    }

    async fn round(&mut self) -> std::io::Result<()> {
        let screen = self.screen;
        self.fleet.look_after(|did| screen.say(&did)).await;
        let say = |did: String| screen.say(&did);
        self.standings = round::run(&self.calls, &self.fleet, &self.declared, &mut self.store, say).await?;
        Ok(())
    }

    async fn show(&mut self) {
        let rows = self.view.rows(&self.fleet, &self.calls, &self.store, &self.standings).await;
        if !self.screen.is_live() {
            self.view.news(&rows).iter().for_each(|line| self.screen.say(line));
            return;
        }
        let mut lines = view::table(&rows);
        lines.extend(view::pictures(&self.fleet, &self.calls, &self.store).await);
        lines.extend(self.mistakes.iter().map(|mistake| format!("NOT APPLIED {mistake}")));
        self.screen.show_lines(&lines);
    }
}

/// What cannot be changed any more, as it was declared.
fn before(store: &Store, declared: Option<&Declaration>) -> Before {
    let mut before = Before::new();
    let mut add = |kind: &str, name: &str, object: serde_json::Result<serde_json::Value>| {
        if let Ok(object) = object {
            before.insert(format!("{kind}/{name}"), object);
        }
    };
    for (name, topic) in &store.contents.topics {
        add("Topic", name, serde_json::to_value(topic));
    }
    for (name, group) in &store.contents.consumer_groups {
        add("ConsumerGroup", name, serde_json::to_value(group));
    }
    for (name, spec) in declared.iter().flat_map(|declared| &declared.broker_groups) {
        add("BrokerGroup", name, serde_json::to_value(BrokerGroup::new(name, spec.clone())));
    }
    before
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("  {mistake}")).collect::<Vec<_>>().join("\n")
}

fn banner(cluster: &Cluster<'_>, data: &DataDir) -> String {
    let name_server = cluster.fleet.name_server();
    let files: Vec<_> = cluster.args.files.iter().map(|file| file.display().to_string()).collect();
    let topic = cluster.declared.topics.iter().next();
    let topic = topic.map_or("hello", |(name, spec)| spec.topic_name.as_deref().unwrap_or(name));
    format!(
        "Gantry {} runs what {} declares: edit, save, and watch.\n\
         \n\
         \x20 name server   {name_server}   (what clients are given)\n\
         \x20 data          {}\n\
         \n\
         Copy into another terminal:\n\
         \x20 gantry send {topic} 'Hello, Gantry' -n {name_server}\n\
         \x20 gantry consume {topic} --from-beginning -n {name_server}\n\
         \n\
         Ctrl-C stops it; what was stored stays.\n",
        env!("CARGO_PKG_VERSION"),
        files.join(", "),
        data.path().display()
    )
}
