//! Members of a group, against a name server and a broker in this process.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry::client::Error;
use gantry::consumer::{Config, Consumer, Event, Model, Note, Start, TagFilter};
use gantry::producer::{Message, Producer, Target};
use std::collections::BTreeSet;
use std::time::Duration;
use support::{Cluster, PATIENCE, message};
use tokio::time::timeout;

fn config(topic: &str, group: &str) -> Config {
    Config {
        topic: topic.into(),
        group: group.into(),
        anonymous: false,
        filter: TagFilter::default(),
        start: Start::Beginning,
        model: Model::Clustering,
        orderly: false,
        until_end: true,
        timeout: Duration::from_secs(3),
    }
}

fn bodies(range: std::ops::Range<u32>) -> BTreeSet<String> {
    range.map(|n| n.to_string()).collect()
}

/// Uses messages until there is none left of what was there, or until `enough` are used.
async fn use_up(consumer: &mut Consumer, enough: usize) -> Vec<String> {
    let mut used = Vec::new();
    while used.len() < enough {
        match timeout(PATIENCE, consumer.next()).await.unwrap() {
            Event::Batch(mut batch) => {
                let Some(messages) = batch.claim() else { continue };
                let room = enough - used.len();
                let taken = messages
                    .iter()
                    .take(room)
                    .map(|message| String::from_utf8(message.body.to_vec()).unwrap());
                let before = used.len();
                used.extend(taken);
                let count = used.len() - before;
                batch.finish(count);
            }
            Event::Note(_) => {}
            Event::AtEnd => break,
        }
    }
    used
}

async fn all_of(config: Config, cluster: &Cluster) -> Vec<String> {
    let mut consumer = Consumer::join(config, cluster.name_servers()).await.unwrap();
    let used = use_up(&mut consumer, usize::MAX).await;
    assert!(consumer.leave().await.uncommitted.is_empty());
    used
}

/// Waits until the member was told that it has `mine` queues among `members`.
async fn assigned(consumer: &mut Consumer, mine: usize, members: usize) {
    let wanted = async {
        loop {
            if let Event::Note(Note::Assigned { mine: m, members: n, .. }) = consumer.next().await
                && (m, n) == (mine, members)
            {
                return;
            }
        }
    };
    timeout(PATIENCE, wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_keeps_its_place_to_the_message() {
    let cluster = Cluster::start().await;
    cluster.send("T", bodies(0..100)).await;
    let mut first = Consumer::join(config("T", "g"), cluster.name_servers()).await.unwrap();
    let mut used = use_up(&mut first, 37).await;
    assert!(first.leave().await.uncommitted.is_empty());
    assert_eq!(used.len(), 37);
    used.extend(all_of(config("T", "g"), &cluster).await);
    assert_eq!(used.len(), 100, "nothing comes twice");
    assert_eq!(used.into_iter().collect::<BTreeSet<_>>(), bodies(0..100), "nothing is missing");
    assert!(all_of(config("T", "g"), &cluster).await.is_empty());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_finished_comes_again() {
    let cluster = Cluster::start().await;
    cluster.send("T", bodies(0..20)).await;
    let mut first = Consumer::join(config("T", "g"), cluster.name_servers()).await.unwrap();
    let claimed = async {
        loop {
            if let Event::Batch(mut batch) = first.next().await {
                assert!(batch.claim().is_some());
                return;
            }
        }
    };
    timeout(PATIENCE, claimed).await.unwrap();
    first.leave().await;
    let used = all_of(config("T", "g"), &cluster).await;
    assert_eq!(used.into_iter().collect::<BTreeSet<_>>(), bodies(0..20));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_queues_and_take_over_from_one_another() {
    let cluster = Cluster::start().await;
    cluster.send("T", bodies(0..1)).await;
    let live = || Config { until_end: false, ..config("T", "g") };
    let mut first = Consumer::join(live(), cluster.name_servers()).await.unwrap();
    assigned(&mut first, 4, 1).await;
    let mut second = Consumer::join(live(), cluster.name_servers()).await.unwrap();
    assigned(&mut second, 2, 2).await;
    assigned(&mut first, 2, 2).await;
    drop(second.leave().await);
    assigned(&mut first, 4, 1).await;
    first.leave().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_group_passes_queues_on_without_losing_or_repeating() {
    let cluster = Cluster::start().await;
    cluster.send("T", bodies(0..200)).await;
    let orderly = || Config { orderly: true, ..config("T", "g") };
    let mut first = Consumer::join(orderly(), cluster.name_servers()).await.unwrap();
    let mut used = use_up(&mut first, 50).await;
    let mut second = Consumer::join(orderly(), cluster.name_servers()).await.unwrap();
    let (ours, theirs) = tokio::join!(use_up(&mut first, usize::MAX), use_up(&mut second, usize::MAX));
    used.extend(ours);
    used.extend(theirs);
    tokio::join!(first.leave(), second.leave());
    used.extend(all_of(orderly(), &cluster).await);
    assert_eq!(used.len(), 200, "nothing comes twice");
    assert_eq!(used.into_iter().collect::<BTreeSet<_>>(), bodies(0..200));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_sees_everything_and_leaves_no_trace() {
    let cluster = Cluster::start().await;
    cluster.send("T", bodies(0..50)).await;
    let looking = || Config { anonymous: true, model: Model::Broadcasting, ..config("T", "nobody") };
    for _ in 0..2 {
        assert_eq!(all_of(looking(), &cluster).await.len(), 50);
    }
    assert!(cluster.name_servers().route("%RETRY%nobody").await.is_err(), "no heartbeat made a retry topic");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_told_apart_even_where_their_hashes_are_not() {
    let cluster = Cluster::start().await;
    let producer = Producer::new(cluster.name_servers(), PATIENCE);
    for tag in ["Aa", "BB", "other"] {
        let message = Message { tag: Some(tag.into()), ..message("T", tag) };
        producer.send(&message, &Target::Key("one queue".into())).await.unwrap();
    }
    let by_tag = |filter: &str| Config {
        filter: filter.parse().unwrap(),
        ..config("T", filter.split(' ').next().unwrap())
    };
    assert_eq!(all_of(by_tag("Aa"), &cluster).await, ["Aa"]);
    assert_eq!(all_of(by_tag("BB || other"), &cluster).await, ["BB", "other"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_fails_at_once_where_it_cannot_succeed() {
    let cluster = Cluster::start().await;
    let join = |topic: &str, group: &str| Consumer::join(config(topic, group), cluster.name_servers());
    assert!(matches!(join("nope", "g").await, Err(Error::UnknownTopic { .. })));
    assert!(matches!(join("a/b", "g").await, Err(Error::Name(_))));
    assert!(matches!(join("T", "").await, Err(Error::Name(_))));
    cluster.stop().await;
}
