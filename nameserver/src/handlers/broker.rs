//! What brokers send.

use crate::kv::ORDER_TOPIC_CONFIG;
use crate::names::{check_addr, check_node, cut, is_topic, refuse};
use crate::service::{Client, Side};
use crate::table::{HEARTBEAT_TIMEOUT, Identity, MASTER, Queues, Registration, Rejected, Stale};
use gantry_remoting::body::{
    BrokerMemberGroupBody, DataVersion, RegisterBrokerBody, TopicConfig, TopicConfigTable, TopicRoute,
};
use gantry_remoting::header::{
    BrokerIdentity, BrokerMemberGroup, FromFields as _, RegisterBroker, RegisterTopic,
};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, fastjson};
use parking_lot::RwLockUpgradableReadGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a zlib stream begins, and no JSON.
const ZLIB: u8 = 0x78;
/// The most queues of a topic: clients make a list of them.
const MAX_QUEUES: i32 = 65_536;
/// Bounds of the silence that a broker may ask to be allowed.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// REGISTER_BROKER.
pub(crate) fn register(client: &mut Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = RegisterBroker::from_fields(command.ext)?;
    let identity =
        identity(header.cluster_name, header.broker_name, Some(header.broker_id), header.broker_addr)?;
    if !header.ha_server_addr.is_empty() {
        check_addr("replication address", header.ha_server_addr)?;
    }
    let external_addr = header.external_addr.filter(|addr| !addr.is_empty());
    if let Some(addr) = external_addr {
        check_addr("external address", addr)?;
    }
    let crc32 = header.body_crc32.unwrap_or(0);
    // 5.x brokers with compressedRegister=true compress the body and deny it in the header.
    let compressed = header.compressed || command.body.first() == Some(&ZLIB);
    let body = RegisterBrokerBody::decode(command.body, command.version, compressed, crc32)
        .map_err(|error| refuse(error.to_string()))?;
    let TopicConfigTable { data_version: version, topic_config_table } = body.topics;
    let single = topic_config_table.len() == 1;
    let mut registration = Registration {
        identity: identity.clone(),
        ha_addr: header.ha_server_addr.to_owned(),
        external_addr: external_addr.map(str::to_owned),
        timeout: header.heartbeat_timeout_millis.map(timeout),
        acting_master: header.enable_acting_master,
        version,
        topics: topics(topic_config_table.into_values(), &identity),
        single,
        connection: client.connection,
    };

    client.is_broker = true;
    let routes = client.server.routes.upgradable_read();
    routes.drop_known(&mut registration);
    let result = RwLockUpgradableReadGuard::upgrade(routes).register(registration, Instant::now());
    let Identity { cluster, name, id, addr } = &identity;
    let registered = match result {
        Ok(registered) => registered,
        Err(rejected) => {
            tracing::warn!(cluster, broker = name, id, addr, ?version, %rejected, "registration refused");
            // Apache answers success here, and brokers that lost their mastership meet this.
            if matches!(rejected, Rejected::Stale(Stale::LowerEpoch { .. })) {
                return Ok(Answer::ok());
            }
            return Err(refuse(format!("register broker failed: {rejected}")));
        }
    };
    client.server.counts.registrations.fetch_add(1, Ordering::Relaxed);
    if registered.first {
        tracing::info!(cluster, broker = name, id, addr, ?version, "broker registered");
    } else if registered.changed {
        tracing::info!(cluster, broker = name, id, addr, ?version, "broker changed");
    }
    let mut answer = Answer::ok();
    if let Some((master, ha)) = registered.master {
        answer = answer.with("haServerAddr", ha).with("masterAddr", master);
    }
    if client.server.settings.get().return_order_topic_config_to_broker
        && let Some(table) = client.server.kv.list(ORDER_TOPIC_CONFIG)
    {
        answer = answer.with_body(table);
    }
    Ok(answer)
}

/// UNREGISTER_BROKER: the broker stops. It is gone from routes when this is answered.
pub(crate) fn unregister(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = BrokerIdentity::from_fields(command.ext)?;
    let removed =
        client.server.routes.write().unregister(header.broker_name, header.broker_addr, client.connection);
    for gone in removed {
        tracing::info!(broker = gone.name, id = gone.id, addr = gone.addr, "broker unregistered");
    }
    Ok(Answer::ok())
}

/// BROKER_HEARTBEAT.
pub(crate) fn heartbeat(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = BrokerIdentity::from_fields(command.ext)?;
    client.server.routes.write().heartbeat(header.broker_name, header.broker_addr, Instant::now());
    Ok(Answer::ok())
}

/// QUERY_DATA_VERSION: a broker asks whether it needs to send its topics.
pub(crate) fn query_version(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = BrokerIdentity::from_fields(command.ext)?;
    let identity = identity(header.cluster_name, header.broker_name, header.broker_id, header.broker_addr)?;
    let version: DataVersion = fastjson::from_request(command.body)?;
    let (changed, stored) =
        client.server.routes.write().query_version(&identity, version, client.connection, Instant::now());
    let answer = Answer::ok().with("changed", changed);
    Ok(match stored {
        Some(stored) => answer.with_body(fastjson::to_vec(&stored)),
        None => answer,
    })
}

/// GET_BROKER_MEMBER_GROUP.
pub(crate) fn members(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = BrokerMemberGroup::from_fields(command.ext)?;
    check_node("cluster name", header.cluster_name)?;
    check_node("broker name", header.broker_name)?;
    let routes = client.server.routes.read();
    let members = match client.side {
        Side::Inside => routes.members(header.cluster_name, header.broker_name),
        Side::Outside => routes.members_outside(header.cluster_name, header.broker_name),
    };
    drop(routes);
    Ok(Answer::json(&BrokerMemberGroupBody { broker_member_group: members }))
}

/// REGISTER_TOPIC_IN_NAMESRV: one new topic, on brokers that are registered.
pub(crate) fn register_topic(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let RegisterTopic { topic } = RegisterTopic::from_fields(command.ext)?;
    let route: TopicRoute = fastjson::from_request(command.body)?;
    let mut groups = Vec::new();
    for data in route.queue_datas {
        let queues = Queues {
            read: data.read_queue_nums,
            write: data.write_queue_nums,
            perm: data.perm,
            sys_flag: data.topic_sys_flag,
        };
        if !is_topic(topic) || !is_sane(&queues) {
            return Err(refuse(format!("the topic {:?} or its queue numbers are not allowed", cut(topic))));
        }
        groups.push((data.broker_name, queues));
    }
    let registered = client.server.routes.write().register_topic(topic, &groups);
    registered.map_err(|unknown| refuse(format!("the broker {:?} is not registered", cut(&unknown))))?;
    Ok(Answer::ok())
}

fn identity(cluster: &str, name: &str, id: Option<i64>, addr: &str) -> Result<Identity, Refusal> {
    check_node("cluster name", cluster)?;
    check_node("broker name", name)?;
    check_addr("broker address", addr)?;
    let id = id.unwrap_or(MASTER);
    if id < 0 {
        return Err(refuse(format!(
            "the broker id {id} is not allowed: 0 is the master, slaves count from 1"
        )));
    }
    Ok(Identity { cluster: cluster.to_owned(), name: name.to_owned(), id, addr: addr.to_owned() })
}

fn timeout(millis: i64) -> Duration {
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
    millis.map_or(HEARTBEAT_TIMEOUT, |millis| Duration::from_millis(millis).clamp(TIMEOUTS.0, TIMEOUTS.1))
}

/// The topics that can be served. One bad name in an old store must not take its broker off the map.
fn topics(configs: impl Iterator<Item = TopicConfig>, broker: &Identity) -> Vec<(String, Queues)> {
    let mut refused = 0;
    let mut topics = Vec::new();
    for config in configs {
        let queues = Queues {
            read: config.read_queue_nums,
            write: config.write_queue_nums,
            perm: config.perm,
            sys_flag: config.topic_sys_flag,
        };
        if is_topic(&config.topic_name) && is_sane(&queues) {
            topics.push((config.topic_name, queues));
        } else {
            refused += 1;
            tracing::debug!(topic = cut(&config.topic_name), ?queues, "topic ignored");
        }
    }
    if refused > 0 {
        tracing::warn!(
            broker = broker.name,
            addr = broker.addr,
            refused,
            "topics ignored: bad names or queue numbers"
        );
    }
    topics
}

fn is_sane(queues: &Queues) -> bool {
    (0..=MAX_QUEUES).contains(&queues.read) && (0..=MAX_QUEUES).contains(&queues.write)
}
