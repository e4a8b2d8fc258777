//! Settings of topics (Apache: `AdminBrokerProcessor`).

use super::{MAX_QUEUES, failed, no_topic};
use crate::broker::Broker;
use crate::retention;
use crate::scaling;
use crate::session::BrokerSession;
use gantry_message::name;
use gantry_remoting::body::{TopicConfig, TopicConfigList, TopicList};
use gantry_remoting::header::{CreateTopic, FromFields as _, TopicName};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, RequestCode, ResponseCode, fastjson};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Creates, changes or deletes topics. The answer waits until the name servers know: whoever gets it may use the topic.
pub(crate) fn change_topics(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let (broker, to) = (&session.broker, command.reply_to());
    let changed = match command.request_code() {
        RequestCode::UPDATE_AND_CREATE_TOPIC => update(broker, command),
        RequestCode::UPDATE_AND_CREATE_TOPIC_LIST => update_list(broker, command),
        _ => delete(broker, command),
    };
    match changed {
        Err(refusal) => out.refuse(to, refusal.code, &refusal.remark),
        Ok(false) => out.answer(to, &Answer::ok()),
        Ok(true) => {
            let (broker, peer) = (Arc::clone(broker), Arc::clone(&session.peer));
            tokio::spawn(async move {
                broker.registration.register(&broker).await;
                let mut out = Outbound::default();
                out.answer(to, &Answer::ok());
                // A client that is gone needs no answer.
                let _ = peer.send(&mut out);
            });
        }
    }
}

fn update(broker: &Broker, command: &Command<'_>) -> Result<bool, Refusal> {
    let header = CreateTopic::from_fields(command.ext)?;
    check_changeable(broker, header.topic)?;
    let _one_at_a_time = broker.changing_topics.lock();
    let known = broker.topics.get(header.topic).map(|topic| topic.config());
    let config = TopicConfig {
        topic_name: header.topic.into(),
        read_queue_nums: header.read_queue_nums,
        write_queue_nums: header.write_queue_nums,
        perm: header.perm,
        topic_filter_type: header.topic_filter_type.unwrap_or("SINGLE_TAG").into(),
        topic_sys_flag: header.topic_sys_flag.unwrap_or(0),
        order: header.order,
        attributes: change_attributes(
            known.map(|known| known.attributes.clone()).unwrap_or_default(),
            header.attributes.unwrap_or_default(),
        )?,
    };
    check(&config)?;
    tracing::info!(
        topic = header.topic,
        read = config.read_queue_nums,
        write = config.write_queue_nums,
        "topic updated"
    );
    put(broker, config)
}

fn update_list(broker: &Broker, command: &Command<'_>) -> Result<bool, Refusal> {
    let list: TopicConfigList = fastjson::from_request(command.body)?;
    for config in &list.topic_config_list {
        check_changeable(broker, &config.topic_name)?;
        check(config)?;
    }
    let _one_at_a_time = broker.changing_topics.lock();
    let (known, new): (Vec<_>, Vec<_>) = list
        .topic_config_list
        .into_iter()
        .partition(|config| broker.topics.get(&config.topic_name).is_some());
    let mut changed = broker.topics.create_all(new)?;
    for config in known {
        match put(broker, config) {
            Ok(is_change) => changed |= is_change,
            Err(refusal) => {
                // Those before it are changed.
                broker.registration.topics_changed();
                return Err(refusal);
            }
        }
    }
    Ok(changed)
}

/// Makes a topic, or changes one. True when something changed.
fn put(broker: &Broker, config: TopicConfig) -> Result<bool, Refusal> {
    let (topic, is_new) = broker.topics.get_or_create(&config.topic_name, || config.clone())?;
    if is_new {
        return Ok(true);
    }
    scaling::change_by_hand(broker, &topic, &config)?;
    broker.topics.update(&topic, config)
}

fn delete(broker: &Broker, command: &Command<'_>) -> Result<bool, Refusal> {
    let topic = TopicName::from_fields(command.ext)?.topic;
    check_changeable(broker, topic)?;
    let _one_at_a_time = broker.changing_topics.lock();
    if let Some(found) = broker.topics.get(topic) {
        scaling::topic_deleted(broker, &found)?;
    }
    let was_there = broker.topics.remove(topic)?;
    // Also when it was not there: a crash may have come here the last time.
    broker.store.delete_topic(topic).map_err(failed)?;
    broker.pops.forget(broker, |_, of| of == topic)?;
    broker.offsets.remove_topic(topic);
    // Were they found again after a crash, groups would not be given the first messages of a topic of this name.
    broker.save_offsets().map_err(|error| failed(format!("the offsets of its groups stay: {error}")))?;
    if was_there {
        tracing::info!(topic, "topic deleted");
    }
    Ok(was_there)
}

fn check_changeable(broker: &Broker, topic: &str) -> Result<(), Refusal> {
    name::check_topic(topic)
        .map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))?;
    if is_system_topic(broker, topic) {
        return Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!("The topic[{topic}] is conflict with system topic."),
        ));
    }
    Ok(())
}

fn check(config: &TopicConfig) -> Result<(), Refusal> {
    scaling::check_key(config)?;
    retention::of(config)?;
    let bad = |text: String| Err(Refusal::new(ResponseCode::INVALID_PARAMETER, text));
    for (what, count) in
        [("readQueueNums", config.read_queue_nums), ("writeQueueNums", config.write_queue_nums)]
    {
        if !(0..=MAX_QUEUES).contains(&count) {
            return bad(format!("{what} must be from 0 to {MAX_QUEUES}, not {count}"));
        }
    }
    if !matches!(&*config.topic_filter_type, "SINGLE_TAG" | "MULTI_TAG") {
        return bad(format!(
            "topicFilterType must be SINGLE_TAG or MULTI_TAG, not {:?}",
            config.topic_filter_type.chars().take(64).collect::<String>()
        ));
    }
    if !(0..=15).contains(&config.perm) {
        return bad(format!(
            "perm must be a sum of 1 (inherit), 2 (write), 4 (read), 8 (priority), not {}",
            config.perm
        ));
    }
    Ok(())
}

fn is_system_topic(broker: &Broker, topic: &str) -> bool {
    name::is_system_topic(topic)
        || topic == broker.config().broker_name
        || topic == broker.config().broker_cluster_name
        || topic == broker.config().msg_trace_topic_name
        || topic == format!("{}_REPLY_TOPIC", broker.config().broker_cluster_name)
}

/// Applies `+key=value,-key`. What a key means is for those who read it; here only the form counts.
fn change_attributes(
    mut known: BTreeMap<String, String>,
    changes: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    for change in changes.split(',').map(str::trim).filter(|change| !change.is_empty()) {
        let bad = || {
            Refusal::new(
                ResponseCode::INVALID_PARAMETER,
                format!("attribute change {change:?} is neither +key=value nor -key"),
            )
        };
        match (change.strip_prefix('+'), change.strip_prefix('-')) {
            (Some(set), _) => {
                let (key, value) = set.split_once('=').ok_or_else(bad)?;
                known.insert(key.trim().into(), value.trim().into());
            }
            (_, Some(key)) => drop(known.remove(key.trim())),
            _ => return Err(bad()),
        }
    }
    Ok(known)
}

pub(crate) fn all_topics(broker: &Broker) -> Result<Answer, Refusal> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        #[serde(flatten)]
        table: gantry_remoting::body::TopicConfigTable,
        mapping_data_version: gantry_remoting::body::DataVersion,
        topic_queue_mapping_detail_map: BTreeMap<String, String>,
        topic_queue_mapping_info_map: BTreeMap<String, String>,
    }
    let table = broker.topics.table();
    let count = table.topic_config_table.len();
    let body = Body {
        table,
        mapping_data_version: Default::default(),
        topic_queue_mapping_detail_map: BTreeMap::new(),
        topic_queue_mapping_info_map: BTreeMap::new(),
    };
    Ok(Answer::json(&body).with("totalTopicNum", count))
}

pub(crate) fn topic_config(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let topic = TopicName::from_fields(command.ext)?.topic;
    let found = broker.topics.get(topic).ok_or_else(|| no_topic(topic))?;
    Ok(Answer::json(&found.named_config()))
}

pub(crate) fn system_topics(broker: &Broker) -> Result<Answer, Refusal> {
    let names = broker.topics.table().topic_config_table.into_keys();
    let topic_list = names.filter(|topic| is_system_topic(broker, topic)).collect();
    Ok(Answer::json(&TopicList { broker_addr: None, topic_list }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_added_and_taken_away() {
        let known = BTreeMap::from([("message.type".to_owned(), "NORMAL".to_owned())]);
        let changed = change_attributes(known, "+cleanup.policy=DELETE, -message.type").unwrap();
        assert_eq!(changed, BTreeMap::from([("cleanup.policy".to_owned(), "DELETE".to_owned())]));
        assert!(change_attributes(BTreeMap::new(), "message.type=FIFO").is_err());
        assert!(change_attributes(BTreeMap::new(), "+novalue").is_err());
    }
}
