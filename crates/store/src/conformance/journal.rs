//! A long journal of made-up but lawful commits, the same for the same seed.

use adit_core::{
    Actor, Change, GroupId, Keys, LineageState, Payment, State, TransferKind, User, View,
    Withdrawal,
};

use super::dump::dump;
use super::sample::{self, THEN, at, group_id, issuer, own_account, user_id};
use super::{Bed, script};
use crate::{MemStore, Store};

const SEED: u64 = 42;
const STEPS: u64 = 150;
const USERS: u64 = 5;

/// The same numbers for the same seed (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number from 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

pub async fn the_same_journal_gives_the_same_dump(bed: &mut impl Bed) {
    let store = bed.store();
    let model = MemStore::new();
    play(&*store, SEED).await;
    play(&model, SEED).await;
    let (seen, expected) = (dump(&*store).await, dump(&model).await);
    assert!(expected.lines().count() > 500, "the journal says something");
    for (line, (left, right)) in (1..).zip(seen.lines().zip(expected.lines())) {
        assert_eq!(left, right, "seed {SEED}, line {line} of the dump");
    }
    assert_eq!(seen.len(), expected.len());
}

/// Plays the whole journal.
pub async fn play(store: &dyn Store, seed: u64) {
    let mut dice = Dice::new(seed);
    script::put(
        store,
        vec![Change::Lane(sample::lane()), Change::Incarnation(sample::incarnation(1))],
    )
    .await;
    for step in 0..STEPS {
        let user = dice.below(USERS);
        let earlier = dice.below(step.max(1));
        let keys = keys(user, step, earlier);
        let mut group = store.load(&keys, THEN).await.expect("the store answers");
        let mut view = group.take_view();
        let changes = changes(&view, &mut dice, user, step, earlier);
        view.apply(changes);
        let mut batch = view.into_batch();
        // Not the store's own clock: the journal is the same on each.
        batch.now = at(step as i64);
        let id: GroupId = group_id();
        group
            .commit(id, batch)
            .await
            .unwrap_or_else(|fault| panic!("seed {seed} step {step}: {fault}"));
    }
}

fn keys(user: u64, step: u64, earlier: u64) -> Keys {
    let mut keys = script::keys_of_user(user);
    (0..USERS).for_each(|other| keys.extend(script::keys_of_user(other)));
    keys.withdrawals.extend([sample::withdrawal_id(step), sample::withdrawal_id(earlier)]);
    keys.lineages.extend([sample::lineage_id(step), sample::lineage_id(earlier)]);
    keys.payouts.insert(sample::payout_id(earlier));
    keys.lanes.insert(sample::lane_id());
    (0..USERS).for_each(|other| {
        drop(
            keys.limits
                .insert((user_id(other), sample::token()), vec![adit_core::Window::Rolling24h]),
        )
    });
    keys
}

fn changes(view: &View, dice: &mut Dice, user: u64, step: u64, earlier: u64) -> Vec<Change> {
    let known = view.withdrawal(sample::withdrawal_id(earlier));
    match (dice.below(4), known.map(|withdrawal| (withdrawal, &withdrawal.state))) {
        (0, _) => fund(view, dice, user, step),
        (1, Some((withdrawal, State::Approved { .. }))) => reserve(view, withdrawal, step, earlier),
        (2, Some((withdrawal, State::Processing { lineage, .. }))) => {
            finish(view, withdrawal, *lineage, dice, step)
        }
        _ => ask(view, dice, user, step),
    }
}

fn told(view: &View, user: &adit_core::UserId, step: u64, withdrawal: Option<u64>) -> Vec<Change> {
    let number = (0..USERS).find(|number| user_id(*number) == *user).unwrap_or(0);
    let row = view.user(user).cloned().unwrap_or_else(|| sample::user(number));
    let seq = row.event_seq + 1;
    let event = sample::event(step, Some((number, seq)), withdrawal);
    vec![Change::User(User { event_seq: seq, claim_nonce: seq, ..row }), Change::Event(event)]
}

fn fund(view: &View, dice: &mut Dice, user: u64, step: u64) -> Vec<Change> {
    let amount = u128::from(dice.below(1 << 31)) << dice.below(64);
    let mut changes = told(view, &user_id(user), step, None);
    changes.push(Change::Transfer(sample::funding(step, user, amount + 5_000)));
    changes.push(Change::Credit(sample::credit(step, user)));
    changes
}

fn ask(view: &View, dice: &mut Dice, user: u64, step: u64) -> Vec<Change> {
    let withdrawal = sample::withdrawal(step, user, step);
    if view.balance(&own_account(user)).available() < withdrawal.amount {
        return fund(view, dice, user, step);
    }
    let limits = view.limit(&user_id(user), &sample::token());
    let limit = limits.next_entry(
        &user_id(user),
        &sample::token(),
        withdrawal.amount,
        withdrawal.id,
        at(step as i64),
    );
    let limit = limit.expect("the sums are small");
    let mut changes = told(view, &user_id(user), step, Some(step));
    let hold = sample::transfer(
        step,
        TransferKind::Hold,
        own_account(user),
        issuer(),
        withdrawal.amount.base_units(),
    );
    changes.push(Change::Transfer(hold));
    changes.push(Change::Idempotency(sample::idempotency(step, "user/any")));
    changes.push(Change::Limit(limit.clone()));
    changes.push(Change::Withdrawal(Withdrawal { limit, ..withdrawal }));
    changes
}

fn reserve(view: &View, withdrawal: &Withdrawal, step: u64, earlier: u64) -> Vec<Change> {
    let lane = view.lane(&sample::lane_id()).cloned().unwrap_or_else(sample::lane);
    let user = (0..USERS).find(|number| user_id(*number) == withdrawal.user).unwrap_or(0);
    let lineage = sample::lineage(step, lane.next_nonce, vec![sample::leg(earlier, user)]);
    let state = State::Processing {
        lineage: lineage.id,
        since: THEN,
        sighting: None,
        confirmed_at: None,
        hash: None,
    };
    let mut changes = told(view, &withdrawal.user, step, Some(earlier));
    changes.push(Change::Lane(adit_core::Lane { next_nonce: lane.next_nonce + 1, ..lane }));
    changes.push(Change::Lineage(lineage));
    changes.push(Change::Withdrawal(Withdrawal { state, ..withdrawal.clone() }));
    changes
}

/// Settles it or gives it back, and ends its lineage where that is at hand.
fn finish(
    view: &View,
    withdrawal: &Withdrawal,
    lineage: adit_core::LineageId,
    dice: &mut Dice,
    step: u64,
) -> Vec<Change> {
    let paid = dice.below(2) == 0;
    let (hold, debit) = (
        withdrawal.hold,
        adit_core::Account::User {
            user: withdrawal.user.clone(),
            book: sample::book(),
            asset: sample::points(),
        },
    );
    let kind = if paid { TransferKind::Settle { hold } } else { TransferKind::Release { hold } };
    let payment = Payment { hash: sample::hash(step), block: sample::block(step) };
    let state = match paid {
        true => State::Completed { at: at(step as i64), payment },
        false => {
            State::Cancelled { at: at(step as i64), by: Actor::Engine, reason: "asked".to_owned() }
        }
    };
    let mut changes = told(view, &withdrawal.user, step, None);
    changes.push(Change::Transfer(sample::transfer(
        step,
        kind,
        debit,
        issuer(),
        withdrawal.amount.base_units(),
    )));
    changes.push(Change::Withdrawal(Withdrawal { state, ..withdrawal.clone() }));
    if !paid {
        changes.push(Change::LimitGivenBack(withdrawal.limit.clone()));
    }
    if let Some(Some(lineage)) = view.lineages.get(&lineage).map(|slot| slot.row.clone()) {
        let attempt = lineage.latest().id;
        changes.push(Change::Lineage(adit_core::Lineage {
            state: LineageState::Final { attempt, at: THEN },
            ..lineage
        }));
    }
    changes
}
