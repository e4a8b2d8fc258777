//! The broker's state, shared by all connections.

use crate::BrokerConfig;
use crate::clients::{Consumers, Producers};
use crate::clock::{self, now_ms};
use crate::damage::Damage;
use crate::delay::Delays;
use crate::faults::step;
use crate::groups::Groups;
use crate::holds::{Hold, Timeline};
use crate::json_file;
use crate::locks::QueueLocks;
use crate::mornings::{self, Calendar, Totals};
use crate::name_servers::NameServers;
use crate::offsets::ConsumerOffsets;
use crate::pop::Pops;
use crate::processor::FlushWaiters;
use crate::rates::{Rate, Slowest};
use crate::registration::Registration;
use crate::request_modes::RequestModes;
use crate::scaling::{self, Journal, Passages, Settling};
use crate::stop::Stop;
use crate::timers::Timers;
use crate::topics::{Queue, Topic, Topics};
use crate::transactions::Transactions;
use arc_swap::{ArcSwap, Guard};
use gantry_message::delay::DelayLevels;
use gantry_message::{name, properties};
use gantry_remoting::body::TopicConfig;
use gantry_remoting::header::{NotifyConsumerIdsChanged, ToFields as _};
use gantry_remoting::reply::Refusal;
use gantry_remoting::{CommandBuf, RequestCode};
use gantry_store::{PhysicalOffset, Store};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Instant;

pub(crate) struct Broker {
    config: ArcSwap<BrokerConfig>,
    pub(crate) store: Store,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) offsets: ConsumerOffsets,
    pub(crate) consumers: Consumers,
    pub(crate) producers: Producers,
    pub(crate) locks: QueueLocks,
    pub(crate) timeline: Timeline,
    pub(crate) registration: Registration,
    pub(crate) delays: Delays,
    pub(crate) transactions: Transactions,
    pub(crate) timers: Timers,
    pub(crate) pops: Pops,
    pub(crate) request_modes: RequestModes,
    /// Set when threads shall end.
    pub(crate) stop: Stop,
    changing_config: Mutex<()>,
    /// Held by whoever changes topics: what is read before is still so when it is written.
    pub(crate) changing_topics: Mutex<()>,
    /// Where scales of topics are on record.
    pub(crate) journal: Journal,
    pub(crate) settling: Settling,
    pub(crate) passages: Passages,
    /// Records that cannot be given to anybody.
    pub(crate) damage: Damage,
    /// SYNC mode: connections with answers that wait for the disk.
    pub(crate) flush_waiters: FlushWaiters,
    pub(crate) delay_levels: DelayLevels,
    /// Properties that every stored message gets.
    pub(crate) extra_properties: String,
    pub(crate) started: Instant,
    pub(crate) boot_timestamp: i64,
    /// Of the wall clock.
    jumps: Mutex<clock::Jumps>,
    pub(crate) put: Rate,
    pub(crate) got: Rate,
    pub(crate) calendar: Calendar,
    pub(crate) slowest_put: Slowest,
    pub(crate) slowest_get: Slowest,
    /// SYNC mode: messages that are not on the disk yet, so that nobody was told of them.
    arrivals: Mutex<Vec<Arrival>>,
}

struct Arrival {
    end: PhysicalOffset,
    queue: Arc<Queue>,
    tag_code: i64,
}

/// Numbers for a live view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Topics, the system's included.
    pub topics: usize,
    /// Consumer groups known.
    pub groups: usize,
    /// Consumers online.
    pub consumers: usize,
    /// Producers online.
    pub producers: usize,
    /// Messages stored since the start.
    pub messages_in: u64,
    /// Messages handed out since the start.
    pub messages_out: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
}

impl Broker {
    pub(crate) fn open(config: BrokerConfig, store: Store) -> Result<Arc<Self>, json_file::Error> {
        let dir = config.store_path_root_dir.join("config");
        let mut extra_properties = String::new();
        for (name, value) in [
            (properties::MSG_REGION, config.region_id.as_str()),
            (properties::TRACE_ON, if config.trace_on { "true" } else { "false" }),
            (properties::CLUSTER, &config.broker_cluster_name),
        ] {
            properties::push(&mut extra_properties, name, value);
        }
        let damage = Damage::default();
        let topics = Topics::load(&dir, &config, || {
            let queues = |topic: &str| store.queues_of(topic).iter().map(|queue| queue.id() + 1).max();
            store.topics().into_iter().filter_map(|topic| Some((topic.clone(), queues(&topic)?))).collect()
        })?;
        let (journal, scales) = Journal::load(&dir, &store, &damage)?;
        for (name, state) in scales {
            // One that was deleted takes its scales along.
            if let Some(topic) = topics.get(&name) {
                topic.scales.load(state);
            }
        }
        let offsets = ConsumerOffsets::load(&dir)?;
        let broker = Arc::new(Self {
            topics,
            changing_config: Mutex::default(),
            changing_topics: Mutex::default(),
            journal,
            settling: Settling::default(),
            passages: Passages::default(),
            groups: Groups::load(&dir, config.groups_to_be_made())?,
            transactions: Transactions::load(&config, &store, &offsets, &damage)?,
            timers: Timers::load(&dir, &store, &offsets, &damage)?,
            pops: Pops::load(&store, &offsets, &damage)?,
            request_modes: RequestModes::load(&dir)?,
            offsets,
            stop: Stop::default(),
            consumers: Consumers::default(),
            producers: Producers::default(),
            locks: QueueLocks::default(),
            timeline: Timeline::default(),
            registration: Registration::new(NameServers::new(&config)),
            delays: Delays::load(&dir, &store, &damage)?,
            damage,
            flush_waiters: FlushWaiters::default(),
            delay_levels: store.config().delay_levels.clone(),
            extra_properties,
            started: Instant::now(),
            boot_timestamp: now_ms(),
            jumps: Mutex::default(),
            put: Rate::default(),
            got: Rate::default(),
            calendar: Calendar::default(),
            slowest_put: Slowest::default(),
            slowest_get: Slowest::default(),
            arrivals: Mutex::default(),
            store,
            config: ArcSwap::from_pointee(config),
        });
        step("start: state found");
        scaling::resume(&broker);
        let weak = Arc::downgrade(&broker);
        broker.store.on_durable(move |durable| {
            if let Some(broker) = weak.upgrade() {
                broker.tell_durable(durable);
            }
        });
        Ok(broker)
    }

    /// The settings of this moment.
    pub(crate) fn config(&self) -> Guard<Arc<BrokerConfig>> {
        self.config.load()
    }

    /// Changes settings that may be changed while the broker runs: all of them, or none.
    pub(crate) fn change_config(&self, text: &str) -> Result<(), Refusal> {
        let _one_at_a_time = self.changing_config.lock();
        let changed = self.config.load().changed(text)?;
        self.config.store(Arc::new(changed));
        Ok(())
    }

    /// Writes the consumer offsets, and with them where the ledgers stand.
    pub(crate) fn save_offsets(&self) -> io::Result<()> {
        for ledger in [self.transactions.ledger(), self.timers.ledger(), self.pops.ledger()] {
            ledger.commit_positions(&self.offsets);
        }
        step("ledgers: positions told");
        self.pops.offsets_are_saved(&self.offsets);
        self.offsets.save(|| self.store.flush().inspect(|()| step("ledgers: log safe")))
    }

    /// When somebody set the wall clock last, if anybody did while there were looks at it (milliseconds since the epoch).
    pub(crate) fn clock_set_at(&self) -> Option<i64> {
        self.jumps.lock().look(clock::now(), Instant::now()).map(clock::ms)
    }

    /// Tells those who wait for `queue` that a message came, as soon as they may read it.
    pub(crate) fn arrived(&self, queue: &Arc<Queue>, tag_code: i64, end: PhysicalOffset) {
        if self.store.readable_end() >= end {
            return self.tell_readers(queue, tag_code);
        }
        self.arrivals.lock().push(Arrival { end, queue: Arc::clone(queue), tag_code });
        // It may have become durable in between, with nobody on the list to be told.
        let durable = self.store.durable_end();
        if durable >= end {
            self.tell_durable(durable);
        }
    }

    fn tell_readers(&self, queue: &Queue, tag_code: i64) {
        queue.readers.arrived(tag_code);
        if !self.pops.waiting.is_empty() {
            self.pops.waiting.arrived(queue.log.topic(), queue.log.id());
        }
    }

    fn tell_durable(&self, durable: PhysicalOffset) {
        // Connections add theirs only nearly in order.
        let safe: Vec<_> = self.arrivals.lock().extract_if(.., |arrival| arrival.end <= durable).collect();
        for arrival in safe {
            self.tell_readers(&arrival.queue, arrival.tag_code);
        }
        self.flush_waiters.wake(durable);
        self.passages.tell_durable(durable);
    }

    /// The group's retry topic, made when it is new: without it in the route, tools do not find the group.
    pub(crate) fn ensure_retry_topic(&self, group: &str, queues: i32, unit_mode: bool) {
        let topic = name::retry_topic(group);
        if name::check_topic(&topic).is_err() {
            return;
        }
        // Why there is none is in the log by now; the first message to it tries again.
        let _ = self.retry_topic_or_new(&topic, queues.max(1), unit_mode);
    }

    /// A topic that the broker makes by itself when it needs it first.
    pub(crate) fn topic_or_new(&self, topic: &str, queues: i32) -> Result<Arc<Topic>, Refusal> {
        self.made(topic, || TopicConfig::new(topic, queues, 6))
    }

    /// The same for what comes again.
    pub(crate) fn retry_topic_or_new(
        &self,
        topic: &str,
        queues: i32,
        unit_mode: bool,
    ) -> Result<Arc<Topic>, Refusal> {
        self.made(topic, || TopicConfig::of_retries(topic, queues, unit_mode))
    }

    fn made(&self, topic: &str, config: impl FnOnce() -> TopicConfig) -> Result<Arc<Topic>, Refusal> {
        let (topic, is_new) = self.topics.get_or_create(topic, config)?;
        if is_new {
            self.registration.topics_changed();
        }
        Ok(topic)
    }

    /// Tells a group's members that it changed, so that they rebalance now and not in 20 s.
    pub(crate) fn notify_group(&self, group: &str) {
        if !self.config().notify_consumer_ids_changed_enable {
            return;
        }
        for peer in self.consumers.peers_to_notify(group) {
            let command = NotifyConsumerIdsChanged { consumer_group: group }
                .into_command(CommandBuf::request(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED));
            if let Err(error) = peer.notify(command) {
                tracing::debug!(group, addr = %peer.addr(), %error, "a member could not be told of a change");
            }
        }
    }

    /// Once a second: long polls whose time has come, rates, clients that went silent.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        self.timeline.tick(self.started, now, |hold| self.is_behind(hold));
        self.pops.waiting.tick(now, |pop| self.pops.may_find(self, pop));
        self.put.sample(now);
        self.got.sample(now);
        scaling::flip_settled(self);
    }

    /// The `look`-th look at the counters, every [`crate::traffic::EVERY_MS`].
    pub(crate) fn look_at_counters(&self, look: i64) {
        self.topics.look_at_traffic(look);
        let totals = Totals { put: self.put.total(), got: self.got.total() };
        self.calendar.look(mornings::local_day(), totals);
    }

    fn is_behind(&self, hold: &Hold) -> bool {
        let queue = self.store.existing_queue(&hold.pull.topic, hold.pull.queue_id);
        queue.is_some_and(|queue| self.store.max_offset(&queue) > hold.offset)
    }

    /// Drops clients that stopped sending heartbeats without closing their connection.
    pub(crate) fn expire_clients(&self) {
        let now = Instant::now();
        scaling::forget_expired(self);
        self.producers.expire(now);
        for group in self.consumers.expire(now) {
            self.notify_group(&group);
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let stats = self.store.stats();
        Snapshot {
            topics: self.topics.len(),
            groups: self.groups.len(),
            consumers: self.consumers.len(),
            producers: self.producers.len(),
            messages_in: self.put.total(),
            messages_out: self.got.total(),
            log_bytes: (stats.log_end - stats.log_start) as u64,
        }
    }
}
