//! QUERY_ASSIGNMENT and SET_MESSAGE_REQUEST_MODE: consumers that let the broker share out the queues (Apache:
//! `QueryAssignmentProcessor`).

use super::{SEE_ALSO, failed, no_topic};
use crate::broker::Broker;
use crate::session::BrokerSession;
use gantry_message::name;
use gantry_remoting::body::{
    Assignment, Assignments, MessageModel, MessageQueue, PERM_READ, QueryAssignmentRequest, RequestMode,
    SetRequestMode, TopicRoute,
};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, ResponseCode, fastjson};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) fn set_request_mode(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let mode: SetRequestMode = fastjson::from_request(command.body)?;
    if mode.topic.starts_with(name::RETRY_PREFIX) {
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, "retry topic is not allowed to set mode"));
    }
    broker.topics.get(&mode.topic).ok_or_else(|| no_topic(&mode.topic))?;
    if broker.groups.find(&mode.consumer_group).is_none() {
        return Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("subscription group does not exist{SEE_ALSO}"),
        ));
    }
    tracing::info!(topic = mode.topic, group = mode.consumer_group, mode = ?mode.mode, "request mode set");
    broker
        .request_modes
        .set(mode)
        .map_err(|error| failed(format!("the request mode cannot be saved: {error}")))?;
    Ok(Answer::ok())
}

/// Answers when a name server has told of all brokers that have the topic.
pub(crate) fn query_assignment(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let request: QueryAssignmentRequest = match fastjson::from_request(command.body) {
        Ok(request) => request,
        Err(error) => return out.answer(to, &Refusal::from(error).into()),
    };
    let (broker, peer) = (Arc::clone(&session.broker), Arc::clone(&session.peer));
    tokio::spawn(async move {
        let route = broker.registration.route(&request.topic).await;
        let assignments = assign(&broker, &request, route.as_ref());
        let mut out = Outbound::default();
        out.answer(to, &Answer::json(&assignments));
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}

fn assign(broker: &Broker, request: &QueryAssignmentRequest, route: Option<&TopicRoute>) -> Assignments {
    let QueryAssignmentRequest { topic, consumer_group, client_id, strategy_name, message_model } = request;
    let set = broker.request_modes.get(topic, consumer_group);
    let (mode, share) = set.map_or((RequestMode::Pull, 0), |set| {
        (set.mode, usize::try_from(set.pop_share_queue_num).unwrap_or(0))
    });
    let queues = queues_of(broker, topic, route);
    let assigned = match message_model {
        _ if queues.is_empty() => None,
        MessageModel::Broadcasting => Some(queues),
        _ => share_out(
            &queues,
            &broker.consumers.client_ids(consumer_group),
            client_id,
            strategy_name,
            (mode == RequestMode::Pop).then_some(share),
        ),
    };
    let assignments = assigned
        .map(|queues| queues.into_iter().map(|message_queue| Assignment { message_queue, mode }).collect());
    Assignments { message_queue_assignments: assignments }
}

/// What a consumer of the topic may read, sorted as clients do.
fn queues_of(broker: &Broker, topic: &str, route: Option<&TopicRoute>) -> Vec<MessageQueue> {
    let queue = |broker_name: &str, queue_id| MessageQueue {
        broker_name: broker_name.to_owned(),
        queue_id,
        topic: topic.to_owned(),
    };
    let mut queues: Vec<_> = match route {
        Some(route) => {
            let readable = route.queue_datas.iter().filter(|data| data.perm & PERM_READ != 0);
            readable
                .flat_map(|data| (0..data.read_queue_nums).map(|id| queue(&data.broker_name, id)))
                .collect()
        }
        // Without a name server there is this broker alone.
        None => {
            let config = broker.topics.get(topic).map(|topic| topic.config());
            let readable = config.filter(|config| config.is_readable()).map_or(0, |c| c.read_queue_nums);
            (0..readable).map(|id| queue(&broker.config().broker_name, id)).collect()
        }
    };
    queues.sort_by(|a, b| (&a.broker_name, a.queue_id).cmp(&(&b.broker_name, b.queue_id)));
    queues
}

/// The queues of one consumer. `share`: for POP, with how many others it shares its own, 0 for all with all. `None` for a
/// consumer that the group does not know, or a way of sharing out that nobody knows.
fn share_out(
    queues: &[MessageQueue],
    clients: &[String],
    client: &str,
    strategy: &str,
    share: Option<usize>,
) -> Option<Vec<MessageQueue>> {
    let allot = match strategy {
        "AVG" => averagely,
        "AVG_BY_CIRCLE" => by_turns,
        _ => return None,
    };
    let mut clients: Vec<_> = clients.iter().map(String::as_str).collect();
    clients.sort_unstable();
    let Some(share) = share else {
        let index = clients.iter().position(|other| *other == client)?;
        return Some(allot(queues, index, clients.len()));
    };
    if share == 0 || share + 1 >= clients.len() {
        // All queues of each broker, as one.
        let brokers: BTreeSet<_> = queues.iter().map(|queue| (&queue.broker_name, &queue.topic)).collect();
        let all = |(broker_name, topic): (&String, &String)| MessageQueue {
            broker_name: broker_name.clone(),
            topic: topic.clone(),
            queue_id: -1,
        };
        return Some(brokers.into_iter().map(all).collect());
    }
    let index = clients.iter().position(|other| *other == client)?;
    if clients.len() > queues.len() {
        return Some(queues.get(index % queues.len()).cloned().into_iter().collect());
    }
    let mut mine = Vec::new();
    for n in 0..=share {
        mine.extend(allot(queues, (index + n) % clients.len(), clients.len()));
    }
    Some(mine)
}

/// Neighbours together (Apache: `AllocateMessageQueueAveragely`).
fn averagely(queues: &[MessageQueue], index: usize, clients: usize) -> Vec<MessageQueue> {
    let (each, more) = (queues.len() / clients, queues.len() % clients);
    let start = index * each + index.min(more);
    let count = each + usize::from(index < more);
    queues.iter().skip(start).take(count).cloned().collect()
}

/// One after the other (Apache: `AllocateMessageQueueAveragelyByCircle`).
fn by_turns(queues: &[MessageQueue], index: usize, clients: usize) -> Vec<MessageQueue> {
    queues.iter().skip(index).step_by(clients).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(count: i32) -> Vec<MessageQueue> {
        let queue = |queue_id| MessageQueue { broker_name: "b".into(), queue_id, topic: "T".into() };
        (0..count).map(queue).collect()
    }

    fn ids(
        client: &str,
        clients: &[&str],
        count: i32,
        strategy: &str,
        share: Option<usize>,
    ) -> Option<Vec<i32>> {
        let clients: Vec<_> = clients.iter().map(ToString::to_string).collect();
        let mine = share_out(&queues(count), &clients, client, strategy, share)?;
        Some(mine.iter().map(|queue| queue.queue_id).collect())
    }

    #[test]
    fn queues_are_shared_out_as_clients_would() {
        let clients = ["b", "a", "c"];
        assert_eq!(ids("a", &clients, 8, "AVG", None).unwrap(), [0, 1, 2]);
        assert_eq!(ids("c", &clients, 8, "AVG", None).unwrap(), [6, 7]);
        assert_eq!(ids("b", &clients, 8, "AVG_BY_CIRCLE", None).unwrap(), [1, 4, 7]);
        assert_eq!(ids("c", &clients, 2, "AVG", None).unwrap(), [0; 0]);
        assert_eq!(ids("d", &clients, 8, "AVG", None), None, "unknown to the group");
        assert_eq!(ids("a", &clients, 8, "MACHINE_ROOM", None), None);
    }

    #[test]
    fn who_pops_shares_all_or_with_the_next() {
        let clients = ["a", "b", "c", "d"];
        assert_eq!(ids("a", &clients, 8, "AVG", Some(0)).unwrap(), [-1]);
        assert_eq!(ids("a", &clients, 8, "AVG", Some(3)).unwrap(), [-1]);
        assert_eq!(ids("d", &clients, 8, "AVG", Some(1)).unwrap(), [6, 7, 0, 1]);
        assert_eq!(ids("d", &clients, 3, "AVG", Some(1)).unwrap(), [0], "each has one");
    }
}
