//! The body of SEND_BATCH_MESSAGE: elements back to back (Apache: `MessageDecoder.encodeMessage`).
//!
//! Element: `totalSize i32, magic i32 = 0, crc i32 = 0, flag i32, bodyLen i32, body, propertiesLen i16, properties`.

use crate::properties::MAX_LEN;

const FIXED: usize = 4 + 4 + 4 + 4 + 4 + 2;

/// One message of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The user's flag.
    pub flag: i32,
    /// The body, as sent.
    pub body: &'a [u8],
    /// The property string, as sent.
    pub properties: &'a str,
}

/// Why a batch body was refused, with the byte it stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("batch element at byte {at} is malformed")]
pub struct BadBatch {
    /// Start of the bad element.
    pub at: usize,
}

/// Reads the elements one by one; ends after the first error.
#[must_use]
pub fn elements(body: &[u8]) -> Elements<'_> {
    Elements { body, at: 0 }
}

/// Iterator of [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, BadBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
        if let Some((element, len)) = read(rest) {
            self.at += len;
            return Some(Ok(element));
        }
        let at = std::mem::replace(&mut self.at, self.body.len());
        Some(Err(BadBatch { at }))
    }
}

fn read(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let int = |at: usize| Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
    let total = usize::try_from(int(0)?).ok()?;
    let flag = int(12)?;
    let body_len = usize::try_from(int(16)?).ok()?;
    let body_end = 20usize.checked_add(body_len)?;
    let body = bytes.get(20..body_end)?;
    let properties_len = i16::from_be_bytes(*bytes.get(body_end..)?.first_chunk::<2>()?);
    let properties_start = body_end + 2;
    let end = properties_start + usize::try_from(properties_len).ok()?;
    let properties = std::str::from_utf8(bytes.get(properties_start..end)?).ok()?;
    (end == total).then_some((Element { flag, body, properties }, total))
}

/// Appends one element to a batch body.
///
/// # Panics
/// Never: properties beyond 32,767 bytes or bodies beyond 2 GiB are the caller's to refuse, and are cut off here.
pub fn push(out: &mut Vec<u8>, element: Element<'_>) {
    let properties = element.properties.as_bytes();
    let properties = properties.get(..properties.len().min(MAX_LEN)).unwrap_or_default();
    let int = |n: usize| i32::try_from(n).unwrap_or(i32::MAX).to_be_bytes();
    out.extend_from_slice(&int(FIXED + element.body.len() + properties.len()));
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&element.flag.to_be_bytes());
    out.extend_from_slice(&int(element.body.len()));
    out.extend_from_slice(element.body);
    out.extend_from_slice(&(properties.len() as u16).to_be_bytes());
    out.extend_from_slice(properties);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_pushed_is_read(elements in prop::collection::vec((any::<i32>(), prop::collection::vec(any::<u8>(), 0..50), "[a-z\u{1}\u{2}]{0,20}"), 0..5)) {
            let mut body = Vec::new();
            for (flag, bytes, properties) in &elements {
                push(&mut body, Element { flag: *flag, body: bytes, properties });
            }
            let read: Vec<_> = super::elements(&body).map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), elements.len());
            for (got, (flag, bytes, properties)) in read.iter().zip(&elements) {
                prop_assert_eq!((got.flag, got.body, got.properties), (*flag, &bytes[..], &properties[..]));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for element in elements(&bytes) {
                let _ = element;
            }
        }
    }
}
