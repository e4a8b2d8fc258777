//! Java's `String.hashCode`, which the protocol uses for tags (ConsumeQueue entries) and index keys.

/// `String.hashCode` of `text`: `h = 31 * h + c` over UTF-16 code units, wrapping at 32 bits.
#[must_use]
pub fn java_hash(text: &str) -> i32 {
    extend(0, text)
}

/// Continues a hash over more text: `extend(java_hash(a), b) == java_hash(a + b)`.
#[must_use]
pub fn extend(hash: i32, text: &str) -> i32 {
    if text.is_ascii() {
        text.bytes().fold(hash, |h, b| h.wrapping_mul(31).wrapping_add(i32::from(b)))
    } else {
        text.encode_utf16().fold(hash, |h, c| h.wrapping_mul(31).wrapping_add(i32::from(c)))
    }
}

/// The tag code of a ConsumeQueue entry: 0 without a tag, else the tag's hash, sign-extended.
#[must_use]
pub fn tag_code(tag: Option<&str>) -> i64 {
    match tag {
        Some(tag) if !tag.is_empty() => i64::from(java_hash(tag)),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_java_for_ascii_and_beyond() {
        // Values printed by a JVM.
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("TagA"), 2_598_919);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("订单"), 1_129_459);
        assert_eq!(java_hash("\u{1F600}"), 1_772_899);
    }

    #[test]
    fn a_hash_can_be_continued() {
        assert_eq!(extend(extend(java_hash("topic"), "#"), "key"), java_hash("topic#key"));
    }
}
