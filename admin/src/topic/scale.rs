//! Changing the number of an ordered topic's queues. The broker does it, and keeps every key in order whatever happens here: a
//! step that comes late costs time, never order. What is to be done next follows from where the broker says it stands, so a
//! lost status is made again.

use super::action::Action;
use super::desired;
use super::observe::TopicOnBroker;
use super::plan::Draft;
use super::{APPROVE_SCALE, Topic, wanted};
use crate::admin::Scale;
use crate::findings::Weight;
use gantry_crds::{Approval, Condition, OpenReads, ScaleGroupStatus, ScalePhase, ScaleStatus};
use gantry_remoting::body::{AnnouncedScaleBody, FlipBody, TopicScalingBody};
use gantry_scaling::{is_multiple, topology};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use std::fmt::Display;

/// Groups that a status lists.
const LISTED: usize = 20;

/// True when nothing is under way and the topic has this many queues.
pub(super) fn is_done(scaling: &TopicScalingBody, queues: i32) -> bool {
    !scaling.is_active() && scaling.queues == queues
}

/// A broker that has the topic.
pub(super) struct On<'a> {
    pub(super) broker: &'a str,
    pub(super) addr: &'a str,
}

impl Draft {
    /// The next step on a broker that has the topic and can scale it in order.
    pub(super) fn scale(
        &mut self,
        topic: &Topic,
        on: &On<'_>,
        found: &TopicOnBroker,
        scaling: &TopicScalingBody,
    ) {
        if let Some(announced) = &scaling.announced {
            self.announced(topic, on, scaling, announced);
        } else if let Some(flip) = scaling.under_way() {
            self.draining(topic, on, scaling, flip);
        } else if scaling.queues != topic.spec.queues {
            self.begin(topic, on, scaling, desired::key_of(&found.config).is_some());
        } else {
            self.ended(scaling);
        }
    }

    fn announced(&mut self, topic: &Topic, on: &On<'_>, scaling: &TopicScalingBody, at: &AnnouncedScaleBody) {
        let (from, to) = (at.from, at.to);
        let mut scale = self.known(&at.id, from, to);
        scale.phase = ScalePhase::Announced;
        scale.started_at = Some(time(at.at));
        scale.stale_producers.clone_from(&scaling.stale_producers);
        let what = if !at.name_servers_behind.is_empty() {
            format!(
                "waiting for name servers to learn of the new queues: {}",
                at.name_servers_behind.join(", ")
            )
        } else if let Some(millis) = at.waits_for_producers_millis {
            let stale = scaling.stale_producers.join(", ");
            format!(
                "waiting at most {} more for producers that seem not to know the new queues: {stale}",
                seconds(millis)
            )
        } else {
            let millis = at.settles_in_millis.unwrap_or_default();
            format!("clients are learning of the new queues, which take messages in {}", seconds(millis))
        };
        scale.summary = format!("{from} -> {to}: announced");
        self.report(on, "Scaling", format_args!("{from} to {to} queues: {what}"));
        if to != topic.spec.queues {
            let why = format!("{} queues are asked for now", topic.spec.queues);
            let (broker, addr, id) = (on.broker.into(), on.addr.into(), at.id.clone());
            self.actions.push(Action::AbortScale { broker, addr, id, why });
        }
        self.scale = Some(scale);
    }

    fn draining(&mut self, topic: &Topic, on: &On<'_>, scaling: &TopicScalingBody, flip: &FlipBody) {
        let (from, to) = (flip.from, flip.to);
        let flipped_at = time(flip.at);
        let mut scale = self.known(&flip.id, from, to);
        let remaining = scaling.remaining();
        if scale.phase != ScalePhase::Draining {
            scale.remaining_at_first = remaining;
        }
        let since = self.since(&flipped_at);
        scale.phase = ScalePhase::Draining;
        scale.fences.clone_from(&flip.fences);
        scale.stale_producers.clone_from(&scaling.stale_producers);
        scale.groups = groups(scaling);
        scale.remaining = remaining;
        scale.estimated_seconds = estimate(scale.remaining_at_first, remaining, since);
        scale.flipped_at = Some(flipped_at);
        let waiting = waiting(&scale.groups);
        scale.summary = format!("{from} -> {to}: draining, {remaining} left");
        let late = to > from && since >= i64::from(topic.spec.scaling.drain_timeout_seconds);
        if remaining == 0 || late {
            let what = if to < from {
                format!("scaled from {from} to {to} queues")
            } else if remaining == 0 {
                format!("scaled from {from} to {to} queues, every group has consumed what came before")
            } else {
                format!(
                    "scaled from {from} to {to} queues; drainTimeoutSeconds have passed and groups are still on their way, \
                     each in order: {waiting}"
                )
            };
            self.report(on, "Scaling", &what);
            let (broker, addr, id) = (on.broker.into(), on.addr.into(), flip.id.clone());
            self.actions.push(Action::OpenScale { broker, addr, id, what });
        } else {
            let left = scale.estimated_seconds.map(|left| format!(", about {}", seconds(left * 1000)));
            self.report(
                on,
                "Scaling",
                format_args!(
                    "{from} to {to} queues: groups are consuming what came before, {remaining} messages left{}: {waiting}",
                    left.unwrap_or_default()
                ),
            );
        }
        if topic.spec.queues != to {
            self.report(on, "ScaleQueued", format_args!("{} queues are next", topic.spec.queues));
        }
        self.scale = Some(scale);
    }

    fn begin(&mut self, topic: &Topic, on: &On<'_>, scaling: &TopicScalingBody, is_keyed: bool) {
        let (from, to) = (scaling.queues, topic.spec.queues);
        if let Some(why) = refusal(topic, from, to, is_keyed) {
            self.findings.add(Weight::Stalled, "CannotScaleInOrder", on.broker, why);
            return;
        }
        let plan = &topic.spec.scaling;
        let known = self.scale.clone().filter(|known| {
            (known.from, known.to) == (from, to)
                && !scaling.ended.iter().any(|ended| ended.id == known.id)
                && matches!(known.phase, ScalePhase::Planned | ScalePhase::Announced)
        });
        let mut scale = known.unwrap_or_else(|| ScaleStatus {
            id: self.new_id(topic),
            from,
            to,
            groups: groups(scaling),
            ..ScaleStatus::default()
        });
        if let Some(change) = unapproved(topic, from, to) {
            scale.phase = ScalePhase::Planned;
            scale.summary = format!("{from} -> {to}: waits for approval");
            let what = preview(topic, from, to, scaling, is_keyed);
            self.report(
                on,
                "WaitingForApproval",
                format_args!("{what}; to let it begin: annotate with {APPROVE_SCALE}={change}"),
            );
            self.scale = Some(scale);
            return;
        }
        // Written before it is asked for: whoever comes after a crash asks for the same.
        scale.phase = ScalePhase::Announced;
        scale.summary = format!("{from} -> {to}: beginning");
        self.report(on, "Scaling", format_args!("{from} to {to} queues: beginning"));
        self.actions.push(Action::BeginScale {
            broker: on.broker.into(),
            addr: on.addr.into(),
            scale: Scale {
                id: scale.id.clone(),
                from,
                to,
                settle_seconds: plan.settle_seconds,
                max_settle_seconds: plan.max_settle_seconds,
                open_reads_early: plan.open_reads == OpenReads::AtFlip,
            },
        });
        self.scale = Some(scale);
    }

    /// Nothing is under way: the last one is done, or was given up.
    fn ended(&mut self, scaling: &TopicScalingBody) {
        let Some(scale) = &mut self.scale else { return };
        if matches!(scale.phase, ScalePhase::Done | ScalePhase::Aborted) {
            return;
        }
        let aborted = scaling.ended.iter().any(|ended| ended.id == scale.id && !ended.done);
        if aborted || scaling.queues != scale.to {
            scale.phase = ScalePhase::Aborted;
            scale.summary = format!("{} -> {}: given up", scale.from, scale.to);
        } else {
            scale.phase = ScalePhase::Done;
            scale.summary = format!("{} -> {}: done", scale.from, scale.to);
        }
        scale.groups = groups(scaling);
        scale.remaining = scaling.remaining();
        scale.estimated_seconds = None;
        scale.stale_producers.clear();
    }

    /// What is known of this change, or the beginning of it.
    fn known(&self, id: &str, from: i32, to: i32) -> ScaleStatus {
        let known = self.scale.clone().filter(|known| known.id == id);
        known.unwrap_or_else(|| ScaleStatus { id: id.into(), from, to, ..ScaleStatus::default() })
    }

    pub(super) fn report(&mut self, on: &On<'_>, reason: &str, what: impl Display) {
        self.findings.add(Weight::InProgress, reason, on.broker, what);
    }

    fn now_millis(&self) -> i64 {
        self.now.0.as_millisecond()
    }

    /// An id for a change that begins now.
    pub(super) fn new_id(&self, topic: &Topic) -> String {
        format!("{}-{}", topic.generation.unwrap_or_default(), self.now_millis())
    }

    pub(super) fn since(&self, time: &Time) -> i64 {
        (self.now_millis() - time.0.as_millisecond()).max(0) / 1000
    }
}

/// Why a change cannot be done in order.
pub(super) fn refusal(topic: &Topic, from: i32, to: i32, is_keyed: bool) -> Option<String> {
    let brokers = wanted(&topic.spec);
    if brokers.len() > 1 {
        let list =
            |queues: i32| topology::sorted_list(brokers.iter().map(|broker| (broker.as_str(), queues)));
        let verdict = topology::judge(&list(from), &list(to));
        return Some(format!(
            "the topic is on {} brokers: with {to} instead of {from} queues on each, {:.0} % of all keys would move, {:.0} % of \
             them into queues that can be read already, and lose their order; have an ordered topic on one broker group",
            brokers.len(),
            verdict.moved * 100.0,
            verdict.moved_into_old * 100.0
        ));
    }
    // Where the broker reads the key it can move any.
    (!is_keyed && !is_multiple(from, to)).then(|| {
        format!(
            "{from} to {to} queues cannot be done in order: neither is a multiple of the other, so keys would move between \
             queues that are in use; ask for a multiple or a divisor of {from}, or set order.keyProperty"
        )
    })
}

/// What would be done, for whoever approves it.
fn preview(topic: &Topic, from: i32, to: i32, scaling: &TopicScalingBody, is_keyed: bool) -> String {
    let plan = &topic.spec.scaling;
    let groups = scaling.groups.len();
    if to < from {
        return format!(
            "{from} to {to} queues: at once nothing is sent to queues {to} to {} any more; {groups} groups consume what is in \
             them, then they are closed",
            from - 1
        );
    }
    let opened = match plan.open_reads {
        OpenReads::WhenDrained => format!(
            "when all {groups} groups have consumed what came before, or after {}",
            seconds(i64::from(plan.drain_timeout_seconds) * 1000)
        ),
        OpenReads::AtFlip => "from the start".into(),
    };
    if is_keyed {
        return format!(
            "{from} to {to} queues: the new ones take messages at once; they are opened {opened}"
        );
    }
    format!(
        "{from} to {to} queues: clients get {} to learn of the new ones, then they take messages; they are opened {opened}",
        seconds(i64::from(plan.settle_seconds) * 1000)
    )
}

/// Adds the condition that some producer seems stale, while there is one.
pub(super) fn with_stale_producers(
    mut conditions: Vec<Condition>,
    scale: Option<&ScaleStatus>,
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let before = conditions.iter().position(|condition| condition.type_ == Condition::STALE_PRODUCER);
    let before = before.map(|at| conditions.remove(at));
    let stale = scale.filter(|scale| scale.phase.is_under_way());
    let stale = stale.map(|scale| &scale.stale_producers).filter(|stale| !stale.is_empty());
    if let Some(stale) = stale {
        conditions.push(Condition {
            type_: Condition::STALE_PRODUCER.into(),
            status: "True".into(),
            reason: "SendsToOldQueuesOnly".into(),
            message: format!(
                "{} sent to none of the new queues: restart it, or shorten its pollNameServerInterval; until it learns of them \
                 its keys can lose their order",
                stale.join(", ")
            ),
            observed_generation: generation,
            last_transition_time: before.map_or_else(|| now.clone(), |same| same.last_transition_time),
        });
    }
    conditions
}

/// The groups of a topic, as a status lists them.
fn groups(scaling: &TopicScalingBody) -> Vec<ScaleGroupStatus> {
    let groups = scaling.groups.iter().map(|group| ScaleGroupStatus {
        group: group.group.clone(),
        remaining: group.remaining,
        online: group.online,
    });
    listed(groups.collect())
}

/// Groups that have something to consume, those with the most first.
pub(super) fn listed(mut groups: Vec<ScaleGroupStatus>) -> Vec<ScaleGroupStatus> {
    groups.retain(|group| group.remaining > 0);
    groups.sort_by(|a, b| b.remaining.cmp(&a.remaining).then_with(|| a.group.cmp(&b.group)));
    groups.truncate(LISTED);
    groups
}

/// The same in a sentence.
pub(super) fn waiting(groups: &[ScaleGroupStatus]) -> String {
    groups.iter().map(|g| format!("{} {}", g.group, g.remaining)).collect::<Vec<_>>().join(", ")
}

/// The change, as whoever approves it has to name it; `None` when nobody has to, or somebody did.
pub(super) fn unapproved(topic: &Topic, from: i32, to: i32) -> Option<String> {
    let change = format!("{from}-{to}");
    let is_open =
        topic.spec.scaling.approval == Approval::Automatic || topic.approved.as_ref() == Some(&change);
    (!is_open).then_some(change)
}

/// Seconds that the rest takes at the speed so far; `None` while that is not known.
pub(super) fn estimate(at_first: i64, remaining: i64, seconds: i64) -> Option<i64> {
    let done = at_first - remaining;
    (done > 0 && seconds > 0).then(|| remaining.saturating_mul(seconds) / done)
}

pub(super) fn seconds(millis: i64) -> String {
    let seconds = (millis.max(0) + 999) / 1000;
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 59) / 60) }
}

fn time(millis: i64) -> Time {
    // Status times have whole seconds.
    Time(Timestamp::from_second(millis.div_euclid(1000)).unwrap_or_default())
}
