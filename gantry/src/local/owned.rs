//! Which topics and groups are the user's: the broker also has its own, and those it makes for others.

use super::numbers::Owned;
use super::servers::{BROKER_NAME, CLUSTER_NAME};
use crate::client::{Error, Links, call};
use gantry_message::name::{DLQ_PREFIX, RETRY_PREFIX, is_system_group, is_system_topic};
use gantry_remoting::body::{SubscriptionGroupTable, TopicConfigTable};
use gantry_remoting::{CommandBuf, RequestCode, fastjson};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The broker is in this process.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Asks the broker at `addr` for the names it has, and counts those that a user chose.
pub(super) async fn owned(links: &Links, addr: &str) -> Result<Owned, Error> {
    let topics: TopicConfigTable = table(links, addr, RequestCode::GET_ALL_TOPIC_CONFIG).await?;
    let groups: SubscriptionGroupTable =
        table(links, addr, RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG).await?;
    Ok(Owned {
        topics: topics.topic_config_table.keys().filter(|name| is_users_topic(name)).count(),
        groups: groups.subscription_group_table.keys().filter(|name| !is_system_group(name)).count(),
    })
}

async fn table<T: DeserializeOwned>(links: &Links, addr: &str, request: RequestCode) -> Result<T, Error> {
    let answer = call(links, addr, CommandBuf::request(request), TIMEOUT).await?;
    fastjson::from_slice(&answer.body).map_err(|error| Error::BadAnswer {
        addr: addr.to_owned(),
        request,
        what: error.to_string(),
    })
}

fn is_users_topic(name: &str) -> bool {
    let of_the_broker =
        [BROKER_NAME, CLUSTER_NAME].contains(&name) || name == format!("{CLUSTER_NAME}_REPLY_TOPIC");
    !(is_system_topic(name)
        || of_the_broker
        || name.starts_with(RETRY_PREFIX)
        || name.starts_with(DLQ_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_user_chose_count() {
        let all = [
            "orders",
            "TBW102",
            "%RETRY%g",
            "%DLQ%g",
            "broker-local",
            "local",
            "local_REPLY_TOPIC",
            "rmq_sys_x",
        ];
        let users: Vec<_> = all.into_iter().filter(|name| is_users_topic(name)).collect();
        assert_eq!(users, ["orders"]);
    }
}
