//! Which messages a subscription wants, as far as the broker can tell from a ConsumeQueue entry.
//!
//! The broker compares hashes; the client compares the tags themselves. The set of hashes is always computed here from the
//! subscription's text: C++ and Go clients send other hashes than Java's (protocol page 4.2).

use gantry_message::hash::java_hash;
use gantry_remoting::body::SubscriptionData;

/// The tags a subscription wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TagFilter {
    /// All messages.
    All,
    /// Those whose tag has one of these hashes.
    Hashes(Box<[i32]>),
}

/// The text is neither `*` nor tags between `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unparsable;

impl TagFilter {
    /// Apache: `FilterAPI.buildSubscriptionData`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unparsable> {
        if text.is_empty() || text == "*" {
            return Ok(Self::All);
        }
        let tags = text.split("||").map(str::trim).filter(|tag| !tag.is_empty());
        let hashes: Box<[i32]> = tags.map(java_hash).collect();
        if hashes.is_empty() { Err(Unparsable) } else { Ok(Self::Hashes(hashes)) }
    }

    /// The filter of a subscription from a heartbeat. Filter classes run on the client.
    pub(crate) fn of(subscription: &SubscriptionData) -> Self {
        if subscription.class_filter_mode {
            return Self::All;
        }
        Self::parse(&subscription.sub_string).unwrap_or(Self::All)
    }

    /// The hashes of the tags; none for all.
    pub(crate) fn hashes(&self) -> &[i32] {
        match self {
            Self::All => &[],
            Self::Hashes(hashes) => hashes,
        }
    }

    /// Looks at an entry's tag code: the low half is the hash.
    pub(crate) fn matches(&self, tag_code: i64) -> bool {
        match self {
            Self::All => true,
            Self::Hashes(hashes) => hashes.contains(&(tag_code as i32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_message::hash::tag_code;

    #[test]
    fn tags_between_bars() {
        let filter = TagFilter::parse(" TagA||TagB || 订单 ").unwrap();
        for tag in ["TagA", "TagB", "订单"] {
            assert!(filter.matches(tag_code(Some(tag))), "{tag}");
        }
        assert!(!filter.matches(tag_code(Some("TagC"))));
        assert!(!filter.matches(0), "a message without a tag");
    }

    #[test]
    fn a_star_or_nothing_is_everything() {
        assert_eq!(TagFilter::parse("*"), Ok(TagFilter::All));
        assert_eq!(TagFilter::parse(""), Ok(TagFilter::All));
        assert_eq!(TagFilter::parse(" || "), Err(Unparsable));
    }
}
