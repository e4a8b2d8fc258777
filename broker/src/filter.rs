//! Which messages a subscription wants: by their tags, or by an expression on their properties.
//!
//! Of tags the broker compares hashes, and the client the tags themselves. The set of hashes is always computed here from the
//! subscription's text: C++ and Go clients send other hashes than Java's (protocol page 4.2). Expressions are for the broker
//! alone.

use gantry_filter::{Expression, ParseError};
use gantry_message::hash::java_hash;
use gantry_message::{Record, properties};
use gantry_remoting::body::SubscriptionData;
use gantry_store::Select;
use std::sync::Arc;

/// What a subscription wants. Copies share it: each pull has one.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// All messages.
    All,
    /// Those whose tag has one of these hashes.
    Tags(Arc<[i32]>),
    /// Those whose properties are so.
    Properties(Arc<Expression>),
}

/// Why a subscription's text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unparsable {
    #[error("neither * nor tags between ||")]
    Tags,
    #[error(transparent)]
    Expression(#[from] ParseError),
    #[error("no expressions of type {0}: TAG and SQL92 are known")]
    Kind(String),
}

/// True for the type of a subscription by tags (Apache: `ExpressionType.isTagType`).
pub(crate) fn is_tags(kind: &str) -> bool {
    kind.is_empty() || kind.eq_ignore_ascii_case("TAG")
}

impl Filter {
    /// Apache: `FilterAPI.build`.
    pub(crate) fn parse(kind: &str, text: &str) -> Result<Self, Unparsable> {
        if is_tags(kind) {
            return Self::tags(text);
        }
        if kind != "SQL92" {
            return Err(Unparsable::Kind(kind.to_owned()));
        }
        Ok(Self::Properties(Arc::new(Expression::parse(text)?)))
    }

    fn tags(text: &str) -> Result<Self, Unparsable> {
        if text.is_empty() || text == "*" {
            return Ok(Self::All);
        }
        let tags = text.split("||").map(str::trim).filter(|tag| !tag.is_empty());
        let hashes: Arc<[i32]> = tags.map(java_hash).collect();
        if hashes.is_empty() { Err(Unparsable::Tags) } else { Ok(Self::Tags(hashes)) }
    }

    /// The filter of a subscription from a heartbeat; `None` when its expression is none. Filter classes run on the client.
    pub(crate) fn of(subscription: &SubscriptionData) -> Option<Self> {
        if subscription.class_filter_mode {
            return Some(Self::All);
        }
        let SubscriptionData { topic, sub_string: text, expression_type, .. } = subscription;
        match Self::parse(expression_type, text) {
            Ok(filter) => {
                if let Self::Properties(expression) = &filter
                    && let Some(column) = expression.unread()
                {
                    tracing::warn!(
                        topic,
                        text,
                        column,
                        "an expression is complete before this column: the rest is not read"
                    );
                }
                Some(filter)
            }
            Err(Unparsable::Tags) => Some(Self::All),
            Err(error) => {
                tracing::warn!(topic, text, %error, "nobody can read by this subscription");
                None
            }
        }
    }

    /// The hashes of the tags; none for all.
    pub(crate) fn hashes(&self) -> &[i32] {
        match self {
            Self::All | Self::Properties(_) => &[],
            Self::Tags(hashes) => hashes,
        }
    }

    /// True when it looks at messages, which may have to come from the disk for that.
    pub(crate) fn reads_messages(&self) -> bool {
        matches!(self, Self::Properties(_))
    }
}

impl Select for Filter {
    /// The low half of an entry's tag code is the hash.
    fn wants_tag(&self, tag_code: i64) -> bool {
        match self {
            Self::All | Self::Properties(_) => true,
            Self::Tags(hashes) => hashes.contains(&(tag_code as i32)),
        }
    }

    fn wants_record(&self, record: &[u8]) -> bool {
        let Self::Properties(expression) = self else { return true };
        Record::read(record)
            .is_ok_and(|(record, _)| expression.matches(|name| properties::find(record.properties, name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_message::hash::tag_code;

    #[test]
    fn tags_between_bars() {
        let filter = Filter::parse("TAG", " TagA||TagB || 订单 ").unwrap();
        for tag in ["TagA", "TagB", "订单"] {
            assert!(filter.wants_tag(tag_code(Some(tag))), "{tag}");
        }
        assert!(!filter.wants_tag(tag_code(Some("TagC"))));
        assert!(!filter.wants_tag(0), "a message without a tag");
    }

    #[test]
    fn a_star_or_nothing_is_everything() {
        assert!(matches!(Filter::parse("", "*"), Ok(Filter::All)));
        assert!(matches!(Filter::parse("tag", ""), Ok(Filter::All)));
        assert_eq!(Filter::parse("TAG", " || ").unwrap_err(), Unparsable::Tags);
    }

    #[test]
    fn other_expressions_are_told_from_bad_ones() {
        assert!(Filter::parse("SQL92", "a = 1").unwrap().reads_messages());
        let bad = Filter::parse("SQL92", "a ! 1").unwrap_err();
        assert!(bad.to_string().contains("column 3"), "{bad}");
        assert_eq!(Filter::parse("XPATH", "a").unwrap_err(), Unparsable::Kind("XPATH".into()));
        let data = SubscriptionData {
            sub_string: "a ! 1".into(),
            expression_type: "SQL92".into(),
            ..SubscriptionData::default()
        };
        assert!(Filter::of(&data).is_none());
    }
}
