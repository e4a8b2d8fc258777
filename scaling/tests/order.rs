//! The state machine and the gate rule against random histories: sends over fresh and stale routes, announcements, flips,
//! aborts, stacked scales up and down, groups that read, commit and are set back, crashes that forget commits, and messages
//! that expire. The oracle must find nothing; and it must find each of a number of seeded bugs, or it proves nothing.

mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use world::{Bug, Op, World};

fn op() -> impl Strategy<Value = Op> {
    let group = 0..2_usize;
    prop_oneof![
        12 => (0..3_usize, 0..8_u8).prop_map(|(producer, key)| Op::Send { producer, key }),
        3 => (0..3_usize).prop_map(Op::LearnRoute),
        2 => (0..9_usize).prop_map(Op::Begin),
        3 => Just(Op::Flip),
        2 => Just(Op::Open),
        1 => Just(Op::Abort),
        10 => (group.clone(), 0..24_i32, 1..6_usize).prop_map(|(group, queue, count)| Op::Read { group, queue, count }),
        4 => (group.clone(), 0..24_i32).prop_map(|(group, queue)| Op::Commit { group, queue }),
        2 => Just(Op::SaveOffsets),
        2 => any::<u32>().prop_map(|lost| Op::Crash { lost }),
        1 => (group, 0..100_u8).prop_map(|(group, percent)| Op::SetBack { group, percent }),
        1 => (0..60_u8).prop_map(|percent| Op::Expire { percent }),
        1 => Just(Op::OrderByKey),
    ]
}

fn history() -> impl Strategy<Value = (bool, Vec<Op>)> {
    (prop::bool::weighted(0.25), prop::collection::vec(op(), 10..90))
}

fn check(cases: u32, bug: Option<Bug>) -> Result<(), TestError<(bool, Vec<Op>)>> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    TestRunner::new(config).run(&history(), |(keyed, ops)| {
        let mut world = World::new(keyed, bug);
        ops.iter().for_each(|op| world.act(op));
        world.finish().map_err(TestCaseError::fail)
    })
}

#[test]
fn nothing_is_out_of_order_lost_or_stuck_in_100_000_histories() {
    if let Err(error) = check(100_000, None) {
        panic!("{error}");
    }
}

#[test]
fn every_seeded_bug_is_found() {
    for bug in Bug::ALL {
        match check(1_000_000, Some(bug)) {
            Err(TestError::Fail(why, (_, history))) => println!("{bug:?}: {why}, by {} steps", history.len()),
            other => panic!("{bug:?} was not found: {other:?}"),
        }
    }
}
