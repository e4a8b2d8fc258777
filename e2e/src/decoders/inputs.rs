//! Inputs: what peers really send, the same with something changed, and noise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gantry_message::{Host, Record, batch, record};
use serde_json::{Map, Value, json};

use super::view::{Input, Kind};

/// An endless row of inputs that follows from its seed.
pub(super) struct Inputs {
    random: Random,
}

impl Inputs {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed ^ 0x9E37_79B9_7F4A_7C15) }
    }

    pub(super) fn next(&mut self) -> Input {
        let random = &mut self.random;
        let kind = match random.below(10) {
            0..=5 => Kind::Command,
            6 | 7 => Kind::Record,
            8 => Kind::Batch,
            _ => Kind::Properties,
        };
        let mut bytes = match (kind, random.below(20)) {
            (_, 0) => random.noise(80),
            (Kind::Command, _) => command(random),
            (Kind::Record, _) => one_record(random),
            (Kind::Batch, _) => elements(random),
            (Kind::Properties, _) => properties(random).into_bytes(),
        };
        if random.below(2) == 0 {
            for _ in 0..=random.below(3) {
                change(random, &mut bytes);
            }
        }
        if kind == Kind::Properties {
            // Both are given text.
            bytes = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
        }
        Input { kind, bytes }
    }
}

/// Steele, Lea and Flood's SplitMix64: a row of numbers is all that is wanted.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most);
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn int(&mut self) -> i32 {
        match self.below(4) {
            0 => *self.of(&[0, 1, -1, i32::MAX, i32::MIN, 310, 200_050]),
            1 => self.below(1000) as i32,
            _ => self.next() as i32,
        }
    }

    fn text(&mut self) -> String {
        const LETTERS: [&str; 24] = [
            "a", "B", "7", "_", " ", "%", "\u{1}", "\u{2}", "\n", "\"", "\\", "/", "'", "é", "消", "😀",
            "\u{7f}", "\u{0}", "{", "}", ":", ",", "null", "true",
        ];
        (0..self.below(8)).map(|_| *self.of(&LETTERS)).collect()
    }
}

fn command(random: &mut Random) -> Vec<u8> {
    let (kind, header) =
        if random.below(2) == 0 { (0, json_header(random)) } else { (1, binary_header(random)) };
    let mut bytes = ((kind << 24) | header.len() as u32).to_be_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(random.noise(20));
    bytes
}

const LANGUAGES: [&str; 16] = [
    "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS",
    "RUST", "NODE_JS", "Java", "KLINGON",
];

fn json_header(random: &mut Random) -> Vec<u8> {
    let mut members: Vec<(String, Value)> = vec![
        ("code".into(), json!(random.int())),
        ("flag".into(), json!(random.int())),
        ("language".into(), json!(random.of(&LANGUAGES))),
        ("opaque".into(), json!(random.int())),
        ("serializeTypeCurrentRPC".into(), json!("JSON")),
        ("version".into(), json!(random.int())),
    ];
    if random.below(3) > 0 {
        members.push(("extFields".into(), fields(random)));
    }
    if random.below(3) == 0 {
        members
            .push(("remark".into(), if random.below(4) == 0 { Value::Null } else { json!(random.text()) }));
    }
    if random.below(4) == 0 {
        members.push((random.text(), json!([random.int(), { "a": random.text(), "b": [null, 1.5] }])));
    }
    if random.below(6) == 0 {
        // Numbers as text, text as numbers, and what is missing.
        let at = random.below(members.len());
        members[at].1 = random
            .of(&[
                json!("7"),
                json!(7),
                json!(null),
                json!(true),
                json!(4_294_967_296_i64),
                json!(1.0),
                json!([]),
                json!({}),
            ])
            .clone();
    }
    if random.below(4) == 0 {
        let at = random.below(members.len());
        members.remove(at);
    }
    for at in (1..members.len()).rev() {
        members.swap(at, random.below(at + 1));
    }
    let blank = *random.of(&["", "", "", " ", "\n", "\t"]);
    let body: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}{blank}:{blank}{}", escaped(random, name), written(random, value)))
        .collect();
    format!("{{{blank}{}{blank}}}{}", body.join(","), random.of(&["", "", "\n"])).into_bytes()
}

fn fields(random: &mut Random) -> Value {
    let mut fields = Map::new();
    if random.below(400) == 0 {
        fields.extend((0..100 + random.below(60)).map(|n| (format!("field{n}"), json!("x"))));
    }
    for _ in 0..random.below(8) {
        let name = if random.below(2) == 0 {
            (*random.of(&["topic", "a", "queueId", "i"])).to_owned()
        } else {
            random.text()
        };
        let value = match random.below(12) {
            // As the C++ client sends them.
            0 => json!(random.int()),
            1 => json!(random.below(2) == 0),
            2 => Value::Null,
            _ => json!(random.text()),
        };
        fields.insert(name, value);
    }
    Value::Object(fields)
}

fn written(random: &mut Random, value: &Value) -> String {
    match value {
        Value::String(text) => escaped(random, text),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", escaped(random, name), written(random, value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// Some writers escape what they must, others all but ASCII.
fn escaped(random: &mut Random, text: &str) -> String {
    if random.below(3) > 0 {
        return Value::from(text).to_string();
    }
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => out.push(byte.into()),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out + "\""
}

fn binary_header(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend((random.int() as i16).to_be_bytes());
    out.push(random.below(16) as u8);
    out.extend((random.int() as i16).to_be_bytes());
    out.extend(random.int().to_be_bytes());
    out.extend(random.int().to_be_bytes());
    let remark = if random.below(3) == 0 { random.text() } else { String::new() };
    out.extend((remark.len() as u32).to_be_bytes());
    out.extend(remark.as_bytes());
    let mut fields = Vec::new();
    for _ in 0..random.below(6) {
        let (name, value) = (random.text(), random.text());
        fields.extend((name.len() as u16).to_be_bytes());
        fields.extend(name.as_bytes());
        fields.extend((value.len() as u32).to_be_bytes());
        fields.extend(value.as_bytes());
    }
    out.extend((fields.len() as u32).to_be_bytes());
    out.extend(fields);
    out
}

fn host(random: &mut Random) -> Host {
    let ip: IpAddr = if random.below(3) == 0 {
        Ipv6Addr::from((u128::from(random.next()) << 64) | u128::from(random.next())).into()
    } else {
        Ipv4Addr::from(random.next() as u32).into()
    };
    Host::new(SocketAddr::new(ip, random.next() as u16))
}

fn one_record(random: &mut Random) -> Vec<u8> {
    let (body, properties) = (random.noise(40), properties(random));
    let topic = match random.below(6) {
        0 => "T".repeat(128 + random.below(100)),
        1 => random.text(),
        _ => "topic".to_owned(),
    };
    let record = Record {
        queue_id: random.int(),
        flag: random.int(),
        queue_offset: random.next() as i64,
        physical_offset: random.next() as i64,
        sys_flag: if random.below(4) == 0 { random.int() } else { 0 },
        born_timestamp: random.next() as i64,
        born_host: host(random),
        store_timestamp: random.next() as i64,
        store_host: host(random),
        reconsume_times: random.int(),
        prepared_transaction_offset: random.next() as i64,
        body_crc: record::body_crc(&body),
        body: &body,
        topic: &topic,
        properties: &properties,
    };
    let mut bytes = record.to_vec();
    if random.below(8) == 0 {
        bytes.extend(random.noise(20));
    }
    bytes
}

fn properties(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(5) {
        let name = if random.below(2) == 0 {
            (*random.of(&["KEYS", "TAGS", "UNIQ_KEY"])).to_owned()
        } else {
            random.text()
        };
        text.push_str(&name);
        text.push('\u{1}');
        text.push_str(&random.text());
        text.push('\u{2}');
    }
    if random.below(4) == 0 {
        text.pop();
    }
    text
}

fn elements(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(4) {
        let (body, properties) = (random.noise(20), properties(random));
        batch::push(&mut out, batch::Element { flag: random.int(), body: &body, properties: &properties });
    }
    out
}

/// One of the things that can happen to bytes.
fn change(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return bytes.extend(random.noise(8));
    }
    let at = random.below(bytes.len());
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = *random.of(b"\0\x01\xff\x7f\x80\"{}[]:,'\\ 0-eE.nt"),
        2 => bytes.truncate(at),
        3 => bytes.extend(random.noise(6)),
        4 => {
            let end = (at + 1 + random.below(6)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 => {
            let end = (at + 1 + random.below(12)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            let number = *random.of(&[0_u32, 1, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0x10000, 255]);
            for (place, byte) in bytes[at..].iter_mut().zip(number.to_be_bytes()) {
                *place = byte;
            }
        }
    }
}
