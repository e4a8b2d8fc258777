//! A stored message, told.

use crate::producer::Receipt;
use gantry_message::delay::{DEFAULT_LEVELS, DelayLevels};
use serde::Serialize;

/// How receipts are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) json: bool,
    pub(super) delay_level: u32,
}

impl Report {
    pub(super) fn receipt(self, receipt: &Receipt) -> String {
        if self.json {
            return serde_json::to_string(&Object::new(receipt, self.delay_level)).unwrap_or_default();
        }
        let place = match self.delay() {
            Some(delay) => format!("{}, to be delivered {delay}", receipt.queue.broker_name),
            None => {
                format!("{}:{} @{}", receipt.queue.broker_name, receipt.queue.queue_id, receipt.queue_offset)
            }
        };
        format!("{}  {place}", receipt.message_id)
    }

    /// When a delayed message is delivered, by the levels that brokers have unless configured otherwise.
    fn delay(self) -> Option<String> {
        let level = i32::try_from(self.delay_level)
            .ok()
            .filter(|level| *level > 0)?
            .min(DelayLevels::default().highest());
        let span = DEFAULT_LEVELS.split_whitespace().nth(usize::try_from(level).ok()?.checked_sub(1)?)?;
        Some(format!("in {span} (level {})", self.delay_level))
    }
}

/// A receipt for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    topic: &'a str,
    broker: &'a str,
    /// Not for a delayed message: it would be that of the waiting room, as would the offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_level: Option<u32>,
    message_id: &'a str,
    offset_message_id: &'a str,
    status: &'static str,
    attempts: u32,
}

impl<'a> Object<'a> {
    fn new(receipt: &'a Receipt, delay_level: u32) -> Self {
        let at_once = delay_level == 0;
        Self {
            topic: &receipt.queue.topic,
            broker: &receipt.queue.broker_name,
            queue: at_once.then_some(receipt.queue.queue_id),
            offset: at_once.then_some(receipt.queue_offset),
            delay_level: (!at_once).then_some(delay_level),
            message_id: &receipt.message_id,
            offset_message_id: &receipt.offset_message_id,
            status: receipt.status.name(),
            attempts: receipt.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::SendStatus;
    use gantry_remoting::body::MessageQueue;
    use serde_json::json;

    fn receipt() -> Receipt {
        Receipt {
            message_id: "ABC".into(),
            offset_message_id: "DEF".into(),
            queue: MessageQueue { broker_name: "broker-a".into(), queue_id: 2, topic: "T".into() },
            queue_offset: 17,
            status: SendStatus::Ok,
            attempts: 1,
        }
    }

    #[test]
    fn a_receipt_is_told_in_a_line() {
        let report = Report { json: false, delay_level: 0 };
        assert_eq!(report.receipt(&receipt()), "ABC  broker-a:2 @17");
        let delayed = Report { delay_level: 3, ..report };
        assert_eq!(delayed.receipt(&receipt()), "ABC  broker-a, to be delivered in 10s (level 3)");
    }

    #[test]
    fn json_has_all_of_it() {
        let report = Report { json: true, delay_level: 0 };
        let object: serde_json::Value = serde_json::from_str(&report.receipt(&receipt())).unwrap();
        assert_eq!(
            (&object["queue"], &object["offset"], &object["status"]),
            (&json!(2), &json!(17), &json!("SEND_OK"))
        );
        let delayed: serde_json::Value =
            serde_json::from_str(&Report { delay_level: 3, ..report }.receipt(&receipt())).unwrap();
        assert_eq!((delayed.get("offset"), &delayed["delayLevel"]), (None, &json!(3)));
    }
}
