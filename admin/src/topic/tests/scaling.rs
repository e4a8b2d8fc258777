//! Brokers that scale in order by themselves.

use super::*;
use gantry_remoting::body::{AnnouncedScaleBody, FlipBody, ScalingGroupBody, TopicScalingBody};

/// A broker that has the ordered topic and scales it.
fn scalable(queues: i32) -> Brokers {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a", queues);
    brokers.edit("a", |state| {
        state.topics.get_mut("orders").unwrap().order = true;
        state.scaling.insert("orders".into(), TopicScalingBody::default());
    });
    brokers
}

fn flip(brokers: &Brokers, remaining: i64) {
    brokers.edit("a", |state| {
        let scaling = state.scaling.get_mut("orders").unwrap();
        let announced = scaling.announced.take().unwrap();
        scaling.queues = announced.to;
        let AnnouncedScaleBody { id, from, to, .. } = announced;
        scaling.flips.push(FlipBody { id, from, to, at: 900_000, fences: vec![7; 8], opened: false });
        scaling.groups =
            vec![ScalingGroupBody { group: "g".into(), remaining, ..ScalingGroupBody::default() }];
    });
}

fn consume(brokers: &Brokers, remaining: i64) {
    brokers.edit("a", |state| state.scaling.get_mut("orders").unwrap().groups[0].remaining = remaining);
}

#[tokio::test]
async fn an_ordered_topic_is_scaled_step_by_step_and_its_status_tells_the_story() {
    let brokers = scalable(4);
    let topic = topic(&brokers, "{brokerGroups: [a], queues: 8, ordered: true}");
    let mut stored = Stored::new(owned(&["a"]));
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(log(&brokers), ["a: begin 4 to 8"]);
    assert_eq!(scale_of(&stored), (ScalePhase::Announced, "4 -> 8: announced".into()));
    assert_eq!((end.outcome.reason(), end.outcome.is_ready()), ("Scaling", false));

    flip(&brokers, 40);
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(scale_of(&stored), (ScalePhase::Draining, "4 -> 8: draining, 40 left".into()));
    assert!(end.outcome.message().contains("40 messages left: g 40"), "{}", end.outcome.message());
    consume(&brokers, 10);
    run(&topic, &brokers, &mut stored).await;
    let scale = stored.status.scale.clone().unwrap();
    assert_eq!(scale.estimated_seconds, Some(10 * 100 / 30), "a hundred seconds for thirty messages");
    assert_eq!((scale.fences.len(), scale.groups[0].remaining), (8, 10));

    consume(&brokers, 0);
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert_eq!(scale_of(&stored), (ScalePhase::Done, "4 -> 8: done".into()));
    assert_eq!(log(&brokers), ["a: begin 4 to 8", "a: open orders"]);
    let writes = stored.writes;
    run(&topic, &brokers, &mut stored).await;
    assert_eq!(stored.writes, writes, "nothing changes any more");
}

#[tokio::test]
async fn new_queues_open_after_the_drain_timeout_whoever_is_on_the_way() {
    let brokers = scalable(4);
    let yaml = "{brokerGroups: [a], queues: 8, ordered: true, scaling: {drainTimeoutSeconds: 100}}";
    let topic = topic(&brokers, yaml);
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    flip(&brokers, 40);
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.outcome.is_ready(), "the flip was 100 s ago");
    assert_eq!(stored.status.scale.as_ref().unwrap().remaining, 40);
}

#[tokio::test]
async fn a_spec_that_changes_before_the_flip_takes_the_scale_back() {
    let brokers = scalable(4);
    let mut topic = topic(&brokers, "{brokerGroups: [a], queues: 8, ordered: true}");
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    topic.spec.queues = 4;
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(log(&brokers), ["a: begin 4 to 8", "a: abort orders"]);
    assert!(end.outcome.is_ready());
    assert_eq!(scale_of(&stored), (ScalePhase::Aborted, "4 -> 8: given up".into()));
}

#[tokio::test]
async fn with_manual_approval_the_plan_is_told_and_nothing_done_until_it_is_named() {
    let brokers = scalable(4);
    let yaml = "{brokerGroups: [a], queues: 8, ordered: true, scaling: {approval: Manual}}";
    let mut topic = topic(&brokers, yaml);
    topic.approved = Some("2-4".into());
    let mut stored = Stored::new(owned(&["a"]));
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(log(&brokers).is_empty());
    assert_eq!(end.outcome.reason(), "WaitingForApproval");
    assert!(end.outcome.message().contains("gantry.dev/approve-scale=4-8"), "{}", end.outcome.message());
    topic.approved = Some("4-8".into());
    run(&topic, &brokers, &mut stored).await;
    assert_eq!(log(&brokers), ["a: begin 4 to 8"]);
}

#[tokio::test]
async fn what_cannot_be_scaled_in_order_is_refused_with_the_reason() {
    let brokers = scalable(4);
    let refused = topic(&brokers, "{brokerGroups: [a], queues: 6, ordered: true}");
    let end = run(&refused, &brokers, &mut Stored::new(owned(&["a"]))).await;
    assert_eq!((end.outcome.reason(), end.outcome.is_stalled()), ("CannotScaleInOrder", true));

    let both = Brokers::named(&["a", "b"]);
    for broker in ["a", "b"] {
        exists(&both, broker, 4);
        both.edit(broker, |state| {
            state.topics.get_mut("orders").unwrap().order = true;
            state.scaling.insert("orders".into(), TopicScalingBody::default());
        });
    }
    let several = topic(&both, "{brokerGroups: [a, b], queues: 8, ordered: true}");
    let end = run(&several, &both, &mut Stored::new(owned(&["a", "b"]))).await;
    assert!(end.outcome.message().contains("75 % of all keys"), "{}", end.outcome.message());
    assert!(log(&both).is_empty());
}

#[tokio::test]
async fn a_producer_that_seems_stale_is_a_condition() {
    let brokers = scalable(4);
    let topic = topic(&brokers, "{brokerGroups: [a], queues: 8, ordered: true}");
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    brokers.edit("a", |state| {
        let scaling = state.scaling.get_mut("orders").unwrap();
        scaling.stale_producers = vec!["10.0.0.7:1234".into()];
        scaling.announced.as_mut().unwrap().waits_for_producers_millis = Some(60_000);
    });
    let end = run(&topic, &brokers, &mut stored).await;
    let condition = end.status.conditions.last().unwrap();
    assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("StaleProducerSuspected", "True"));
    assert!(condition.message.contains("10.0.0.7:1234"));
    flip(&brokers, 0);
    brokers.edit("a", |state| state.scaling.get_mut("orders").unwrap().stale_producers.clear());
    let end = run(&topic, &brokers, &mut stored).await;
    assert!(end.status.conditions.iter().all(|condition| condition.type_ != "StaleProducerSuspected"));
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_begins_a_scale_begins_one() {
    let fresh = || (scalable(4), owned(&["a"]));
    let (brokers, _) = fresh();
    let topic = topic(&brokers, "{brokerGroups: [a], queues: 8, ordered: true}");
    let steps = killed_anywhere(&topic, fresh, |steps, _, (brokers, end)| {
        assert_eq!(log(brokers), ["a: begin 4 to 8"], "killed after {steps} steps");
        assert_eq!(end.status.scale.as_ref().unwrap().summary, "4 -> 8: announced");
    })
    .await;
    assert!(steps >= 2, "{steps}");
}

#[tokio::test]
async fn a_key_property_is_set_first_and_then_any_number_of_queues_will_do() {
    let brokers = scalable(4);
    let yaml = "{brokerGroups: [a], queues: 6, ordered: true, order: {keyProperty: KEYS}}";
    let topic = topic(&brokers, yaml);
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    let log = log(&brokers);
    assert_eq!(log, ["a: topic orders write 4 read 4 perm 6 +order.keyProperty=KEYS", "a: begin 4 to 6"]);

    // Nobody takes it away again.
    let mut without = topic.clone();
    (without.spec.order, without.spec.queues) = (None, 4);
    let kept = scalable(4);
    run(&topic_with(&kept, "queues: 4, ordered: true, order: {keyProperty: KEYS}"), &kept, &mut stored).await;
    without.brokers = kept.places();
    assert!(run(&without, &kept, &mut Stored::new(owned(&["a"]))).await.outcome.is_ready());
    assert_eq!(kept.state("a").topics["orders"].attributes["order.keyProperty"], "KEYS");
}

fn topic_with(brokers: &Brokers, spec: &str) -> Topic {
    topic(brokers, &format!("{{brokerGroups: [a], {spec}}}"))
}

#[tokio::test]
async fn a_key_property_waits_for_the_scale_that_is_under_way() {
    for is_flipped in [false, true] {
        let brokers = scalable(4);
        let mut stored = Stored::new(owned(&["a"]));
        run(&topic_with(&brokers, "queues: 8, ordered: true"), &brokers, &mut stored).await;
        if is_flipped {
            flip(&brokers, 40);
        }
        let keyed = topic_with(&brokers, "queues: 8, ordered: true, order: {keyProperty: KEYS}");
        let end = run(&keyed, &brokers, &mut stored).await;
        assert_eq!((end.outcome.reason(), log(&brokers).len()), ("Scaling", 1), "{:?}", log(&brokers));
        if !is_flipped {
            flip(&brokers, 40);
        }
        consume(&brokers, 0);
        assert!(run(&keyed, &brokers, &mut stored).await.outcome.is_ready());
        let attribute = "a: topic orders write 8 read 8 perm 6 +order.keyProperty=KEYS";
        assert_eq!(log(&brokers), ["a: begin 4 to 8", "a: open orders", attribute]);
    }
}

#[tokio::test]
async fn a_broker_that_cannot_order_by_key_is_told_nothing_of_it() {
    let brokers = Brokers::named(&["a"]);
    let topic = topic_with(&brokers, "queues: 4, ordered: true, order: {keyProperty: KEYS}");
    let end = run(&topic, &brokers, &mut Stored::new(TopicStatus::default())).await;
    assert_eq!((end.outcome.reason(), end.outcome.is_stalled()), ("CannotOrderByKey", true));
    assert_eq!(log(&brokers), ["a: topic orders write 4 read 4 perm 6"]);
}
