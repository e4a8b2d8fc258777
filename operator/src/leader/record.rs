//! The Lease and what to do about it. Pure.

use super::LEASE_DURATION;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use std::time::Instant;

/// A Lease as it was last seen to change.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    spec: Option<LeaseSpec>,
    /// On our own clock.
    since: Instant,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// There is none.
    Create,
    /// It is ours, or free.
    Take,
    /// It is this one's.
    Wait(String),
}

impl Observed {
    pub(super) fn update(before: Option<Self>, found: Option<&Lease>, now: Instant) -> Self {
        let spec = found.map(|lease| lease.spec.clone().unwrap_or_default());
        match before {
            Some(before) if before.spec == spec => before,
            _ => Self { spec, since: now },
        }
    }

    pub(super) fn next(&self, me: &str, now: Instant) -> Move {
        let Some(spec) = &self.spec else { return Move::Create };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let expired = now.saturating_duration_since(self.since) >= LEASE_DURATION;
        if holder.is_empty() || holder == me || expired { Move::Take } else { Move::Wait(holder.into()) }
    }
}

/// The Lease with `me` as its holder.
pub(super) fn held_by(found: Option<Lease>, name: &str, me: &str, now: Timestamp) -> Lease {
    let mut lease = found.unwrap_or_default();
    lease.metadata.name = Some(name.into());
    let before = lease.spec.take().unwrap_or_default();
    let is_new_term = before.holder_identity.as_deref() != Some(me);
    let acquired = before.acquire_time.filter(|_| !is_new_term).unwrap_or(MicroTime(now));
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(me.into()),
        lease_duration_seconds: Some(LEASE_DURATION.as_secs() as i32),
        acquire_time: Some(acquired),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(is_new_term)),
        ..LeaseSpec::default()
    });
    lease
}

/// The Lease with no holder, if it is ours to give back.
pub(super) fn released(mut lease: Lease, me: &str) -> Option<Lease> {
    let spec = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(me))?;
    spec.holder_identity = None;
    spec.lease_duration_seconds = Some(1);
    Some(lease)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn lease(holder: &str, second: i64) -> Lease {
        held_by(None, "l", holder, Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_lease_is_taken_only_after_it_stood_still_for_its_duration() {
        let start = Instant::now();
        let seen = Observed::update(None, Some(&lease("a", 1)), start);
        let just_before = start + LEASE_DURATION - Duration::from_millis(1);
        assert_eq!(seen.next("b", just_before), Move::Wait("a".into()));
        let renewed = Observed::update(Some(seen.clone()), Some(&lease("a", 2)), just_before);
        assert_eq!(renewed.next("b", start + LEASE_DURATION), Move::Wait("a".into()));
        let same = Observed::update(Some(seen), Some(&lease("a", 1)), just_before);
        assert_eq!(same.next("b", start + LEASE_DURATION), Move::Take);
    }

    #[test]
    fn a_clock_of_another_machine_means_nothing() {
        let now = Instant::now();
        assert_eq!(Observed::update(None, Some(&lease("a", 1)), now).next("b", now), Move::Wait("a".into()));
    }

    #[test]
    fn a_lease_that_was_given_back_is_free_at_once() {
        let now = Instant::now();
        assert!(released(lease("a", 1), "b").is_none());
        let free = released(lease("a", 1), "a").unwrap();
        assert_eq!(Observed::update(None, Some(&free), now).next("b", now), Move::Take);
        let next = held_by(Some(free), "l", "b", Timestamp::from_second(2).unwrap());
        assert_eq!(next.spec.unwrap().lease_transitions, Some(2));
    }

    #[test]
    fn without_a_lease_one_is_made() {
        let now = Instant::now();
        assert_eq!(Observed::update(None, None, now).next("b", now), Move::Create);
    }
}
