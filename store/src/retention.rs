//! Which CommitLog files have to go: a pure decision (Apache: `DefaultMessageStore.CleanCommitLogService`).

use crate::Retention;
use std::time::Duration;

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
