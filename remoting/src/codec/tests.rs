use super::*;
use crate::RequestCode;
use crate::frame::split;
use proptest::prelude::*;

fn decode(bytes: &[u8]) -> CommandBuf {
    CommandBuf::decode(split(bytes).unwrap().unwrap()).unwrap()
}

fn json_frame(header: &str, body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(4 + header.len() + body.len()).unwrap().to_be_bytes().to_vec();
    out.extend(u32::try_from(header.len()).unwrap().to_be_bytes());
    out.extend(header.as_bytes());
    out.extend(body);
    out
}

/// GET_ROUTEINFO_BY_TOPIC for TBW102, captured from a Java client with the ROCKETMQ header.
#[test]
fn the_golden_binary_frame() {
    let bytes: Vec<u8> = [
        &[
            0, 0, 0, 0x2a, 1, 0, 0, 0x26, 0, 0x69, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0x11, 0, 5,
        ][..],
        b"topic",
        &[0, 0, 0, 6],
        b"TBW102",
    ]
    .concat();
    let command = decode(&bytes);
    assert_eq!(RequestCode(command.code), RequestCode::GET_ROUTEINFO_BY_TOPIC);
    assert_eq!(command.opaque, 1);
    assert_eq!(command.find("topic"), Some("TBW102"));
    let mut again = BytesMut::new();
    command.encode(&mut again);
    assert_eq!(again, bytes);
}

#[test]
fn java_json_is_read() {
    let command = decode(&json_frame(
        r#"{"code":310,"extFields":{"a":"pg","b":"T","i":"KEYS\u0001k\u0002","f":"0","g":null},"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}"#,
        b"body",
    ));
    assert_eq!((command.code, command.opaque, command.version), (310, 7, 513));
    assert_eq!(command.find("i"), Some("KEYS\u{1}k\u{2}"));
    assert_eq!(command.find("f"), Some("0"));
    assert_eq!(command.find("g"), None);
    assert_eq!(&command.body[..], b"body");
}

#[test]
fn what_cpp_and_others_send_is_read() {
    let command = decode(&json_frame(
        "{ \"extFields\" : {\"queueId\":3,\"ok\":true,\"x\":\"\\/\\\"\"} , \"language\":\"COBOL\", \"more\":[1,{\"a\":null},\"s\"],\n \"code\":11 }\n",
        b"",
    ));
    assert_eq!(command.code, 11);
    assert_eq!(command.language, Language::OTHER);
    assert_eq!(command.find("queueId"), Some("3"));
    assert_eq!(command.find("ok"), Some("true"));
    assert_eq!(command.find("x"), Some("/\""));
}

#[test]
fn escapes_beyond_the_basic_plane() {
    let command = decode(&json_frame(r#"{"remark":"\ud83d\ude00 \ud83d!","code":1}"#, b""));
    assert_eq!(command.remark.as_deref(), Some("\u{1F600} ?!"));
}

#[test]
fn malformed_headers_are_refused() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(100), "]".repeat(100));
    for header in [
        "",
        "{",
        "[]",
        "{\"code\":}",
        "{\"code\":\"x\"}",
        "{\"code\":1",
        "{\"code\":1}}",
        "{\"a\":\"\\u12\"}",
        &deep,
    ] {
        let bytes = json_frame(header, b"");
        assert!(CommandBuf::decode(split(&bytes).unwrap().unwrap()).is_err(), "{header}");
    }
    let many: String = (0..200).map(|n| format!("\"k{n}\":\"v\",")).collect();
    let bytes = json_frame(&format!("{{\"extFields\":{{{}\"z\":\"\"}}}}", many), b"");
    assert_eq!(CommandBuf::decode(split(&bytes).unwrap().unwrap()), Err(DecodeError::TooManyFields));
}

#[test]
fn decimals() {
    let mut buffer = [0; 20];
    for n in [0, 7, -1, 10, i64::MAX, i64::MIN, -1_234_567_890] {
        assert_eq!(decimal(&mut buffer, n), n.to_string());
    }
}

#[test]
fn what_java_reads_as_no_field_is_none() {
    let json = decode(&json_frame(r#"{"code":1,"extFields":{"a":"x","b":null,"a":null,"c":"y"}}"#, b""));
    assert_eq!((json.find("a"), json.find("b"), json.find("c")), (None, None, Some("y")));
    let ext = [("a", "x"), ("b", ""), ("a", ""), ("c", "y")].map(|(name, value)| (name.into(), value.into()));
    let binary =
        CommandBuf { serialize_type: SerializeType::Binary, ext: ext.into(), ..CommandBuf::default() };
    let mut bytes = BytesMut::new();
    binary.encode(&mut bytes);
    let binary = decode(&bytes);
    assert_eq!((binary.find("a"), binary.find("b"), binary.find("c")), (None, None, Some("y")));
}

#[test]
fn numbers_are_those_of_json_and_of_their_type() {
    for number in
        ["2147483648", "-2147483649", "1.0", "1e3", "01", "-", "+1", "trux", "1x", "1.", "1e", "\"x\""]
    {
        let bytes = json_frame(&format!(r#"{{"code":{number}}}"#), b"");
        assert!(CommandBuf::decode(split(&bytes).unwrap().unwrap()).is_err(), "{number}");
    }
    for field in ["-0.5E+7", "true", "0", "12"] {
        let command = decode(&json_frame(&format!(r#"{{"extFields":{{"a":{field}}}}}"#), b""));
        assert_eq!(command.find("a"), Some(field));
    }
    for field in ["truefalse", "1..2", "-e", "00", "nul", "[1]"] {
        let bytes = json_frame(&format!(r#"{{"extFields":{{"a":{field}}}}}"#), b"");
        assert!(CommandBuf::decode(split(&bytes).unwrap().unwrap()).is_err(), "{field}");
    }
}

#[test]
fn each_text_of_a_binary_header_is_utf8_by_itself() {
    let header = |key: &[u8], value: &[u8]| {
        let fields = [&[0, key.len() as u8][..], key, &[0, 0, 0, value.len() as u8], value].concat();
        [&[0, 0x69, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, fields.len() as u8][..], &fields]
            .concat()
    };
    let decode = |header: &[u8]| {
        let frame = Frame { serialize_type: 1, header, body: &[], len: 0 };
        Decoder::default().decode(frame).map(|command| command.ext.find("\u{e4}").map(str::to_owned))
    };
    assert_eq!(decode(&header(b"\xc3\xa4", b"x")), Ok(Some("x".into())));
    assert_eq!(decode(&header(b"k", b"\xc3")), Err(DecodeError::Utf8));
    // They would be one character if nothing stood between them.
    assert_eq!(decode(&header(b"\xc3", b"\xa4")), Err(DecodeError::Utf8));
}

#[test]
fn a_binary_header_ends_with_its_fields() {
    let command =
        CommandBuf { serialize_type: SerializeType::Binary, ..CommandBuf::default() }.with("a", "b");
    let mut bytes = BytesMut::new();
    command.encode(&mut bytes);
    let frame = split(&bytes).unwrap().unwrap();
    let longer = [frame.header, b"x"].concat();
    assert_eq!(CommandBuf::decode(Frame { header: &longer, ..frame }), Err(DecodeError::Binary));
}

fn any_command() -> impl Strategy<Value = CommandBuf> {
    (
        any::<bool>(),
        any::<i16>(),
        0..14_u8,
        any::<i16>(),
        any::<[i32; 2]>(),
        prop::option::of(".{1,20}"),
        prop::collection::vec(("[a-zA-Z_]{1,8}", "\\PC*|[\u{0}-\u{7f}]{0,9}"), 0..8),
        prop::collection::vec(any::<u8>(), 0..50),
    )
        .prop_map(|(json, code, language, version, ints, remark, ext, body)| CommandBuf {
            serialize_type: if json { SerializeType::Json } else { SerializeType::Binary },
            code: code.into(),
            language: Language(language),
            version: version.into(),
            opaque: ints[0],
            flag: ints[1],
            remark,
            ext: ext.into_iter().map(|(k, v)| (k.into(), v)).collect(),
            body: body.into(),
        })
}

proptest! {
    #[test]
    fn any_command_survives_the_round_trip(command in any_command()) {
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        let mut expected = command;
        if expected.serialize_type == SerializeType::Binary {
            // An empty text is none there, and takes an earlier one of its name with it.
            let all = std::mem::take(&mut expected.ext);
            for (name, value) in all {
                if value.is_empty() {
                    expected.ext.retain(|(earlier, _)| *earlier != name);
                } else {
                    expected.ext.push((name, value));
                }
            }
        }
        prop_assert_eq!(decode(&bytes), expected);
    }

    #[test]
    fn no_header_makes_it_panic(kind in 0..3_u8, header in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = CommandBuf::decode(Frame { serialize_type: kind, header: &header, body: &[], len: 0 });
    }

    #[test]
    fn no_mutated_header_makes_it_panic(command in any_command(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Some(frame)) = split(&bytes) {
            let _ = CommandBuf::decode(frame);
        }
    }
}
