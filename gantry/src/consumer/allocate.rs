//! Which queues a member of a group reads (Apache: `AllocateMessageQueueAveragely`). Every member computes this for
//! itself from the same sorted lists, so all must do it exactly alike.

/// The part of `queues` that `me` gets among `members`; both must be sorted as all members sort them. Nothing when `me`
/// is not a member.
#[must_use]
pub fn averagely<'a, T>(queues: &'a [T], members: &[String], me: &str) -> &'a [T] {
    let Some(index) = members.iter().position(|member| member == me) else { return &[] };
    let (share, rest) = (queues.len() / members.len(), queues.len() % members.len());
    // The first `rest` members get one more.
    let start = index * share + index.min(rest);
    let len = share + usize::from(index < rest);
    queues.get(start..start + len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("10.0.0.1@{n:03}")).collect()
    }

    /// Java's arithmetic, line by line.
    fn as_java_has_it(queues: &[usize], count: usize, index: usize) -> Vec<usize> {
        let modulo = queues.len() % count;
        let average = if queues.len() <= count {
            1
        } else if modulo > 0 && index < modulo {
            queues.len() / count + 1
        } else {
            queues.len() / count
        };
        let start = if modulo > 0 && index < modulo { index * average } else { index * average + modulo };
        let range = average.min(queues.len().saturating_sub(start));
        (0..range).map(|n| queues[(start + n) % queues.len()]).collect()
    }

    #[test]
    fn what_java_printed() {
        // AllocateMessageQueueAveragely 5.5.0.
        let shares = |queues: usize, count: usize| -> Vec<Vec<usize>> {
            let queues: Vec<usize> = (0..queues).collect();
            let members = members(count);
            members.iter().map(|me| averagely(&queues, &members, me).to_vec()).collect()
        };
        assert_eq!(shares(8, 3), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
        assert_eq!(shares(4, 5), [vec![0], vec![1], vec![2], vec![3], vec![]]);
        assert_eq!(
            shares(17, 4),
            [vec![0, 1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12], vec![13, 14, 15, 16]]
        );
        assert_eq!(shares(1, 3), [vec![0], vec![], vec![]]);
    }

    #[test]
    fn who_is_no_member_gets_nothing() {
        assert_eq!(averagely(&[1, 2], &members(2), "somebody else"), &[0; 0]);
        assert_eq!(averagely(&[1, 2], &[], "somebody else"), &[0; 0]);
        assert_eq!(averagely::<u8>(&[], &members(2), &members(2)[0]), &[0; 0]);
    }

    proptest! {
        #[test]
        fn every_queue_has_exactly_one_reader_and_shares_differ_by_one_at_most(queues in 0_usize..300, count in 1_usize..40) {
            let queues: Vec<usize> = (0..queues).collect();
            let members = members(count);
            let shares: Vec<&[usize]> = members.iter().map(|me| averagely(&queues, &members, me)).collect();
            prop_assert_eq!(shares.concat(), queues.clone(), "consecutive, complete and disjoint");
            let lens = || shares.iter().map(|share| share.len());
            prop_assert!(lens().max().unwrap() - lens().min().unwrap() <= 1);
        }

        #[test]
        fn it_is_javas_arithmetic(queues in 0_usize..300, count in 1_usize..40) {
            let queues: Vec<usize> = (0..queues).collect();
            let members = members(count);
            for (index, me) in members.iter().enumerate() {
                prop_assert_eq!(averagely(&queues, &members, me), &as_java_has_it(&queues, count, index)[..]);
            }
        }
    }
}
