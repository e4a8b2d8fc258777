//! A producer of transactions. What becomes of a half follows from its number; half of them it decides only when it is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::World;
use super::lane::{half, physical_offset, send, settle as settle_send};
use crate::crash::message;
use crate::history::{MessageId, What};
use crate::record::Record;
use crate::remoting::{Connection, Incoming, Request, Response, code};

const COMMIT: i32 = 8;
const ROLLBACK: i32 = 12;

/// Of a broker that has been up for so long all questions have come.
const SILENCE: Duration = Duration::from_millis(2_500);

/// Acknowledged halves that nobody has decided on.
#[derive(Debug, Default)]
pub(in crate::crash) struct Halves(Mutex<BTreeSet<MessageId>>);

impl Halves {
    fn open(&self) -> MutexGuard<'_, BTreeSet<MessageId>> {
        self.0.lock().expect("no one panics while holding it")
    }
}

fn is_committed(id: MessageId) -> bool {
    !id.0.is_multiple_of(3)
}

fn is_decided_at_once(id: MessageId) -> bool {
    id.0.is_multiple_of(2)
}

/// Sends and decides until the broker is gone.
pub(super) fn run(world: &World, lane: u32) {
    let _ = Producer::open(world).and_then(|mut producer| producer.work(lane));
}

/// Answers until nothing is open, and the broker has nothing to ask any more: decisions of which it died may have been lost with
/// it. The checker tells which were forgotten.
pub(super) fn settle(world: &World, patience: Duration) -> Result<()> {
    let mut producer = Producer::open(world)?;
    producer.connection.patience(Duration::from_millis(200))?;
    let (since, mut heard) = (Instant::now(), Instant::now());
    while since.elapsed() < patience && (heard.elapsed() < SILENCE || !world.halves.open().is_empty()) {
        if producer.hear()? {
            heard = Instant::now();
        }
    }
    Ok(())
}

struct Producer<'a> {
    world: &'a World,
    connection: Connection,
    /// Questions that came while it waited for an answer.
    asked: VecDeque<Question>,
}

/// Of the broker: what becomes of a half.
struct Question {
    id: MessageId,
    place: HalfPlace,
}

/// Where a half is: in its queue, and in the log.
#[derive(Clone, Copy)]
struct HalfPlace {
    table: i64,
    log: i64,
}

impl<'a> Producer<'a> {
    fn open(world: &'a World) -> Result<Self> {
        let mut connection = Connection::open(world.port)?;
        let body = json!({
            "clientID": "127.0.0.1@crash", "heartbeatFingerprint": 0, "withoutSub": false,
            "producerDataSet": [{"groupName": "crash"}], "consumerDataSet": [],
        });
        connection.done(&Request::new(code::HEART_BEAT).body(body.to_string()))?;
        Ok(Self { world, connection, asked: VecDeque::new() })
    }

    fn work(&mut self, lane: u32) -> Result<()> {
        while !self.world.is_over() {
            let (id, sent) = send(self.world, lane, &half(), &mut self.connection);
            let answer = self.answer_to(sent?)?;
            if !settle_send(self.world, id, &answer) {
                continue;
            }
            self.world.halves.open().insert(id);
            if is_decided_at_once(id) {
                let place =
                    HalfPlace { table: answer.number("queueOffset")?, log: physical_offset(&answer)? };
                self.decide(id, place, false)?;
            }
            self.answer_questions()?;
        }
        Ok(())
    }

    /// Waits for what the broker has to say, a moment at most, and answers when it asks; `false` when it said nothing.
    fn hear(&mut self) -> Result<bool> {
        let said = self.connection.incoming()?;
        let is_silent = said.is_none();
        if let Some(Incoming::Request { code, fields, body }) = said {
            self.note(code, &fields, &body)?;
        }
        self.answer_questions()?;
        Ok(!is_silent)
    }

    fn note(&mut self, code: i32, fields: &BTreeMap<String, String>, body: &[u8]) -> Result<()> {
        if code != code::CHECK_TRANSACTION_STATE {
            return Ok(());
        }
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        let id = Record::all_in(body)?.first().and_then(|record| message::seen(record).id);
        if let (Some(id), Some(table), Some(log)) =
            (id, number("tranStateTableOffset"), number("commitLogOffset"))
        {
            self.world.recorder.record(What::Asked { id });
            self.asked.push_back(Question { id, place: HalfPlace { table, log } });
        }
        Ok(())
    }

    fn answer_questions(&mut self) -> Result<()> {
        while let Some(Question { id, place }) = self.asked.pop_front() {
            self.decide(id, place, true)?;
        }
        Ok(())
    }

    fn answer_to(&mut self, opaque: u64) -> Result<Response> {
        loop {
            match self.connection.incoming()? {
                Some(Incoming::Answer { opaque: of, answer }) if of == opaque => return Ok(answer),
                Some(Incoming::Request { code, fields, body }) => self.note(code, &fields, &body)?,
                Some(Incoming::Answer { .. }) | None => {}
            }
        }
    }

    fn decide(&mut self, id: MessageId, place: HalfPlace, is_asked: bool) -> Result<()> {
        let commit = is_committed(id);
        self.world.recorder.record(What::Decide { id, commit });
        self.world.halves.open().remove(&id);
        let request = Request::new(code::END_TRANSACTION)
            .field("producerGroup", "crash")
            .field("tranStateTableOffset", place.table)
            .field("commitLogOffset", place.log)
            .field("commitOrRollback", if commit { COMMIT } else { ROLLBACK })
            .field("fromTransactionCheck", is_asked);
        let opaque = self.connection.send(&request)?;
        let answer = self.answer_to(opaque)?;
        // Refused when it was decided before: a life ago, or when it was asked twice.
        if answer.code == 0 {
            self.world.recorder.record(What::Decided { id });
        }
        Ok(())
    }
}
