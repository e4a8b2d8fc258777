//! The header fields of each request code, typed (Apache: the classes in `remoting.protocol.header`).
//!
//! All fields travel as text. A missing mandatory field is an error that names it; a missing number or boolean of Java's
//! primitive kind is 0 or false, as in Java.

mod admin;
mod namesrv;
mod offset;
mod pop;
mod pull;
mod scale;
mod send;

pub use admin::*;
pub use namesrv::*;
pub use offset::*;
pub use pop::*;
pub use pull::*;
pub use scale::*;
pub use send::*;

use crate::codec::HeaderWriter;
use crate::command::{CommandBuf, ExtFields};

/// Why a request's header fields were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A mandatory field is absent.
    #[error("the custom field <{0}> is null")]
    Missing(&'static str),
    /// A field is not of its type.
    #[error("the custom field <{name}> is not {expected}: {value:?}")]
    Malformed {
        /// Name on the wire.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What was sent, cut to 64 characters.
        value: String,
    },
}

/// Header fields of one request code, read from a request.
pub trait FromFields<'a>: Sized {
    /// Reads the fields in one pass.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    fn from_fields(fields: ExtFields<'a>) -> Result<Self, HeaderError>;
}

/// Header fields of one request code, written to a request.
pub trait ToFields {
    /// Hands each present field to `put`.
    fn to_fields(&self, put: &mut dyn FnMut(&'static str, String));

    /// Adds the fields to an owned command.
    #[must_use]
    fn into_command(self, mut command: CommandBuf) -> CommandBuf
    where
        Self: Sized,
    {
        self.to_fields(&mut |name, value| command.ext.push((name.into(), value)));
        command
    }

    /// Writes the fields to a header.
    fn write(&self, header: &mut HeaderWriter<'_>) {
        self.to_fields(&mut |name, value| header.field(name, &value));
    }
}

/// A type that a header field can have.
pub trait Field<'a>: Sized {
    /// Reads the field's text.
    ///
    /// # Errors
    /// Missing though mandatory, or not of this type.
    fn read(name: &'static str, text: Option<&'a str>) -> Result<Self, HeaderError>;
    /// The field's text; `None` leaves it out.
    fn text(&self) -> Option<String>;
}

fn malformed(name: &'static str, expected: &'static str, value: &str) -> HeaderError {
    HeaderError::Malformed { name, expected, value: value.chars().take(64).collect() }
}

impl<'a> Field<'a> for &'a str {
    fn read(name: &'static str, text: Option<&'a str>) -> Result<Self, HeaderError> {
        text.ok_or(HeaderError::Missing(name))
    }
    fn text(&self) -> Option<String> {
        Some((*self).to_owned())
    }
}

macro_rules! number_field {
    ($($number:ty),*) => {$(
        impl Field<'_> for $number {
            fn read(name: &'static str, text: Option<&str>) -> Result<Self, HeaderError> {
                let text = text.ok_or(HeaderError::Missing(name))?;
                text.parse().map_err(|_| malformed(name, "a number in range", text))
            }
            fn text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
number_field!(i32, i64);

/// Java's `Boolean.parseBoolean`: only `true`, in any case, is true; absent is false.
impl Field<'_> for bool {
    fn read(_: &'static str, text: Option<&str>) -> Result<Self, HeaderError> {
        Ok(text.is_some_and(|text| text.eq_ignore_ascii_case("true")))
    }
    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn read(name: &'static str, text: Option<&'a str>) -> Result<Self, HeaderError> {
        text.map(|text| T::read(name, Some(text))).transpose()
    }
    fn text(&self) -> Option<String> {
        self.as_ref().and_then(T::text)
    }
}

/// A header: a struct whose fields say their wire name and type, readable and writable.
macro_rules! header {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $($(#[$note:meta])* $field:ident: $kind:ty = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "field names are the protocol's own; what is special is noted at the field")]
        pub struct $name<$life> { $($(#[$note])* pub $field: $kind,)* }

        impl<$life> $crate::header::FromFields<$life> for $name<$life> {
            fn from_fields(fields: $crate::command::ExtFields<$life>) -> Result<Self, $crate::header::HeaderError> {
                $(let mut $field = None;)*
                for (name, value) in fields.iter() {
                    match name {
                        $($wire => $field = Some(value),)*
                        _ => {}
                    }
                }
                Ok(Self { $($field: $crate::header::Field::read($wire, $field)?,)* })
            }
        }

        impl $crate::header::ToFields for $name<'_> {
            fn to_fields(&self, put: &mut dyn FnMut(&'static str, String)) {
                $(if let Some(text) = $crate::header::Field::text(&self.$field) {
                    put($wire, text);
                })*
            }
        }
    };
}
use header;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestCode;
    use crate::codec::Decoder;
    use crate::frame::split;
    use bytes::BytesMut;

    fn offsets(command: CommandBuf) -> Result<i64, HeaderError> {
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        let mut decoder = Decoder::default();
        let command = decoder.decode(split(&bytes).unwrap().unwrap()).unwrap();
        UpdateConsumerOffset::from_fields(command.ext).map(|header| header.commit_offset)
    }

    #[test]
    fn a_header_is_written_read_and_refused() {
        let header = UpdateConsumerOffset { consumer_group: "g", topic: "T", queue_id: 1, commit_offset: 77 };
        let command = header.into_command(CommandBuf::request(RequestCode::UPDATE_CONSUMER_OFFSET));
        assert_eq!(offsets(command.clone()), Ok(77));
        let mut missing = command.clone();
        missing.ext.retain(|(name, _)| name != "topic");
        assert_eq!(offsets(missing), Err(HeaderError::Missing("topic")));
        let wrong = command.with("commitOffset", "9223372036854775808");
        assert!(matches!(offsets(wrong), Err(HeaderError::Malformed { name: "commitOffset", .. })));
    }
}
