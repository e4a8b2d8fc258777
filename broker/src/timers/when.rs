//! When a message shall be delivered, by its properties (Apache: `HookUtils.handleScheduleMessage`).

use crate::broker::Broker;
use crate::clock::{Due, Moment};
use gantry_message::properties;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;

/// When a message shall be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    /// After the delay of this level, from 1 on.
    AfterLevel(i32),
    At(Due),
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
        let now = Moment::now();
        let illegal = |text: String| Refusal::new(ResponseCode::MESSAGE_ILLEGAL, text);
        let Some(due) = asked(text, now) else { return Ok(Self::Now) };
        if !config.timer_wheel_enable {
            return Err(Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                "accurate timer message is not enabled, timerWheelEnable is false",
            ));
        }
        let due = due.map_err(|(name, value)| {
            illegal(format!("timer message illegal, {name}={value:?} is not a number of its unit"))
        })?;
        let longest = config.timer_max_delay_sec.saturating_mul(1000);
        if due.at.saturating_sub(now.wall) > longest {
            return Err(illegal(format!(
                "timer message illegal, the delay time should not be bigger than the max delay {longest}ms (timerMaxDelaySec)"
            )));
        }
        if due.at > now.wall {
            return Ok(Self::At(due));
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

/// The time that is asked for; the error is a property that is no number.
fn asked(text: &str, now: Moment) -> Option<Result<Due, (&'static str, &str)>> {
    let of = |name: &'static str, at: &dyn Fn(i64) -> Due| {
        let value = properties::find(text, name)?;
        Some(value.parse().map(at).map_err(|_| (name, value)))
    };
    of(properties::TIMER_DELAY_SEC, &|seconds| Due::after(now, seconds.saturating_mul(1000)))
        .or_else(|| of(properties::TIMER_DELAY_MS, &|ms| Due::after(now, ms)))
        .or_else(|| of(properties::TIMER_DELIVER_MS, &Due::at))
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
        let now = Moment { wall: 1000, ..Moment::now() };
        let due = |pairs: &[_]| asked(&text(pairs), now).unwrap().unwrap();
        assert_eq!(due(&[at, ms, sec]), Due::after(now, 2000));
        assert_eq!(due(&[at, ms]), Due::after(now, 30));
        assert_eq!(due(&[at]), Due::at(7000), "by the clock, whatever is done to it");
        assert_eq!(asked("", now), None);
    }

    #[test]
    fn what_is_no_number_is_named() {
        for value in ["soon", "1.5", "99999999999999999999"] {
            let text = text(&[("TIMER_DELAY_SEC", value), ("TIMER_DELAY_MS", "1")]);
            assert_eq!(asked(&text, Moment::now()), Some(Err(("TIMER_DELAY_SEC", value))));
        }
        let far = text(&[("TIMER_DELAY_SEC", "9223372036854775807")]);
        assert_eq!(asked(&far, Moment::now()).unwrap().unwrap().at, i64::MAX);
    }
}
