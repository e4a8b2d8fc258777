//! Changing the number of an ordered topic's queues on a broker that knows nothing of it, such as Apache's: more queues are
//! written at once and read later.
//!
//! 1. `writeQueueNums` is raised. Nobody can read the new queues yet.
//! 2. Producers get the time to learn of them, and name servers before: brokers tell them at once, and again every 30 s.
//! 3. Where the old queues end then is noted: the fences. Every message that a producer sent to an old queue before it
//!    learned lies in front of them.
//! 4. When every group has consumed the old queues up to the fences, groups are put to the beginning of the new queues, where
//!    they would otherwise miss what came meanwhile, and `readQueueNums` is raised.
//!
//! That is weaker than what Gantry's broker does. While producers learn, one that has sends a key to its new queue and another
//! that has not to the old one: each producer's messages stay in order, those of different producers may not. And one group
//! that lags holds all others back, because a broker without gates opens the queues to everybody or to nobody.
//!
//! It goes on from what the broker and the status say, so it may be killed anywhere. When the status is lost it takes later
//! fences, which are as good.

use super::action::Action;
use super::observe::{Reader, TopicOnBroker};
use super::plan::Draft;
use super::scale::{On, estimate, listed, refusal, seconds, unapproved, waiting};
use super::{APPROVE_SCALE, Topic};
use crate::findings::Weight;
use gantry_crds::{OrderGuarantee, ScaleGroupStatus, ScalePhase, ScaleStatus};
use gantry_remoting::body::TopicConfig;

/// Seconds after which a name server knows of a change that it was not told at once: brokers register this often.
const REGISTERED_AFTER: i32 = 30;

impl Draft {
    /// The next step on a broker that has the topic and cannot scale it by itself.
    pub(super) fn scale_classic(&mut self, topic: &Topic, on: &On<'_>, found: &TopicOnBroker) {
        let (read, write) = (found.config.read_queue_nums, found.config.write_queue_nums);
        if read < write {
            self.classic_under_way(topic, on, found);
        } else if read == write && read != topic.spec.queues {
            self.classic_begin(topic, on, &found.config);
        } else if read == write {
            self.classic_done(read);
        } else {
            let what = format_args!(
                "the topic has {write} queues to write and {read} to read there: somebody takes queues away, which a broker \
                 without gates cannot do in order; set both to the same number"
            );
            self.findings.add(Weight::Stalled, "OrderedQueuesDiffer", on.broker, what);
        }
    }

    fn classic_begin(&mut self, topic: &Topic, on: &On<'_>, config: &TopicConfig) {
        let (from, to) = (config.read_queue_nums, topic.spec.queues);
        let why = refusal(topic, from, to, false).or_else(|| {
            (to < from).then(|| {
                format!(
                    "{from} to {to} queues cannot be done in order on this broker, which knows no gates: groups would read what \
                     comes to the queues that stay before what is left in those that go; set queues to {from} or more"
                )
            })
        });
        if let Some(why) = why {
            self.findings.add(Weight::Stalled, "CannotScaleInOrder", on.broker, why);
            return;
        }
        // Nothing of an earlier one counts: producers do not know the new queues, and fences of then were passed long ago.
        let mut scale = self.classic_new(topic, from, to);
        if let Some(change) = unapproved(topic, from, to) {
            scale.phase = ScalePhase::Planned;
            scale.summary = format!("{from} -> {to}: waits for approval");
            let what = format_args!(
                "{from} to {to} queues: producers get {} to learn of the new ones, which are opened when every group has consumed \
                 what came before; this broker keeps the order of each producer, not that across producers; to let it begin: \
                 annotate with {APPROVE_SCALE}={change}",
                seconds(settle_millis(topic))
            );
            self.report(on, "WaitingForApproval", what);
        } else {
            scale.summary = format!("{from} -> {to}: beginning");
            self.report(on, "Scaling", format_args!("{from} to {to} queues: beginning"));
            self.actions.push(Action::Put {
                broker: on.broker.into(),
                addr: on.addr.into(),
                config: TopicConfig { write_queue_nums: to, ..config.clone() },
                attributes: String::new(),
                what: format!(
                    "scaling from {from} to {to} queues begun; this broker knows no gates: the order of each producer is kept, \
                     not that across producers"
                ),
            });
        }
        self.scale = Some(scale);
    }

    fn classic_under_way(&mut self, topic: &Topic, on: &On<'_>, found: &TopicOnBroker) {
        let (from, to) = (found.config.read_queue_nums, found.config.write_queue_nums);
        let known = self.scale.clone().filter(|known| (known.from, known.to) == (from, to));
        let known = known.filter(|known| known.phase.is_under_way());
        let mut scale = known.unwrap_or_else(|| self.classic_new(topic, from, to));
        let started = scale.started_at.get_or_insert_with(|| self.now.clone());
        let left = settle_millis(topic) - self.since(started) * 1000;
        if scale.phase != ScalePhase::Draining && left > 0 {
            scale.summary = format!("{from} -> {to}: announced (order per producer)");
            let what = format_args!(
                "{from} to {to} queues: producers are learning of the new ones, for another {}; nobody can read them yet",
                seconds(left)
            );
            self.report(on, "Scaling", what);
        } else {
            self.classic_draining(on, found, &mut scale);
        }
        if topic.spec.queues != to {
            self.report(on, "ScaleQueued", format_args!("{} queues are next", topic.spec.queues));
        }
        self.scale = Some(scale);
    }

    fn classic_draining(&mut self, on: &On<'_>, found: &TopicOnBroker, scale: &mut ScaleStatus) {
        let (from, to) = (scale.from, scale.to);
        let bounds = |queue: i32| found.bounds.get(&queue).copied().unwrap_or_default();
        let is_first = scale.phase != ScalePhase::Draining;
        if is_first {
            scale.phase = ScalePhase::Draining;
            scale.fences = (0..from).map(|queue| bounds(queue).max).collect();
            scale.flipped_at = Some(self.now.clone());
        }
        let left = |reader: &Reader| -> i64 {
            let fences = (0..from).zip(&scale.fences);
            fences.map(|(queue, fence)| reader.left(queue, *fence, bounds(queue))).sum()
        };
        let groups: Vec<_> = found
            .readers
            .iter()
            .map(|reader| ScaleGroupStatus {
                group: reader.group.clone(),
                remaining: left(reader),
                online: reader.online,
            })
            .collect();
        let remaining: i64 = groups.iter().map(|group| group.remaining).sum();
        if is_first {
            scale.remaining_at_first = remaining;
        }
        let since = scale.flipped_at.as_ref().map_or(0, |at| self.since(at));
        scale.estimated_seconds = estimate(scale.remaining_at_first, remaining, since);
        scale.remaining = remaining;
        scale.summary = format!("{from} -> {to}: draining, {remaining} left (order per producer)");
        scale.groups = listed(groups);
        if remaining == 0 {
            let groups = found.readers.iter().map(|reader| reader.group.clone());
            let what =
                format!("scaled from {from} to {to} queues, every group has consumed what came before");
            self.report(on, "Scaling", &what);
            self.actions.push(Action::OpenClassic {
                broker: on.broker.into(),
                addr: on.addr.into(),
                config: TopicConfig { read_queue_nums: to, ..found.config.clone() },
                groups: groups.collect(),
                new_queues: from..to,
                what,
            });
        } else {
            let what = format_args!(
                "{from} to {to} queues: nobody reads the new ones until every group has consumed what came before, {remaining} \
                 messages left: {}; delete a group that is not used any more",
                waiting(&scale.groups)
            );
            self.report(on, "Scaling", what);
        }
    }

    fn classic_done(&mut self, queues: i32) {
        let Some(scale) = self.scale.as_mut().filter(|scale| scale.phase.is_under_way()) else { return };
        let is_it = scale.to == queues;
        scale.phase = if is_it { ScalePhase::Done } else { ScalePhase::Aborted };
        let how = if is_it { "done (order per producer)" } else { "given up" };
        scale.summary = format!("{} -> {}: {how}", scale.from, scale.to);
        scale.groups.clear();
        (scale.remaining, scale.estimated_seconds) = (0, None);
    }

    /// A change that begins now; it has its id since it was first told.
    fn classic_new(&self, topic: &Topic, from: i32, to: i32) -> ScaleStatus {
        let waits =
            |known: &&ScaleStatus| (known.from, known.to, known.phase) == (from, to, ScalePhase::Planned);
        ScaleStatus {
            id: self
                .scale
                .as_ref()
                .filter(waits)
                .map_or_else(|| self.new_id(topic), |known| known.id.clone()),
            from,
            to,
            phase: ScalePhase::Announced,
            guarantee: OrderGuarantee::PerProducer,
            ..ScaleStatus::default()
        }
    }
}

/// Milliseconds that producers get, from when the broker was told.
fn settle_millis(topic: &Topic) -> i64 {
    i64::from(topic.spec.scaling.settle_seconds + REGISTERED_AFTER) * 1000
}
