//! Plans from specs as people write them, and processes that are killed.

mod classic;
mod scaling;

use super::*;
use crate::admin::{QueueBounds, QueuePlace};
use crate::conditions::Outcome;
use crate::fake::{Brokers, Stored, at, killed_anywhere, run};
use crate::observed::Place;
use gantry_crds::{ScalePhase, TopicBrokerStatus};
use gantry_remoting::body::TopicConfig;

fn topic(brokers: &Brokers, yaml: &str) -> Topic {
    Topic {
        name: "orders".into(),
        spec: serde_yaml::from_str(yaml).unwrap(),
        generation: Some(1),
        brokers: brokers.places(),
        name_servers: Vec::new(),
        settle: SETTLE,
        approved: None,
        deleting: false,
    }
}

fn exists(brokers: &Brokers, broker: &str, queues: i32) {
    brokers.edit(broker, |state| {
        state.topics.insert("orders".into(), TopicConfig::new("orders", queues, 6));
    });
}

fn owned(brokers: &[&str]) -> TopicStatus {
    let entry = |broker: &&str| TopicBrokerStatus {
        broker: (*broker).into(),
        owned: true,
        ..TopicBrokerStatus::default()
    };
    TopicStatus { brokers: brokers.iter().map(entry).collect(), ..TopicStatus::default() }
}

fn counts(brokers: &Brokers, broker: &str) -> Option<(i32, i32)> {
    brokers.state(broker).topics.get("orders").map(|topic| (topic.write_queue_nums, topic.read_queue_nums))
}

fn log(brokers: &Brokers) -> Vec<String> {
    brokers.log.lock().clone()
}

fn scale_of(stored: &Stored<TopicStatus>) -> (ScalePhase, String) {
    let scale = stored.status.scale.clone().unwrap();
    (scale.phase, scale.summary)
}

#[tokio::test]
async fn a_topic_is_made_on_each_broker_and_then_nothing_is_written_any_more() {
    let brokers = Brokers::named(&["a", "b"]);
    let topic = topic(&brokers, "{brokerGroups: [a, b], queues: 4, messageType: Fifo, ordered: true}");
    let mut stored = Stored::new(TopicStatus::default());
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(end.outcome.message(), "orders with 4 queues on a, b");
    assert!(end.outcome.is_ready());
    assert_eq!(stored.writes, 2, "announced, and done");
    let made = brokers.state("b").topics["orders"].clone();
    assert_eq!((made.write_queue_nums, made.read_queue_nums, made.perm, made.order), (4, 4, 6, true));
    assert_eq!(made.attributes["message.type"], "FIFO");
    assert!(end.status.brokers.iter().all(|entry| entry.owned && entry.write_queues == Some(4)));

    let changes = log(&brokers).len();
    assert_eq!(run(&topic, &brokers, &mut stored).await, end);
    assert_eq!((stored.writes, log(&brokers).len()), (2, changes), "all is as it should be");
}

#[tokio::test]
async fn ownership_is_written_before_the_topic_is_made() {
    let brokers = Brokers::named(&["a"]);
    let topic = topic(&brokers, "{brokerGroups: [a]}");
    let status = TopicStatus::default();
    let observed = topic.observe(&brokers, &status).await;
    let plan = topic.plan(&status, &observed, &at(1));
    assert!(plan.status.brokers[0].owned);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(plan.status.conditions[1].type_, "Reconciling");
    assert!(log(&brokers).is_empty(), "planning changes nothing");
}

#[tokio::test]
async fn a_topic_that_exists_is_left_alone_until_it_is_adopted_and_others_go_on() {
    let brokers = Brokers::named(&["a", "b"]);
    exists(&brokers, "a", 16);
    let mut topic = topic(&brokers, "{brokerGroups: [a, b], queues: 4}");
    let mut stored = Stored::new(TopicStatus::default());
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!((counts(&brokers, "a"), counts(&brokers, "b")), (Some((16, 16)), Some((4, 4))));
    assert!(end.outcome.is_stalled());
    assert_eq!(end.outcome.reason(), "TopicExists");
    assert!(
        end.outcome.message().contains("a: a topic orders") && end.outcome.message().contains("adopt: true")
    );
    assert!(!end.status.brokers[0].owned);

    topic.spec.adopt = true;
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert_eq!(counts(&brokers, "a"), Some((4, 4)), "empty queues go at once");
}

#[tokio::test]
async fn drift_is_put_back_and_what_the_spec_does_not_name_stays() {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a", 2);
    brokers.edit("a", |state| {
        let topic = state.topics.get_mut("orders").unwrap();
        topic.perm = 4;
        topic.order = true;
        topic.read_queue_nums = 1;
        topic.topic_sys_flag = 3;
        topic.attributes.insert("message.type".into(), "FIFO".into());
        topic.attributes.insert("cleanup.policy".into(), "DELETE".into());
    });
    let topic = topic(&brokers, "{brokerGroups: [a], queues: 8}");
    let status = owned(&["a"]);
    let plan = topic.plan(&status, &topic.observe(&brokers, &status).await, &at(1));
    assert_eq!(
        plan.outcome.message(),
        "a: setting writeQueueNums 2 -> 8, readQueueNums 1 -> 8, perm 4 -> 6, order true -> false, message.type FIFO \
         -> any"
    );
    let end = run(&topic, &brokers, &mut Stored::new(status)).await;
    assert!(end.outcome.is_ready());
    let put_back = brokers.state("a").topics["orders"].clone();
    assert_eq!(counts(&brokers, "a"), Some((8, 8)));
    assert_eq!((put_back.perm, put_back.order, put_back.topic_sys_flag), (6, false, 3));
    assert_eq!(put_back.attributes.keys().collect::<Vec<_>>(), ["cleanup.policy"]);
}

#[tokio::test]
async fn permissions_are_those_of_rocketmq() {
    let brokers = Brokers::named(&["a"]);
    for (permission, perm) in [("ReadWrite", 6), ("ReadOnly", 4), ("WriteOnly", 2)] {
        let topic = topic(&brokers, &format!("{{brokerGroups: [a], permission: {permission}}}"));
        run(&topic, &brokers, &mut Stored::new(owned(&["a"]))).await;
        assert_eq!(brokers.state("a").topics["orders"].perm, perm);
    }
}

/// Eight queues of which the last four hold a message each, and a group that has not read the last one.
fn with_messages(brokers: &Brokers, stored: i64) {
    exists(brokers, "a", 8);
    brokers.edit("a", |state| {
        let bounds = |queue| (queue, QueueBounds { min: 5, max: 6, last_stored: stored });
        state.bounds.insert("orders".into(), (4..8).map(bounds).collect());
        let place = |queue| {
            let consumer_offset = if queue == 7 { 0 } else { 6 };
            (queue, QueuePlace { broker_offset: 6, consumer_offset })
        };
        state.places.insert(("billing".into(), "orders".into()), (4..8).map(place).collect());
        // A tool that looked once keeps nothing open.
        state.places.insert(
            ("TOOLS_CONSUMER".into(), "orders".into()),
            (4..8).map(|q| (q, QueuePlace::default())).collect(),
        );
    });
}

#[tokio::test]
async fn shrinking_stops_writing_at_once_and_reading_when_all_is_consumed() {
    let brokers = Brokers::named(&["a"]);
    with_messages(&brokers, 1_000);
    let topic = topic(&brokers, "{brokerGroups: [a], queues: 4}");
    let mut stored = Stored::new(owned(&["a"]));
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(counts(&brokers, "a"), Some((4, 8)));
    assert_eq!(end.outcome.reason(), "Draining");
    assert!(end.outcome.message().contains("queues 4 to 7 stay readable"), "{:?}", end.outcome);
    assert!(
        end.outcome.message().contains("billing: 1;"),
        "one message, not six: the rest was deleted for its age"
    );
    assert_eq!((end.status.brokers[0].write_queues, end.status.brokers[0].read_queues), (Some(4), Some(8)));

    brokers.edit("a", |state| {
        let places = state.places.get_mut(&("billing".into(), "orders".into())).unwrap();
        places.get_mut(&7).unwrap().consumer_offset = 6;
    });
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert_eq!(counts(&brokers, "a"), Some((4, 4)));
}

#[tokio::test]
async fn removed_queues_stay_readable_while_producers_may_not_know_yet() {
    let brokers = Brokers::named(&["a"]);
    let now = k8s_openapi::jiff::Timestamp::now().as_millisecond();
    with_messages(&brokers, now);
    brokers.edit("a", |state| state.places.clear());
    let mut topic = topic(&brokers, "{brokerGroups: [a], queues: 4}");
    let mut stored = Stored::new(owned(&["a"]));
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!((counts(&brokers, "a"), end.outcome.reason()), (Some((4, 8)), "Draining"));
    assert!(end.outcome.message().contains("no message has come to them for 60 s"), "{:?}", end.outcome);
    topic.settle = Duration::ZERO;
    assert!(run(&topic, &brokers, &mut stored).await.outcome.is_ready());
    assert_eq!(counts(&brokers, "a"), Some((4, 4)));
}

#[tokio::test]
async fn growing_again_while_draining_opens_the_queues_for_writing() {
    let brokers = Brokers::named(&["a"]);
    with_messages(&brokers, 1_000);
    let mut topic = topic(&brokers, "{brokerGroups: [a], queues: 4}");
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    topic.spec.queues = 8;
    assert!(run(&topic, &brokers, &mut stored).await.outcome.is_ready());
    assert_eq!(counts(&brokers, "a"), Some((8, 8)));
}

#[tokio::test]
async fn a_broker_that_cannot_be_asked_stops_no_other_and_loses_no_ownership() {
    let brokers = Brokers::named(&["a", "b"]);
    brokers.unreachable.lock().insert("a".into());
    let topic = topic(&brokers, "{brokerGroups: [a, b], queues: 4}");
    let end = run(&topic, &brokers, &mut Stored::new(owned(&["a"]))).await;
    assert_eq!(counts(&brokers, "b"), Some((4, 4)));
    assert!(end.status.brokers.iter().all(|entry| entry.owned), "{:?}", end.status);
    assert!(
        matches!(&end.outcome, Outcome::Unknown { reason, .. } if reason == "BrokerUnreachable"),
        "{:?}",
        end.outcome
    );
    assert_eq!(end.status.conditions[0].status, "Unknown");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_stops_no_other() {
    let brokers = Brokers::named(&["a", "b"]);
    brokers.refusing.lock().insert("a".into());
    let topic = topic(&brokers, "{brokerGroups: [a, b], queues: 4}");
    let end = run(&topic, &brokers, &mut Stored::new(TopicStatus::default())).await;
    assert_eq!(counts(&brokers, "b"), Some((4, 4)));
    assert!(end.outcome.is_stalled());
    assert_eq!(end.outcome.reason(), "BrokerRefused");
    assert!(end.outcome.message().contains("no (INVALID_PARAMETER(29))"), "{:?}", end.outcome);
}

#[tokio::test]
async fn a_missing_broker_group_is_waited_for() {
    let brokers = Brokers::named(&["a"]);
    let mut topic = topic(&brokers, "{brokerGroups: [a, b]}");
    topic.brokers.push(Broker { name: "b".into(), place: Place::Gone });
    topic.brokers.push(Broker { name: "c".into(), place: Place::NotYet("no pod yet".into()) });
    let end = run(&topic, &brokers, &mut Stored::new(TopicStatus::default())).await;
    assert_eq!(end.outcome.reason(), "BrokerGroupNotFound");
    assert!(!end.outcome.is_stalled(), "it may come");
    assert!(counts(&brokers, "a").is_some());
    topic.spec.broker_groups = Some(vec!["c".into()]);
    let end = run(&topic, &brokers, &mut Stored::new(TopicStatus::default())).await;
    assert_eq!((end.outcome.reason(), end.outcome.message()), ("BrokerNotReady", "c: no pod yet"));
}

#[tokio::test]
async fn a_broker_whose_place_nobody_looked_up_is_waited_for_and_not_taken_for_gone() {
    let brokers = Brokers::named(&["a"]);
    let mut topic = topic(&brokers, "{brokerGroups: [a], deletionPolicy: Delete}");
    topic.deleting = true;
    let end = run(&topic, &brokers, &mut Stored::new(owned(&["b"]))).await;
    assert!(!end.finished && end.status.brokers.len() == 1, "{end:?}");
    assert_eq!(end.outcome.reason(), "BrokerNotReady");
}

#[tokio::test]
async fn a_broker_that_leaves_the_list_keeps_its_topic_unless_the_policy_is_delete() {
    let brokers = Brokers::named(&["a", "b", "c"]);
    for broker in ["a", "b", "c"] {
        exists(&brokers, broker, 8);
    }
    let mut topic = topic(&brokers, "{brokerGroups: [a]}");
    let status = TopicStatus { brokers: owned(&["a", "b", "c"]).brokers, ..TopicStatus::default() };
    let end = run(&topic, &brokers, &mut Stored::new(status.clone())).await;
    assert!(counts(&brokers, "b").is_some());
    assert_eq!(end.status.brokers.len(), 1);

    topic.spec.deletion_policy = gantry_crds::DeletionPolicy::Delete;
    let mut stored = Stored::new(status);
    stored.status.brokers[2].owned = false;
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert!(counts(&brokers, "b").is_none() && counts(&brokers, "a").is_some());
    assert!(counts(&brokers, "c").is_some(), "not ours");
    assert_eq!(end.status.brokers.len(), 1);
    let closed_first = log(&brokers).windows(2).any(|pair| {
        pair[0].contains("b: topic orders")
            && pair[0].contains("perm 0")
            && pair[1] == "b: delete topic orders"
    });
    assert!(closed_first, "{:?}", log(&brokers));
}

#[tokio::test]
async fn deletion_retains_or_deletes_what_is_owned_and_waits_for_who_cannot_be_asked() {
    let brokers = Brokers::named(&["a", "b", "ns"]);
    exists(&brokers, "a", 8);
    exists(&brokers, "b", 8);
    let mut topic = topic(&brokers, "{brokerGroups: [a, b]}");
    topic.deleting = true;
    topic.name_servers = vec!["ns".into()];
    let mut stored = Stored::new(owned(&["a", "b"]));
    assert!(run(&topic, &brokers, &mut stored).await.finished);
    assert!(log(&brokers).is_empty(), "retained");

    topic.spec.deletion_policy = gantry_crds::DeletionPolicy::Delete;
    let mut stored = Stored::new(owned(&["a", "b"]));
    brokers.unreachable.lock().insert("b".into());
    let waiting = run(&topic, &brokers, &mut stored).await;
    assert!(!waiting.finished);
    assert_eq!(waiting.outcome.reason(), "BrokerUnreachable");
    assert_eq!(waiting.status.brokers.len(), 1, "b is still to be deleted");
    assert!(counts(&brokers, "a").is_none());
    assert!(!log(&brokers).iter().any(|line| line.contains("route")), "b would bring it back");

    brokers.unreachable.lock().clear();
    assert!(run(&topic, &brokers, &mut stored).await.finished);
    assert!(counts(&brokers, "b").is_none());
    assert_eq!(log(&brokers).last().unwrap(), "ns: delete route orders");
}

#[tokio::test]
async fn a_process_killed_at_any_step_of_a_create_a_change_or_a_delete_is_followed_by_one_that_ends_the_same()
{
    let brokers = || {
        let brokers = Brokers::named(&["a", "b", "c", "ns"]);
        with_messages(&brokers, 1_000);
        brokers.edit("a", |state| state.places.clear());
        exists(&brokers, "c", 8);
        brokers
    };
    let change =
        topic(&brokers(), "{brokerGroups: [a, b], queues: 4, messageType: Normal, deletionPolicy: Delete}");
    let mut delete = change.clone();
    (delete.deleting, delete.name_servers) = (true, vec!["ns".into()]);
    let mut adopt = change.clone();
    adopt.spec.adopt = true;
    // Where it begins: on a it shrinks, on b it is made, on c it is deleted.
    let cases = [(change, owned(&["a", "c"])), (delete, owned(&["a", "c"])), (adopt, TopicStatus::default())];
    for (topic, status) in cases {
        let steps = killed_anywhere(
            &topic,
            || (brokers(), status.clone()),
            |steps, (whole, whole_end), (after, end)| {
                assert_eq!(*after.states.lock(), *whole.states.lock(), "killed after {steps}");
                // With the end of a deletion the status is gone, too.
                assert!(
                    end == whole_end || (end.finished && whole_end.finished),
                    "killed after {steps}: {end:?}"
                );
            },
        )
        .await;
        assert!(steps >= 5, "{steps}");
    }
}
