//! Order by key on this broker: a topic's attribute `order.keyProperty` names the property by which the broker itself chooses
//! each message's queue.
//!
//! The topic's scales hold the rule that is in force, so that it changes at a flip and with it; the attribute says what is
//! wanted. A topic that is made with the attribute has had no other rule, and needs no flip.

use super::journal::flush;
use super::{Rule, refuse};
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::topics::Topic;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Begin, KeyProperty, ScaleId, TopicScaling, common_divisor};
use std::sync::Arc;

/// What is to know of a topic that is new with these settings.
pub(super) fn of_new(config: &TopicConfig) -> Option<TopicScaling> {
    wanted_by(config).map(TopicScaling::keyed)
}

fn wanted_by(config: &TopicConfig) -> Option<KeyProperty> {
    KeyProperty::new(config.attributes.get(KeyProperty::ATTRIBUTE)?)
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
    let new = wanted_by(wanted);
    let queues = state.queues.unwrap_or_else(|| topic.config().write_queue_nums);
    if new == state.key {
        return match state.key {
            Some(_) if wanted.write_queue_nums != queues => {
                scale(broker, topic, &state, queues, wanted.write_queue_nums)
            }
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
    if let Some(id) = state.active() {
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
    // A key may come from any queue: nobody knows how clients chose until now.
    let rule = Rule { modulus: 1, key: Some(new.clone()), by_hand: true };
    flip(broker, topic, &state, (queues, queues), rule)?;
    tracing::info!(topic = name, property = new.as_str(), "ordered by key from now on");
    Ok(())
}

/// Brings the attribute and the rule together, after a start.
pub(super) fn resume(broker: &Broker, topic: &Arc<Topic>) {
    let config = topic.config();
    let is = config.attributes.get(KeyProperty::ATTRIBUTE);
    match topic.scales.now().and_then(|state| state.key.clone()) {
        Some(key) if is.is_some_and(|is| is == key.as_str()) => {}
        // A crash came between the record and the settings.
        Some(key) => {
            let mut config = (*config).clone();
            config.attributes.insert(KeyProperty::ATTRIBUTE.into(), key.as_str().into());
            if let Err(refusal) = broker.topics.update(topic, config) {
                tracing::error!(topic = topic.name(), %refusal, "the settings do not tell how it is ordered");
            }
        }
        // Somebody wrote it into the file.
        None if is.is_some() => {
            if let Err(refusal) = change(broker, topic, &config) {
                tracing::error!(topic = topic.name(), %refusal, "cannot order by key as the settings say");
            }
        }
        None => {}
    }
}

/// The number of queues was set by hand. More are no danger where the broker puts the keys: gates keep them in order.
fn scale(
    broker: &Broker,
    topic: &Arc<Topic>,
    state: &TopicScaling,
    from: i32,
    to: i32,
) -> Result<(), Refusal> {
    if to < from {
        return Err(refuse(format!(
            "topic {} is ordered by key: by hand it gets more queues, not fewer; what is in queues {to} to {} has to be consumed \
             before they can be closed, which a Topic resource sees to",
            topic.name(),
            from - 1
        )));
    }
    let rule = Rule { modulus: common_divisor(from, to), key: state.key.clone(), by_hand: true };
    flip(broker, topic, state, (from, to), rule)?;
    tracing::info!(topic = topic.name(), from, to, "scaled by hand");
    Ok(())
}

/// A flip that nobody has a name for; it is on the disk before the settings that follow from it.
fn flip(
    broker: &Broker,
    topic: &Arc<Topic>,
    state: &TopicScaling,
    (from, to): (i32, i32),
    rule: Rule,
) -> Result<(), Refusal> {
    state.has_room().map_err(refuse)?;
    let scale = Begin { id: by_hand(state)?, from, to };
    broker.journal.changing().flip(broker, topic, &scale, rule)?;
    flush(broker)
}

/// An id that no scale of the topic has.
fn by_hand(state: &TopicScaling) -> Result<ScaleId, Refusal> {
    let now = now_ms();
    let mut ids = (0..=state.flips.len() + state.ended.len())
        .filter_map(|number| ScaleId::new(&format!("by-hand-{now}-{number}")));
    ids.find(|id| !state.knows(id)).ok_or_else(|| refuse("no id is left"))
}
