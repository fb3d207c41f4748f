//! Every kind of row comes back as it was put.

use std::collections::BTreeMap;

use adit_core::{
    Account, Actor, Amount, Anchor, BlockRef, CancelWish, Cause, Change, Credential, CredentialId,
    Deferral, Epoch, EvmFees, EvmMarket, Failure, Finding, Funds, HaltReason, Incarnation,
    JournalId, JournalTip, Keys, Knowledge, Lane, LaneState, Lease, LeaseToken, Lineage,
    LineageState, Market, MatchedTo, ObservationRecord, Payment, ReplicaId, Role, Said, Scope,
    Sighting, Signed, Slot, Stage, State, Submission, SubmissionAnswer, Suspension, Tip,
    TransferKind, Unmatched, User, WentBack, Withdrawal,
};

use super::sample::{
    self, THEN, at, block, hash, lane_id, name, own_account, token, user_id, uuid,
};
use super::script::{prepare, put, view};
use super::{Bed, dump::dump};
use crate::Store;

pub async fn round_trip_of_every_row(bed: &mut impl Bed) {
    let store = bed.store();
    everything(&*store).await;
    people(&*store).await;
    ledger(&*store).await;
    for state in every_state() {
        withdrawal_in(&*store, state).await;
    }
    for lane in every_lane() {
        put(&*store, vec![Change::Lane(lane.clone())]).await;
        assert_eq!(store.lane(&lane_id()).await, Ok(Some(lane)));
    }
    for incarnation in every_incarnation() {
        put(&*store, vec![Change::Incarnation(incarnation.clone())]).await;
        assert_eq!(store.incarnation().await, Ok(Some(incarnation)));
    }
    for lineage in every_lineage() {
        put(&*store, vec![Change::Lineage(lineage.clone())]).await;
        assert_eq!(store.lineage(lineage.id).await, Ok(Some(lineage)));
    }
}

pub async fn absent_rows_are_absent(bed: &mut impl Bed) {
    let store = bed.store();
    let keys = every_key();
    let view = view(&*store, &keys).await;
    assert_eq!(view.users.get(&user_id(1)), Some(&Slot::absent()));
    assert_eq!(
        view.wallets.len()
            + view.accounts.len()
            + view.withdrawals.len()
            + view.lineages.len()
            + view.lanes.len(),
        6
    );
    assert_eq!(view.digests.get(&hash(1)), Some(&None));
    assert_eq!(
        view.claim_nonces.get(&(user_id(1), u64::MAX)),
        Some(&None),
        "a nonce that no integer of SQL holds was never accepted"
    );
    assert_eq!(
        (view.idempotency.len(), view.credits.len(), view.payouts.len(), view.limits.len()),
        (1, 1, 1, 1)
    );
    assert_eq!((view.incarnation, store.incarnation().await), (Slot::absent(), Ok(None)));
    assert_eq!(store.user(&user_id(1)).await, Ok(None));
    assert_eq!(store.credential(hash(1)).await, Ok(None));
    assert_eq!(store.withdrawal(sample::withdrawal_id(1)).await, Ok(None));
    assert_eq!(store.ping().await, Ok(()));
}

pub async fn a_restart_keeps_everything(bed: &mut impl Bed) {
    everything(&*bed.store()).await;
    let before = dump(&*bed.store()).await;
    bed.reopen().await;
    assert_eq!(dump(&*bed.store()).await, before);
    assert!(
        before.contains("observation: ") && before.contains("history: "),
        "the dump shows something"
    );
}

pub async fn policy_revisions_go_by_text(bed: &mut impl Bed) {
    let store = bed.store();
    let long = "x".repeat(20_000);
    let first = store.policy_revision("one", THEN).await;
    let second = store.policy_revision(&long, THEN).await;
    assert!(matches!((&first, &second), (Ok(one), Ok(two)) if two > one), "{first:?} {second:?}");
    assert_eq!(store.policy_revision("one", at(9)).await, first);
    assert_eq!(store.policy_revision(&long, at(9)).await, second);
}

fn every_key() -> Keys {
    Keys {
        users: [user_id(1)].into(),
        wallets: [sample::address(1)].into(),
        accounts: [own_account(1), sample::issuer()].into(),
        limits: BTreeMap::from([((user_id(1), token()), vec![adit_core::Window::Rolling24h])]),
        withdrawals: [sample::withdrawal_id(1)].into(),
        digests: [hash(1)].into(),
        claim_nonces: [(user_id(1), 0), (user_id(1), u64::MAX)].into(),
        idempotency: [(name("user/player-1"), name("key-1"))].into(),
        credits: [name("credit-1")].into(),
        credentials: [sample::credential(1).id].into(),
        lineages: [sample::lineage_id(1)].into(),
        payouts: [sample::payout_id(1)].into(),
        anchors: [Anchor::Outpoint {
            chain: name("bitcoin"),
            outpoint: format!("{}:1", "ab".repeat(32)),
        }]
        .into(),
        lanes: [lane_id()].into(),
    }
}

/// One of each, in one group; then the view shows each under its key.
async fn everything(store: &dyn Store) {
    prepare(store, 1, 10_000).await;
    let withdrawal = sample::withdrawal(1, 1, 0);
    let lineage = sample::lineage(1, 0, vec![sample::leg(1, 1)]);
    let said = Said::Submission {
        submission: Submission { endpoint: name("node-a"), answer: SubmissionAnswer::Accepted },
    };
    let hold = sample::transfer(1, TransferKind::Hold, own_account(1), sample::issuer(), 1_001);
    put(
        store,
        vec![
            Change::Wallet(sample::wallet(1, 1)),
            Change::Transfer(hold),
            Change::Withdrawal(withdrawal.clone()),
            Change::Limit(withdrawal.limit.clone()),
            Change::Idempotency(sample::idempotency(1, "user/player-1")),
            Change::Credit(sample::credit(1, 1)),
            Change::Credential(sample::credential(1)),
            Change::Lineage(lineage.clone()),
            Change::Observation(ObservationRecord {
                attempt: sample::attempt_id(1),
                at: THEN,
                said,
            }),
            Change::Event(sample::event(1, Some((1, 1)), Some(1))),
            Change::Event(sample::event(2, None, None)),
        ],
    )
    .await;
    put(store, vec![Change::Incarnation(sample::incarnation(1))]).await;
    let view = view(store, &every_key()).await;
    assert_eq!(view.incarnation, Slot::loaded(1, sample::incarnation(1)));
    assert_eq!(view.withdrawal(withdrawal.id), Some(&withdrawal));
    assert_eq!(view.lineage(lineage.id), Some(&lineage));
    assert_eq!(view.wallet(&sample::address(1)), Some(&sample::wallet(1, 1)));
    assert_eq!(view.balance(&own_account(1)).held, Amount::new(1_001));
    assert_eq!(view.digests.get(&hash(1)), Some(&Some(withdrawal.id)));
    assert_eq!(view.claim_nonces.get(&(user_id(1), 0)), Some(&Some(withdrawal.id)));
    assert_eq!(view.payouts.get(&sample::payout_id(1)), Some(&Some(lineage.id)));
    assert_eq!(view.credits.get(&name("credit-1")), Some(&Some(sample::credit(1, 1))));
    let idempotency = sample::idempotency(1, "user/player-1");
    assert_eq!(
        view.idempotency.get(&(idempotency.client.clone(), idempotency.key.clone())),
        Some(&Some(idempotency))
    );
    assert_eq!(view.limit(&user_id(1), &token()).last_seq, 1);
}

async fn people(store: &dyn Store) {
    let user = User {
        tier: Some(name("gold")),
        claim_nonce: 5,
        event_seq: 9,
        last_accepted_at: Some(at(3)),
        wallets: 2,
        cancels: 1,
        cancels_since: at(2),
        ..sample::user(2)
    };
    let links = vec![sample::wallet(20, 2), sample::wallet(21, 2)];
    put(
        store,
        links.iter().cloned().map(Change::Wallet).chain([Change::User(user.clone())]).collect(),
    )
    .await;
    let sheet = store.user(&user.id).await.expect("the store answers").expect("the user is there");
    assert_eq!((sheet.user, sheet.wallets), (user, links));
    assert_eq!(store.wallet(&sample::address(21)).await, Ok(Some(sample::wallet(21, 2))));
    let credential = Credential {
        role: Role::Admin,
        user: None,
        revoked_at: Some(at(1)),
        ..sample::credential(7)
    };
    put(store, vec![Change::Credential(credential.clone())]).await;
    assert_eq!(store.credential(credential.hash).await, Ok(Some(credential)));
    for scope in [Scope::All, Scope::Asset { asset: token() }, Scope::User { user: user_id(1) }] {
        let by = Actor::admin(CredentialId(uuid(8, 7)));
        let suspension = Suspension {
            scope: scope.clone(),
            by,
            reason: "an 'incident'".to_owned(),
            since: at(4),
        };
        put(store, vec![Change::Suspended(suspension.clone())]).await;
        assert_eq!(store.suspensions().await, Ok(vec![suspension]));
        put(store, vec![Change::Resumed(scope)]).await;
    }
    assert_eq!(store.suspensions().await, Ok(Vec::new()));
}

/// Every kind of account and of cause.
async fn ledger(store: &dyn Store) {
    let asset = token();
    let accounts = [
        Account::Hot { wallet: lane_id(), asset: asset.clone() },
        Account::Treasury { asset: asset.clone() },
        Account::Fees { asset: asset.clone() },
        Account::Network { chain: sample::chain(), asset: asset.clone() },
        Account::Rounding { asset: asset.clone() },
        Account::Debt { user: user_id(1), book: sample::book(), asset: asset.clone() },
        Account::Suspense { asset: asset.clone() },
    ];
    let causes = [
        Cause::Credit { id: name("credit-77") },
        Cause::NetworkFee { transaction: hash(1).to_string() },
        Cause::Funding { wallet: lane_id() },
    ];
    let pairs = accounts.windows(2).zip(causes.iter().cycle()).zip(500..);
    let transfers = pairs.map(|((pair, cause), number)| {
        let transfer =
            sample::transfer(number, TransferKind::Post, pair[0].clone(), pair[1].clone(), 5);
        Change::Transfer(adit_core::Transfer { cause: cause.clone(), ..transfer })
    });
    put(store, transfers.collect()).await;
    let stored: Vec<Account> = store
        .accounts()
        .await
        .expect("the store answers")
        .into_iter()
        .map(|(account, _)| account)
        .collect();
    assert!(accounts.iter().all(|account| stored.contains(account)), "{stored:?}");
    let paths: Vec<String> = stored.iter().map(ToString::to_string).collect();
    assert!(paths.is_sorted(), "{paths:?}");
}

async fn withdrawal_in(store: &dyn Store, state: State) {
    let id = sample::withdrawal_id(1);
    let before = store.withdrawal(id).await.expect("the store answers").expect("it is there");
    let after = Withdrawal { retries: before.retries + 1, state, ..before };
    put(store, vec![Change::Withdrawal(after.clone())]).await;
    assert_eq!(store.withdrawal(id).await, Ok(Some(after)));
}

fn every_state() -> Vec<State> {
    let payment = Payment { hash: hash(3), block: block(12) };
    let deferral = Deferral {
        reason: "no gas".to_owned(),
        tries: 3,
        until: at(50),
        cause: adit_core::DeferralCause::Unfunded { asset: token(), needed: Amount::new(7) },
        looks: 2,
        since: Some(at(4)),
    };
    let dead = adit_core::DeadLineage { lineage: sample::lineage_id(8), evidence: hash(8) };
    let processing = |sighting, confirmed_at| State::Processing {
        lineage: sample::lineage_id(1),
        since: THEN,
        sighting,
        confirmed_at,
        hash: Some(hash(2)),
    };
    vec![
        State::Pending,
        State::Approved {
            by: Actor::User { user: user_id(1) },
            at: at(1),
            deferred: Some(deferral),
            after: Some(dead),
        },
        processing(None, None),
        processing(Some(payment.clone()), Some(at(7))),
        State::HeldForInspection {
            since: at(8),
            finding: "paid less".to_owned(),
            payment: payment.clone(),
            pays: false,
        },
        State::Failed { at: at(9), failure: Failure::Reverted, payment: Some(payment.clone()) },
        State::Failed {
            at: at(9),
            failure: Failure::Precheck { reason: "it would revert".to_owned() },
            payment: None,
        },
        State::Cancelled { at: at(9), by: Actor::Engine, reason: "asked".to_owned() },
        State::Completed { at: at(9), payment },
    ]
}

fn every_lane() -> Vec<Lane> {
    let fees = EvmFees { max_fee_per_gas: 10, max_priority_fee_per_gas: 1 };
    let market = Market::Evm(EvmMarket { base_fee_per_gas: 7, fees });
    let tip = Tip { head: block(90), final_height: 80, market, mined_at: at(4), at: at(5) };
    let halted = |reason| LaneState::Halted { reason, since: at(6) };
    let lane = Lane {
        next_nonce: 41,
        adopted_from: 3,
        journal: Some(JournalId(uuid(9, 1))),
        lease: Some(Lease {
            owner: ReplicaId(uuid(10, 1)),
            until: at(30),
            token: LeaseToken(uuid(11, 1)),
        }),
        epoch: Epoch(12),
        counter: 57,
        journal_read: Epoch(11),
        witness: Some(JournalTip { records: 1_234, chain: hash(12) }),
        journal_trusted: Epoch(10),
        probed: Epoch(9),
        proved: Epoch(8),
        doubt: Some("nonce 40 is taken".to_owned()),
        state: LaneState::Running,
        restoration: Some(adit_core::Restoration::declared(at(4), Epoch(9))),
        tip: Some(tip),
        trail: vec![block(89), block(90)],
        coin_places: adit_core::CoinPlaces { below: 41, holding: [0, 7].into(), rescans: 2 },
        funds: vec![Funds { asset: token(), balance: Amount::MAX, at: at(5) }],
        pins: BTreeMap::from([("chain_id".to_owned(), "8453".to_owned())]),
        ..sample::lane()
    };
    let foreign =
        HaltReason::ForeignUse { nonce: 9, hash: Some(hash(9)), decoded: "an approval".to_owned() };
    vec![
        lane.clone(),
        Lane { state: halted(foreign), lease: None, ..lane.clone() },
        Lane {
            state: halted(HaltReason::JournalWentBack { detail: "it has 7 records".to_owned() }),
            ..lane.clone()
        },
        Lane { state: halted(HaltReason::WalletHasCode), tip: None, witness: None, ..lane },
    ]
}

fn every_incarnation() -> Vec<Incarnation> {
    let first = sample::incarnation(1);
    let unmatched = |matched| {
        let (withdrawal, destination) = (sample::withdrawal_id(3), sample::address(3));
        Unmatched { withdrawal, asset: token(), destination, amount: Amount::MAX, matched }
    };
    let matched = MatchedTo { user: user_id(1), at: at(4) };
    let finding =
        |because| Finding { next: sample::incarnation(2).id, because, at: at(3), take_over: true };
    let found = |because| Incarnation { finding: Some(finding(because)), ..first.clone() };
    let unread = Incarnation {
        unread: vec![adit_core::Unread { lane: lane_id(), from: 7 }],
        unmatched: vec![unmatched(None), unmatched(Some(matched))],
        strays: vec![every_stray()],
        ..sample::incarnation(2)
    };
    vec![
        first.clone(),
        found(WentBack::EpochBehind { lane: lane_id(), row: Epoch(3), signer: Epoch(5) }),
        found(WentBack::CounterBehind { lane: lane_id(), row: 41, signer: 42 }),
        found(WentBack::WitnessAhead {
            lane: lane_id(),
            row: Epoch(3),
            row_counter: 41,
            witness: Epoch(5),
            witness_counter: 42,
        }),
        found(WentBack::GroupMissing { group: sample::group_id() }),
        found(WentBack::OtherTimeline {
            before: "7 on timeline 1".to_owned(),
            now: "7 on timeline 2".to_owned(),
        }),
        found(WentBack::Declared { what: "yesterday's \"backup\"".to_owned() }),
        unread,
    ]
}

fn every_stray() -> adit_core::Stray {
    let payment = Payment { hash: hash(4), block: BlockRef { height: 5, hash: hash(5) } };
    let (asset, destination) = (token(), sample::address(4));
    adit_core::Stray {
        lane: lane_id(),
        payment,
        output: 1,
        asset,
        destination,
        amount: Amount::MAX,
        explained: true,
    }
}

/// One lineage through its life, with attempts in every stage.
fn every_lineage() -> Vec<Lineage> {
    let mut lineage = sample::lineage(2, 70, vec![sample::leg(2, 1), sample::leg(3, 1)]);
    lineage.anchors.push(Anchor::Outpoint {
        chain: name("bitcoin"),
        outpoint: format!("{}:1", "ab".repeat(32)),
    });
    let mut stages = vec![lineage.clone()];
    for (number, knowledge) in (200..).zip(every_knowledge()) {
        let version = lineage.attempts.len() as u32;
        let signed = Signed { raw: adit_core::Bytes(vec![2, number as u8]), hash: hash(number) };
        let stage = Stage::Signed { signed, knowledge };
        lineage.attempts.push(adit_core::Attempt { version, stage, ..sample::attempt(number, 70) });
        stages.push(lineage.clone());
    }
    lineage.cancel = Some(CancelWish {
        by: Actor::Engine,
        reason: "asked".to_owned(),
        withdrawals: vec![sample::withdrawal_id(2)],
        doubted: true,
    });
    stages.push(lineage.clone());
    stages.push(sample::ended(lineage.clone()));
    stages.push(Lineage { state: LineageState::Conflicted { by: hash(6), at: at(9) }, ..lineage });
    stages
}

fn every_knowledge() -> Vec<Knowledge> {
    let block = BlockRef { height: u64::MAX, hash: hash(1) };
    vec![
        Knowledge::Signed,
        Knowledge::MaybeSent { sends: 2, last_at: at(3) },
        Knowledge::Included { block, sends: 2, last_at: at(3), confirmed: true },
        Knowledge::Finalized { block },
        Knowledge::Conflicted { by: hash(4) },
    ]
}

/// A sighting, for those who store one.
pub fn sighting() -> Said {
    let fact = adit_core::Fact::Vanished { attempt: sample::attempt_id(1) };
    Said::Sighting {
        sighting: Sighting {
            lineage: sample::lineage_id(1),
            fact,
            witnesses: vec![name("node-b")],
        },
    }
}
