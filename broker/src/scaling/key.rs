//! Order by key on this broker: a topic's attribute `order.keyProperty` names the property by which the broker itself chooses
//! each message's queue.
//!
//! The topic's scales hold the rule that is in force, so that it changes at a flip and with it; the attribute says what is
//! wanted. A topic that is made with the attribute has had no other rule, and needs no flip.

use super::{How, refuse};
use crate::broker::{Broker, now_ms};
use crate::topics::Topic;
use gantry_message::QueueOffset;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Begin, Event, KeyProperty, ScaleId, Settle, TopicScaling};
use std::sync::Arc;

/// What is to know of a topic that is new with these settings.
pub(super) fn of_new(config: &TopicConfig) -> Option<TopicScaling> {
    let property = KeyProperty::new(config.attributes.get(KeyProperty::ATTRIBUTE)?)?;
    Some(TopicScaling::keyed(property))
}

/// Refuses settings whose attribute cannot be.
pub(crate) fn check(config: &TopicConfig) -> Result<(), Refusal> {
    match config.attributes.get(KeyProperty::ATTRIBUTE) {
        Some(name) if KeyProperty::new(name).is_none() => Err(refuse(format!(
            "attribute {} must be the name of a message property, of 1 to {} letters, digits and -_. , not {name:?}",
            KeyProperty::ATTRIBUTE,
            KeyProperty::MAX_LEN
        ))),
        _ => Ok(()),
    }
}

/// Has the rule follow the settings that are wanted for a topic, before they are set.
pub(super) fn change(broker: &Broker, topic: &Arc<Topic>, wanted: &TopicConfig) -> Result<(), Refusal> {
    let state = topic.scales.now().unwrap_or_default();
    let new = wanted.attributes.get(KeyProperty::ATTRIBUTE).and_then(|name| KeyProperty::new(name));
    let queues = topic.config().write_queue_nums;
    if new == state.key {
        return match state.key {
            Some(_) if wanted.write_queue_nums != queues => scale(broker, topic, wanted.write_queue_nums),
            _ => Ok(()),
        };
    }
    let name = topic.name();
    let Some(new) = new else {
        return Err(refuse(format!(
            "attribute {} of topic {name} cannot be taken away: producers that know another number of queues would put keys \
             elsewhere than the broker did; make a new topic",
            KeyProperty::ATTRIBUTE
        )));
    };
    let mut scales = broker.journal.changing();
    if let Some(id) = topic.scales.now().unwrap_or_default().active() {
        return Err(refuse(format!(
            "topic {name} is being scaled (scale {id}): set the attribute when that is done"
        )));
    }
    if wanted.write_queue_nums != queues {
        return Err(refuse(format!(
            "set the attribute {} and the number of queues of topic {name} one after the other",
            KeyProperty::ATTRIBUTE
        )));
    }
    let logs: Vec<_> = (0..queues).map(|queue| Arc::clone(&topic.queue(&broker.store, queue).log)).collect();
    let (id, at) = (by_hand()?, now_ms());
    let event = |ends: &[QueueOffset]| Event::Flipped {
        id: id.clone(),
        from: queues,
        to: queues,
        // A key may come from any queue: nobody knows how clients chose until now.
        modulus: 1,
        fences: ends.to_vec(),
        at,
        key: Some(new.clone()),
    };
    scales.record_at_ends(broker, topic, &logs, event)?;
    // The attribute must not be on the disk without the fences.
    broker.store.flush();
    tracing::info!(topic = name, property = new.as_str(), "ordered by key from now on");
    Ok(())
}

/// Brings the attribute and the rule together, after a start.
pub(super) fn resume(broker: &Broker, topic: &Arc<Topic>) {
    let config = topic.config();
    let Some(key) = topic.scales.now().and_then(|state| state.key.clone()) else {
        return begin_if_set(broker, topic, &config);
    };
    match config.attributes.get(KeyProperty::ATTRIBUTE) {
        Some(name) if name == key.as_str() => {}
        Some(_) => begin_if_set(broker, topic, &config),
        // A crash came between the record and the settings.
        None => {
            let mut config = (*config).clone();
            config.attributes.insert(KeyProperty::ATTRIBUTE.into(), key.as_str().into());
            broker.topics.update(config);
        }
    }
}

fn begin_if_set(broker: &Broker, topic: &Arc<Topic>, config: &TopicConfig) {
    if let Err(refusal) = change(broker, topic, config) {
        tracing::error!(topic = topic.name(), %refusal, "cannot order by key as the settings say");
    }
}

/// The number of queues was set by hand. More are no danger where the broker puts the keys: gates keep them in order.
fn scale(broker: &Broker, topic: &Arc<Topic>, to: i32) -> Result<(), Refusal> {
    let from = topic.config().write_queue_nums;
    if to < from {
        return Err(refuse(format!(
            "topic {} is ordered by key: by hand it gets more queues, not fewer; what is in queues {to} to {} has to be consumed \
             before they can be closed, which a Topic resource sees to",
            topic.name(),
            from - 1
        )));
    }
    let begin = Begin { id: by_hand()?, from, to };
    super::begin(broker, topic, &begin, How { settle: Settle::default(), open_reads_early: false })?;
    // Who may read is what the settings say, and the gates.
    broker.journal.changing().record_safely(broker, topic, &Event::Opened { id: begin.id })
}

fn by_hand() -> Result<ScaleId, Refusal> {
    ScaleId::new(&format!("by-hand-{}", now_ms())).ok_or_else(|| refuse("no id".into()))
}
