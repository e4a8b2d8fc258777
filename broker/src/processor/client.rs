//! Clients coming and going: heartbeats, membership.

use crate::broker::Broker;
use crate::clients::Client;
use crate::filter::{self, Filter};
use gantry_message::name;
use gantry_remoting::body::{ConsumerIdList, HeartbeatData, ProducerTable, SubscriptionData};
use gantry_remoting::header::{ConsumerGroup, FromFields as _, GroupTopic, ProducerGroup, UnregisterClient};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::server::Peer;
use gantry_remoting::{Command, ResponseCode, fastjson};
use std::sync::Arc;
use std::time::Instant;

use super::failed;

pub(crate) fn heartbeat(broker: &Broker, peer: &Arc<Peer>, command: &Command<'_>) -> Result<Answer, Refusal> {
    /// Longer than an address, a process and an instance.
    const MAX_CLIENT_ID: usize = 1024;
    let data: HeartbeatData = fastjson::from_request(command.body)?;
    if data.client_id.len() > MAX_CLIENT_ID {
        let text = format!("the clientID is longer than {MAX_CLIENT_ID} bytes");
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, text));
    }
    let client = Client {
        peer: Arc::clone(peer),
        language: command.language,
        version: command.version,
        seen: Instant::now(),
    };
    for consumer in &data.consumer_data_set {
        let group = &consumer.group_name;
        if let Err(error) = name::check_group(group) {
            tracing::warn!(%error, addr = %peer.addr(), "a heartbeat names a group that cannot be: passed over");
            continue;
        }
        let Some(config) = broker.groups.find(group) else {
            // Automatic groups are off: the client's pulls will be told.
            continue;
        };
        broker.ensure_retry_topic(group, config.retry_queue_nums, consumer.unit_mode);
        if broker.consumers.heartbeat(consumer, &data.client_id, client.clone(), data.without_sub)
            && config.notify_consumer_ids_changed_enable
        {
            broker.notify_group(group);
        }
    }
    for producer in &data.producer_data_set {
        if name::check_group(&producer.group_name).is_ok() {
            broker.producers.heartbeat(&producer.group_name, &data.client_id, client.clone());
        }
    }
    Ok(Answer::ok().with("IS_SUPPORT_HEART_BEAT_V2", true).with("IS_SUB_CHANGE", true))
}

pub(crate) fn unregister(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = UnregisterClient::from_fields(command.ext)?;
    if let Some(group) = header.producer_group {
        broker.producers.remove(group, header.client_id);
    }
    if let Some(group) = header.consumer_group
        && broker.consumers.remove(group, header.client_id)
    {
        broker.notify_group(group);
    }
    Ok(Answer::ok())
}

/// Nobody online is an error, not an empty list: clients then keep what they have.
pub(crate) fn consumer_ids(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let group = ConsumerGroup::from_fields(command.ext)?.consumer_group;
    let ids = broker.consumers.client_ids(group);
    if ids.is_empty() {
        return Err(failed(format!("no consumer for this group, {group}")));
    }
    Ok(Answer::json(&ConsumerIdList { consumer_id_list: ids }))
}

/// Asked at the start of a consumer whose subscription is no tag.
pub(crate) fn check_client_config(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Body {
        subscription_data: Option<SubscriptionData>,
    }
    let body: Body = fastjson::from_request(command.body)?;
    let Some(data) = body.subscription_data else { return Ok(Answer::ok()) };
    super::pull::check_kind(broker, &data.expression_type)?;
    if !filter::is_tags(&data.expression_type) {
        Filter::parse(&data.expression_type, &data.sub_string)
            .map_err(|error| Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, error.to_string()))?;
    }
    Ok(Answer::ok())
}

pub(crate) fn consumer_connections(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let group = ConsumerGroup::from_fields(command.ext)?.consumer_group;
    let connection = broker.consumers.connection(group).ok_or_else(|| {
        Refusal::new(ResponseCode::CONSUMER_NOT_ONLINE, format!("the consumer group[{group}] not online"))
    })?;
    Ok(Answer::json(&connection))
}

pub(crate) fn producer_connections(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let group = ProducerGroup::from_fields(command.ext)?.producer_group;
    let connections = broker
        .producers
        .connections(group)
        .ok_or_else(|| failed(format!("the producer group[{group}] not exist")))?;
    Ok(Answer::json(&gantry_remoting::body::ProducerConnection { connection_set: connections }))
}

/// All producers, by group.
pub(crate) fn all_producers(broker: &Broker) -> Result<Answer, Refusal> {
    Ok(Answer::json(&ProducerTable { data: broker.producers.table(broker.boot_timestamp, broker.started) }))
}

/// What a group reads of a topic; nothing when it does not, or nobody of it is online.
pub(crate) fn subscription_by_consumer(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_data: Option<SubscriptionData>,
        group: &'a str,
        topic: &'a str,
    }
    let header = GroupTopic::from_fields(command.ext)?;
    let connection = broker.consumers.connection(header.group);
    let subscription_data = connection.and_then(|mut all| all.subscription_table.remove(header.topic));
    Ok(Answer::json(&Body { subscription_data, group: header.group, topic: header.topic }))
}
