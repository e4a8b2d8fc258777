//! The next steps for a group. Pure.

use super::action::Action;
use super::observe::GroupOnBroker;
use super::{Group, reset, wanted};
use crate::conditions::{Outcome, conditions};
use crate::findings::{Findings, Weight};
use crate::observed::{Observed, Seen};
use crate::reconcile::Plan;
use gantry_crds::{ConsumerGroupStatus, DeletionPolicy, TopicLag};
use gantry_remoting::body::SubscriptionGroupConfig;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn plan(
    group: &Group,
    status: &ConsumerGroupStatus,
    observed: &Observed<GroupOnBroker>,
    now: &Time,
) -> Plan<ConsumerGroupStatus, Action> {
    let wanted = wanted(&group.spec);
    let mut draft = Draft::default();
    // Brokers where the group can be reset.
    let mut ready = Vec::new();
    for broker in wanted {
        let owned = status.owned_on.contains(broker);
        if draft.on_broker(group, broker, owned, observed) {
            ready.push(broker.clone());
        }
    }
    if group.spec.deletion_policy == DeletionPolicy::Delete {
        for broker in status.owned_on.iter().filter(|broker| !wanted.contains(broker)) {
            draft.delete(broker, observed);
        }
    }
    let reset = reset::plan(group, status, observed, &ready, &mut draft.findings, now);
    draft.actions.extend(reset.actions);
    let outcome = draft.findings.outcome(|| describe(group));
    let mut next = ConsumerGroupStatus {
        owned_on: draft.owned_on,
        offset_reset: reset.status,
        ..next_status(group, status, &outcome, now)
    };
    if observed.knows(wanted) {
        count(&mut next, observed);
    }
    Plan { status: next, actions: draft.actions, outcome, finished: false }
}

/// The status that tells of an outcome; the rest as it was.
pub(super) fn next_status(
    group: &Group,
    status: &ConsumerGroupStatus,
    outcome: &Outcome,
    now: &Time,
) -> ConsumerGroupStatus {
    ConsumerGroupStatus {
        observed_generation: group.generation,
        conditions: conditions(outcome, &status.conditions, group.generation, now),
        group_name: Some(group.name.clone()),
        ..status.clone()
    }
}

fn describe(group: &Group) -> String {
    let suspended = if group.spec.suspended { ", suspended" } else { "" };
    format!("{} on {}{suspended}", group.name, wanted(&group.spec).join(", "))
}

/// Members and lag over all brokers.
fn count(status: &mut ConsumerGroupStatus, observed: &Observed<GroupOnBroker>) {
    let mut members = BTreeSet::new();
    let mut lag: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, found) in observed.there() {
        // A client is connected to every broker, under the same id.
        members.extend(&found.members);
        for (topic, messages) in &found.lag {
            *lag.entry(topic).or_default() += messages;
        }
    }
    status.members = Some(i32::try_from(members.len()).unwrap_or(i32::MAX));
    status.lag = Some(lag.values().sum());
    status.topics = lag.into_iter().map(|(topic, lag)| TopicLag { topic: topic.into(), lag }).collect();
}

/// What comes together while going through the brokers.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) owned_on: Vec<String>,
    pub(super) actions: Vec<Action>,
    pub(super) findings: Findings,
}

impl Draft {
    /// A broker that shall know the group. True when the group is ours there and can be reset.
    fn on_broker(
        &mut self,
        group: &Group,
        broker: &str,
        owned: bool,
        observed: &Observed<GroupOnBroker>,
    ) -> bool {
        let (addr, seen) = observed.at(broker);
        let mut own = |owned: bool| {
            if owned {
                self.owned_on.push(broker.to_owned());
            }
        };
        match seen {
            Seen::Gone => {
                own(owned);
                self.findings.gone(broker);
                false
            }
            Seen::Unknown(trouble) => {
                own(owned);
                self.findings.trouble(broker, trouble);
                false
            }
            Seen::Absent => {
                own(true);
                let config = desired(group, SubscriptionGroupConfig::default());
                self.findings.add(Weight::InProgress, "Creating", broker, "making the group");
                self.put(broker, addr, config, format!("group {} made", group.name));
                // Offsets are moved once it is there.
                false
            }
            Seen::There(found) if owned || group.spec.adopt => {
                own(true);
                let config = desired(group, found.config.clone());
                let what = difference(&found.config, &config);
                if !what.is_empty() {
                    self.findings.add(Weight::InProgress, "Updating", broker, format_args!("setting {what}"));
                    self.put(broker, addr, config, what);
                }
                true
            }
            Seen::There(_) => {
                self.findings.add(
                    Weight::Stalled,
                    "GroupExists",
                    broker,
                    format_args!(
                        "a group {} is there already and is left as it is; set adopt: true to take it over, or choose \
                         another groupName",
                        group.name
                    ),
                );
                false
            }
        }
    }

    fn put(&mut self, broker: &str, addr: &str, config: SubscriptionGroupConfig, what: String) {
        let (broker, addr) = (broker.into(), addr.into());
        self.actions.push(Action::Put { broker, addr, config: Box::new(config), what });
    }

    /// Deletes an owned group from a broker; it stays owned until it is gone.
    pub(super) fn delete(&mut self, broker: &str, observed: &Observed<GroupOnBroker>) {
        let (addr, seen) = observed.at(broker);
        match seen {
            Seen::Absent | Seen::Gone => return,
            Seen::Unknown(trouble) => self.findings.trouble(broker, trouble),
            Seen::There(_) => {
                self.findings.add(
                    Weight::InProgress,
                    "Deleting",
                    broker,
                    "deleting the group with its offsets",
                );
                self.actions.push(Action::Delete { broker: broker.into(), addr: addr.into() });
            }
        }
        self.owned_on.push(broker.to_owned());
    }
}

/// The settings that the spec asks for; what it does not name as it is found.
fn desired(group: &Group, found: SubscriptionGroupConfig) -> SubscriptionGroupConfig {
    let spec = &group.spec;
    SubscriptionGroupConfig {
        group_name: group.name.clone(),
        retry_max_times: spec.retry.max_attempts,
        retry_queue_nums: spec.retry.queues,
        consume_message_orderly: spec.ordered,
        consume_broadcast_enable: spec.broadcast,
        consume_enable: !spec.suspended,
        ..found
    }
}

/// `retryMaxTimes 16 -> 3, consumeEnable true -> false`.
fn difference(is: &SubscriptionGroupConfig, should: &SubscriptionGroupConfig) -> String {
    let mut what = Vec::new();
    let mut note = |name: &str, before: String, after: String| {
        if before != after {
            what.push(format!("{name} {before} -> {after}"));
        }
    };
    note("retryMaxTimes", is.retry_max_times.to_string(), should.retry_max_times.to_string());
    note("retryQueueNums", is.retry_queue_nums.to_string(), should.retry_queue_nums.to_string());
    let bools = [
        ("consumeMessageOrderly", is.consume_message_orderly, should.consume_message_orderly),
        ("consumeBroadcastEnable", is.consume_broadcast_enable, should.consume_broadcast_enable),
        ("consumeEnable", is.consume_enable, should.consume_enable),
    ];
    for (name, before, after) in bools {
        note(name, before.to_string(), after.to_string());
    }
    what.join(", ")
}
