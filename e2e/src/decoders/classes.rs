//! Why the two may differ.

use serde_json::{Map, Value};

use super::view::{Input, Kind, View};

/// A reason for a difference.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    NotUtf8,
    ManyFields,
    UnknownLanguage,
    NoOpaque,
    NotJson,
    OtherTypes,
    OddNames,
    FieldsBeyondTheirLength,
    BytesAfterFields,
    RecordLengths,
    BatchLengths,
    Port,
    EmptyBody,
}

/// Languages that have a name.
const LANGUAGES: i32 = 14;
const OTHER: i32 = 7;

impl Class {
    /// All there are, in the order of the document.
    pub const ALL: [Self; 13] = [
        Self::NotUtf8,
        Self::ManyFields,
        Self::UnknownLanguage,
        Self::NoOpaque,
        Self::NotJson,
        Self::OtherTypes,
        Self::OddNames,
        Self::FieldsBeyondTheirLength,
        Self::BytesAfterFields,
        Self::RecordLengths,
        Self::BatchLengths,
        Self::Port,
        Self::EmptyBody,
    ];

    /// What it is.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row()[0]
    }

    /// What it is, what Apache's decoder does, what Gantry's does, and why.
    #[must_use]
    pub fn row(self) -> [&'static str; 4] {
        match self {
            Self::NotUtf8 => [
                "text that is not UTF-8",
                "replaces what it cannot read by U+FFFD",
                "refuses",
                "a name that was changed on the way would be another name",
            ],
            Self::ManyFields => [
                "a header of more than 128 fields, or of more than 64 KiB",
                "takes it, up to the 16 MiB of a frame",
                "refuses",
                "real headers have some twenty fields: what a connection may cost is bounded",
            ],
            Self::UnknownLanguage => [
                "a language that has no name, in a JSON header also one in lower case",
                "reads none",
                "reads it by its number, or as `OTHER`",
                "it is shown to people and decides nothing",
            ],
            Self::NoOpaque => [
                "a JSON header without `opaque`",
                "gives it the number of its own next request",
                "reads 0",
                "as for the other numbers; nobody could wait for the answer",
            ],
            Self::NotJson => [
                "a JSON header that is not JSON by RFC 8259: quotes, commas, numbers and escapes that fastjson guesses at",
                "takes some of them",
                "refuses",
                "no client sends them, and two readers that guess differently are how requests are smuggled",
            ],
            Self::OtherTypes => [
                "a member of a JSON header of another type than it has: `\"version\": 1.0`, `\"flag\": true`, `\"language\": 1`, `1E400`, a field that is `-0`",
                "converts some, refuses some, and ends a few headers with an error of its own",
                "takes numbers as text, and null; passes over `serializeTypeCurrentRPC`, which the frame says, too",
                "what the clients of all languages send is the same to both",
            ],
            Self::OddNames => [
                "names of members or fields in a JSON header beyond ASCII, or with control characters or escapes",
                "refuses some: fastjson 2.0.59 fails at some that are valid JSON",
                "takes them",
                "the names of fields are letters and digits",
            ],
            Self::FieldsBeyondTheirLength => [
                "fields of a ROCKETMQ header that end behind the length that they say they have, or behind the header",
                "takes them, and the next bytes of the frame for the body",
                "refuses",
                "as above: one frame, one meaning",
            ],
            Self::BytesAfterFields => [
                "bytes in a ROCKETMQ header after its fields",
                "takes them for the beginning of the body",
                "refuses",
                "as above",
            ],
            Self::RecordLengths => [
                "a record whose parts are not as long together as it says, or that has a negative length in it",
                "reads what it finds; a negative length is 0",
                "refuses",
                "recovery and replication go by these lengths",
            ],
            Self::BatchLengths => [
                "an element of a batch whose parts are not as long together as it says",
                "does not look at the length of the whole",
                "refuses",
                "what a broker stores must have one meaning to all who read it",
            ],
            Self::Port => [
                "a port beyond 65,535 in a record",
                "reads no record",
                "reads its low 16 bits",
                "it comes from no socket, and is no reason to lose the message",
            ],
            Self::EmptyBody => [
                "a record without a body whose CRC is not 0",
                "does not look at it",
                "refuses",
                "something happened to the record",
            ],
        }
    }

    pub(super) fn of(input: &Input, ours: &View, theirs: &View) -> Option<Self> {
        if refused_with(ours, "UTF-8") {
            return Some(Self::NotUtf8);
        }
        match input.kind {
            Kind::Command => of_command(&input.bytes, ours, theirs),
            Kind::Record => of_record(ours, theirs),
            Kind::Batch => matches!(ours, View::Refused(_)).then_some(Self::BatchLengths),
            Kind::Properties => None,
        }
    }
}

fn refused_with(view: &View, text: &str) -> bool {
    matches!(view, View::Refused(why) if why.contains(text))
}

fn of_command(bytes: &[u8], ours: &View, theirs: &View) -> Option<Class> {
    if refused_with(ours, "too many header fields") || refused_with(ours, "header declares") {
        return Some(Class::ManyFields);
    }
    let (mark, rest) = bytes.split_first_chunk::<4>()?;
    let mark = u32::from_be_bytes(*mark);
    let header = rest.get(..(mark & 0xFF_FFFF) as usize)?;
    let json = (mark >> 24 == 0).then(|| members(header));
    if let (View::Command(ours), View::Command(theirs)) = (ours, theirs) {
        // Those that come together with others, told apart one after the other.
        let nameless = theirs.language == -1 && (ours.language == OTHER || ours.language >= LANGUAGES);
        let no_opaque = matches!(&json, Some(Json::Members(members)) if !members.contains_key("opaque"));
        let mut same = ours.clone();
        if nameless {
            same.language = theirs.language;
        }
        if no_opaque {
            same.opaque = theirs.opaque;
        }
        if same == *theirs {
            return Some(if nameless { Class::UnknownLanguage } else { Class::NoOpaque });
        }
    }
    match json {
        Some(json) => of_json(json, ours, theirs),
        None => of_binary(header, ours, theirs),
    }
}

fn of_binary(header: &[u8], ours: &View, theirs: &View) -> Option<Class> {
    if !refused_with(ours, "binary header") || !matches!(theirs, View::Command(_)) {
        return None;
    }
    /// Before the remark's length.
    const FIXED: usize = 2 + 1 + 2 + 4 + 4;
    let length = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk::<4>()?) as usize);
    let fields_at = FIXED + 4 + length(FIXED)?;
    let left = header.len().checked_sub(fields_at + 4)?;
    Some(if length(fields_at)? < left { Class::BytesAfterFields } else { Class::FieldsBeyondTheirLength })
}

fn of_json(json: Json, ours: &View, theirs: &View) -> Option<Class> {
    let members = match json {
        Json::Members(members) => members,
        Json::HugeNumber => return Some(Class::OtherTypes),
        Json::Not => return matches!(ours, View::Refused(_)).then_some(Class::NotJson),
    };
    let is = |name: &str, good: fn(&Value) -> bool| members.get(name).is_none_or(good);
    let usual = ["code", "flag", "opaque", "version"].iter().all(|name| is(name, Value::is_i64))
        && is("language", Value::is_string)
        && is("serializeTypeCurrentRPC", Value::is_string)
        && is("remark", |value| value.is_string() || value.is_null())
        && is("extFields", |value| value.is_object() || value.is_null());
    let fields = members.get("extFields").and_then(Value::as_object);
    // A field that is a number comes as it was written, or as Java writes it.
    let is_a_number = |fields: &Map<String, Value>| fields.values().any(Value::is_number);
    let both = matches!((ours, theirs), (View::Command(_), View::Command(_)));
    if !usual || both && fields.is_some_and(is_a_number) {
        return Some(Class::OtherTypes);
    }
    let is_plain = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut names = members.keys().chain(fields.into_iter().flat_map(|fields| fields.keys()));
    (names.any(|name| !is_plain(name)) && matches!(theirs, View::Refused(_))).then_some(Class::OddNames)
}

/// The members of a header, if it is JSON. Three things that both take are not: control
/// characters, half a surrogate pair, and an apostrophe with a backslash.
fn members(header: &[u8]) -> Json {
    let Ok(text) = std::str::from_utf8(header) else { return Json::Not };
    let (mut in_string, mut escaped, mut plain) = (false, false, String::with_capacity(text.len()));
    for c in text.chars() {
        in_string ^= c == '"' && !escaped;
        if escaped && c == '\'' {
            plain.pop();
        }
        escaped = c == '\\' && !escaped;
        plain.push(if in_string && c.is_ascii_control() { ' ' } else { c });
    }
    let text = plain.replace("\\ud", "\\u0").replace("\\uD", "\\u0");
    match serde_json::from_str(&text) {
        Ok(Value::Object(members)) => Json::Members(members),
        Err(error) if error.to_string().starts_with("number out of range") => Json::HugeNumber,
        _ => Json::Not,
    }
}

enum Json {
    Members(Map<String, Value>),
    /// Of no type that either has.
    HugeNumber,
    Not,
}

fn of_record(ours: &View, theirs: &View) -> Option<Class> {
    match (ours, theirs) {
        (View::Refused(why), View::Record(_)) if why.contains("CRC") => Some(Class::EmptyBody),
        (View::Refused(_), View::Record(_)) => Some(Class::RecordLengths),
        (View::Record(_), View::Refused(why)) if why.contains("no record") => Some(Class::Port),
        _ => None,
    }
}
