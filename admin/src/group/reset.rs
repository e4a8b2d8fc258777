//! One-shot offset resets. Pure.

use super::action::Action;
use super::observe::GroupOnBroker;
use super::{Group, wanted};
use crate::findings::{Findings, Weight};
use crate::observed::{Observed, Seen};
use gantry_crds::{ConsumerGroupSpec, ConsumerGroupStatus, OffsetReset, OffsetResetStatus, OffsetTarget};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Whether the spec asks for a reset that is not done yet.
pub(super) fn is_due(spec: &ConsumerGroupSpec, status: &ConsumerGroupStatus) -> bool {
    spec.offset_reset.as_ref().is_some_and(|asked| {
        let same = status.offset_reset.as_ref().filter(|ran| ran.token == asked.token);
        same.is_none_or(|ran| ran.completed_at.is_none())
    })
}

/// What is planned for the reset.
pub(super) struct Step {
    pub(super) status: Option<OffsetResetStatus>,
    pub(super) actions: Vec<Action>,
}

/// The reset's next steps on the brokers of `ready`: those where the group is owned and known.
pub(super) fn plan(
    group: &Group,
    status: &ConsumerGroupStatus,
    observed: &Observed<GroupOnBroker>,
    ready: &[String],
    findings: &mut Findings,
    now: &Time,
) -> Step {
    let Some(asked) = group.spec.offset_reset.as_ref().filter(|_| is_due(&group.spec, status)) else {
        // What ran stays written down, so that the token is known should it come back.
        return Step { status: status.offset_reset.clone(), actions: Vec::new() };
    };
    let wanted = wanted(&group.spec);
    if let Some(missing) = missing_topics(asked, observed, wanted) {
        findings.add_overall(
            Weight::Stalled,
            "TopicNotFound",
            format!(
                "offsetReset.topics names what no broker of the group has: {missing}; correct the names and change the \
                 token"
            ),
        );
        return Step { status: status.offset_reset.clone(), actions: Vec::new() };
    }
    let same = status.offset_reset.clone().filter(|ran| ran.token == asked.token);
    let mut ran = same.unwrap_or_else(|| OffsetResetStatus {
        token: asked.token.clone(),
        done_on: Vec::new(),
        completed_at: None,
    });
    let mut actions = Vec::new();
    // Where the group is being made nobody has looked for topics yet: wrong names show when it is there.
    let being_made = wanted.iter().any(|broker| matches!(observed.at(broker).1, Seen::Absent));
    if being_made {
        return Step { status: Some(ran), actions };
    }
    for broker in wanted.iter().filter(|broker| !ran.done_on.contains(broker)) {
        if !ready.contains(broker) {
            // Why not has been found already.
            continue;
        }
        let (addr, Seen::There(found)) = observed.at(broker) else { continue };
        findings.add(Weight::InProgress, "ResettingOffsets", broker, "moving the group's offsets");
        actions.push(Action::Reset {
            broker: broker.clone(),
            addr: addr.into(),
            topics: found.reset_topics.iter().cloned().collect(),
            timestamp: timestamp(asked),
        });
    }
    if wanted.iter().all(|broker| ran.done_on.contains(broker)) {
        ran.completed_at = Some(now.clone());
    }
    Step { status: Some(ran), actions }
}

/// Records a broker that was reset.
pub(super) fn done(status: &mut ConsumerGroupStatus, broker: &str) {
    if let Some(ran) = &mut status.offset_reset
        && !ran.done_on.iter().any(|name| name == broker)
    {
        ran.done_on.push(broker.to_owned());
    }
}

/// Topics of the spec that no broker has; none while a broker cannot be asked, which may have them.
fn missing_topics(
    asked: &OffsetReset,
    observed: &Observed<GroupOnBroker>,
    wanted: &[String],
) -> Option<String> {
    if !wanted.iter().all(|broker| matches!(observed.at(broker).1, Seen::There(_))) {
        return None;
    }
    let is_somewhere =
        |topic: &&String| observed.there().any(|(_, found)| found.reset_topics.contains(*topic));
    let missing: Vec<_> = asked.topics.iter().filter(|topic| !is_somewhere(topic)).cloned().collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// As the broker takes it.
fn timestamp(asked: &OffsetReset) -> i64 {
    match (asked.to, &asked.timestamp) {
        (OffsetTarget::Latest, _) => -1,
        // Below zero means the end, on the wire.
        (OffsetTarget::Timestamp, Some(moment)) => moment.0.as_millisecond().max(0),
        (OffsetTarget::Earliest | OffsetTarget::Timestamp, _) => 0,
    }
}
