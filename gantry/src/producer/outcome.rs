//! What a broker's answer to a send means (Apache: `MQClientAPIImpl.processSendResponse` and the producer's
//! `retryResponseCodes`).

use gantry_remoting::ResponseCode;
use std::fmt;

/// How safe a stored message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SendStatus {
    /// As safe as the broker is configured to make it.
    Ok,
    /// Stored, but not on the disk in time.
    FlushDiskTimeout,
    /// Stored here, but no slave copied it in time.
    FlushSlaveTimeout,
    /// Stored here, but there is no slave that could copy it.
    SlaveNotAvailable,
}

impl SendStatus {
    /// The name that Apache's clients use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }

    /// What to tell about a status that is not OK.
    #[must_use]
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Ok => None,
            Self::FlushDiskTimeout => {
                Some("stored, but the broker did not get it onto its disk in time: a power cut could lose it")
            }
            Self::FlushSlaveTimeout => {
                Some("stored, but no slave confirmed it in time: it could be lost with this broker")
            }
            Self::SlaveNotAvailable => {
                Some("stored, but the broker has no slave to copy it to: it could be lost with this broker")
            }
        }
    }
}

impl fmt::Display for SendStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is stored.
    Stored(SendStatus),
    /// It is not stored, and another queue may take it.
    TryAnother,
    /// It is not stored, and no queue will take it.
    Refused,
}

/// The verdict on a response code.
#[must_use]
pub fn verdict(code: ResponseCode) -> Verdict {
    const NO_BUYER_ID: ResponseCode = ResponseCode(204);
    const NOT_IN_CURRENT_UNIT: ResponseCode = ResponseCode(205);
    const GO_AWAY: ResponseCode = ResponseCode(1500);
    match code {
        ResponseCode::SUCCESS => Verdict::Stored(SendStatus::Ok),
        ResponseCode::FLUSH_DISK_TIMEOUT => Verdict::Stored(SendStatus::FlushDiskTimeout),
        ResponseCode::FLUSH_SLAVE_TIMEOUT => Verdict::Stored(SendStatus::FlushSlaveTimeout),
        ResponseCode::SLAVE_NOT_AVAILABLE => Verdict::Stored(SendStatus::SlaveNotAvailable),
        ResponseCode::TOPIC_NOT_EXIST
        | ResponseCode::SERVICE_NOT_AVAILABLE
        | ResponseCode::SYSTEM_ERROR
        | ResponseCode::SYSTEM_BUSY
        | ResponseCode::NO_PERMISSION
        | NO_BUYER_ID
        | NOT_IN_CURRENT_UNIT
        | GO_AWAY => Verdict::TryAnother,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_java_retries_on_are_retried() {
        let retried: Vec<i32> =
            (0..3_000).filter(|code| verdict(ResponseCode(*code)) == Verdict::TryAnother).collect();
        assert_eq!(retried, [1, 2, 14, 16, 17, 204, 205, 1500]);
    }

    #[test]
    fn four_codes_mean_stored() {
        let stored: Vec<i32> =
            (0..3_000).filter(|code| matches!(verdict(ResponseCode(*code)), Verdict::Stored(_))).collect();
        assert_eq!(stored, [0, 10, 11, 12]);
        assert_eq!(SendStatus::Ok.warning(), None);
    }
}
