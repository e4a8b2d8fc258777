//! Brokers that know nothing of scaling in order.

use super::*;
use crate::admin::GroupInTopic;
use crate::fake::run_at;
use gantry_crds::OrderGuarantee;

/// A broker that has the topic with 4 queues and one group, which has consumed `consumed` of 100 messages of each.
fn classic(consumed: i64) -> Brokers {
    let brokers = Brokers::named(&["a"]);
    exists(&brokers, "a", 4);
    brokers.edit("a", |state| state.topics.get_mut("orders").unwrap().order = true);
    holds(&brokers, 4, 100);
    consumes(&brokers, consumed);
    brokers
}

fn holds(brokers: &Brokers, queues: i32, max: i64) {
    let bounds = QueueBounds { min: 0, max, last_stored: 0 };
    let queues = (0..queues).map(|queue| (queue, bounds)).collect();
    brokers.edit("a", |state| drop(state.bounds.insert("orders".into(), queues)));
}

fn consumes(brokers: &Brokers, consumer_offset: i64) {
    let place = QueuePlace { broker_offset: 100, consumer_offset };
    let places: GroupInTopic = (0..4).map(|queue| (queue, place)).collect();
    brokers.edit("a", |state| drop(state.places.insert(("g".into(), "orders".into()), places)));
}

fn grown(brokers: &Brokers) -> Topic {
    topic(brokers, "{brokerGroups: [a], queues: 8, ordered: true}")
}

const BEGUN: &str = "a: topic orders write 8 read 4 perm 6";

#[tokio::test]
async fn new_queues_are_written_then_fenced_then_read_and_it_says_which_order_it_keeps() {
    let brokers = classic(90);
    let topic = grown(&brokers);
    let mut stored = Stored::new(owned(&["a"]));
    let end = run(&topic, &brokers, &mut stored).await;
    assert_eq!(log(&brokers), [BEGUN]);
    assert_eq!(scale_of(&stored), (ScalePhase::Announced, "4 -> 8: announced (order per producer)".into()));
    assert_eq!(stored.status.scale.as_ref().unwrap().guarantee, OrderGuarantee::PerProducer);
    assert!(end.outcome.message().contains("nobody can read them yet"), "{}", end.outcome.message());

    // 75 s for producers, and 30 s for name servers.
    run_at(&topic, &brokers, &mut stored, 1104).await;
    assert_eq!(scale_of(&stored).0, ScalePhase::Announced);
    let end = run_at(&topic, &brokers, &mut stored, 1105).await;
    assert_eq!(
        scale_of(&stored),
        (ScalePhase::Draining, "4 -> 8: draining, 40 left (order per producer)".into())
    );
    assert_eq!(stored.status.scale.as_ref().unwrap().fences, [100; 4]);
    assert!(end.outcome.message().contains("g 40"), "{}", end.outcome.message());

    // What comes behind the fences does not count.
    holds(&brokers, 8, 150);
    consumes(&brokers, 99);
    run_at(&topic, &brokers, &mut stored, 1110).await;
    assert_eq!(stored.status.scale.as_ref().unwrap().remaining, 4);
    assert_eq!(log(&brokers), [BEGUN]);
    consumes(&brokers, 100);
    let end = run_at(&topic, &brokers, &mut stored, 1120).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert_eq!(scale_of(&stored), (ScalePhase::Done, "4 -> 8: done (order per producer)".into()));
    let pins = (4..8).map(|queue| format!("a: commit g in orders {queue} at 0"));
    let expected: Vec<_> = [BEGUN.into()]
        .into_iter()
        .chain(pins)
        .chain(["a: topic orders write 8 read 8 perm 6".into()])
        .collect();
    assert_eq!(
        log(&brokers),
        expected,
        "groups are at the beginning of the queues before anybody reads them"
    );
}

#[tokio::test]
async fn a_lost_status_takes_later_fences() {
    let brokers = classic(100);
    let topic = grown(&brokers);
    run(&topic, &brokers, &mut Stored::new(owned(&["a"]))).await;
    let mut stored = Stored::new(owned(&["a"]));
    run_at(&topic, &brokers, &mut stored, 5000).await;
    assert_eq!(scale_of(&stored).0, ScalePhase::Announced, "from the beginning");
    holds(&brokers, 8, 120);
    run_at(&topic, &brokers, &mut stored, 5200).await;
    assert_eq!(stored.status.scale.as_ref().unwrap().fences, [120; 4]);
    assert_eq!(log(&brokers), [BEGUN]);
}

#[tokio::test]
async fn what_such_a_broker_cannot_do_is_refused_with_the_reason() {
    let brokers = classic(0);
    for (queues, why) in [(2, "groups would read"), (6, "neither is a multiple")] {
        let yaml = format!("{{brokerGroups: [a], queues: {queues}, ordered: true}}");
        let topic = topic(&brokers, &yaml);
        let end = run(&topic, &brokers, &mut Stored::new(owned(&["a"]))).await;
        assert_eq!((end.outcome.reason(), end.outcome.is_stalled()), ("CannotScaleInOrder", true));
        assert!(end.outcome.message().contains(why), "{}", end.outcome.message());
    }
    assert!(log(&brokers).is_empty());
    brokers.edit("a", |state| state.topics.get_mut("orders").unwrap().write_queue_nums = 2);
    let end = run(&grown(&brokers), &brokers, &mut Stored::new(owned(&["a"]))).await;
    assert_eq!(end.outcome.reason(), "OrderedQueuesDiffer");
}

#[tokio::test]
async fn a_process_that_is_killed_anywhere_is_followed_by_one_that_ends_the_same() {
    let begins = || (classic(100), owned(&["a"]));
    let topic = grown(&begins().0);
    killed_anywhere(&topic, begins, |steps, _, (brokers, _)| {
        assert_eq!(log(brokers), [BEGUN], "killed after {steps} steps");
    })
    .await;
    let ends = || {
        let brokers = classic(100);
        brokers.edit("a", |state| state.topics.get_mut("orders").unwrap().write_queue_nums = 8);
        let scale = gantry_crds::ScaleStatus {
            from: 4,
            to: 8,
            phase: ScalePhase::Announced,
            started_at: Some(at(0)),
            ..gantry_crds::ScaleStatus::default()
        };
        (brokers, TopicStatus { scale: Some(scale), ..owned(&["a"]) })
    };
    let steps = killed_anywhere(&topic, ends, |steps, (whole, _), (brokers, end)| {
        assert_eq!(*brokers.states.lock(), *whole.states.lock(), "killed after {steps} steps");
        assert_eq!(end.status.scale.as_ref().unwrap().phase, ScalePhase::Done);
    })
    .await;
    assert!(steps >= 7, "a status, four pins, the settings, a status: {steps}");
}

#[tokio::test]
async fn what_somebody_takes_back_begins_anew_with_later_fences() {
    for seconds in [1000, 1200] {
        let brokers = classic(90);
        let topic = grown(&brokers);
        let mut stored = Stored::new(owned(&["a"]));
        run(&topic, &brokers, &mut stored).await;
        run_at(&topic, &brokers, &mut stored, seconds).await;
        brokers.edit("a", |state| state.topics.get_mut("orders").unwrap().write_queue_nums = 4);
        consumes(&brokers, 100);
        holds(&brokers, 4, 120);
        run_at(&topic, &brokers, &mut stored, 2000).await;
        assert_eq!(scale_of(&stored).0, ScalePhase::Announced, "producers have to learn of it again");
        assert_eq!(log(&brokers), [BEGUN, BEGUN]);
        run_at(&topic, &brokers, &mut stored, 2105).await;
        assert_eq!(stored.status.scale.as_ref().unwrap().fences, [120; 4]);
        assert_eq!(stored.status.scale.as_ref().unwrap().remaining, 80);
    }
}

#[tokio::test]
async fn a_group_that_has_a_place_in_a_new_queue_keeps_it() {
    let brokers = classic(100);
    let topic = grown(&brokers);
    let mut stored = Stored::new(owned(&["a"]));
    run(&topic, &brokers, &mut stored).await;
    brokers.edit("a", |state| {
        let places = state.places.get_mut(&("g".into(), "orders".into())).unwrap();
        places.insert(6, QueuePlace { broker_offset: 70, consumer_offset: 60 });
    });
    assert!(run_at(&topic, &brokers, &mut stored, 1200).await.outcome.is_ready());
    let pins: Vec<_> = log(&brokers).into_iter().filter(|line| line.contains("commit")).collect();
    assert_eq!(pins, [4, 5, 7].map(|queue| format!("a: commit g in orders {queue} at 0")));
}
