//! Settings of consumer groups.

use super::{MAX_QUEUES, SEE_ALSO, check_group_name, failed};
use crate::broker::Broker;
use crate::scaling;
use gantry_remoting::body::SubscriptionGroupConfig;
use gantry_remoting::header::{DeleteSubscriptionGroup, FromFields as _, GroupName};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode, fastjson};

pub(crate) fn update_group(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let config: SubscriptionGroupConfig = fastjson::from_request(command.body)?;
    check(&config)?;
    tracing::info!(group = config.group_name, "consumer group updated");
    broker.groups.update(config)?;
    Ok(Answer::ok())
}

pub(crate) fn update_groups(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        group_config_list: Vec<SubscriptionGroupConfig>,
    }
    let body: Body = fastjson::from_request(command.body)?;
    for config in &body.group_config_list {
        check(config)?;
    }
    for config in body.group_config_list {
        tracing::info!(group = config.group_name, "consumer group updated");
        broker.groups.update(config)?;
    }
    Ok(Answer::ok())
}

fn check(config: &SubscriptionGroupConfig) -> Result<(), Refusal> {
    check_group_name(&config.group_name)?;
    // The retry topic is made with so many.
    if config.retry_queue_nums > MAX_QUEUES {
        let text = format!("retryQueueNums must be at most {MAX_QUEUES}, not {}", config.retry_queue_nums);
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, text));
    }
    Ok(())
}

pub(crate) fn delete_group(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = DeleteSubscriptionGroup::from_fields(command.ext)?;
    broker.groups.remove(header.group_name)?;
    if header.clean_offset.or(header.remove_offset).unwrap_or(false) {
        scaling::group_deleted(broker, header.group_name)?;
        broker.pops.forget(broker, |group, _| group == header.group_name)?;
        broker.offsets.remove_group(header.group_name);
        broker.save_offsets().map_err(|error| failed(format!("its offsets stay: {error}")))?;
    }
    tracing::info!(group = header.group_name, "consumer group deleted");
    Ok(Answer::ok())
}

pub(crate) fn all_groups(broker: &Broker) -> Result<Answer, Refusal> {
    let table = broker.groups.table();
    Ok(Answer::json(&table).with("totalGroupNum", table.subscription_group_table.len()))
}

pub(crate) fn group_config(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let group = GroupName::from_fields(command.ext)?.group;
    let config = broker.groups.get(group).ok_or_else(|| {
        Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("subscription group not exist, {group}{SEE_ALSO}"),
        )
    })?;
    Ok(Answer::json(&*config))
}
