//! Limits within one group of orders: what was taken and given back a moment ago counts before any
//! store has it.

use adit_core::*;
use proptest::prelude::*;

use super::world::*;

fn entry(state: &LimitState, number: u128, amount: u128, now: Timestamp) -> LimitEntry {
    let withdrawal = WithdrawalId(uuid::Uuid::from_u128(number));
    state.next_entry(&user(), &asset("DG"), Amount::new(amount), withdrawal, now).expect("fits")
}

fn with_windows(windows: &[Window]) -> LimitState {
    LimitState {
        windows: windows.iter().map(|window| (*window, WindowState::default())).collect(),
        ..LimitState::default()
    }
}

#[test]
fn entries_are_numbered_summed_up_and_never_before_the_last() {
    let mut state = with_windows(&[Window::Rolling24h]);
    let first = entry(&state, 1, 5, Timestamp::from_seconds(100));
    state.append(&first);
    let second = entry(&state, 2, 7, Timestamp::from_seconds(40));
    assert_eq!(
        (first.seq, first.cumulative, first.at),
        (1, Amount::new(5), Timestamp::from_seconds(100))
    );
    assert_eq!(
        (second.seq, second.cumulative, second.at),
        (2, Amount::new(12), Timestamp::from_seconds(100))
    );
    state.append(&second);
    assert_eq!(
        (state.last_seq, state.last_at, state.cumulative),
        (2, Some(Timestamp::from_seconds(100)), Amount::new(12))
    );
}

#[test]
fn a_sum_that_does_not_fit_makes_no_entry() {
    let state = LimitState { cumulative: Amount::MAX, ..LimitState::default() };
    let none = state.next_entry(
        &user(),
        &asset("DG"),
        Amount::new(1),
        WithdrawalId(uuid::Uuid::nil()),
        Timestamp::default(),
    );
    assert_eq!(none, None);
}

#[test]
fn a_window_tells_what_is_used_left_and_when_more_will_be() {
    let mut state = with_windows(&[Window::Rolling24h]);
    let max = Amount::new(10);
    let unused =
        WindowUse { window: Window::Rolling24h, max, used: Amount::ZERO, left: max, more_at: None };
    assert_eq!(state.window_use(Window::Rolling24h, max), unused);
    let at = Timestamp::from_seconds(1_000);
    let taken = entry(&state, 1, 12, at);
    state.append(&taken);
    let more_at = Some(at.plus(Span::from_hours(24)));
    let full = WindowUse {
        window: Window::Rolling24h,
        max,
        used: Amount::new(12),
        left: Amount::ZERO,
        more_at,
    };
    assert_eq!(state.window_use(Window::Rolling24h, max), full);
    assert_eq!(
        state.used(Window::Rolling7d),
        Amount::new(12),
        "a window that was not loaded counts everything"
    );
}

/// An entry is given back within the windows that it is still inside of; at the cut-off it has left
/// already.
#[test]
fn giving_back_an_entry_that_left_the_window_gives_nothing() {
    for (hours, back) in [(23, 5), (24, 0), (25, 0)] {
        let mut state = with_windows(&[Window::Rolling24h]);
        let at = Timestamp::from_seconds(1_000);
        let taken = entry(&state, 1, 5, at);
        state.append(&taken);
        state.give_back(&taken, at.plus(Span::from_hours(hours)));
        assert_eq!(
            state.windows[&Window::Rolling24h].given_back,
            Amount::new(back),
            "{hours} hours later"
        );
    }
}

#[test]
fn every_window_has_its_length_and_its_end() {
    let noon = Timestamp::from_seconds(1_700_049_600);
    let (hour, day) = (Span::from_hours(1), Span::from_hours(24));
    for (window, length) in [
        (Window::Rolling24h, day),
        (Window::Rolling7d, day.times(7)),
        (Window::Rolling30d, day.times(30)),
    ] {
        assert_eq!(
            (window.cutoff(noon), window.leaves(noon)),
            (noon.minus(length), noon.plus(length))
        );
    }
    // 2023-11-15 12:00 UTC: in a zone two hours east, the day began at 22:00 UTC of the day before.
    let east = Window::CalendarDay { offset_minutes: 120 };
    let midnight = noon.minus(hour.times(14));
    assert_eq!(east.cutoff(noon), Timestamp::from_micros(midnight.micros() - 1));
    assert_eq!(east.leaves(noon), midnight.plus(day));
}

proptest! {
    /// Whatever is taken and given back at one moment, the bookkeeping of a group says what a naive
    /// sum says.
    #[test]
    fn a_group_counts_what_it_takes_and_gives_back(steps in prop::collection::vec((1u128..1_000, any::<bool>()), 1..40)) {
        let mut state = with_windows(&[Window::Rolling24h, Window::CalendarDay { offset_minutes: 0 }]);
        let now = Timestamp::from_seconds(1_700_000_000);
        let mut standing = 0;
        for (number, (amount, back)) in steps.into_iter().enumerate() {
            let taken = entry(&state, number as u128, amount, now);
            state.append(&taken);
            standing += amount;
            if back {
                state.give_back(&taken, now);
                standing -= amount;
            }
            for window in [Window::Rolling24h, Window::CalendarDay { offset_minutes: 0 }] {
                prop_assert_eq!(state.used(window), Amount::new(standing));
            }
        }
    }
}
