//! A store, and the lives that brokers have on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::clients::{Reading, World, now_ms};
use super::derived;
use super::ground::{Ground, Lost, Reached, Snapshot};
use super::victim::{Start, Victim, log_tail};
use crate::await_condition::await_condition;
use crate::checker::{self, Verdict};
use crate::history::{self, Death, Flush, Recorder, What};
use crate::ports::PortBlock;
use crate::work_folder::WorkFolder;

/// Consumer offsets are saved this often, in milliseconds.
const OFFSET_INTERVAL: u64 = 100;
/// What saving may take on a busy machine.
const OFFSET_SLACK: u64 = 1_900;
const FLUSH_INTERVAL: u64 = 100;
const LATENESS: u64 = 3_000;
const BACK_WITHIN: u64 = 1_000;
/// A life's work at most.
const AT_MOST: Duration = Duration::from_secs(5);
const SETTLE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Run {
    // In the order they are dropped: the broker before the disk that it writes to.
    pub victim: Option<Victim>,
    pub world: World,
    pub start: Start,
    pub ground: Ground,
    reading: Reading,
    life: u32,
    history: PathBuf,
    folder: WorkFolder,
    /// A failure is no news.
    is_hopeless: bool,
    _ports: PortBlock,
}

impl Run {
    pub(super) fn new(flush: Flush, ground: Ground) -> Result<Self> {
        Self::with_lateness(flush, ground, LATENESS)
    }

    /// What waits for its time may come late: what cannot be stored is tried again a second later, and maybe in vain.
    pub(super) fn patient(flush: Flush, ground: Ground) -> Result<Self> {
        Self::with_lateness(flush, ground, 5 * LATENESS)
    }

    fn with_lateness(flush: Flush, ground: Ground, lateness: u64) -> Result<Self> {
        let ports = PortBlock::reserve()?;
        let folder = WorkFolder::new("history")?;
        let history = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&history)?;
        recorder.record(What::Promise {
            began: now_ms(),
            flush,
            flush_interval: FLUSH_INTERVAL,
            offset_interval: OFFSET_INTERVAL + OFFSET_SLACK,
            lateness,
            back_within: BACK_WITHIN,
        });
        fs::create_dir_all(ground.store())?;
        let start = Start {
            port: ports.broker(),
            store: ground.store(),
            log: folder.path().join("broker.log"),
            settings: settings(flush),
            programs: None,
            environment: Vec::new(),
            wrapper: Vec::new(),
        };
        Ok(Self {
            victim: None,
            world: World::new(recorder, ports.broker(), folder.path().join("scratch"), ground.image()),
            start,
            ground,
            reading: Reading::default(),
            life: 0,
            history,
            folder,
            is_hopeless: false,
            _ports: ports,
        })
    }

    /// Messages that wait for something are left out: they depend on others, and what is damaged of these cannot be told.
    pub(super) fn plain(mut self) -> Self {
        self.world.is_plain = true;
        self
    }

    /// What fails is not kept.
    pub(super) fn expecting_the_worst(mut self) -> Self {
        self.is_hopeless = true;
        self
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn record(&self, what: What) {
        self.world.recorder.record(what);
    }

    /// Starts a broker, which has to come up.
    pub(super) fn begin_life(&mut self) -> Result<()> {
        if !self.try_to_begin_life()? {
            bail!("the broker ended at its start\n{}", log_tail(&self.start.log));
        }
        Ok(())
    }

    /// The same; `false` when it ended instead, which is its death.
    pub(super) fn try_to_begin_life(&mut self) -> Result<bool> {
        let mut victim = self.spawn()?;
        if !victim.serves()? {
            victim.kill();
            self.record(What::Ended { how: Death::Kill });
            return Ok(false);
        }
        self.record(What::Serving);
        self.victim = Some(victim);
        Ok(true)
    }

    /// Starts a broker and kills it so long after.
    pub(super) fn kill_after_start(&mut self, after: Duration) -> Result<()> {
        let victim = self.spawn()?;
        thread::sleep(after);
        victim.kill();
        self.record(What::Ended { how: Death::Kill });
        Ok(())
    }

    fn spawn(&mut self) -> Result<Victim> {
        self.record(What::Started);
        self.life += 1;
        Victim::spawn(&self.start)
    }

    /// Sees that it takes messages, and that what was there is there.
    pub(super) fn look(&mut self) -> Result<()> {
        self.world.send_one().with_context(|| self.log_tail())?;
        self.reading.read_new(&self.world).with_context(|| self.log_tail())
    }

    /// The same, of a broker that may be dying; `false` when it is, and is no more then.
    pub(super) fn try_to_look(&mut self) -> Result<bool> {
        let is_well = self.world.send_one().and_then(|()| self.reading.read_new(&self.world)).is_ok();
        if !is_well {
            self.kill()?;
        }
        Ok(is_well)
    }

    /// Reads every queue from where it was last read.
    pub(super) fn read_everything(&mut self) -> Result<()> {
        self.reading = Reading::default();
        self.reading.read_new(&self.world).with_context(|| self.log_tail())
    }

    /// Clients at work, until enough was done.
    pub(super) fn work(&self, enough: u64) -> Result<()> {
        self.world.work(self.life, enough, AT_MOST, || Ok(()))
    }

    /// Clients at work on a full disk. Gives how many of their messages were refused.
    pub(super) fn work_while_full(&self, time: Duration) -> Result<u64> {
        self.world.work(self.life, u64::MAX, time, || Ok(()))?;
        Ok(self.world.refused())
    }

    /// Clients at work, until enough was done for this fault, which is the end of this life.
    pub(super) fn work_until(
        &mut self,
        enough: u64,
        how: Death,
        fault: impl FnOnce(&mut Victim) -> Result<()>,
    ) -> Result<()> {
        let mut victim = self.take()?;
        self.world.work(self.life, enough, AT_MOST, || {
            fault(&mut victim)?;
            // Now, not when everybody has noticed, which takes its time on a busy machine.
            self.record(What::Ended { how });
            victim.kill();
            Ok(())
        })
    }

    /// Clients at work until the broker ends by itself; `false` when it does not in time, and is killed.
    pub(super) fn work_until_it_dies(&mut self, patience: Duration) -> Result<bool> {
        let mut victim = self.take()?;
        let died = self.world.work(self.life, 0, Duration::ZERO, || {
            let died = victim.dies_within(patience)?;
            self.record(What::Ended { how: Death::Kill });
            victim.kill();
            Ok(died)
        })?;
        Ok(died)
    }

    /// The power goes while clients are at work, before or after the process is killed. What was not on the disk is gone, but for
    /// what `reached` says of sectors.
    pub(super) fn work_until_power_cut(
        &mut self,
        enough: u64,
        is_before_kill: bool,
        reached: impl FnMut() -> Reached,
    ) -> Result<Lost> {
        let mut victim = self.take()?;
        let ground = &mut self.ground;
        let store = ground.store();
        let disk = ground.as_disk().context("the store is on no disk of its own")?;
        let recorder = &self.world.recorder;
        let snapshot = self.world.work(self.life, enough, AT_MOST, || {
            // Taking the snapshot takes its time.
            recorder.record(What::Ended { how: Death::PowerCut });
            if is_before_kill {
                // It runs on for a moment, on a disk that takes nothing any more.
                victim.pause()?;
                let snapshot = Snapshot::take(&store)?;
                disk.cut_power()?;
                victim.go_on();
                victim.ends_within(Duration::from_millis(50))?;
                victim.kill();
                return Ok(snapshot);
            }
            victim.kill();
            let snapshot = Snapshot::take(&store)?;
            disk.cut_power()?;
            Ok(snapshot)
        })?;
        self.come_back(&snapshot, reached)
    }

    /// Clients at work until the broker ends by itself, or enough was done; then the power goes.
    pub(super) fn work_until_power_cut_or_end(&mut self, enough: u64, patience: Duration) -> Result<()> {
        let mut victim = self.take()?;
        self.world.work(self.life, 0, Duration::ZERO, || {
            await_condition("it ends, or enough is done", 2 * patience, || {
                let is_enough = self.world.count.load(Ordering::Relaxed) >= enough;
                Ok(is_enough || victim.ends_within(Duration::from_millis(5))?)
            })?;
            // Who found a sync failing needs a moment to go.
            victim.ends_within(patience / 20)?;
            self.record(What::Ended { how: Death::PowerCut });
            victim.kill();
            Ok(())
        })?;
        self.cut_power_now(|| Reached::Nothing).map(drop)
    }

    /// The power goes, and whoever is alive with it.
    pub(super) fn cut_power_now(&mut self, reached: impl FnMut() -> Reached) -> Result<Lost> {
        if let Some(victim) = self.victim.take() {
            self.record(What::Ended { how: Death::PowerCut });
            victim.kill();
        }
        let snapshot = Snapshot::take(&self.ground.store())?;
        self.ground.as_disk().context("the store is on no disk of its own")?.cut_power()?;
        self.come_back(&snapshot, reached)
    }

    /// What is on the disk, now that nobody is alive any more.
    fn come_back(&mut self, snapshot: &Snapshot, reached: impl FnMut() -> Reached) -> Result<Lost> {
        self.ground.as_disk().context("the store is on no disk of its own")?.mount_again()?;
        let lost = snapshot.lost(reached)?;
        self.record(What::Fault { name: "power cut".into(), witness: format!("{lost:?}") });
        Ok(lost)
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.take()?.kill();
        self.record(What::Ended { how: Death::Kill });
        Ok(())
    }

    /// A clean stop.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.take()?.stop().with_context(|| self.log_tail())?;
        self.record(What::Ended { how: Death::Stop });
        Ok(())
    }

    fn take(&mut self) -> Result<Victim> {
        self.victim.take().context("nobody is alive")
    }

    /// Reads everything, twice, and what is derived anew, and judges.
    pub(super) fn judge(mut self) -> Result<Verdict> {
        self.read_twice()?;
        derived::compare(&mut self)?;
        self.verdict()
    }

    /// The same, of a store whose log is not whole: what is made of it anew is something else.
    pub(super) fn judge_as_it_is(mut self) -> Result<Verdict> {
        self.read_twice()?;
        self.verdict()
    }

    fn read_twice(&mut self) -> Result<()> {
        if self.victim.is_none() {
            self.begin_life()?;
        }
        self.world.settle(SETTLE).with_context(|| self.log_tail())?;
        Reading::read_whole(&self.world, 1).with_context(|| self.log_tail())?;
        self.stop()?;
        self.begin_life()?;
        Reading::read_whole(&self.world, 2).with_context(|| self.log_tail())?;
        self.stop()
    }

    fn verdict(&self) -> Result<Verdict> {
        self.world.recorder.flush();
        let verdict = checker::check(&history::read(&self.history)?);
        if !verdict.holds() && !self.is_hopeless {
            self.keep()?;
        }
        Ok(verdict)
    }

    /// What a failure is found out by stays: the history, the broker's log, the store.
    fn keep(&self) -> Result<()> {
        let kept = std::env::temp_dir().join(format!("gantry-crash-{}-{}", std::process::id(), now_ms()));
        fs::create_dir_all(&kept)?;
        for file in ["history.jsonl", "broker.log"] {
            fs::copy(self.folder.path().join(file), kept.join(file))?;
        }
        derived::copy_folder(&self.ground.store(), &kept.join("store"))?;
        eprintln!("kept in {}", kept.display());
        Ok(())
    }

    fn log_tail(&self) -> String {
        log_tail(&self.start.log)
    }
}

fn settings(flush: Flush) -> Vec<(String, String)> {
    let flush = match flush {
        Flush::Async => "ASYNC_FLUSH",
        Flush::Sync => "SYNC_FLUSH",
    };
    let flush_interval = FLUSH_INTERVAL.to_string();
    let offset_interval = OFFSET_INTERVAL.to_string();
    [
        ("flushDiskType", flush),
        ("flushIntervalCommitLog", flush_interval.as_str()),
        ("flushConsumerOffsetInterval", offset_interval.as_str()),
        // Small files, so that there are many of them.
        ("mapedFileSizeCommitLog", "1048576"),
        ("mapedFileSizeConsumeQueue", "20000"),
        ("maxHashSlotNum", "1000"),
        ("maxIndexNum", "4000"),
        ("transactionTimeOut", "100"),
        ("transactionCheckInterval", "300"),
        ("transactionCheckMax", "100"),
        ("timerMaxDelaySec", "100"),
        ("vipChannelEnabled", "false"),
        ("diskMaxUsedSpaceRatio", "100"),
        ("diskSpaceCleanForciblyRatio", "100"),
        ("diskSpaceWarningLevelRatio", "99"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}
