//! Plans from specs as people write them, and processes that are killed.

use super::*;
use crate::admin::{GroupMembers, QueuePlace};
use crate::fake::{Brokers, Stored, at, killed_anywhere, run};
use gantry_crds::{OffsetResetStatus, TopicLag};
use gantry_remoting::body::{SubscriptionGroupConfig, TopicConfig};

fn group(brokers: &Brokers, yaml: &str) -> Group {
    Group {
        name: "billing".into(),
        spec: serde_yaml::from_str(yaml).unwrap(),
        generation: Some(1),
        brokers: brokers.places(),
        deleting: false,
    }
}

fn owned(brokers: &[&str]) -> ConsumerGroupStatus {
    ConsumerGroupStatus {
        owned_on: brokers.iter().map(|name| (*name).to_owned()).collect(),
        ..ConsumerGroupStatus::default()
    }
}

/// The group as it would be made, with ten messages to consume in `orders` and two to repeat.
fn exists(brokers: &Brokers, broker: &str) {
    brokers.edit(broker, |state| {
        let config = SubscriptionGroupConfig { group_name: "billing".into(), ..Default::default() };
        state.groups.insert("billing".into(), config);
        for (topic, lag) in [("orders", 10), ("%RETRY%billing", 2)] {
            state.topics.insert(topic.into(), TopicConfig::new(topic, 1, 6));
            let place = QueuePlace { broker_offset: 20, consumer_offset: 20 - lag };
            state.places.insert(("billing".into(), topic.into()), [(0, place)].into());
        }
    });
}

fn lag(brokers: &Brokers, broker: &str) -> i64 {
    brokers.state(broker).places[&("billing".into(), "orders".into())][&0].lag()
}

fn log(brokers: &Brokers) -> Vec<String> {
    brokers.log.lock().clone()
}

#[tokio::test]
async fn a_group_is_made_as_its_spec_says() {
    let brokers = Brokers::named(&["a", "b"]);
    let group = group(
        &brokers,
        "{brokerGroups: [a, b], retry: {maxAttempts: 3, queues: 2}, ordered: true, broadcast: false, suspended: true}",
    );
    let mut stored = Stored::new(ConsumerGroupStatus::default());
    let end = run(&group, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready());
    assert_eq!(end.outcome.message(), "billing on a, b, suspended");
    assert_eq!(end.status.owned_on, ["a", "b"]);
    assert_eq!((end.status.members, end.status.lag), (Some(0), Some(0)));
    let made = brokers.state("b").groups["billing"].clone();
    assert_eq!((made.retry_max_times, made.retry_queue_nums), (3, 2));
    assert!(made.consume_message_orderly && !made.consume_broadcast_enable && !made.consume_enable);
    let writes = stored.writes;
    assert_eq!(run(&group, &brokers, &mut stored).await, end);
    assert_eq!(stored.writes, writes, "all is as it should be");
}

#[tokio::test]
async fn drift_is_put_back_and_other_settings_stay_as_found() {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a");
    brokers.edit("a", |state| {
        let config = state.groups.get_mut("billing").unwrap();
        (config.retry_max_times, config.consume_enable) = (99, false);
        config.consume_timeout_minute = 77;
    });
    let group = group(&brokers, "{brokerGroups: [a]}");
    let status = owned(&["a"]);
    let plan = group.plan(&status, &group.observe(&brokers, &status).await, &at(1));
    assert_eq!(plan.outcome.message(), "a: setting retryMaxTimes 99 -> 16, consumeEnable false -> true");
    assert!(run(&group, &brokers, &mut Stored::new(status)).await.outcome.is_ready());
    let config = brokers.state("a").groups["billing"].clone();
    assert_eq!(
        (config.retry_max_times, config.consume_enable, config.consume_timeout_minute),
        (16, true, 77)
    );
}

#[tokio::test]
async fn a_group_that_exists_is_left_alone_until_it_is_adopted() {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a");
    let mut group = group(&brokers, "{brokerGroups: [a], retry: {maxAttempts: 3}}");
    let mut stored = Stored::new(ConsumerGroupStatus::default());
    let end = run(&group, &brokers, &mut stored).await;
    assert!(end.outcome.is_stalled() && end.outcome.reason() == "GroupExists");
    assert!(end.status.owned_on.is_empty() && log(&brokers).is_empty());
    assert_eq!(end.status.lag, Some(12), "looking is free");
    group.spec.adopt = true;
    assert!(run(&group, &brokers, &mut stored).await.outcome.is_ready());
    assert_eq!(brokers.state("a").groups["billing"].retry_max_times, 3);
}

#[tokio::test]
async fn members_are_distinct_over_brokers_and_lag_is_summed() {
    let brokers = Brokers::named(&["a", "b"]);
    for (broker, ids) in [("a", ["c1", "c2"]), ("b", ["c2", "c3"])] {
        exists(&brokers, broker);
        brokers.edit(broker, |state| {
            let client_ids = ids.map(String::from).into();
            state.members.insert("billing".into(), GroupMembers { client_ids, ..Default::default() });
        });
    }
    let group = group(&brokers, "{brokerGroups: [a, b]}");
    let mut stored = Stored::new(owned(&["a", "b"]));
    let end = run(&group, &brokers, &mut stored).await;
    assert_eq!((end.status.members, end.status.lag), (Some(3), Some(24)));
    let of = |topic: &str, lag| TopicLag { topic: topic.into(), lag };
    assert_eq!(end.status.topics, [of("%RETRY%billing", 4), of("orders", 20)]);

    brokers.unreachable.lock().insert("a".into());
    let end = run(&group, &brokers, &mut stored).await;
    assert_eq!(
        (end.status.members, end.status.lag),
        (Some(3), Some(24)),
        "half a sum would look like progress"
    );
    assert_eq!(end.outcome.reason(), "BrokerUnreachable");
}

#[tokio::test]
async fn a_reset_runs_once_for_each_token_and_leaves_retries_alone() {
    let brokers = Brokers::named(&["a", "b"]);
    exists(&brokers, "a");
    exists(&brokers, "b");
    let mut group = group(&brokers, "{brokerGroups: [a, b], offsetReset: {token: one, to: Latest}}");
    let mut stored = Stored::new(owned(&["a", "b"]));
    let end = run(&group, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    let both = ["a: reset billing in orders to -1", "b: reset billing in orders to -1"];
    assert_eq!(log(&brokers), both);
    assert_eq!((lag(&brokers, "a"), lag(&brokers, "b")), (0, 0));
    assert_eq!(
        end.status.offset_reset,
        Some(OffsetResetStatus {
            token: "one".into(),
            done_on: vec!["a".into(), "b".into()],
            completed_at: Some(at(1000))
        })
    );
    run(&group, &brokers, &mut stored).await;
    let asked = group.spec.offset_reset.take();
    run(&group, &brokers, &mut stored).await;
    group.spec.offset_reset = asked;
    run(&group, &brokers, &mut stored).await;
    assert_eq!(log(&brokers), both, "the same token never runs again");

    group.spec.offset_reset.as_mut().unwrap().token = "two".into();
    run(&group, &brokers, &mut stored).await;
    assert_eq!(log(&brokers).len(), 4);
}

#[tokio::test]
async fn a_reset_goes_where_it_is_told() {
    let brokers = Brokers::named(&["a"]);
    let to = |text: &str| {
        let spec = format!("{{brokerGroups: [a], offsetReset: {{token: t, topics: [orders], {text}}}}}");
        group(&brokers, &spec)
    };
    for (text, timestamp) in [
        ("to: Earliest", "0"),
        ("to: Latest", "-1"),
        ("to: Timestamp, timestamp: '2026-01-02T03:04:05Z'", "1767323045000"),
    ] {
        exists(&brokers, "a");
        run(&to(text), &brokers, &mut Stored::new(owned(&["a"]))).await;
        assert_eq!(log(&brokers).pop().unwrap(), format!("a: reset billing in orders to {timestamp}"));
    }
}

#[tokio::test]
async fn a_reset_waits_for_a_broker_that_cannot_be_asked() {
    let brokers = Brokers::named(&["a", "b"]);
    exists(&brokers, "a");
    exists(&brokers, "b");
    brokers.unreachable.lock().insert("b".into());
    let group = group(&brokers, "{brokerGroups: [a, b], offsetReset: {token: one, to: Earliest}}");
    let mut stored = Stored::new(owned(&["a", "b"]));
    let end = run(&group, &brokers, &mut stored).await;
    let ran = end.status.offset_reset.unwrap();
    assert_eq!((ran.done_on, ran.completed_at), (vec!["a".to_owned()], None));
    brokers.unreachable.lock().clear();
    let end = run(&group, &brokers, &mut stored).await;
    assert!(end.status.offset_reset.unwrap().completed_at.is_some());
    assert_eq!(log(&brokers).len(), 2, "a is not reset again");
}

#[tokio::test]
async fn a_reset_of_a_topic_that_nobody_has_is_told_and_moves_nothing() {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a");
    let group = group(
        &brokers,
        "{brokerGroups: [a], offsetReset: {token: one, to: Latest, topics: [orders, odrers]}}",
    );
    let end = run(&group, &brokers, &mut Stored::new(owned(&["a"]))).await;
    assert!(end.outcome.is_stalled() && end.outcome.reason() == "TopicNotFound", "{:?}", end.outcome);
    assert!(end.outcome.message().contains("has: odrers;"), "{:?}", end.outcome);
    assert!(log(&brokers).is_empty() && end.status.offset_reset.is_none());
}

#[tokio::test]
async fn deletion_follows_its_policy() {
    let brokers = Brokers::named(&["a", "b"]);
    exists(&brokers, "a");
    exists(&brokers, "b");
    let mut group = group(&brokers, "{brokerGroups: [a, b]}");
    group.deleting = true;
    assert!(run(&group, &brokers, &mut Stored::new(owned(&["a"]))).await.finished);
    assert!(log(&brokers).is_empty(), "retained");
    group.spec.deletion_policy = gantry_crds::DeletionPolicy::Delete;
    brokers.refusing.lock().insert("a".into());
    let mut stored = Stored::new(owned(&["a"]));
    let stuck = run(&group, &brokers, &mut stored).await;
    assert!(!stuck.finished && stuck.outcome.is_stalled());
    brokers.refusing.lock().clear();
    assert!(run(&group, &brokers, &mut stored).await.finished);
    assert!(!brokers.state("a").groups.contains_key("billing"));
    assert!(brokers.state("b").groups.contains_key("billing"), "not ours");
}

#[tokio::test]
async fn a_process_killed_at_any_step_is_followed_by_one_that_ends_the_same_and_repeats_one_reset_at_most() {
    let brokers = || {
        let brokers = Brokers::named(&["a", "b", "c"]);
        exists(&brokers, "a");
        exists(&brokers, "c");
        brokers
    };
    let change = group(
        &brokers(),
        "{brokerGroups: [a, b], retry: {maxAttempts: 3}, deletionPolicy: Delete, offsetReset: {token: one, to: Latest}}",
    );
    let delete = Group { deleting: true, ..change.clone() };
    let resets = |brokers: &Brokers| log(brokers).iter().filter(|line| line.contains("reset")).count();
    for group in [change, delete] {
        let steps = killed_anywhere(
            &group,
            || (brokers(), owned(&["a", "c"])),
            |steps, (whole, whole_end), (after, end)| {
                assert_eq!(*after.states.lock(), *whole.states.lock(), "killed after {steps}");
                // With the end of a deletion the status is gone, too.
                assert!(
                    end == whole_end || (end.finished && whole_end.finished),
                    "killed after {steps}: {end:?}"
                );
                assert!(resets(after) <= resets(whole) + 1, "killed after {steps}: {:?}", log(after));
            },
        )
        .await;
        assert!(steps >= 5, "{steps}");
    }
}
