//! Which CommitLog files have to go: a pure decision (Apache: `DefaultMessageStore.CleanCommitLogService`).

use crate::Retention;
use std::time::{Duration, SystemTime};

/// What the decision looks at.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Time since each file was last written, oldest file first, without the one being written.
    pub(crate) ages: Vec<Duration>,
    /// Share of the disk in use, 0 to 1.
    pub(crate) disk_used: f64,
    /// Hour of the day, local time.
    pub(crate) hour: u8,
    /// Somebody asked for it: the hour does not matter.
    pub(crate) asked: bool,
}

/// What has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Files to delete, from the oldest.
    pub(crate) delete: usize,
    /// Messages are to be refused.
    pub(crate) refuse: bool,
}

/// How old a file is that was `modified` then. What was there when somebody set the clock is as old as that, however old it is:
/// between the two times lies an unknown time.
pub(crate) fn age(modified: SystemTime, set_at: Option<SystemTime>, now: SystemTime) -> Duration {
    let since = set_at.map_or(modified, |set_at| set_at.max(modified));
    now.duration_since(since).unwrap_or_default()
}

/// Files deleted in one go at most, so that a disk is not kept busy with nothing else.
const MAX_AT_ONCE: usize = 10;

pub(crate) fn decide(policy: &Retention, facts: &Facts) -> Decision {
    let forcibly = facts.disk_used > policy.forcibly_above;
    let hour_has_come = policy.delete_hours & (1 << facts.hour) != 0;
    let delete = if hour_has_come || facts.asked || facts.disk_used > policy.expired_above {
        facts.ages.iter().take_while(|age| forcibly || **age > policy.keep).take(MAX_AT_ONCE).count()
    } else {
        0
    };
    Decision { delete, refuse: facts.disk_used > policy.refuse_above }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(disk_used: f64, hour: u8, ages_in_hours: &[u64]) -> Facts {
        Facts {
            ages: ages_in_hours.iter().map(|h| Duration::from_secs(h * 3600)).collect(),
            disk_used,
            hour,
            asked: false,
        }
    }

    fn deleted(facts: Facts) -> usize {
        decide(&Retention::default(), &facts).delete
    }

    #[test]
    fn expired_files_go_at_their_hour() {
        assert_eq!(deleted(facts(0.1, 4, &[100, 80, 71, 2])), 2);
        assert_eq!(deleted(facts(0.1, 5, &[100, 80, 71, 2])), 0);
    }

    #[test]
    fn a_clock_that_is_set_makes_no_file_old() {
        let hours = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(n * 3600);
        let old = |modified, set_at, now| age(hours(modified), set_at, hours(now)).as_secs() / 3600;
        assert_eq!(old(10, None, 100), 90);
        assert_eq!(old(10, Some(hours(100)), 100), 0);
        assert_eq!(old(10, Some(hours(100)), 173), 73, "from then on it is");
        assert_eq!(old(120, Some(hours(100)), 173), 53, "written after that");
        assert_eq!(old(120, Some(hours(100)), 110), 0, "in the future");
    }

    #[test]
    fn a_full_disk_does_not_wait_for_the_hour() {
        assert_eq!(deleted(facts(0.76, 5, &[100, 80, 71, 2])), 2, "expired ones above 75 %");
        assert_eq!(deleted(facts(0.86, 5, &[100, 80, 71, 2])), 4, "all above 85 %");
        assert_eq!(deleted(facts(0.86, 5, &[1; 30])), MAX_AT_ONCE);
    }

    #[test]
    fn messages_are_refused_above_ninety_percent() {
        assert!(decide(&Retention::default(), &facts(0.91, 5, &[])).refuse);
        assert!(!decide(&Retention::default(), &facts(0.90, 5, &[])).refuse);
    }
}
