//! What tools ask and change: clusters, topics, permissions.

use crate::names::refuse;
use crate::service::{Client, NameServer, Side};
use crate::table::WritePerm;
use gantry_remoting::Command;
use gantry_remoting::header::{BrokerName, ClusterName, DeleteTopicInNamesrv, FromFields as _};
use gantry_remoting::reply::{Answer, Refusal};

/// GET_BROKER_CLUSTER_INFO.
pub(crate) fn cluster_info(client: &Client) -> Answer {
    let routes = client.server.routes.read();
    let info = match client.side {
        Side::Inside => routes.cluster_info(),
        Side::Outside => routes.cluster_info_outside(),
    };
    drop(routes);
    Answer::json(&info)
}

/// WIPE_WRITE_PERM_OF_BROKER: producers leave a broker alone, consumers read on.
pub(crate) fn wipe_write_perm(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok().with("wipeTopicCount", write_perm(client, command, WritePerm::Wipe)?))
}

/// ADD_WRITE_PERM_OF_BROKER.
pub(crate) fn add_write_perm(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok().with("addTopicCount", write_perm(client, command, WritePerm::Add)?))
}

fn write_perm(client: &Client, command: &Command<'_>, change: WritePerm) -> Result<usize, Refusal> {
    let BrokerName { broker_name } = BrokerName::from_fields(command.ext)?;
    let topics = client.server.routes.write().write_perm(broker_name, change);
    if topics > 0 {
        tracing::info!(broker = broker_name, ?change, topics, peer = %client.peer.addr(), "write permission changed");
    }
    Ok(topics)
}

/// GET_ALL_TOPIC_LIST_FROM_NAMESERVER.
pub(crate) fn all_topics(server: &NameServer) -> Result<Answer, Refusal> {
    if !server.settings.get().enable_all_topic_list {
        return Err(refuse("disable"));
    }
    let topics = server.routes.read().topics();
    Ok(Answer::json(&topics))
}

/// GET_TOPICS_BY_CLUSTER.
pub(crate) fn topics_of_cluster(server: &NameServer, command: &Command<'_>) -> Result<Answer, Refusal> {
    if !server.settings.get().enable_topic_list {
        return Err(refuse("disable"));
    }
    let ClusterName { cluster } = ClusterName::from_fields(command.ext)?;
    let topics = server.routes.read().topics_of_cluster(cluster);
    Ok(Answer::json(&topics))
}

/// GET_SYSTEM_TOPIC_LIST_FROM_NS.
pub(crate) fn system_topics(client: &Client) -> Answer {
    let routes = client.server.routes.read();
    let topics = match client.side {
        Side::Inside => routes.system_topics(),
        Side::Outside => routes.system_topics_outside(),
    };
    drop(routes);
    Answer::json(&topics)
}

/// DELETE_TOPIC_IN_NAMESRV.
pub(crate) fn delete_topic(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let DeleteTopicInNamesrv { topic, cluster_name } = DeleteTopicInNamesrv::from_fields(command.ext)?;
    let cluster = cluster_name.filter(|name| !name.is_empty());
    client.server.routes.write().delete_topic(topic, cluster);
    tracing::info!(topic = crate::names::cut(topic), ?cluster, peer = %client.peer.addr(), "topic deleted");
    Ok(Answer::ok())
}
