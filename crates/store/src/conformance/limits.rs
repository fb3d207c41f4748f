//! Windows against a model that sums up every entry: give-backs, entries of one moment, a clock
//! that goes back.

use std::collections::BTreeMap;

use adit_core::{
    Amount, Change, Keys, LimitEntry, LimitState, Span, Timestamp, Window, WindowState,
};

use super::Bed;
use super::journal::Dice;
use super::sample::{self, token, user_id};
use super::script::{commit, view};

const ROUNDS: u64 = 60;
const SEED: u64 = 20_260_101;

fn windows() -> Vec<Window> {
    vec![
        Window::Rolling24h,
        Window::Rolling7d,
        Window::Rolling30d,
        Window::CalendarDay { offset_minutes: -150 },
    ]
}

fn keys(user: u64) -> Keys {
    Keys { limits: BTreeMap::from([((user_id(user), token()), windows())]), ..Keys::default() }
}

/// What is true, entry by entry.
#[derive(Default)]
struct Model {
    entries: Vec<(LimitEntry, bool)>,
}

impl Model {
    fn state(&self, now: Timestamp) -> LimitState {
        let last = self.entries.last().map(|(entry, _)| entry);
        LimitState {
            last_seq: last.map_or(0, |entry| entry.seq),
            last_at: last.map(|entry| entry.at),
            cumulative: last.map_or(Amount::ZERO, |entry| entry.cumulative),
            windows: windows()
                .into_iter()
                .map(|window| (window, self.window(window.cutoff(now))))
                .collect(),
        }
    }

    fn window(&self, cutoff: Timestamp) -> WindowState {
        let inside = self.entries.iter().filter(|(entry, _)| entry.at > cutoff);
        let sum = |entries: &mut dyn Iterator<Item = &(LimitEntry, bool)>| {
            Amount::new(entries.map(|(entry, _)| entry.amount.base_units()).sum())
        };
        WindowState {
            cumulative_at_cutoff: sum(&mut self
                .entries
                .iter()
                .filter(|(entry, _)| entry.at <= cutoff)),
            given_back: sum(&mut inside.clone().filter(|(_, given_back)| *given_back)),
            oldest_at: inside
                .clone()
                .find(|(_, given_back)| !given_back)
                .map(|(entry, _)| entry.at),
        }
    }
}

pub async fn windows_equal_a_naive_model(bed: &mut impl Bed) {
    let store = bed.store();
    let mut dice = Dice::new(SEED);
    let mut models: Vec<Model> = (0..3).map(|_| Model::default()).collect();
    let start = view(&*store, &Keys::default()).await.now.minus(Span::from_hours(40 * 24));
    let mut clock = start;
    for round in 0..ROUNDS {
        let user = dice.below(3);
        let model = &mut models[user as usize];
        // Mostly forward, sometimes not at all; an entry keeps to the last one's time when the
        // clock goes back.
        clock = if dice.below(5) == 0 {
            clock.minus(Span::from_hours(3))
        } else {
            clock.plus(Span::from_seconds(dice.below(60_000)))
        };
        let changes = changes(model, user, round, clock, &mut dice);
        commit(&*store, &keys(user), |_| changes)
            .await
            .unwrap_or_else(|fault| panic!("seed {SEED} round {round}: {fault}"));
        let seen = view(&*store, &keys(user)).await;
        let expected = model.state(seen.now);
        assert_eq!(*seen.limit(&user_id(user), &token()), expected, "seed {SEED} round {round}");
        let read = store.limit(&user_id(user), &token(), &windows(), seen.now).await;
        assert_eq!(read, Ok(expected), "seed {SEED} round {round}, read without a group");
    }
}

fn changes(
    model: &mut Model,
    user: u64,
    round: u64,
    clock: Timestamp,
    dice: &mut Dice,
) -> Vec<Change> {
    let standing: Vec<usize> =
        (0..model.entries.len()).filter(|index| !model.entries[*index].1).collect();
    if !standing.is_empty() && dice.below(3) == 0 {
        let chosen = standing[dice.below(standing.len() as u64) as usize];
        model.entries[chosen].1 = true;
        return vec![Change::LimitGivenBack(model.entries[chosen].0.clone())];
    }
    let amount = Amount::new(u128::from(dice.below(1 << 40)) << dice.below(60));
    let before = model.entries.last().map(|(entry, _)| entry.clone());
    let at = before.as_ref().map_or(clock, |last| last.at.max(clock));
    let cumulative = before.as_ref().map_or(Amount::ZERO, |last| last.cumulative).plus(amount);
    let seq = before.map_or(1, |last| last.seq + 1);
    let entry = LimitEntry {
        amount,
        cumulative,
        withdrawal: sample::withdrawal_id(round),
        ..sample::limit_entry(user, seq, at, 0, 0)
    };
    model.entries.push((entry.clone(), false));
    vec![Change::Limit(entry)]
}
