//! Lists: what is in them, in which order, and where the next page begins.

use std::collections::BTreeMap;

use adit_core::{
    Actor, Attempt, Bytes, CancelWish, Change, Deferral, Hash32, Knowledge, LaneId, Lineage, Scope,
    Signed, Stage, State, Status, Suspension, TransferKind, Withdrawal, WithdrawalId,
};

use super::sample::{self, THEN, at, issuer, lane_id, name, own_account, token, user_id};
use super::script::put;
use super::{Bed, rows};
use crate::{Coverage, Cursor, LineageCursor, QueueFilter, Store, WithdrawalFilter};

const ROWS: u64 = 23;

/// Rows in disorder, several of one moment.
async fn many_withdrawals(store: &dyn Store) -> Vec<Withdrawal> {
    let made: Vec<Withdrawal> = (1..=ROWS).map(|number| varied((number * 7) % 24)).collect();
    put(store, made.iter().cloned().map(Change::Withdrawal).collect()).await;
    made
}

fn varied(number: u64) -> Withdrawal {
    let user = number % 3;
    let state = match number % 4 {
        0 => State::Pending,
        1 => State::Cancelled { at: at(1), by: Actor::Engine, reason: "asked".to_owned() },
        _ => sample::approved(),
    };
    let claim =
        sample::withdrawal(number, user, number).claim.filter(|_| !number.is_multiple_of(5));
    let asset = if number.is_multiple_of(2) { token() } else { name("ETH") };
    Withdrawal {
        state,
        claim,
        asset,
        created_at: at((number / 3) as i64),
        ..sample::withdrawal(number, user, number)
    }
}

fn filters() -> Vec<WithdrawalFilter> {
    let any = WithdrawalFilter::default;
    vec![
        any(),
        WithdrawalFilter { user: Some(user_id(1)), ..any() },
        WithdrawalFilter { status: Some(Status::Approved), ..any() },
        WithdrawalFilter { asset: Some(name("ETH")), ..any() },
        WithdrawalFilter { claims: Some(true), ..any() },
        WithdrawalFilter { claims: Some(false), ..any() },
        WithdrawalFilter { from: Some(at(2)), to: Some(at(5)), ..any() },
        WithdrawalFilter {
            user: Some(user_id(2)),
            status: Some(Status::Pending),
            asset: Some(token()),
            from: Some(at(1)),
            ..any()
        },
        WithdrawalFilter { user: Some(user_id(77)), ..any() },
    ]
}

pub async fn pages_and_cursors(bed: &mut impl Bed) {
    let store = bed.store();
    let mut made = many_withdrawals(&*store).await;
    made.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    for filter in filters() {
        let expected: Vec<_> = made.iter().filter(|row| fits(&filter, row)).cloned().collect();
        for rows_per_page in [1, 4, expected.len().max(1), 100] {
            assert_eq!(
                walk(&*store, &filter, rows_per_page).await,
                expected,
                "{filter:?} by {rows_per_page}"
            );
        }
    }
}

async fn walk(
    store: &dyn Store,
    filter: &WithdrawalFilter,
    rows_per_page: usize,
) -> Vec<Withdrawal> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page =
            store.withdrawals(filter, after, rows_per_page).await.expect("the store answers");
        assert!(page.items.len() <= rows_per_page);
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn fits(filter: &WithdrawalFilter, row: &Withdrawal) -> bool {
    filter.user.as_ref().is_none_or(|user| row.user == *user)
        && filter.status.is_none_or(|status| row.state.status() == status)
        && filter.asset.as_ref().is_none_or(|asset| row.asset == *asset)
        && filter.from.is_none_or(|from| from <= row.created_at)
        && filter.to.is_none_or(|to| row.created_at < to)
        && filter.claims.is_none_or(|claims| row.claim.is_some() == claims)
}

pub async fn the_queue_is_oldest_first(bed: &mut impl Bed) {
    let store = bed.store();
    many_withdrawals(&*store).await;
    let deferred = |until| State::Approved {
        by: Actor::Engine,
        at: THEN,
        deferred: Some(deferral(until)),
        after: None,
    };
    let waiting = Withdrawal {
        state: deferred(at(500)),
        created_at: at(-9),
        ..sample::withdrawal(100, 9, 0)
    };
    put(&*store, vec![Change::Withdrawal(waiting.clone())]).await;
    let tokens = queue(&*store, 400, 100).await;
    let expected: Vec<u64> =
        (0..24).filter(|number| (number * 7) % 24 != 0 && number % 4 == 2).collect();
    assert_eq!(
        tokens,
        expected.iter().map(|number| sample::withdrawal_id(*number)).collect::<Vec<_>>()
    );
    assert_eq!(queue(&*store, 499, 3).await, tokens[..3]);
    assert_eq!(
        queue(&*store, 500, 1).await,
        [waiting.id],
        "due at its very moment, and the oldest"
    );
    let both = store
        .queue(&QueueFilter::of(vec![token(), name("ETH")]), at(400), 100)
        .await
        .expect("the store answers");
    assert!(both.len() > tokens.len() && both.is_sorted_by_key(|row| (row.created_at, row.id)));
    assert_eq!(store.queue(&QueueFilter::default(), at(400), 100).await, Ok(Vec::new()));
    let counts = store.counts().await.expect("the store answers");
    assert_eq!(counts.iter().map(|(status, _)| *status).collect::<Vec<_>>(), Status::ALL);
    assert_eq!(counts.iter().map(|(_, number)| *number).sum::<u64>(), ROWS + 1);
}

pub async fn f97_a_deferral_years_ahead_is_in_the_queue(bed: &mut impl Bed) {
    let store = bed.store();
    let deferred = |number, until| {
        let state = State::Approved {
            by: Actor::Engine,
            at: THEN,
            deferred: Some(deferral(until)),
            after: None,
        };
        Change::Withdrawal(Withdrawal {
            state,
            asset: token(),
            ..sample::withdrawal(number, 9, number)
        })
    };
    let hours = |hours: i64| at(400 + hours * 3_600);
    put(
        &*store,
        vec![
            deferred(1, hours(5 * 8_766)),
            deferred(2, hours(1)),
            deferred(3, hours(4)),
            deferred(4, hours(5)),
        ],
    )
    .await;
    let found = queue(&*store, 400, 100).await;
    assert_eq!(
        found,
        [1, 4].map(sample::withdrawal_id),
        "no clock is wrong by less, and no deferral is longer than an hour"
    );
}

/// +33: who waits for an empty wallet is found whenever the next look is, and nobody who was never
/// looked at.
pub async fn p33_the_deferred_are_found_before_and_after_their_time(bed: &mut impl Bed) {
    let store = bed.store();
    let approved = |number: u64, user: u64, deferred: Option<Deferral>| {
        let state = State::Approved { by: Actor::Engine, at: THEN, deferred, after: None };
        let created_at = at(number.cast_signed());
        Change::Withdrawal(Withdrawal {
            state,
            asset: token(),
            created_at,
            ..sample::withdrawal(number, user, number)
        })
    };
    let rows =
        [(1, 1, None), (2, 1, Some(100)), (3, 2, Some(900)), (4, 1, Some(300)), (5, 1, None)];
    put(
        &*store,
        rows.map(|(number, user, until)| {
            approved(number, user, until.map(|until| deferral(at(until))))
        })
        .to_vec(),
    )
    .await;
    let found = async |wanted: QueueFilter, limit| -> Vec<WithdrawalId> {
        store
            .deferred(&wanted, limit)
            .await
            .expect("the store answers")
            .iter()
            .map(|row| row.id)
            .collect()
    };
    let of_tokens = || QueueFilter::of(vec![token()]);
    assert_eq!(found(of_tokens(), 9).await, [2, 3, 4].map(sample::withdrawal_id));
    assert_eq!(found(of_tokens(), 2).await, [2, 3].map(sample::withdrawal_id));
    let stopped = QueueFilter { stopped_users: [user_id(2)].into(), ..of_tokens() };
    assert_eq!(found(stopped, 9).await, [2, 4].map(sample::withdrawal_id));
    let after = Some(Cursor { created_at: at(3), id: sample::withdrawal_id(3) });
    assert_eq!(
        found(QueueFilter { after, ..of_tokens() }, 9).await,
        [4].map(sample::withdrawal_id)
    );
    let source = sample::withdrawal(1, 1, 1).source_asset;
    assert_eq!(found(QueueFilter { stopped_sources: [source].into(), ..of_tokens() }, 9).await, []);
    assert_eq!(found(QueueFilter::of(vec![name("ETH")]), 9).await, []);
}

/// Those before a place in the line are counted, as far as they may be planned, and no further than
/// asked for.
pub async fn p31_those_ahead_are_counted(bed: &mut impl Bed) {
    let store = bed.store();
    let approved = |number: u64, user: u64, deferred: Option<Deferral>| {
        let state = State::Approved { by: Actor::Engine, at: THEN, deferred, after: None };
        let created_at = at(number.cast_signed() / 2);
        Change::Withdrawal(Withdrawal {
            state,
            asset: token(),
            created_at,
            ..sample::withdrawal(number, user, number)
        })
    };
    let later = || Some(deferral(at(900)));
    let rows = (1..=9)
        .map(|number| approved(number, number % 3, if number == 4 { later() } else { None }));
    put(&*store, rows.collect()).await;
    let ahead = async |wanted: QueueFilter, number: u64, most| {
        let place =
            Cursor { created_at: at(number.cast_signed() / 2), id: sample::withdrawal_id(number) };
        store.ahead(&wanted, at(400), place, most).await.expect("the store answers")
    };
    let of_tokens = || QueueFilter::of(vec![token()]);
    assert_eq!(
        [
            ahead(of_tokens(), 1, 99).await,
            ahead(of_tokens(), 2, 99).await,
            ahead(of_tokens(), 3, 99).await
        ],
        [0, 1, 2]
    );
    assert_eq!(ahead(of_tokens(), 9, 99).await, 7, "one of the eight is deferred");
    assert_eq!(ahead(of_tokens(), 9, 3).await, 3);
    let stopped = QueueFilter { stopped_users: [user_id(1)].into(), ..of_tokens() };
    assert_eq!(ahead(stopped, 9, 99).await, 5, "1 and 7 are stopped, and 4 is deferred besides");
    assert_eq!(ahead(QueueFilter::of(vec![name("ETH")]), 9, 99).await, 0);
}

/// F102: what is suspended fills no page, whether a user, an asset or all; and a page goes on where
/// the one before ended.
pub async fn f102_what_is_stopped_hides_nobody(bed: &mut impl Bed) {
    let store = bed.store();
    let approved = |number: u64, user: u64| {
        let state = State::Approved { by: Actor::Engine, at: THEN, deferred: None, after: None };
        let created_at = at(number.cast_signed());
        Change::Withdrawal(Withdrawal {
            state,
            asset: token(),
            created_at,
            ..sample::withdrawal(number, user, number)
        })
    };
    put(
        &*store,
        (1..=6).map(|number| approved(number, 1)).chain([approved(7, 2), approved(8, 2)]).collect(),
    )
    .await;
    let stopped = |scope: Scope| {
        let standing = Suspension {
            scope: scope.clone(),
            by: Actor::Engine,
            reason: "looked at".to_owned(),
            since: THEN,
        };
        QueueFilter::of(vec![token()]).without(&BTreeMap::from([(scope, standing)]))
    };
    let found = async |wanted: &QueueFilter, limit| -> Vec<WithdrawalId> {
        let found = store.queue(wanted, at(400), limit).await.expect("the store answers");
        found.iter().map(|row| row.id).collect()
    };
    let of_user = stopped(Scope::User { user: user_id(1) });
    assert_eq!(found(&of_user, 1).await, [sample::withdrawal_id(7)]);
    let source = sample::withdrawal(1, 1, 1).source_asset;
    for scope in [Scope::All, Scope::Asset { asset: token() }, Scope::Asset { asset: source }] {
        assert_eq!(found(&stopped(scope.clone()), 9).await, [], "{scope}");
    }
    let after = Some(Cursor { created_at: at(6), id: sample::withdrawal_id(6) });
    assert_eq!(
        found(&QueueFilter { after, ..QueueFilter::of(vec![token()]) }, 9).await,
        [7, 8].map(sample::withdrawal_id)
    );
}

fn deferral(until: adit_core::Timestamp) -> Deferral {
    Deferral {
        reason: "no gas".to_owned(),
        tries: 1,
        until,
        cause: adit_core::DeferralCause::WouldFail,
        looks: 0,
        since: None,
    }
}

async fn queue(store: &dyn Store, now: i64, limit: usize) -> Vec<WithdrawalId> {
    let found = store
        .queue(&QueueFilter::of(vec![token()]), at(now), limit)
        .await
        .expect("the store answers");
    found.into_iter().map(|row| row.id).collect()
}

pub async fn feeds_and_histories(bed: &mut impl Bed) {
    let store = bed.store();
    let of_user = (1..=9).map(|seq| sample::event(100 - seq, Some((1, seq)), Some(seq % 2)));
    let others = [
        sample::event(200, Some((2, 1)), Some(1)),
        sample::event(201, None, Some(1)),
        sample::event(202, None, None),
    ];
    put(&*store, of_user.chain(others).map(Change::Event).collect()).await;
    let feed = store.feed(&user_id(1), 3, 4).await.expect("the store answers");
    assert_eq!(
        feed.iter()
            .filter_map(|event| event.feed.as_ref())
            .map(|feed| feed.seq)
            .collect::<Vec<_>>(),
        [4, 5, 6, 7]
    );
    assert_eq!(store.feed(&user_id(1), u64::MAX, 4).await, Ok(Vec::new()));
    assert_eq!(store.feed(&user_id(3), 0, 4).await, Ok(Vec::new()));
    let history = store.history(sample::withdrawal_id(1)).await.expect("the store answers");
    assert_eq!(history.len(), 7);
    assert!(history.is_sorted_by_key(|event| event.at));
    let records = (0..5).map(|second| adit_core::ObservationRecord {
        attempt: sample::attempt_id(1),
        at: at(second / 2),
        said: rows::sighting(),
    });
    let records: Vec<_> = records.collect();
    put(&*store, records.iter().cloned().map(Change::Observation).collect()).await;
    let newest: Vec<_> = records.iter().rev().take(3).cloned().collect();
    assert_eq!(store.observations(sample::attempt_id(1), 3).await, Ok(newest));
}

/// The newest first, and those of before are left out; other events are none of them.
pub async fn fees_in_doubt(bed: &mut impl Bed) {
    let store = bed.store();
    let known = adit_core::FeeKnown::Unknown { parts: vec!["data (l1Fee)".to_owned()] };
    let kind = adit_core::EventKind::FeeDoubted { lane: lane_id(), hash: sample::hash(1), known };
    let doubt = |number| {
        Change::Event(adit_core::Event { kind: kind.clone(), ..sample::event(number, None, None) })
    };
    let others =
        [1, 4, 9].map(|number| Change::Event(sample::event(number + 100, None, Some(number))));
    put(&*store, (1..=5).map(doubt).chain(others).collect()).await;
    let found = async |since, limit| -> Vec<adit_core::EventId> {
        let found = store.fee_doubts(at(since), limit).await.expect("the store answers");
        assert!(found.iter().all(|event| event.kind == kind));
        found.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(found(3, 9).await, [5, 4, 3].map(sample::event_id));
    assert_eq!(found(0, 2).await, [5, 4].map(sample::event_id));
    assert_eq!(found(6, 9).await, []);
}

pub async fn live_lineages_in_order(bed: &mut impl Bed) {
    let store = bed.store();
    // Made in one commit, so of one time: the nonce tells their order, not the id.
    let made: Vec<_> = (0..12)
        .map(|nonce| sample::lineage(100 - nonce, nonce, vec![sample::leg(nonce, 1)]))
        .collect();
    put(&*store, made.iter().cloned().map(Change::Lineage).collect()).await;
    put(&*store, vec![Change::Lineage(sample::ended(made[3].clone()))]).await;
    let live = |limit| async move {
        let found = bed.store().live_lineages(&lane_id(), limit).await.expect("the store answers");
        found.into_iter().map(|lineage| lineage.number()).collect::<Vec<u64>>()
    };
    assert_eq!(live(5).await, [0, 1, 2, 4, 5]);
    let other: LaneId = name("base:0xBB");
    assert_eq!(store.live_lineages(&other, 5).await, Ok(Vec::new()));
    let again = sample::lineage(500, 30, vec![sample::leg(3, 1)]);
    let again = adit_core::Lineage { created_at: at(5), ..again };
    put(&*store, vec![Change::Lineage(again.clone())]).await;
    assert_eq!(
        store.lineages_of(sample::withdrawal_id(3)).await,
        Ok(vec![sample::ended(made[3].clone()), again])
    );
}

pub async fn unmined_lineages_in_order(bed: &mut impl Bed) {
    let store = bed.store();
    let reserved: Vec<_> = (0..9)
        .map(|nonce| sample::lineage(50 - nonce, nonce, vec![sample::leg(nonce, 1)]))
        .collect();
    put(&*store, reserved.iter().cloned().map(Change::Lineage).collect()).await;
    let knowledges = [
        (1, Knowledge::Signed),
        (2, Knowledge::MaybeSent { sends: 3, last_at: THEN }),
        (
            3,
            Knowledge::Included {
                block: sample::block(7),
                confirmed: false,
                sends: 3,
                last_at: THEN,
            },
        ),
        (4, Knowledge::Finalized { block: sample::block(7) }),
        (5, Knowledge::Conflicted { by: sample::hash(5) }),
    ];
    let known = knowledges
        .map(|(nonce, knowledge)| Change::Lineage(signed(reserved[nonce].clone(), knowledge)));
    put(&*store, known.to_vec()).await;
    put(&*store, vec![Change::Lineage(sample::ended(reserved[6].clone()))]).await;
    // A reorganisation gives it back, and another block takes one.
    let vanished = Knowledge::MaybeSent { sends: 3, last_at: THEN };
    put(&*store, vec![Change::Lineage(signed(reserved[3].clone(), vanished.clone()))]).await;
    let unmined = async || {
        let found = store.unmined_lineages(&lane_id(), 100).await.expect("the store answers");
        found.iter().map(Lineage::number).collect::<Vec<u64>>()
    };
    assert_eq!(unmined().await, [0, 1, 2, 3, 5, 7, 8]);
    let again =
        Knowledge::Included { block: sample::block(8), confirmed: false, sends: 3, last_at: THEN };
    put(&*store, vec![Change::Lineage(signed(reserved[3].clone(), again))]).await;
    for (limit, nonces) in [(100, &[0, 1, 2, 5, 7, 8][..]), (3, &[0, 1, 2])] {
        let found = store.unmined_lineages(&lane_id(), limit).await.expect("the store answers");
        assert_eq!(
            found.iter().map(Lineage::number).collect::<Vec<u64>>(),
            nonces,
            "at most {limit}"
        );
        assert!(
            found.iter().all(|lineage| lineage.included().is_none() && !lineage.legs.is_empty())
        );
    }
    // Nobody is planned before this one is final, though a block holds it.
    let wish = CancelWish {
        by: Actor::Engine,
        reason: "it pays nobody".to_owned(),
        withdrawals: Vec::new(),
        doubted: true,
    };
    let found = Lineage { cancel: Some(wish), ..sample::lineage(60, 9, vec![]) };
    put(&*store, vec![Change::Lineage(found.clone())]).await;
    let held =
        Knowledge::Included { block: sample::block(9), confirmed: false, sends: 3, last_at: THEN };
    put(&*store, vec![Change::Lineage(signed(found, held))]).await;
    assert_eq!(unmined().await, [0, 1, 2, 5, 7, 8, 9]);
}

pub async fn lineages_by_their_number(bed: &mut impl Bed) {
    let store = bed.store();
    let first = sample::lineage(9, 7, vec![sample::leg(1, 1)]);
    put(
        &*store,
        vec![Change::Lineage(first.clone()), Change::Lineage(sample::lineage(2, 8, vec![]))],
    )
    .await;
    let lane = lane_id();
    let at_seven = || store.lineage_at(&lane, 7);
    assert_eq!(at_seven().await, Ok(Some(first.id)));
    put(&*store, vec![Change::Lineage(sample::ended(first.clone()))]).await;
    assert_eq!(at_seven().await, Ok(Some(first.id)), "an ended one stands there as well");
    // Of an adopted key there can be another; its id is lower, and it was made later.
    let second = Lineage { created_at: at(5), ..sample::lineage(3, 7, vec![]) };
    put(&*store, vec![Change::Lineage(second.clone())]).await;
    assert_eq!(at_seven().await, Ok(Some(second.id)));
    for (lane, number) in [(lane_id(), 9), (lane_id(), u64::MAX), (name("base:0xBB"), 7)] {
        assert_eq!(store.lineage_at(&lane, number).await, Ok(None), "{lane} {number}");
    }
}

/// Of any version, of a live or an ended lineage; what is reserved has no hash.
pub async fn lineages_by_what_they_signed(bed: &mut impl Bed) {
    let store = bed.store();
    let mut lineage = sample::lineage(9, 7, vec![sample::leg(1, 1)]);
    put(
        &*store,
        vec![Change::Lineage(lineage.clone()), Change::Lineage(sample::lineage(2, 8, vec![]))],
    )
    .await;
    let known =
        async |hash: u8| store.lineage_with(Hash32([hash; 32])).await.expect("the store answers");
    assert_eq!(known(1).await, None);
    let signed = |hash: u8| Signed { raw: Bytes(vec![hash]), hash: Hash32([hash; 32]) };
    lineage.attempts[0].stage = Stage::Signed { signed: signed(1), knowledge: Knowledge::Signed };
    let stage = Stage::Signed { signed: signed(2), knowledge: Knowledge::Signed };
    lineage.attempts.push(Attempt { version: 1, stage, ..sample::attempt(10, 7) });
    put(&*store, vec![Change::Lineage(lineage.clone())]).await;
    assert_eq!(
        (known(1).await, known(2).await, known(3).await),
        (Some(lineage.id), Some(lineage.id), None)
    );
    put(&*store, vec![Change::Lineage(sample::ended(lineage.clone()))]).await;
    assert_eq!(known(1).await, Some(lineage.id), "an ended one is found as well");
}

/// Live and ended ones, in the order of their numbers, whatever a page's length.
pub async fn lineages_of_a_lane_by_the_page(bed: &mut impl Bed) {
    let store = bed.store();
    let mut made: Vec<_> = (0..7)
        .map(|number| sample::lineage(50 - number, number, vec![sample::leg(number, 1)]))
        .collect();
    put(&*store, made.iter().cloned().map(Change::Lineage).collect()).await;
    made[3] = sample::ended(made[3].clone());
    put(&*store, vec![Change::Lineage(made[3].clone())]).await;
    // Another one at the number of one that ended, made later, with a lower id.
    let again = Lineage { created_at: at(5), ..sample::lineage(3, 3, vec![]) };
    put(&*store, vec![Change::Lineage(again.clone())]).await;
    made.insert(4, again);
    for limit in [1, 2, 3, 8, 100] {
        let mut found: Vec<Lineage> = Vec::new();
        loop {
            let after = found.last().map(LineageCursor::of);
            let page =
                store.lineages_on(&lane_id(), after, limit).await.expect("the store answers");
            assert!(page.len() <= limit, "at most {limit}");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, made, "pages of {limit}");
    }
    assert_eq!(store.lineages_on(&name("base:0xBB"), None, 5).await, Ok(Vec::new()));
}

pub async fn every_lane_in_order(bed: &mut impl Bed) {
    let store = bed.store();
    assert_eq!(store.lanes().await, Ok(Vec::new()));
    let lanes = ["base:0xbb", "bitcoin:main", "base:0xaa", "base:0xAB"]
        .map(|id| adit_core::Lane::new(name(id)));
    put(&*store, lanes.iter().cloned().map(Change::Lane).collect()).await;
    let found = store.lanes().await.expect("the store answers");
    assert_eq!(
        found.iter().map(|lane| lane.id.to_string()).collect::<Vec<_>>(),
        ["base:0xAB", "base:0xaa", "base:0xbb", "bitcoin:main"]
    );
}

pub async fn withdrawals_by_their_ids(bed: &mut impl Bed) {
    let store = bed.store();
    let made = many_withdrawals(&*store).await;
    let asked = [5, 3, 11, 77].map(sample::withdrawal_id).into();
    let expected = [3, 5, 11]
        .map(|number| made.iter().find(|row| row.id == sample::withdrawal_id(number)).cloned());
    assert_eq!(
        store.withdrawals_by_id(&asked).await.map(|rows| rows.into_iter().map(Some).collect()),
        Ok(expected.to_vec())
    );
    assert_eq!(store.withdrawals_by_id(&Default::default()).await, Ok(Vec::new()));
}

fn signed(mut lineage: Lineage, knowledge: Knowledge) -> Lineage {
    for attempt in &mut lineage.attempts {
        let signed =
            Signed { raw: Bytes(vec![2, 1]), hash: sample::hash(u64::from(attempt.version)) };
        attempt.stage = Stage::Signed { signed, knowledge: knowledge.clone() };
    }
    lineage
}

pub async fn coverage_and_accounts(bed: &mut impl Bed) {
    let store = bed.store();
    let huge = u128::MAX / 4;
    let mut changes: Vec<Change> =
        (0..3).map(|user| Change::Transfer(sample::funding(user, user, huge))).collect();
    changes.push(Change::Transfer(sample::transfer(
        50,
        TransferKind::Hold,
        own_account(1),
        issuer(),
        7,
    )));
    let token_account =
        adit_core::Account::User { user: user_id(1), book: name("pool"), asset: token() };
    let treasury = adit_core::Account::Treasury { asset: token() };
    changes.push(Change::Transfer(sample::transfer(
        51,
        TransferKind::Post,
        treasury,
        token_account.clone(),
        11,
    )));
    let debt = adit_core::Account::Debt { user: user_id(1), book: name("pool"), asset: token() };
    let suspense = adit_core::Account::Suspense { asset: token() };
    changes.push(Change::Transfer(sample::transfer(
        52,
        TransferKind::Post,
        debt.clone(),
        suspense,
        13,
    )));
    put(&*store, changes).await;
    let row = |asset, owed, held| Coverage {
        asset,
        owed: adit_core::Amount::new(owed),
        held: adit_core::Amount::new(held),
    };
    assert_eq!(
        store.coverage().await,
        Ok(vec![row(token(), 11, 0), row(sample::points(), huge * 3, 7)])
    );
    put(&*store, vec![Change::User(sample::user(1))]).await;
    let sheet =
        store.user(&user_id(1)).await.expect("the store answers").expect("the user is there");
    let paths: Vec<String> =
        sheet.balances.iter().map(|(account, _)| account.to_string()).collect();
    assert_eq!(paths, [debt.to_string(), token_account.to_string(), own_account(1).to_string()]);
}
