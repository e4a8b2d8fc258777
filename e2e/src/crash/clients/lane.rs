//! A connection that sends, with several messages under way.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use super::{DECIDED, DEPTH, ORDERS, PAYMENTS, QUEUES, TIMED, World, now_ms};
use crate::crash::message::Content;
use crate::history::{MessageId, Place, What};
use crate::remoting::{Connection, Request, Response, code};

/// Stored, but not as safe as was asked for: the message may be there after a crash, or not.
const MAYBE: [i64; 3] = [10, 11, 12];

pub(super) fn run(world: &World, lane: u32, life: u32) {
    let mut random = fastrand::Rng::with_seed(u64::from(life) << 8 | u64::from(lane));
    let place = move || {
        let (topic, queue) = match random.u32(..8) {
            0..4 => (ORDERS.to_owned(), random.i32(0..QUEUES)),
            4..6 => (PAYMENTS.to_owned(), random.i32(0..QUEUES)),
            6 => ("%RETRY%crash".to_owned(), 0),
            // New topics all the time, made by whoever is the first.
            _ => (format!("new-{life}-{}", random.u32(..3)), 0),
        };
        Draft { place: Place { topic, queue }, due: None, half: false }
    };
    send_until_gone(world, lane, DEPTH, place);
}

/// Messages with a time of their own.
pub(super) fn run_timed(world: &World, lane: u32) {
    let mut random = fastrand::Rng::new();
    let place = || {
        let due = now_ms() + random.i64(1..1_500);
        world.last_due.fetch_max(due as u64, Ordering::Relaxed);
        Draft { place: Place { topic: TIMED.into(), queue: 0 }, due: Some(due), half: false }
    };
    send_until_gone(world, lane, 1, place);
}

pub(super) struct Draft {
    pub place: Place,
    pub due: Option<i64>,
    pub half: bool,
}

fn send_until_gone(world: &World, lane: u32, depth: usize, mut next: impl FnMut() -> Draft) {
    let Ok(mut connection) = Connection::open(world.port) else { return };
    let mut under_way = HashMap::new();
    while !world.is_over() {
        while under_way.len() < depth {
            let (id, sent) = send(world, lane, &next(), &mut connection);
            match sent {
                Ok(opaque) => under_way.insert(opaque, id),
                Err(_) => return,
            };
        }
        let Ok((opaque, answer)) = connection.next_answer() else { return };
        if let Some(id) = under_way.remove(&opaque) {
            settle(world, id, &answer);
        }
    }
    while !under_way.is_empty() {
        let Ok((opaque, answer)) = connection.next_answer() else { return };
        if let Some(id) = under_way.remove(&opaque) {
            settle(world, id, &answer);
        }
    }
}

/// Puts a send on record, and on its way.
pub(super) fn send(
    world: &World,
    lane: u32,
    draft: &Draft,
    connection: &mut Connection,
) -> (MessageId, Result<u64>) {
    let mut content = None;
    let id = world.recorder.send(|id| {
        let made = content.insert(Content::of(id));
        What::Send { id, lane, place: draft.place.clone(), crc: made.crc(), due: draft.due, half: draft.half }
    });
    world.know(&draft.place);
    let content = content.expect("it was made with the number");
    let key = format!("k{}", id.0);
    let due = draft.due.map(|due| due.to_string());
    let mut properties = vec![("KEYS", key.as_str())];
    if let Some(due) = &due {
        properties.push(("TIMER_DELIVER_MS", due));
    }
    if draft.half {
        properties.extend([("TRAN_MSG", "true"), ("PGROUP", "crash"), ("UNIQ_KEY", &key)]);
    }
    let request = Request::new(code::SEND_MESSAGE_V2)
        .field("a", "crash")
        .field("b", &draft.place.topic)
        .field("c", "TBW102")
        .field("d", QUEUES)
        .field("e", draft.place.queue)
        .field("f", 0)
        .field("g", now_ms())
        .field("h", 0)
        .field("i", content.properties(&properties))
        .field("j", 0)
        .field("k", false)
        .field("m", false)
        .body(content.body);
    (id, connection.send(&request))
}

/// Puts the answer to a send on record; `true` when it was acknowledged.
pub(super) fn settle(world: &World, id: MessageId, answer: &Response) -> bool {
    let what = match answer.code {
        0 => match acked(id, answer) {
            Ok(acked) => acked,
            Err(_) => What::Unknown { id },
        },
        code if MAYBE.contains(&code) => What::Unknown { id },
        code => What::Refused { id, code },
    };
    let is_acked = match &what {
        What::Acked { physical, .. } => {
            world.acked.fetch_max(*physical, Ordering::Relaxed);
            world.count.fetch_add(1, Ordering::Relaxed);
            true
        }
        What::Refused { .. } => {
            world.refused.fetch_add(1, Ordering::Relaxed);
            false
        }
        _ => false,
    };
    world.recorder.record(what);
    is_acked
}

fn acked(id: MessageId, answer: &Response) -> Result<What> {
    let physical = physical_offset(answer)?;
    let queue = i32::try_from(answer.number("queueId")?)?;
    Ok(What::Acked { id, queue, offset: answer.number("queueOffset")?, physical })
}

/// The last 16 digits of a message id.
pub(super) fn physical_offset(answer: &Response) -> Result<i64> {
    let text = answer.fields.get("msgId").map_or("", String::as_str);
    let Some(digits) = text.len().checked_sub(16).and_then(|from| text.get(from..)) else {
        bail!("no message id in {answer:?}");
    };
    Ok(i64::from_str_radix(digits, 16)?)
}

pub(super) fn send_one(world: &World) -> Result<()> {
    let mut connection = Connection::open(world.port)?;
    let draft = Draft { place: Place { topic: PAYMENTS.into(), queue: 0 }, due: None, half: false };
    let (id, sent) = send(world, u32::MAX, &draft, &mut connection);
    sent?;
    let (_, answer) = connection.next_answer()?;
    if !settle(world, id, &answer) {
        bail!("a send after the start was answered {} {}", answer.code, answer.remark);
    }
    Ok(())
}

/// A half of a transaction.
pub(super) fn half() -> Draft {
    Draft { place: Place { topic: DECIDED.into(), queue: 0 }, due: None, half: true }
}
