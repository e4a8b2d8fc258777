//! What became of many messages.

use crate::client::{Error, RemotingError};
use crate::output::numbers::{counted, grouped, rate, span};
use crate::producer::{Receipt, SendError, SendStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Numbers of failed messages that are remembered.
const NAMED: usize = 10;

/// Counts of outcomes.
#[derive(Debug)]
pub(super) struct Tally {
    started: Instant,
    ended: Option<Instant>,
    stored: BTreeMap<SendStatus, u64>,
    failed: BTreeMap<String, Failures>,
    unknown: BTreeMap<String, Failures>,
    in_a_row: u64,
    /// Why the bodies ended early.
    pub(super) input_error: Option<String>,
}

/// Failures of one kind.
#[derive(Debug, Default)]
struct Failures {
    count: u64,
    example: String,
    numbers: Vec<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            ended: None,
            stored: BTreeMap::new(),
            failed: BTreeMap::new(),
            unknown: BTreeMap::new(),
            in_a_row: 0,
            input_error: None,
        }
    }

    /// Counts what became of message `number`; how many have failed in a row now.
    pub(super) fn count(&mut self, number: u64, outcome: &Result<Receipt, SendError>) -> u64 {
        let (kind, error) = match outcome {
            Ok(receipt) => {
                *self.stored.entry(receipt.status).or_default() += 1;
                self.in_a_row = 0;
                return 0;
            }
            Err(error @ SendError::Unknown { last, .. }) => {
                (self.unknown.entry(label(last)).or_default(), error)
            }
            Err(error @ SendError::Failed { last, .. }) => {
                (self.failed.entry(label(last)).or_default(), error)
            }
            Err(error @ SendError::Bad(_)) => (self.failed.entry("not sendable".into()).or_default(), error),
        };
        kind.count += 1;
        if kind.example.is_empty() {
            kind.example = error.to_string();
        }
        if kind.numbers.len() < NAMED {
            kind.numbers.push(number);
        }
        self.in_a_row += 1;
        self.in_a_row
    }

    pub(super) fn end(&mut self) {
        self.ended = Some(Instant::now());
    }

    fn elapsed(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now).duration_since(self.started)
    }

    fn stored(&self) -> u64 {
        self.stored.values().sum()
    }

    fn failed(&self) -> u64 {
        self.failed.values().map(|failures| failures.count).sum()
    }

    fn unknown(&self) -> u64 {
        self.unknown.values().map(|failures| failures.count).sum()
    }

    /// Messages that something became of.
    pub(super) fn done(&self) -> u64 {
        self.stored() + self.failed() + self.unknown()
    }

    /// Everything is stored.
    pub(super) fn is_clean(&self) -> bool {
        self.failed() + self.unknown() == 0 && self.input_error.is_none()
    }

    /// Failures in a few words, for the progress.
    pub(super) fn trouble(&self) -> String {
        let parts = [(self.failed(), "failed"), (self.unknown(), "unknown")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect::<Vec<_>>().join(", ")
    }

    /// One line.
    pub(super) fn summary(&self, wanted: Option<u64>) -> String {
        let stored = self.stored();
        let mut text = format!(
            "sent {} in {}, {}/s",
            counted(stored, "message"),
            span(self.elapsed()),
            rate(stored, self.elapsed())
        );
        for (count, what) in [(self.failed(), "failed"), (self.unknown(), "unknown whether stored")] {
            if count > 0 {
                text += &format!("; {} {what}", grouped(count));
            }
        }
        if let Some(missing) = wanted.and_then(|wanted| wanted.checked_sub(self.done())).filter(|n| *n > 0) {
            text += &format!("; {} not tried", grouped(missing));
        }
        text
    }

    /// A line for each kind of trouble.
    pub(super) fn details(&self, are_lines: bool) -> Vec<String> {
        let noun = if are_lines { "line" } else { "message" };
        let mut details = Vec::new();
        for (status, count) in &self.stored {
            if let Some(warning) = status.warning() {
                details.push(format!("{} {status}: {warning}", grouped(*count)));
            }
        }
        for (what, kinds) in [("failed", &self.failed), ("unknown", &self.unknown)] {
            for (label, failures) in kinds {
                let numbers = failures.numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
                let more = if failures.count > failures.numbers.len() as u64 { ", ..." } else { "" };
                details.push(format!(
                    "{} {what} by {label}: {} ({noun} {numbers}{more})",
                    grouped(failures.count),
                    failures.example
                ));
            }
        }
        details.extend(self.input_error.as_ref().map(|error| format!("stopped reading: {error}")));
        details
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let counts = |kinds: &BTreeMap<String, Failures>| -> Value {
            kinds.iter().map(|(label, failures)| (label.clone(), json!(failures.count))).collect()
        };
        let status: Value =
            self.stored.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        let seconds = self.elapsed().as_secs_f64();
        json!({
            "sent": self.stored(),
            "status": status,
            "failed": counts(&self.failed),
            "unknown": counts(&self.unknown),
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
            "perSecond": if seconds > 0.0 { (self.stored() as f64 / seconds).round() } else { 0.0 },
        })
    }
}

/// The kind of a failure: the broker's code, or what happened to the connection.
fn label(error: &Error) -> String {
    match error {
        Error::Refused { code, .. } => code.to_string(),
        Error::Remoting(RemotingError::Connect { .. }) => "no connection".into(),
        Error::Remoting(RemotingError::Closed(_)) => "connection lost".into(),
        Error::Remoting(RemotingError::Timeout { .. }) => "timeout".into(),
        Error::NoNameServer { .. } => "no name server".into(),
        Error::UnknownTopic { .. } => "no such topic".into(),
        Error::NoBroker { .. } => "no broker".into(),
        _ => "other".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_remoting::body::MessageQueue;
    use gantry_remoting::{RequestCode, ResponseCode};

    fn stored(status: SendStatus) -> Receipt {
        Receipt {
            message_id: "U".into(),
            offset_message_id: "O".into(),
            queue: MessageQueue::default(),
            queue_offset: 1,
            status,
            attempts: 1,
        }
    }

    fn busy() -> Error {
        Error::Refused {
            addr: "h:1".into(),
            request: RequestCode::SEND_MESSAGE_V2,
            code: ResponseCode::SYSTEM_BUSY,
            remark: "too much".into(),
        }
    }

    #[test]
    fn every_outcome_is_counted_by_its_kind() {
        let mut tally = Tally::new();
        assert_eq!(tally.count(1, &Ok(stored(SendStatus::Ok))), 0);
        tally.count(2, &Ok(stored(SendStatus::FlushDiskTimeout)));
        assert!(tally.is_clean());
        assert_eq!(tally.count(3, &Err(SendError::Failed { attempts: 3, last: busy() })), 1);
        let unknown = SendError::Unknown {
            message_id: "U".into(),
            queue: MessageQueue::default(),
            last: RemotingError::Closed("h:1".into()).into(),
        };
        assert_eq!(tally.count(4, &Err(unknown)), 2);
        tally.end();
        assert_eq!((tally.done(), tally.is_clean()), (4, false));
        assert_eq!(tally.trouble(), "1 failed, 1 unknown");
        let summary = tally.summary(Some(6));
        assert!(summary.starts_with("sent 2 messages in "), "{summary}");
        assert!(summary.ends_with("; 1 failed; 1 unknown whether stored; 2 not tried"), "{summary}");
        let json = tally.json();
        assert_eq!(
            (&json["sent"], &json["failed"]["SYSTEM_BUSY(2)"], &json["unknown"]["connection lost"]),
            (&json!(2), &json!(1), &json!(1))
        );
        let details = tally.details(true).join("\n");
        assert!(details.contains("1 FLUSH_DISK_TIMEOUT: stored, but"), "{details}");
        assert!(details.contains("(line 3)") && details.contains("too much"), "{details}");
    }
}
