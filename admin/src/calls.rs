//! The admin calls over the network.

use crate::admin::{Admin, GroupInTopic, GroupMembers, QueueBounds, QueuePlace, Scale};
use crate::error::Error;
use gantry_remoting::body::{
    ConsumeStats, ConsumerConnection, GroupList, KvTable, SubscriptionGroupConfig, TopicConfig,
    TopicScalingBody, TopicStatsTable,
};
use gantry_remoting::client::Pool;
use gantry_remoting::header::{
    BeginScale, ConsumerGroup, CreateTopic, DeleteSubscriptionGroup, DeleteTopicInNamesrv, GetConsumeStats,
    GroupName, QueryConsumerOffset, ResetOffset, ScaleRef, ToFields, TopicName, UpdateConsumerOffset,
};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest that is waited for an answer when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Admin calls over connections that are kept open. Meant to be shared: one for a process.
#[derive(Debug)]
pub struct Calls {
    pool: Pool,
    timeout: Duration,
}

impl Default for Calls {
    fn default() -> Self {
        Self::new(TIMEOUT)
    }
}

impl Calls {
    /// Calls that wait for each answer no longer than `timeout`, and as long for a connection.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { pool: Pool::default(), timeout }
    }

    /// Used share of the disk that holds a broker's log, 0 to 1; `None` when the broker does not tell. Apache:
    /// `commitLogDiskRatio` of the runtime info.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn disk_used(&self, broker: &str) -> Result<Option<f64>, Error> {
        let info: KvTable =
            self.ask(broker, CommandBuf::request(RequestCode::GET_BROKER_RUNTIME_INFO)).await?;
        Ok(info.table.get("commitLogDiskRatio").and_then(|ratio| ratio.parse().ok()))
    }

    async fn call(&self, broker: &str, command: CommandBuf) -> Result<CommandBuf, Error> {
        let call = RequestCode(command.code);
        let answer = self
            .pool
            .request(broker, command, self.timeout)
            .await
            .map_err(|source| Error::Unreachable { broker: broker.to_owned(), call, source })?;
        let code = answer.response_code();
        let text = || answer.remark.clone().unwrap_or_else(|| "no reason given".into());
        let broker = || broker.to_owned();
        match code {
            ResponseCode::SUCCESS => Ok(answer),
            ResponseCode::SYSTEM_BUSY | ResponseCode::SERVICE_NOT_AVAILABLE | ResponseCode::FLOW_CONTROL => {
                Err(Error::Busy { broker: broker(), call, code, answer: text() })
            }
            _ => Err(Error::Refused { broker: broker(), call, code, answer: text() }),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, broker: &str, command: CommandBuf) -> Result<T, Error> {
        let call = RequestCode(command.code);
        let answer = self.call(broker, command).await?;
        fastjson::from_slice(&answer.body).map_err(|error| Error::Malformed {
            broker: broker.to_owned(),
            call,
            what: error.to_string(),
        })
    }
}

fn request(code: RequestCode, header: impl ToFields) -> CommandBuf {
    header.into_command(CommandBuf::request(code))
}

/// `None` for an answer that says that it is not there.
fn unless<T>(absent: ResponseCode, result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::Refused { code, .. }) if code == absent => Ok(None),
        result => result.map(Some),
    }
}

impl Admin for Calls {
    async fn topic_config(&self, addr: &str, topic: &str) -> Result<Option<TopicConfig>, Error> {
        let command = request(RequestCode::GET_TOPIC_CONFIG, TopicName { topic });
        unless(ResponseCode::TOPIC_NOT_EXIST, self.ask(addr, command).await)
    }

    async fn put_topic(&self, addr: &str, config: &TopicConfig, attributes: &str) -> Result<(), Error> {
        let header = CreateTopic {
            topic: &config.topic_name,
            // Apache's header needs one; nothing is taken from it.
            default_topic: Some(gantry_message::name::DEFAULT_TOPIC),
            read_queue_nums: config.read_queue_nums,
            write_queue_nums: config.write_queue_nums,
            perm: config.perm,
            topic_filter_type: Some(&config.topic_filter_type),
            topic_sys_flag: Some(config.topic_sys_flag),
            order: config.order,
            attributes: Some(attributes).filter(|changes| !changes.is_empty()),
        };
        self.call(addr, request(RequestCode::UPDATE_AND_CREATE_TOPIC, header)).await.map(drop)
    }

    async fn delete_topic(&self, addr: &str, topic: &str) -> Result<(), Error> {
        let command = request(RequestCode::DELETE_TOPIC_IN_BROKER, TopicName { topic });
        unless(ResponseCode::TOPIC_NOT_EXIST, self.call(addr, command).await).map(drop)
    }

    async fn delete_route(&self, name_server: &str, topic: &str) -> Result<(), Error> {
        let header = DeleteTopicInNamesrv { topic, cluster_name: None };
        self.call(name_server, request(RequestCode::DELETE_TOPIC_IN_NAMESRV, header)).await.map(drop)
    }

    async fn topic_bounds(&self, addr: &str, topic: &str) -> Result<BTreeMap<i32, QueueBounds>, Error> {
        let command = request(RequestCode::GET_TOPIC_STATS_INFO, TopicName { topic });
        let table: TopicStatsTable = self.ask(addr, command).await?;
        let queues = table.offset_table.0.into_iter().map(|(queue, offsets)| {
            let bounds = QueueBounds {
                min: offsets.min_offset,
                max: offsets.max_offset,
                last_stored: offsets.last_update_timestamp,
            };
            (queue.queue_id, bounds)
        });
        Ok(queues.collect())
    }

    async fn groups_of_topic(&self, addr: &str, topic: &str) -> Result<Vec<String>, Error> {
        let command = request(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, TopicName { topic });
        self.ask::<GroupList>(addr, command).await.map(|list| list.group_list)
    }

    async fn group_config(&self, addr: &str, group: &str) -> Result<Option<SubscriptionGroupConfig>, Error> {
        let command = request(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, GroupName { group });
        unless(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, self.ask(addr, command).await)
    }

    async fn put_group(&self, addr: &str, config: &SubscriptionGroupConfig) -> Result<(), Error> {
        let command = CommandBuf::request(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP)
            .with_body(fastjson::to_vec(config));
        self.call(addr, command).await.map(drop)
    }

    async fn delete_group(&self, addr: &str, group: &str, clean_offsets: bool) -> Result<(), Error> {
        let header = DeleteSubscriptionGroup {
            group_name: group,
            clean_offset: Some(clean_offsets),
            // The same switch, as 4.9 called it.
            remove_offset: Some(clean_offsets),
        };
        let command = request(RequestCode::DELETE_SUBSCRIPTIONGROUP, header);
        unless(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, self.call(addr, command).await).map(drop)
    }

    async fn consume_stats(
        &self,
        addr: &str,
        group: &str,
        topic: Option<&str>,
    ) -> Result<BTreeMap<String, GroupInTopic>, Error> {
        let header = GetConsumeStats { consumer_group: group, topic };
        let stats: ConsumeStats = self.ask(addr, request(RequestCode::GET_CONSUME_STATS, header)).await?;
        let mut topics: BTreeMap<String, GroupInTopic> = BTreeMap::new();
        for (queue, place) in stats.offset_table.0 {
            let place =
                QueuePlace { broker_offset: place.broker_offset, consumer_offset: place.consumer_offset };
            topics.entry(queue.topic).or_default().insert(queue.queue_id, place);
        }
        Ok(topics)
    }

    async fn members(&self, addr: &str, group: &str) -> Result<GroupMembers, Error> {
        let header = ConsumerGroup { consumer_group: group };
        let command = request(RequestCode::GET_CONSUMER_CONNECTION_LIST, header);
        let online: Option<ConsumerConnection> =
            unless(ResponseCode::CONSUMER_NOT_ONLINE, self.ask(addr, command).await)?;
        Ok(online.map_or_else(GroupMembers::default, |online| GroupMembers {
            client_ids: online.connection_set.into_iter().map(|member| member.client_id).collect(),
            topics: online.subscription_table.into_keys().collect(),
            model: online.message_model,
        }))
    }

    async fn scaling(&self, addr: &str, topic: &str) -> Result<Option<TopicScalingBody>, Error> {
        let command = request(RequestCode::GET_SCALING, TopicName { topic });
        unless(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, self.ask(addr, command).await)
    }

    async fn begin_scale(&self, addr: &str, topic: &str, scale: &Scale) -> Result<(), Error> {
        let header = BeginScale {
            topic,
            scale_id: &scale.id,
            from: scale.from,
            to: scale.to,
            settle_millis: Some(i64::from(scale.settle_seconds) * 1000),
            max_settle_millis: Some(i64::from(scale.max_settle_seconds) * 1000),
            open_reads_early: scale.open_reads_early,
        };
        self.call(addr, request(RequestCode::BEGIN_SCALE, header)).await.map(drop)
    }

    async fn abort_scale(&self, addr: &str, topic: &str, id: &str) -> Result<(), Error> {
        let header = ScaleRef { topic, scale_id: id };
        self.call(addr, request(RequestCode::ABORT_SCALE, header)).await.map(drop)
    }

    async fn open_scale(&self, addr: &str, topic: &str, id: &str) -> Result<(), Error> {
        let header = ScaleRef { topic, scale_id: id };
        self.call(addr, request(RequestCode::OPEN_SCALE, header)).await.map(drop)
    }

    async fn committed(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
    ) -> Result<Option<i64>, Error> {
        let header = QueryConsumerOffset {
            consumer_group: group,
            topic,
            queue_id: queue,
            set_zero_if_not_found: Some(false),
        };
        let command = request(RequestCode::QUERY_CONSUMER_OFFSET, header);
        let Some(answer) = unless(ResponseCode::QUERY_NOT_FOUND, self.call(addr, command).await)? else {
            return Ok(None);
        };
        let offset = answer.find("offset").and_then(|offset| offset.parse().ok());
        offset.map(Some).ok_or_else(|| Error::Malformed {
            broker: addr.to_owned(),
            call: RequestCode::QUERY_CONSUMER_OFFSET,
            what: "no offset".into(),
        })
    }

    async fn commit_offset(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
        offset: i64,
    ) -> Result<(), Error> {
        let header =
            UpdateConsumerOffset { consumer_group: group, topic, queue_id: queue, commit_offset: offset };
        self.call(addr, request(RequestCode::UPDATE_CONSUMER_OFFSET, header)).await.map(drop)
    }

    async fn reset_offset(&self, addr: &str, group: &str, topic: &str, timestamp: i64) -> Result<(), Error> {
        let header = ResetOffset { topic, group, timestamp, is_force: true, queue_id: None, offset: None };
        self.call(addr, request(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, header)).await.map(drop)
    }
}
