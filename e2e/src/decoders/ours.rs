//! What Gantry's decoders make of bytes.

use std::net::IpAddr;

use gantry_message::{Host, batch, properties};
use gantry_remoting::codec::Decoder;
use gantry_remoting::frame;

use super::view::{self, Command, Element, Input, Kind, Pairs, Record, View};

pub(super) fn view(input: &Input) -> View {
    let bytes = &input.bytes[..];
    let view = match input.kind {
        Kind::Command => command(bytes).map(View::Command),
        Kind::Record => record(bytes).map(|record| View::Record(Box::new(record))),
        Kind::Batch => elements(bytes).map(View::Batch),
        Kind::Properties => Ok(View::Properties(pairs(&String::from_utf8_lossy(bytes)))),
    };
    view.unwrap_or_else(View::Refused)
}

fn command(bytes: &[u8]) -> Result<Command, String> {
    let length = u32::try_from(bytes.len()).map_err(|error| error.to_string())?;
    let whole = [&length.to_be_bytes()[..], bytes].concat();
    let frame = frame::split(&whole).map_err(|error| error.to_string())?.ok_or("incomplete")?;
    let mut decoder = Decoder::default();
    let command = decoder.decode(frame).map_err(|error| error.to_string())?;
    Ok(Command {
        code: command.code,
        language: command.language.0.into(),
        version: command.version,
        opaque: command.opaque,
        flag: command.flag,
        remark: command.remark.map(str::to_owned),
        fields: owned(command.ext.iter()),
        body: command.body.to_vec(),
    })
}

fn record(bytes: &[u8]) -> Result<Record, String> {
    let (record, _) = gantry_message::Record::read(bytes).map_err(|error| error.to_string())?;
    record.check_crc().map_err(|error| error.to_string())?;
    Ok(Record {
        queue_id: record.queue_id,
        flag: record.flag,
        queue_offset: record.queue_offset,
        physical_offset: record.physical_offset,
        sys_flag: record.sys_flag,
        born_timestamp: record.born_timestamp,
        born_host: host(record.born_host),
        store_timestamp: record.store_timestamp,
        store_host: host(record.store_host),
        reconsume_times: record.reconsume_times,
        prepared_transaction_offset: record.prepared_transaction_offset,
        body_crc: record.body_crc,
        body: record.body.to_vec(),
        topic: record.topic.to_owned(),
        properties: pairs(record.properties),
    })
}

fn elements(bytes: &[u8]) -> Result<Vec<Element>, String> {
    let element = |element: batch::Element<'_>| Element {
        flag: element.flag,
        body: element.body.to_vec(),
        properties: pairs(element.properties),
    };
    batch::elements(bytes).map(|read| read.map(element).map_err(|error| error.to_string())).collect()
}

fn pairs(text: &str) -> Pairs {
    owned(properties::pairs(text))
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Pairs {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn host(host: Host) -> view::Host {
    let address = match host.addr().ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    (address, host.addr().port().into())
}
