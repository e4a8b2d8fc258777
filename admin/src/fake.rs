//! Brokers in memory, and a process that is killed at any step.

use crate::admin::{Admin, GroupInTopic, GroupMembers, QueueBounds, QueuePlace, Scale};
use crate::error::Error;
use crate::observed::{Broker, Place};
use crate::reconcile::{Journal, Reconciled, Resource, reconcile};
use gantry_remoting::body::{
    AnnouncedScaleBody, EndedScaleBody, SubscriptionGroupConfig, TopicConfig, TopicScalingBody,
};
use gantry_remoting::{RequestCode, ResponseCode, client};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A moment of the tests.
pub(crate) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// What a broker holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) topics: BTreeMap<String, TopicConfig>,
    pub(crate) groups: BTreeMap<String, SubscriptionGroupConfig>,
    /// Group and topic to places.
    pub(crate) places: BTreeMap<(String, String), GroupInTopic>,
    pub(crate) bounds: BTreeMap<String, BTreeMap<i32, QueueBounds>>,
    pub(crate) members: BTreeMap<String, GroupMembers>,
    /// Of topics that this broker scales in order.
    pub(crate) scaling: BTreeMap<String, TopicScalingBody>,
}

/// Steps that a process may still make; each change of a broker and each write of a status is one.
#[derive(Clone, Debug)]
pub(crate) struct Life(Arc<AtomicI64>);

impl Life {
    pub(crate) fn of(steps: i64) -> Self {
        Self(Arc::new(AtomicI64::new(steps)))
    }

    fn step(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

/// Brokers by address.
#[derive(Debug, Default)]
pub(crate) struct Brokers {
    pub(crate) states: Mutex<BTreeMap<String, State>>,
    /// These do not answer.
    pub(crate) unreachable: Mutex<BTreeSet<String>>,
    /// These refuse every change.
    pub(crate) refusing: Mutex<BTreeSet<String>>,
    /// What was changed, in order.
    pub(crate) log: Mutex<Vec<String>>,
    life: Mutex<Option<Life>>,
}

impl Brokers {
    pub(crate) fn named(names: &[&str]) -> Self {
        let states = names.iter().map(|name| ((*name).to_owned(), State::default())).collect();
        Self { states: Mutex::new(states), ..Self::default() }
    }

    /// The brokers as a resource names them: each at the address that is its name.
    pub(crate) fn places(&self) -> Vec<Broker> {
        let at = |name: &String| Broker { name: name.clone(), place: Place::At(name.clone()) };
        self.states.lock().keys().map(at).collect()
    }

    pub(crate) fn state(&self, broker: &str) -> State {
        self.states.lock()[broker].clone()
    }

    pub(crate) fn edit(&self, broker: &str, edit: impl FnOnce(&mut State)) {
        edit(self.states.lock().get_mut(broker).unwrap());
    }

    fn look<T>(&self, addr: &str, look: impl FnOnce(&State) -> T) -> Result<T, Error> {
        if self.unreachable.lock().contains(addr) {
            return Err(Error::Unreachable {
                broker: addr.into(),
                call: RequestCode::GET_TOPIC_CONFIG,
                source: client::Error::Closed(addr.into()),
            });
        }
        Ok(look(&self.states.lock()[addr]))
    }

    fn change(&self, addr: &str, what: String, change: impl FnOnce(&mut State)) -> Result<(), Error> {
        self.look(addr, |_| ())?;
        if self.refusing.lock().contains(addr) {
            return Err(Error::Refused {
                broker: addr.into(),
                call: RequestCode::UPDATE_AND_CREATE_TOPIC,
                code: ResponseCode::INVALID_PARAMETER,
                answer: "no".into(),
            });
        }
        if self.life.lock().as_ref().is_some_and(|life| !life.step()) {
            // The process is dead: what it gets to hear changes nothing any more.
            return Err(Error::Unreachable {
                broker: addr.into(),
                call: RequestCode::UPDATE_AND_CREATE_TOPIC,
                source: client::Error::Closed("killed".into()),
            });
        }
        self.log.lock().push(format!("{addr}: {what}"));
        change(self.states.lock().get_mut(addr).unwrap());
        Ok(())
    }
}

impl Admin for Brokers {
    async fn topic_config(&self, addr: &str, topic: &str) -> Result<Option<TopicConfig>, Error> {
        self.look(addr, |state| state.topics.get(topic).cloned())
    }

    async fn put_topic(&self, addr: &str, config: &TopicConfig, attributes: &str) -> Result<(), Error> {
        let what = format!(
            "topic {} write {} read {} perm {} {attributes}",
            config.topic_name, config.write_queue_nums, config.read_queue_nums, config.perm
        );
        self.change(addr, what.trim().into(), |state| {
            let mut config = config.clone();
            let known = state.topics.get(&config.topic_name);
            config.attributes = known.map(|known| known.attributes.clone()).unwrap_or_default();
            if let Some((key, value)) = attributes.strip_prefix('+').and_then(|set| set.split_once('=')) {
                config.attributes.insert(key.into(), value.into());
            }
            if let Some(key) = attributes.strip_prefix('-') {
                config.attributes.remove(key);
            }
            state.topics.insert(config.topic_name.clone(), config);
        })
    }

    async fn delete_topic(&self, addr: &str, topic: &str) -> Result<(), Error> {
        self.change(addr, format!("delete topic {topic}"), |state| drop(state.topics.remove(topic)))
    }

    async fn delete_route(&self, name_server: &str, topic: &str) -> Result<(), Error> {
        self.change(name_server, format!("delete route {topic}"), |_| ())
    }

    async fn topic_bounds(&self, addr: &str, topic: &str) -> Result<BTreeMap<i32, QueueBounds>, Error> {
        self.look(addr, |state| state.bounds.get(topic).cloned().unwrap_or_default())
    }

    async fn groups_of_topic(&self, addr: &str, topic: &str) -> Result<Vec<String>, Error> {
        let of = |state: &State| {
            state.places.keys().filter(|(_, t)| t == topic).map(|(group, _)| group.clone()).collect()
        };
        self.look(addr, of)
    }

    async fn group_config(&self, addr: &str, group: &str) -> Result<Option<SubscriptionGroupConfig>, Error> {
        self.look(addr, |state| state.groups.get(group).cloned())
    }

    async fn put_group(&self, addr: &str, config: &SubscriptionGroupConfig) -> Result<(), Error> {
        let what = format!("group {} retry {}", config.group_name, config.retry_max_times);
        self.change(addr, what, |state| {
            state.groups.insert(config.group_name.clone(), config.clone());
        })
    }

    async fn delete_group(&self, addr: &str, group: &str, clean_offsets: bool) -> Result<(), Error> {
        self.change(addr, format!("delete group {group}"), |state| {
            state.groups.remove(group);
            state.places.retain(|(name, _), _| !clean_offsets || name != group);
        })
    }

    async fn consume_stats(
        &self,
        addr: &str,
        group: &str,
        topic: Option<&str>,
    ) -> Result<BTreeMap<String, GroupInTopic>, Error> {
        self.look(addr, |state| {
            let of_group = state
                .places
                .iter()
                .filter(|((name, t), _)| name == group && topic.is_none_or(|topic| topic == t));
            of_group.map(|((_, topic), places)| (topic.clone(), places.clone())).collect()
        })
    }

    async fn members(&self, addr: &str, group: &str) -> Result<GroupMembers, Error> {
        self.look(addr, |state| state.members.get(group).cloned().unwrap_or_default())
    }

    async fn scaling(&self, addr: &str, topic: &str) -> Result<Option<TopicScalingBody>, Error> {
        self.look(addr, |state| {
            let config = state.topics.get(topic)?;
            let mut scaling = state.scaling.get(topic)?.clone();
            if scaling.queues == 0 {
                scaling.queues = config.write_queue_nums;
            }
            Some(scaling)
        })
    }

    async fn begin_scale(&self, addr: &str, topic: &str, scale: &Scale) -> Result<(), Error> {
        let what = format!("begin {} to {}", scale.from, scale.to);
        self.change(addr, what, |state| {
            let scaling = state.scaling.entry(topic.into()).or_default();
            if scaling.announced.is_none() && !scaling.flips.iter().any(|flip| flip.id == scale.id) {
                scaling.queues = scale.from;
                let (id, from, to) = (scale.id.clone(), scale.from, scale.to);
                scaling.announced =
                    Some(AnnouncedScaleBody { id, from, to, ..AnnouncedScaleBody::default() });
            }
        })
    }

    async fn abort_scale(&self, addr: &str, topic: &str, id: &str) -> Result<(), Error> {
        self.change(addr, format!("abort {topic}"), |state| {
            let scaling = state.scaling.entry(topic.into()).or_default();
            scaling.announced = None;
            scaling.ended.push(EndedScaleBody { id: id.into(), done: false });
        })
    }

    async fn open_scale(&self, addr: &str, topic: &str, id: &str) -> Result<(), Error> {
        self.change(addr, format!("open {topic}"), |state| {
            let scaling = state.scaling.entry(topic.into()).or_default();
            scaling.flips.iter_mut().filter(|flip| flip.id == id).for_each(|flip| flip.opened = true);
            scaling.ended.push(EndedScaleBody { id: id.into(), done: true });
            let queues = scaling.queues;
            if let Some(config) = state.topics.get_mut(topic) {
                (config.write_queue_nums, config.read_queue_nums) = (queues, queues);
            }
        })
    }

    async fn committed(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
    ) -> Result<Option<i64>, Error> {
        self.look(addr, |state| {
            let places = state.places.get(&(group.into(), topic.into()))?;
            places.get(&queue).map(|place| place.consumer_offset)
        })
    }

    async fn commit_offset(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
        offset: i64,
    ) -> Result<(), Error> {
        self.change(addr, format!("commit {group} in {topic} {queue} at {offset}"), |state| {
            let places = state.places.entry((group.into(), topic.into())).or_default();
            places.entry(queue).or_default().consumer_offset = offset;
        })
    }

    async fn reset_offset(&self, addr: &str, group: &str, topic: &str, timestamp: i64) -> Result<(), Error> {
        self.change(addr, format!("reset {group} in {topic} to {timestamp}"), |state| {
            let places = state.places.entry((group.into(), topic.into())).or_default();
            for QueuePlace { broker_offset, consumer_offset } in places.values_mut() {
                *consumer_offset = if timestamp < 0 { *broker_offset } else { 0 };
            }
        })
    }
}

/// A status in memory.
#[derive(Debug)]
pub(crate) struct Stored<S> {
    pub(crate) status: S,
    pub(crate) writes: usize,
    life: Option<Life>,
}

impl<S> Stored<S> {
    pub(crate) fn new(status: S) -> Self {
        Self { status, writes: 0, life: None }
    }
}

impl<S: Clone + Send + Sync> Journal<S> for Stored<S> {
    type Error = &'static str;

    async fn write(&mut self, status: &S) -> Result<(), &'static str> {
        if self.life.as_ref().is_some_and(|life| !life.step()) {
            return Err("killed");
        }
        self.status = status.clone();
        self.writes += 1;
        Ok(())
    }
}

/// One reconciliation by a process that lives.
pub(crate) async fn run<R: Resource>(
    resource: &R,
    brokers: &Brokers,
    stored: &mut Stored<R::Status>,
) -> Reconciled<R::Status> {
    run_at(resource, brokers, stored, 1000).await
}

/// The same at another second.
pub(crate) async fn run_at<R: Resource>(
    resource: &R,
    brokers: &Brokers,
    stored: &mut Stored<R::Status>,
    second: i64,
) -> Reconciled<R::Status> {
    let status = stored.status.clone();
    reconcile(resource, brokers, status, &at(second), stored).await.unwrap()
}

/// Kills the process after each number of steps in turn, runs the next one to its end, and hands both that end and the
/// one of a process that was not killed to `compare`, with what the two processes did. `fresh` makes the beginning. Gives
/// the number of steps there are.
pub(crate) async fn killed_anywhere<R: Resource>(
    resource: &R,
    fresh: impl Fn() -> (Brokers, R::Status),
    mut compare: impl FnMut(i64, (&Brokers, &Reconciled<R::Status>), (&Brokers, &Reconciled<R::Status>)),
) -> i64 {
    let (whole, status) = fresh();
    let whole_end = run(resource, &whole, &mut Stored::new(status)).await;
    for steps in 0.. {
        let (brokers, status) = fresh();
        let life = Life::of(steps);
        *brokers.life.lock() = Some(life.clone());
        let mut stored = Stored { life: Some(life.clone()), ..Stored::new(status) };
        // It dies or it comes to its end.
        let _ = reconcile(resource, &brokers, stored.status.clone(), &at(1000), &mut stored).await;
        let lived = life.0.load(Ordering::Relaxed) >= 0;
        *brokers.life.lock() = None;
        stored.life = None;
        let end = run(resource, &brokers, &mut stored).await;
        compare(steps, (&whole, &whole_end), (&brokers, &end));
        if lived {
            return steps;
        }
    }
    unreachable!("some number of steps is enough")
}
