//! Where a topic's scales stand, for whoever asks.

use super::groups::{At, tracked};
use super::settle::{Next, next};
use crate::broker::Broker;
use crate::topics::Topic;
use gantry_remoting::body::{
    AnnouncedScaleBody, EndedScaleBody, FlipBody, ScalingGroupBody, TopicScalingBody,
};
use gantry_scaling::{Announced, Ended, TopicScaling};
use std::time::Duration;

/// The whole state.
pub(crate) fn view(broker: &Broker, topic: &Topic) -> TopicScalingBody {
    let config = topic.config();
    let state = topic.scales.now().unwrap_or_default();
    let flips = state.flips.iter().map(|flip| FlipBody {
        id: flip.id.to_string(),
        from: flip.from,
        to: flip.to,
        at: flip.at,
        fences: flip.fences.iter().map(|fence| fence.0).collect(),
        opened: flip.opened,
    });
    let ended =
        state.ended.iter().map(|(id, how)| EndedScaleBody { id: id.to_string(), done: *how == Ended::Done });
    let stale = topic.scales.known().map(|scales| scales.producers.stale()).unwrap_or_default();
    TopicScalingBody {
        topic: topic.name().into(),
        queues: state.queues.unwrap_or(config.write_queue_nums),
        write_queue_nums: config.write_queue_nums,
        read_queue_nums: config.read_queue_nums,
        announced: state.announced.as_ref().map(|announced| announcement(broker, topic, announced)),
        flips: flips.collect(),
        groups: tracked(broker, topic.name()).iter().map(|g| group(broker, topic, &state, g)).collect(),
        stale_producers: stale.iter().map(|addr| addr.to_string()).collect(),
        ended: ended.collect(),
    }
}

fn announcement(broker: &Broker, topic: &Topic, announced: &Announced) -> AnnouncedScaleBody {
    let mut body = AnnouncedScaleBody {
        id: announced.id.to_string(),
        from: announced.from,
        to: announced.to,
        at: announced.at,
        ..AnnouncedScaleBody::default()
    };
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match next(broker, topic) {
        Some(Next::NameServers(behind)) => body.name_servers_behind = behind,
        Some(Next::Clients(time)) => body.settles_in_millis = Some(millis(time)),
        Some(Next::Producers(time)) => {
            body.settles_in_millis = Some(0);
            body.waits_for_producers_millis = Some(millis(time));
        }
        Some(Next::Flip) | None => body.settles_in_millis = Some(0),
    }
    body
}

fn group(broker: &Broker, topic: &Topic, state: &TopicScaling, group: &str) -> ScalingGroupBody {
    let at = At { broker, topic, group };
    let queues = state.readable().unwrap_or(0);
    let mut gates = state.gates(group, &at);
    let is_gated = |queue: &i32| {
        let Some(limit) = gates.limit(*queue) else { return false };
        let end =
            broker.store.existing_queue(topic.name(), *queue).map(|queue| broker.store.max_offset(&queue));
        end.is_some_and(|end| limit < end)
    };
    ScalingGroupBody {
        group: group.to_owned(),
        online: broker.consumers.model(group).is_some(),
        remaining: state.remaining(&at),
        gated_queues: (0..queues).filter(is_gated).collect(),
    }
}
