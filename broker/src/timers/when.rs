//! When a message shall be delivered, by its properties (Apache: `HookUtils.handleScheduleMessage`).

use crate::broker::{Broker, now_ms};
use gantry_message::properties;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;

/// When a message shall be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    /// After the delay of this level, from 1 on.
    AfterLevel(i32),
    /// At this time, in milliseconds since the epoch.
    At(i64),
}

/// True for the properties that ask for a time of delivery.
pub(crate) fn is_time(name: &str) -> bool {
    matches!(name, properties::TIMER_DELAY_SEC | properties::TIMER_DELAY_MS | properties::TIMER_DELIVER_MS)
}

impl When {
    /// # Errors
    /// The time is none, or too far away; or there are no timers here.
    pub(crate) fn of(broker: &Broker, text: &str) -> Result<Self, Refusal> {
        let config = &broker.config();
        let level = properties::find(text, properties::DELAY).and_then(|level| level.parse().ok());
        // A level wins.
        if let Some(level) = level.filter(|level| *level > 0) {
            return Ok(Self::after_level(broker, level));
        }
        // One that was delivered at its time keeps what it was sent with: a retry of it has no time any more.
        if properties::find(text, properties::TIMER_OUT_MS).is_some() {
            return Ok(Self::Now);
        }
        let now = now_ms();
        let illegal = |text: String| Refusal::new(ResponseCode::MESSAGE_ILLEGAL, text);
        let Some(at) = asked(text, now) else { return Ok(Self::Now) };
        if !config.timer_wheel_enable {
            return Err(Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                "accurate timer message is not enabled, timerWheelEnable is false",
            ));
        }
        let at = at.map_err(|(name, value)| {
            illegal(format!("timer message illegal, {name}={value:?} is not a number of its unit"))
        })?;
        let longest = config.timer_max_delay_sec.saturating_mul(1000);
        if at.saturating_sub(now) > longest {
            return Err(illegal(format!(
                "timer message illegal, the delay time should not be bigger than the max delay {longest}ms (timerMaxDelaySec)"
            )));
        }
        if at > now {
            return Ok(Self::At(at));
        }
        if properties::find(text, properties::TIMER_DEL_UNIQKEY).is_some() {
            return Err(illegal(
                "timer message illegal, if set del msg, the delay time should be bigger than the current time"
                    .to_owned(),
            ));
        }
        Ok(Self::Now)
    }

    /// Levels above the highest are the highest.
    pub(crate) fn after_level(broker: &Broker, level: i32) -> Self {
        match level.min(broker.delay_levels.highest()) {
            level if level > 0 => Self::AfterLevel(level),
            _ => Self::Now,
        }
    }
}

/// The time that is asked for, in milliseconds since the epoch; the error is a property that is no number.
fn asked(text: &str, now: i64) -> Option<Result<i64, (&'static str, &str)>> {
    let of = |name: &'static str, at: &dyn Fn(i64) -> i64| {
        let value = properties::find(text, name)?;
        Some(value.parse().map(at).map_err(|_| (name, value)))
    };
    of(properties::TIMER_DELAY_SEC, &|seconds| now.saturating_add(seconds.saturating_mul(1000)))
        .or_else(|| of(properties::TIMER_DELAY_MS, &|ms| now.saturating_add(ms)))
        .or_else(|| of(properties::TIMER_DELIVER_MS, &|at| at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: &[(&str, &str)]) -> String {
        let mut text = String::new();
        pairs.iter().for_each(|(name, value)| properties::push(&mut text, name, value));
        text
    }

    #[test]
    fn seconds_come_before_milliseconds_before_a_time() {
        let (sec, ms, at) =
            (("TIMER_DELAY_SEC", "2"), ("TIMER_DELAY_MS", "30"), ("TIMER_DELIVER_MS", "7000"));
        for (pairs, due) in [(vec![at, ms, sec], 3000), (vec![at, ms], 1030), (vec![at], 7000)] {
            assert_eq!(asked(&text(&pairs), 1000), Some(Ok(due)));
        }
        assert_eq!(asked("", 1000), None);
    }

    #[test]
    fn what_is_no_number_is_named() {
        for value in ["soon", "1.5", "99999999999999999999"] {
            let text = text(&[("TIMER_DELAY_SEC", value), ("TIMER_DELAY_MS", "1")]);
            assert_eq!(asked(&text, 0), Some(Err(("TIMER_DELAY_SEC", value))));
        }
        let far = text(&[("TIMER_DELAY_SEC", "9223372036854775807")]);
        assert_eq!(asked(&far, 5), Some(Ok(i64::MAX)));
    }
}
