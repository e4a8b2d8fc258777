//! Which names a topic or a group may have, and the names the system keeps for itself.
//!
//! Apache: `TopicValidator`. Every name passes here before anything else looks at it; since `.` and `/` are not in the
//! alphabet, a name that passes can stand in a path.

/// Topic that new topics inherit from while automatic creation is on.
pub const DEFAULT_TOPIC: &str = "TBW102";
/// Where delayed messages wait, one queue a level.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
/// Where transactional messages wait for their producer's decision (Apache: `TopicValidator`).
pub const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// What became of them.
pub const HALF_MARKS_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Where those go that no producer decided on.
pub const GIVEN_UP_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
/// How far each level has delivered them, one queue a level. Gantry's own.
pub const DELAY_MARKS_TOPIC: &str = "rmq_sys_gantry_delay_marks";
/// Where messages with a time of delivery of their own wait (Apache: `TimerMessageStore.TIMER_TOPIC`).
pub const TIMER_TOPIC: &str = "rmq_sys_wheel_timer";
/// Which of them were delivered or taken back. Gantry's own.
pub const TIMER_MARKS_TOPIC: &str = "rmq_sys_gantry_timer_marks";
/// What groups were given by POP. Gantry's own.
pub const POPS_TOPIC: &str = "rmq_sys_gantry_pops";
/// What of it is acknowledged. Gantry's own.
pub const POP_MARKS_TOPIC: &str = "rmq_sys_gantry_pop_marks";
/// Where a broker puts on record how topics are scaled. Gantry's own; no client may write there.
pub const SCALING_TOPIC: &str = "rmq_sys_gantry_scaling";
/// Names of topics that were deleted, each where in the log that was. Gantry's own; no client may write there.
pub const DELETED_TOPICS_TOPIC: &str = "rmq_sys_gantry_deleted_topics";
/// Prefix of a group's retry topic.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// Prefix of a group's dead letter topic.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// Longest ordinary topic name in bytes.
pub const MAX_TOPIC_LEN: usize = 127;
/// Longest retry or dead letter topic name in bytes.
pub const MAX_DERIVED_TOPIC_LEN: usize = 255;
/// Longest group name in bytes (4.9 allowed 255; 5.x made it 120, so that every derived topic fits).
pub const MAX_GROUP_LEN: usize = 255;

/// Why a name was refused; the text is for the person who chose it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Empty or only blanks.
    #[error("the specified {0} is blank")]
    Blank(Kind),
    /// Longer than the limit.
    #[error("the specified {kind} is longer than {limit} characters")]
    TooLong {
        /// Topic or group.
        kind: Kind,
        /// The limit in bytes.
        limit: usize,
    },
    /// Has a character outside the alphabet.
    #[error(
        "the specified {kind} {name:?} has a character that is not allowed: only letters, digits, %, |, _ and - are"
    )]
    Character {
        /// Topic or group.
        kind: Kind,
        /// The name as given, cut to 64 characters.
        name: String,
    },
}

/// What is being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A topic.
    Topic,
    /// A producer or consumer group.
    Group,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Group => "group",
        })
    }
}

/// Checks a topic name: `[%|a-zA-Z0-9_-]+`, at most 127 bytes, 255 for retry and dead letter topics.
///
/// # Errors
/// Says which rule the name breaks.
pub fn check_topic(name: &str) -> Result<(), BadName> {
    let derived = name.starts_with(RETRY_PREFIX) || name.starts_with(DLQ_PREFIX);
    check(Kind::Topic, name, if derived { MAX_DERIVED_TOPIC_LEN } else { MAX_TOPIC_LEN })
}

/// Checks a group name: the same alphabet, at most 255 bytes.
///
/// # Errors
/// Says which rule the name breaks.
pub fn check_group(name: &str) -> Result<(), BadName> {
    check(Kind::Group, name, MAX_GROUP_LEN)
}

fn check(kind: Kind, name: &str, limit: usize) -> Result<(), BadName> {
    if name.trim().is_empty() {
        return Err(BadName::Blank(kind));
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'|' | b'_' | b'-')) {
        return Err(BadName::Character { kind, name: name.chars().take(64).collect() });
    }
    if name.len() > limit {
        return Err(BadName::TooLong { kind, limit });
    }
    Ok(())
}

/// Topics that no client may send to.
#[must_use]
pub fn is_send_forbidden(topic: &str) -> bool {
    matches!(
        topic,
        SCHEDULE_TOPIC
            | DELAY_MARKS_TOPIC
            | SCALING_TOPIC
            | DELETED_TOPICS_TOPIC
            | TIMER_TOPIC
            | TIMER_MARKS_TOPIC
            | POPS_TOPIC
            | POP_MARKS_TOPIC
            | HALF_TOPIC
            | HALF_MARKS_TOPIC
            | GIVEN_UP_TOPIC
            | "SELF_TEST_TOPIC"
            | "OFFSET_MOVED_EVENT"
    )
}

/// Topics with nothing but small records of the broker's own, without which reading what is stored does not go on. No client sends
/// there.
#[must_use]
pub fn is_for_records(topic: &str) -> bool {
    matches!(
        topic,
        DELAY_MARKS_TOPIC
            | HALF_MARKS_TOPIC
            | TIMER_MARKS_TOPIC
            | POPS_TOPIC
            | POP_MARKS_TOPIC
            | SCALING_TOPIC
            | DELETED_TOPICS_TOPIC
    )
}

/// Topics that belong to the system: they are neither deleted nor listed as a user's.
#[must_use]
pub fn is_system_topic(topic: &str) -> bool {
    is_send_forbidden(topic)
        || topic == DEFAULT_TOPIC
        || topic == "BenchmarkTest"
        || topic == "RMQ_SYS_TRACE_TOPIC"
        || topic.starts_with("rmq_sys_")
}

/// The retry topic of `group`.
#[must_use]
pub fn retry_topic(group: &str) -> String {
    format!("{RETRY_PREFIX}{group}")
}

/// Where messages of `topic` wait that `group` was given by POP and did not acknowledge (Apache:
/// `KeyBuilder.buildPopRetryTopicV1`).
#[must_use]
pub fn pop_retry_topic(group: &str, topic: &str) -> String {
    format!("{RETRY_PREFIX}{group}_{topic}")
}

/// The dead letter topic of `group`.
#[must_use]
pub fn dlq_topic(group: &str) -> String {
    format!("{DLQ_PREFIX}{group}")
}

/// Groups that every broker has (Apache: `SubscriptionGroupManager.init`).
pub const GROUPS_OF_EVERY_BROKER: [&str; 8] = [
    "TOOLS_CONSUMER",
    "FILTERSRV_CONSUMER",
    "SELF_TEST_C_GROUP",
    "CID_ONS-HTTP-PROXY",
    "CID_ONSAPI_PERMISSION",
    "CID_ONSAPI_OWNER",
    "CID_ONSAPI_PULL",
    "CID_RMQ_SYS_TRANS",
];

/// Groups that tools and the broker itself use; they get no retry topic of a user's making.
#[must_use]
pub fn is_system_group(group: &str) -> bool {
    group.starts_with("CID_RMQ_SYS_")
        || group == "__MONITOR_CONSUMER"
        || GROUPS_OF_EVERY_BROKER.contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_and_derived_names_pass() {
        for name in ["T", "order-events_1", "%RETRY%g", "a|b"] {
            assert_eq!(check_topic(name), Ok(()), "{name}");
        }
        assert_eq!(check_topic(&"x".repeat(127)), Ok(()));
        assert_eq!(check_topic(&retry_topic(&"g".repeat(200))), Ok(()));
    }

    #[test]
    fn nothing_that_could_be_a_path_or_trick_passes() {
        for name in
            ["", " ", "../../x", "a/b", "a.b", "a\0", "a b", "тема", "a\u{1}", "C:\\x", &"x".repeat(128)]
        {
            assert!(check_topic(name).is_err(), "{name:?}");
        }
        assert!(check_topic(&retry_topic(&"g".repeat(250))).is_err());
    }
}
