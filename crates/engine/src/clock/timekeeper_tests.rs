use adit_core::{ChainKind, Span};
use proptest::prelude::*;

use super::*;
use crate::clock::Source;

const BEGAN: i64 = 1_800_000_000;
const FIVE_YEARS: i64 = 5 * 365 * 86_400;

/// After so many seconds the machine's clock is off by `off`.
fn reading(after: i64, off: i64) -> Reading {
    let monotonic = Duration::from_secs(after.unsigned_abs());
    Reading { wall: Timestamp::from_seconds(BEGAN + after + off), monotonic }
}

fn block(at: i64) -> Witness {
    Witness::block(
        ChainKind::Evm,
        adit_core::ChainName::new("local").expect("a name"),
        Timestamp::from_seconds(BEGAN + at),
    )
}

fn confirmed() -> Timekeeper {
    let mut keeper = Timekeeper::start(reading(0, 0));
    assert!(keeper.hear(reading(0, 0), &block(0)));
    keeper
}

#[test]
fn f97_a_jump_of_the_machines_clock_never_enters_the_time() {
    for mut keeper in [Timekeeper::start(reading(0, 0)), Timekeeper::of_signer(reading(0, 0))] {
        assert!(keeper.hear(reading(0, 0), &block(0)), "a server's, and a signer's");
        for off in [FIVE_YEARS, -FIVE_YEARS, 31, -31] {
            assert_eq!(keeper.read(reading(10, off)), Timestamp::from_seconds(BEGAN + 10));
            assert_eq!(keeper.doubt(reading(10, off)), Some(ClockDoubt::Jumped { seconds: off }));
        }
        assert_eq!(
            keeper.read(reading(11, 0)),
            Timestamp::from_seconds(BEGAN + 11),
            "and right again"
        );
        assert_eq!(keeper.doubt(reading(11, 0)), None, "the doubt ends by itself");
    }
}

#[test]
fn f97_a_jump_is_believed_when_a_witness_agrees_with_it_and_not_before() {
    let mut keeper = confirmed();
    let resumed = reading(10, 7_200);
    assert!(!keeper.hear(resumed, &block(10)), "the block says that no time has passed");
    assert_eq!(keeper.doubt(resumed), Some(ClockDoubt::Jumped { seconds: 7_200 }));
    assert!(
        !keeper.hear(resumed, &block(7_210 - 901)),
        "a block of more than a quarter of an hour ago"
    );
    assert!(keeper.hear(resumed, &block(7_210 - 899)));
    assert_eq!((keeper.read(resumed), keeper.doubt(resumed)), (resumed.wall, None));
}

#[test]
fn f97_a_clock_that_was_wrong_from_the_start_is_not_believed_before_a_witness_agrees() {
    let mut keeper = Timekeeper::start(reading(0, FIVE_YEARS));
    for after in [1, 60, 86_400] {
        assert!(!keeper.hear(reading(after, FIVE_YEARS), &block(after)));
        assert_eq!(keeper.doubt(reading(after, FIVE_YEARS)), Some(ClockDoubt::Unconfirmed));
    }
    let put_right = reading(86_401, 0);
    assert_eq!(
        keeper.doubt(put_right),
        Some(ClockDoubt::Unconfirmed),
        "nobody has agreed with it yet"
    );
    assert!(keeper.hear(put_right, &block(86_400)));
    assert_eq!((keeper.read(put_right), keeper.doubt(put_right)), (put_right.wall, None));
}

#[test]
fn f97_a_witness_of_another_time_changes_nothing_while_there_is_no_doubt() {
    let mut keeper = confirmed();
    assert!(!keeper.hear(
        reading(10, 1),
        &Witness::clock(Source::Database, Timestamp::from_seconds(BEGAN + FIVE_YEARS))
    ));
    assert!(!keeper.hear(reading(10, 29), &block(39)));
    let time = keeper.read(reading(10, 29));
    assert!(
        time < Timestamp::from_seconds(BEGAN + 10).plus(Span::from_millis(11)),
        "followed, and not taken over: {time:?}"
    );
}

#[test]
fn a_clock_that_drifts_a_little_is_followed_slowly() {
    let mut keeper = confirmed();
    for after in 1..=3_000 {
        keeper.read(reading(after, 2));
    }
    assert_eq!(keeper.drift(reading(3_000, 2)), 0, "two seconds in less than an hour");
}

proptest! {
    /// Whatever the machine's clock shows, and whenever it is read: time passes as the monotonic
    /// clock says, within a thousandth.
    #[test]
    fn f97_no_sequence_of_jumps_moves_the_time_faster_than_the_machines_clock_is_followed(
        readings in prop::collection::vec((0u64..100_000_000, any::<i64>(), -40_000_000i64..40_000_000, any::<bool>()), 1..200),
    ) {
        let mut keeper = confirmed();
        let (mut monotonic, mut before) = (Duration::ZERO, Timestamp::from_seconds(BEGAN));
        for (pause, wild, near, is_wild) in readings {
            monotonic += Duration::from_micros(pause);
            let true_time = BEGAN * 1_000_000 + micros(monotonic);
            let wall = Timestamp::from_micros(if is_wild { wild } else { true_time + near });
            let time = keeper.read(Reading { wall, monotonic });
            prop_assert!(time >= before, "time went back");
            let off = (time.micros() - true_time).abs();
            prop_assert!(off <= micros(monotonic) / FOLLOWS_ONE_IN, "{off} after {monotonic:?}");
            before = time;
        }
    }
}
