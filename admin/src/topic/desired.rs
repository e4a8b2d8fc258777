//! What a topic's settings should be, given what they are.

use super::Topic;
use super::observe::TopicOnBroker;
use gantry_crds::{MessageType, Permission, TopicSpec};
use gantry_remoting::body::{PERM_READ, PERM_WRITE, TopicConfig};
use gantry_scaling::KeyProperty;

/// The attribute that RocketMQ 5 clients check.
const MESSAGE_TYPE: &str = "message.type";
/// By this one Gantry's broker puts messages to the queues of their keys.
const ORDER_KEY: &str = KeyProperty::ATTRIBUTE;

/// The settings of a topic that does not exist yet, with the attributes to set.
pub(super) fn new(topic: &Topic) -> (TopicConfig, String) {
    let spec = &topic.spec;
    let config =
        TopicConfig { order: spec.ordered, ..TopicConfig::new(&topic.name, spec.queues, permission(spec)) };
    // What only Gantry's brokers know comes later, when it is seen that this is one.
    let attributes = spec.message_type.map(|kind| format!("+{MESSAGE_TYPE}={}", type_name(kind)));
    (config, attributes.unwrap_or_default())
}

/// A change of a topic that exists.
#[derive(Debug)]
pub(super) struct Change {
    /// The settings after it.
    pub(super) config: TopicConfig,
    /// Changes of attributes in mqadmin's form.
    pub(super) attributes: String,
    /// What changes, for people: `writeQueueNums 4 -> 8`. Nothing when all is as it should be.
    pub(super) what: Vec<String>,
    /// The broker shall choose queues by another property, or by one at all.
    pub(super) sets_key: bool,
}

/// The change that brings a topic as near to its spec as it may come now.
pub(super) fn change(topic: &Topic, found: &TopicOnBroker) -> Change {
    let (spec, is) = (&topic.spec, &found.config);
    let mut config = TopicConfig { perm: permission(spec), order: spec.ordered, ..found.config.clone() };
    // Those of an ordered topic are the broker's own affair, while it scales.
    let is_scaled = found.scaling.as_ref().is_some_and(|scaling| super::scale::is_done(scaling, spec.queues));
    if is_scaled {
        config.write_queue_nums = spec.queues;
        config.read_queue_nums = spec.queues;
    } else if !spec.ordered {
        config.write_queue_nums = spec.queues;
        if is.read_queue_nums < spec.queues || may_close(topic, found) {
            config.read_queue_nums = spec.queues;
        }
    }
    let mut what = Vec::new();
    let mut note = |name: &str, before: String, after: String| {
        if before != after {
            what.push(format!("{name} {before} -> {after}"));
        }
    };
    note("writeQueueNums", is.write_queue_nums.to_string(), config.write_queue_nums.to_string());
    note("readQueueNums", is.read_queue_nums.to_string(), config.read_queue_nums.to_string());
    note("perm", is.perm.to_string(), config.perm.to_string());
    note("order", is.order.to_string(), config.order.to_string());
    let type_is = is.attributes.get(MESSAGE_TYPE).map(String::as_str);
    let type_should = spec.message_type.map(type_name);
    note(MESSAGE_TYPE, type_is.unwrap_or("any").into(), type_should.unwrap_or("any").into());
    let mut attributes = match type_should {
        same if same == type_is => Vec::new(),
        Some(kind) => vec![format!("+{MESSAGE_TYPE}={kind}")],
        None => vec![format!("-{MESSAGE_TYPE}")],
    };
    let key_is = key_of(is);
    // It cannot be taken away again, nor be set while the topic is being scaled.
    let is_settled = found.scaling.as_ref().is_some_and(|scaling| !scaling.is_active());
    let key_should = key_property(spec).filter(|property| is_settled && Some(*property) != key_is);
    if let Some(property) = key_should {
        note(ORDER_KEY, key_is.unwrap_or("none").into(), property.into());
        attributes.push(format!("+{ORDER_KEY}={property}"));
    }
    Change { config, attributes: attributes.join(","), what, sets_key: key_should.is_some() }
}

/// Whether the queues that shall go may be closed for reading: nobody writes to them any more, nobody waits for what is
/// in them.
pub(super) fn may_close(topic: &Topic, found: &TopicOnBroker) -> bool {
    found.config.write_queue_nums <= topic.spec.queues
        && found.leftover.waiting.is_empty()
        && found.leftover.quiet.is_none_or(|quiet| quiet >= topic.settle)
}

/// The property that the broker has its rule by.
pub(super) fn key_of(config: &TopicConfig) -> Option<&str> {
    config.attributes.get(ORDER_KEY).map(String::as_str)
}

fn key_property(spec: &TopicSpec) -> Option<&str> {
    spec.order.as_ref().map(|order| order.key_property.as_str())
}

fn permission(spec: &TopicSpec) -> i32 {
    match spec.permission {
        Permission::ReadWrite => PERM_READ | PERM_WRITE,
        Permission::ReadOnly => PERM_READ,
        Permission::WriteOnly => PERM_WRITE,
    }
}

/// As Apache spells them (`TopicMessageType`).
fn type_name(kind: MessageType) -> &'static str {
    match kind {
        MessageType::Normal => "NORMAL",
        MessageType::Fifo => "FIFO",
        MessageType::Delay => "DELAY",
        MessageType::Transaction => "TRANSACTION",
    }
}
