//! Which tags a member wants (Apache: `FilterAPI`). The broker compares hashes only, so the client looks again.

use gantry_message::hash::java_hash;
use gantry_remoting::body::SubscriptionData;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// `*` for everything, or tags with `||` between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter(Vec<String>);

impl FromStr for TagFilter {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        if matches!(text.trim(), "" | "*") {
            return Ok(Self::default());
        }
        let mut tags: Vec<String> = Vec::new();
        for tag in text.split("||").map(str::trim).filter(|tag| !tag.is_empty()) {
            if !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
        Ok(Self(tags))
    }
}

impl fmt::Display for TagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.0.is_empty() { "*".to_owned() } else { self.0.join(" || ") })
    }
}

impl TagFilter {
    /// Whether a message with this tag is wanted.
    #[must_use]
    pub fn matches(&self, tag: Option<&str>) -> bool {
        self.0.is_empty() || tag.is_some_and(|tag| self.0.iter().any(|wanted| wanted == tag))
    }

    /// The subscription to `topic` that a heartbeat announces.
    #[must_use]
    pub fn subscription(&self, topic: &str, version: i64) -> SubscriptionData {
        SubscriptionData {
            topic: topic.to_owned(),
            sub_string: self.to_string(),
            tags_set: self.0.clone(),
            code_set: self.0.iter().map(|tag| java_hash(tag)).collect(),
            sub_version: version,
            ..SubscriptionData::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TagFilter {
        text.parse().unwrap()
    }

    #[test]
    fn everything_is_wanted_without_tags() {
        for text in ["", "*", " * ", "||"] {
            assert_eq!(filter(text).to_string(), "*", "{text:?}");
            assert!(filter(text).matches(None) && filter(text).matches(Some("x")));
        }
    }

    #[test]
    fn tags_are_compared_by_text() {
        let two = filter("Aa||  B ||Aa");
        assert_eq!(two.to_string(), "Aa || B");
        assert!(two.matches(Some("Aa")) && two.matches(Some("B")));
        assert!(!two.matches(Some("BB")), "same hash as Aa, and not wanted");
        assert!(!two.matches(None));
        let subscription = two.subscription("T", 7);
        assert_eq!(subscription.code_set, [java_hash("BB"), 66]);
        assert_eq!(subscription.tags_set, ["Aa", "B"]);
    }
}
