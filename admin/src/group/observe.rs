//! A group as a broker knows it.

use super::Group;
use crate::admin::{Admin, QueuePlace};
use crate::error::Error;
use gantry_message::name;
use gantry_remoting::body::SubscriptionGroupConfig;
use std::collections::{BTreeMap, BTreeSet};

/// A group on one broker.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOnBroker {
    /// Its settings.
    pub config: SubscriptionGroupConfig,
    /// Client ids of the members that are connected.
    pub members: BTreeSet<String>,
    /// Messages that it has not consumed, by topic.
    pub lag: BTreeMap<String, i64>,
    /// While an offset reset is to be done: which of its topics this broker has.
    pub reset_topics: BTreeSet<String>,
}

pub(super) async fn observe<A: Admin>(
    group: &Group,
    admin: &A,
    addr: String,
    reset_is_due: bool,
) -> Result<Option<GroupOnBroker>, Error> {
    let Some(config) = admin.group_config(&addr, &group.name).await? else { return Ok(None) };
    let mut found = GroupOnBroker {
        config,
        members: BTreeSet::new(),
        lag: BTreeMap::new(),
        reset_topics: BTreeSet::new(),
    };
    if group.deleting {
        return Ok(Some(found));
    }
    let members = admin.members(&addr, &group.name).await?;
    let stats = admin.consume_stats(&addr, &group.name, None).await?;
    if reset_is_due {
        let retry = name::retry_topic(&group.name);
        let named = group.spec.offset_reset.iter().flat_map(|reset| &reset.topics).cloned();
        let mut candidates: BTreeSet<String> = named.collect();
        if candidates.is_empty() {
            candidates.extend(members.topics.iter().chain(stats.keys()).filter(|t| **t != retry).cloned());
        }
        for topic in candidates {
            if admin.topic_config(&addr, &topic).await?.is_some() {
                found.reset_topics.insert(topic);
            }
        }
    }
    found.members = members.client_ids;
    found.lag = stats
        .into_iter()
        .map(|(topic, queues)| (topic, queues.into_values().map(QueuePlace::lag).sum()))
        .collect();
    Ok(Some(found))
}
