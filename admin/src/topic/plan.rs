//! The next steps for a topic. Pure.

use super::action::Action;
use super::observe::TopicOnBroker;
use super::scale::{self, On};
use super::{Topic, desired, wanted};
use crate::conditions::{Outcome, conditions};
use crate::findings::{Findings, Weight};
use crate::observed::{Observed, Seen};
use crate::reconcile::Plan;
use gantry_crds::{DeletionPolicy, ScaleStatus, TopicBrokerStatus, TopicStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(super) fn plan(
    topic: &Topic,
    status: &TopicStatus,
    observed: &Observed<TopicOnBroker>,
    now: &Time,
) -> Plan<TopicStatus, Action> {
    let mut draft = Draft::new(status.scale.clone(), now.clone());
    for broker in wanted(&topic.spec) {
        let known = status.brokers.iter().find(|entry| entry.broker == *broker);
        draft.on_broker(topic, broker, known, observed);
    }
    for entry in status.brokers.iter().filter(|entry| !wanted(&topic.spec).contains(&entry.broker)) {
        draft.off_broker(topic, entry, observed);
    }
    let outcome = draft.findings.outcome(|| {
        let (queues, brokers) = (topic.spec.queues, wanted(&topic.spec).join(", "));
        format!("{} with {queues} {} on {brokers}", topic.name, if queues == 1 { "queue" } else { "queues" })
    });
    Plan {
        status: next_status(topic, status, draft.brokers, draft.scale, &outcome, now),
        actions: draft.actions,
        outcome,
        finished: false,
    }
}

/// The status that tells of an outcome.
pub(super) fn next_status(
    topic: &Topic,
    status: &TopicStatus,
    brokers: Vec<TopicBrokerStatus>,
    scale: Option<ScaleStatus>,
    outcome: &Outcome,
    now: &Time,
) -> TopicStatus {
    TopicStatus {
        observed_generation: topic.generation,
        conditions: scale::with_stale_producers(
            conditions(outcome, &status.conditions, topic.generation, now),
            scale.as_ref(),
            topic.generation,
            now,
        ),
        scale,
        topic_name: Some(topic.name.clone()),
        brokers,
    }
}

/// What comes together while going through the brokers.
pub(super) struct Draft {
    pub(super) brokers: Vec<TopicBrokerStatus>,
    pub(super) actions: Vec<Action>,
    pub(super) findings: Findings,
    /// As it was known, then as it is.
    pub(super) scale: Option<ScaleStatus>,
    pub(super) now: Time,
}

impl Draft {
    pub(super) fn new(scale: Option<ScaleStatus>, now: Time) -> Self {
        Self { brokers: Vec::new(), actions: Vec::new(), findings: Findings::default(), scale, now }
    }

    /// A broker that shall have the topic.
    fn on_broker(
        &mut self,
        topic: &Topic,
        broker: &str,
        known: Option<&TopicBrokerStatus>,
        observed: &Observed<TopicOnBroker>,
    ) {
        let (addr, seen) = observed.at(broker);
        let owned = known.is_some_and(|entry| entry.owned);
        match seen {
            Seen::Gone => {
                self.brokers.extend(known.cloned());
                self.findings.gone(broker);
            }
            Seen::Unknown(trouble) => {
                // What was written about it holds until the broker says otherwise.
                self.brokers.extend(known.cloned());
                self.findings.trouble(broker, trouble);
            }
            Seen::Absent => {
                // Seen to be absent, so it is ours from now on: this is written before it is made.
                self.brokers.push(TopicBrokerStatus {
                    broker: broker.into(),
                    owned: true,
                    ..TopicBrokerStatus::default()
                });
                let (config, attributes) = desired::new(topic);
                let what = format!("topic {} made, queues {}", topic.name, topic.spec.queues);
                self.findings.add(Weight::InProgress, "Creating", broker, "making the topic");
                let (broker, addr) = (broker.into(), addr.into());
                self.actions.push(Action::Put { broker, addr, config, attributes, what });
            }
            Seen::There(found) => {
                let ours = owned || topic.spec.adopt;
                self.brokers.push(TopicBrokerStatus {
                    broker: broker.into(),
                    owned: ours,
                    read_queues: Some(found.config.read_queue_nums),
                    write_queues: Some(found.config.write_queue_nums),
                });
                if ours {
                    self.agree(topic, broker, addr, found);
                } else {
                    self.findings.add(
                        Weight::Stalled,
                        "TopicExists",
                        broker,
                        format_args!(
                            "a topic {} is there already and is left as it is; set adopt: true to take it over, or \
                             choose another topicName",
                            topic.name
                        ),
                    );
                }
            }
        }
    }

    /// Makes an owned topic agree with its spec.
    fn agree(&mut self, topic: &Topic, broker: &str, addr: &str, found: &TopicOnBroker) {
        let (is, spec) = (&found.config, &topic.spec);
        let change = desired::change(topic, found);
        let before = self.actions.len();
        if spec.ordered && !change.sets_key {
            let on = On { broker, addr };
            match &found.scaling {
                Some(scaling) => self.scale(topic, &on, found, scaling),
                None => self.scale_classic(topic, &on, found),
            }
        }
        if spec.order.is_some() && found.scaling.is_none() {
            self.findings.add(
                Weight::Stalled,
                "CannotOrderByKey",
                broker,
                "order.keyProperty is for Gantry's brokers, and this is none: clients choose the queue there; make a new Topic \
                 without it",
            );
        }
        if self.actions.len() > before {
            // One after the other: the next settings follow from what this comes to.
            return;
        }
        if !change.what.is_empty() {
            let what = change.what.join(", ");
            self.findings.add(Weight::InProgress, "Updating", broker, format_args!("setting {what}"));
            let (broker, addr) = (broker.into(), addr.into());
            let (config, attributes) = (change.config, change.attributes);
            self.actions.push(Action::Put { broker, addr, config, attributes, what });
        } else if !spec.ordered && is.read_queue_nums > spec.queues {
            self.findings.add(Weight::InProgress, "Draining", broker, draining(topic, found));
        }
    }

    /// A broker that shall not have the topic any more.
    fn off_broker(&mut self, topic: &Topic, entry: &TopicBrokerStatus, observed: &Observed<TopicOnBroker>) {
        if !entry.owned || topic.spec.deletion_policy == DeletionPolicy::Retain {
            return;
        }
        self.delete(entry, observed);
    }

    /// Deletes an owned topic from a broker; it stays in the status until it is gone.
    pub(super) fn delete(&mut self, entry: &TopicBrokerStatus, observed: &Observed<TopicOnBroker>) {
        let broker = &entry.broker;
        let (addr, seen) = observed.at(broker);
        match seen {
            // With the broker its topics are gone, too.
            Seen::Absent | Seen::Gone => return,
            Seen::Unknown(trouble) => self.findings.trouble(broker, trouble),
            Seen::There(found) => {
                self.findings.add(
                    Weight::InProgress,
                    "Deleting",
                    broker,
                    "deleting the topic with its messages",
                );
                let (broker, addr, config) = (broker.clone(), addr.into(), found.config.clone());
                self.actions.push(Action::Delete { broker, addr, config });
            }
        }
        self.brokers.push(entry.clone());
    }
}

/// Why removed queues stay readable.
fn draining(topic: &Topic, found: &TopicOnBroker) -> String {
    let (first, last) = (topic.spec.queues, found.config.read_queue_nums - 1);
    let queues = if first == last { format!("queue {first}") } else { format!("queues {first} to {last}") };
    if found.leftover.waiting.is_empty() {
        let settle = topic.settle.as_secs();
        return format!(
            "{queues} stay readable until no message has come to them for {settle} s: producers look for the new \
             number of queues every 30 s"
        );
    }
    let groups: Vec<_> =
        found.leftover.waiting.iter().map(|(group, waiting)| format!("{group}: {waiting}")).collect();
    format!(
        "{queues} stay readable until these groups have consumed what is in them: {}; delete a group that is not used \
         any more",
        groups.join(", ")
    )
}
