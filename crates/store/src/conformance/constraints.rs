//! Each named constraint stands, in a later group and within one.

use adit_core::{Batch, Change, Row, Signed, Stage, TransferKind, WalletLink};

use super::Bed;
use super::sample::{self, THEN, group_id, issuer, own_account};
use super::script::{commit_batch, prepare, put, refused, try_put};
use crate::{CommitFault, Store, constraint};

/// Puts the first, and expects the second to be refused: in a group of its own, and on a store that
/// lacks the first, in one group with it.
async fn second_is_refused(
    bed: &mut impl Bed,
    name: &str,
    first: Vec<Change>,
    second: Vec<Change>,
) {
    let store = bed.store();
    prepare(&*store, 1, 100_000).await;
    refused(&*store, first.iter().cloned().chain(second.clone()).collect(), name).await;
    put(&*store, first).await;
    refused(&*store, second, name).await;
}

pub async fn anchor_live_unique(bed: &mut impl Bed) {
    let first = vec![Change::Lineage(sample::lineage(1, 7, vec![sample::leg(1, 1)]))];
    let second = vec![Change::Lineage(sample::lineage(2, 7, vec![sample::leg(2, 1)]))];
    second_is_refused(bed, constraint::ANCHOR_LIVE_UNIQUE, first, second).await;
}

pub async fn payout_live_unique(bed: &mut impl Bed) {
    let first = vec![Change::Lineage(sample::lineage(1, 7, vec![sample::leg(1, 1)]))];
    let second = vec![Change::Lineage(sample::lineage(2, 8, vec![sample::leg(1, 1)]))];
    second_is_refused(bed, constraint::PAYOUT_LIVE_UNIQUE, first, second).await;
}

pub async fn an_ended_lineage_frees_its_anchors_and_payouts(bed: &mut impl Bed) {
    let store = bed.store();
    let first = sample::lineage(2, 7, vec![sample::leg(1, 1)]);
    put(&*store, vec![Change::Lineage(first.clone())]).await;
    // Ended and taken over in one group, whichever of the two comes first in order of their ids.
    let second = sample::lineage(1, 7, vec![sample::leg(1, 1)]);
    put(
        &*store,
        vec![Change::Lineage(second.clone()), Change::Lineage(sample::ended(first.clone()))],
    )
    .await;
    let third = sample::lineage(3, 7, vec![sample::leg(1, 1)]);
    put(&*store, vec![Change::Lineage(third), Change::Lineage(sample::ended(second))]).await;
    let fourth = Change::Lineage(sample::lineage(4, 7, vec![]));
    refused(&*store, vec![fourth], constraint::ANCHOR_LIVE_UNIQUE).await;
    refused(&*store, vec![Change::Lineage(first)], constraint::ANCHOR_LIVE_UNIQUE).await;
}

pub async fn attempt_bytes_once(bed: &mut impl Bed) {
    let store = bed.store();
    let signed = |byte| {
        let mut lineage = sample::lineage(1, 7, vec![]);
        let bytes =
            Signed { raw: adit_core::Bytes(vec![byte]), hash: sample::hash(u64::from(byte)) };
        lineage.attempts[0].stage =
            Stage::Signed { signed: bytes, knowledge: adit_core::Knowledge::Signed };
        Change::Lineage(lineage)
    };
    put(&*store, vec![Change::Lineage(sample::lineage(1, 7, vec![]))]).await;
    put(&*store, vec![signed(1)]).await;
    put(&*store, vec![signed(1)]).await;
    refused(&*store, vec![signed(2)], constraint::ATTEMPT_BYTES_ONCE).await;
    refused(
        &*store,
        vec![Change::Lineage(sample::lineage(1, 7, vec![]))],
        constraint::ATTEMPT_BYTES_ONCE,
    )
    .await;
}

pub async fn attempt_bytes_gain_signatures(bed: &mut impl Bed) {
    let store = bed.store();
    let signed = |raw: &[u8], hash| {
        let mut lineage = sample::lineage(1, 7, vec![]);
        let bytes = Signed { raw: adit_core::Bytes(raw.to_vec()), hash: sample::hash(hash) };
        lineage.attempts[0].stage =
            Stage::Signed { signed: bytes, knowledge: adit_core::Knowledge::Signed };
        Change::Lineage(lineage)
    };
    put(&*store, vec![signed(b"psbt\xff one", 1)]).await;
    put(&*store, vec![signed(b"psbt\xff one and two", 1)]).await;
    refused(&*store, vec![signed(b"psbt\xff one and two", 2)], constraint::ATTEMPT_BYTES_ONCE)
        .await;
    refused(&*store, vec![signed(&[2, 0], 2)], constraint::ATTEMPT_BYTES_ONCE).await;
    refused(
        &*store,
        vec![Change::Lineage(sample::lineage(1, 7, vec![]))],
        constraint::ATTEMPT_BYTES_ONCE,
    )
    .await;
    let Change::Lineage(mut complete) = signed(&[2, 0], 1) else { unreachable!("a lineage") };
    complete.attempts[0].created_at = sample::at(7);
    put(&*store, vec![Change::Lineage(complete.clone())]).await;
    assert_eq!(
        store.lineage(complete.id).await,
        Ok(Some(complete)),
        "its clock starts again when it is complete"
    );
    refused(&*store, vec![signed(b"psbt\xff one and two", 1)], constraint::ATTEMPT_BYTES_ONCE)
        .await;
}

pub async fn withdrawal_digest_unique(bed: &mut impl Bed) {
    let first = sample::withdrawal(1, 1, 0);
    let mut second = sample::withdrawal(2, 2, 0);
    second.claim = first.claim.clone();
    let changes = |withdrawal| vec![Change::Withdrawal(withdrawal)];
    second_is_refused(bed, constraint::WITHDRAWAL_DIGEST_UNIQUE, changes(first), changes(second))
        .await;
}

pub async fn withdrawal_claim_nonce_unique(bed: &mut impl Bed) {
    let (first, second) = (sample::withdrawal(1, 1, 4), sample::withdrawal(2, 1, 4));
    let changes = |withdrawal| vec![Change::Withdrawal(withdrawal)];
    second_is_refused(
        bed,
        constraint::WITHDRAWAL_CLAIM_NONCE_UNIQUE,
        changes(first),
        changes(second),
    )
    .await;
    let other_user = sample::withdrawal(3, 2, 4);
    put(&*bed.store(), vec![Change::Withdrawal(other_user)]).await;
}

pub async fn idempotency_unique(bed: &mut impl Bed) {
    let record = || vec![Change::Idempotency(sample::idempotency(1, "user/player-1"))];
    second_is_refused(bed, constraint::IDEMPOTENCY_UNIQUE, record(), record()).await;
    put(&*bed.store(), vec![Change::Idempotency(sample::idempotency(1, "user/player-2"))]).await;
}

pub async fn credit_unique(bed: &mut impl Bed) {
    let record = |user| vec![Change::Credit(sample::credit(1, user))];
    second_is_refused(bed, constraint::CREDIT_UNIQUE, record(1), record(2)).await;
}

pub async fn transfer_unique(bed: &mut impl Bed) {
    let funding = || vec![Change::Transfer(sample::funding(1, 1, 5))];
    second_is_refused(bed, constraint::TRANSFER_UNIQUE, funding(), funding()).await;
}

pub async fn hold_resolved_once(bed: &mut impl Bed) {
    let store = bed.store();
    prepare(&*store, 1, 1_000).await;
    let entry = |number, kind| {
        Change::Transfer(sample::transfer(number, kind, own_account(1), issuer(), 100))
    };
    let hold = sample::transfer_id(1);
    put(&*store, vec![entry(1, TransferKind::Hold), entry(2, TransferKind::Hold)]).await;
    put(&*store, vec![entry(3, TransferKind::Settle { hold })]).await;
    refused(
        &*store,
        vec![entry(4, TransferKind::Release { hold })],
        constraint::HOLD_RESOLVED_ONCE,
    )
    .await;
    let other = sample::transfer_id(2);
    let both = vec![
        entry(5, TransferKind::Release { hold: other }),
        entry(6, TransferKind::Settle { hold: other }),
    ];
    // The view would go below zero: the batch is made as a broken rule would make it.
    let transfers = both
        .into_iter()
        .filter_map(|change| if let Change::Transfer(entry) = change { Some(entry) } else { None });
    let appended = adit_core::Appended { transfers: transfers.collect(), ..Default::default() };
    let result =
        commit_batch(&*store, group_id(), Batch { now: THEN, appended, ..Batch::default() }).await;
    assert_eq!(
        result,
        Err(CommitFault::Constraint { constraint: constraint::HOLD_RESOLVED_ONCE.to_owned() })
    );
}

pub async fn limit_entry_seq_unique(bed: &mut impl Bed) {
    let entry = |seconds| vec![Change::Limit(sample::limit_entry(1, 1, sample::at(seconds), 5, 5))];
    second_is_refused(bed, constraint::LIMIT_ENTRY_SEQ_UNIQUE, entry(1), entry(2)).await;
    refused(&*bed.store(), entry(1), constraint::LIMIT_ENTRY_SEQ_UNIQUE).await;
}

pub async fn limit_given_back_once(bed: &mut impl Bed) {
    let store = bed.store();
    let entry = sample::limit_entry(1, 1, sample::at(1), 5, 5);
    refused(
        &*store,
        vec![Change::LimitGivenBack(entry.clone())],
        constraint::LIMIT_GIVEN_BACK_ONCE,
    )
    .await;
    put(&*store, vec![Change::Limit(entry.clone())]).await;
    put(&*store, vec![Change::LimitGivenBack(entry.clone())]).await;
    refused(&*store, vec![Change::LimitGivenBack(entry)], constraint::LIMIT_GIVEN_BACK_ONCE).await;
    let other = sample::limit_entry(1, 2, sample::at(2), 5, 10);
    put(&*store, vec![Change::Limit(other.clone()), Change::LimitGivenBack(other)]).await;
}

pub async fn event_unique(bed: &mut impl Bed) {
    let event = || vec![Change::Event(sample::event(1, None, Some(1)))];
    second_is_refused(bed, constraint::EVENT_UNIQUE, event(), event()).await;
}

pub async fn event_feed_unique(bed: &mut impl Bed) {
    let event = |number| vec![Change::Event(sample::event(number, Some((1, 1)), None))];
    second_is_refused(bed, constraint::EVENT_FEED_UNIQUE, event(1), event(2)).await;
}

pub async fn credential_unique(bed: &mut impl Bed) {
    let other_hash = adit_core::Credential { hash: sample::hash(99), ..sample::credential(1) };
    let (first, second) =
        (vec![Change::Credential(sample::credential(1))], vec![Change::Credential(other_hash)]);
    second_is_refused(bed, constraint::CREDENTIAL_UNIQUE, first, second).await;
}

pub async fn credential_hash_unique(bed: &mut impl Bed) {
    let same_hash = adit_core::Credential { hash: sample::hash(1), ..sample::credential(2) };
    let (first, second) =
        (vec![Change::Credential(sample::credential(1))], vec![Change::Credential(same_hash)]);
    second_is_refused(bed, constraint::CREDENTIAL_HASH_UNIQUE, first, second).await;
}

pub async fn wallet_owner(bed: &mut impl Bed) {
    let store = bed.store();
    put(&*store, vec![Change::Wallet(sample::wallet(1, 1))]).await;
    let taken =
        Batch { now: THEN, wallets: vec![new_link(sample::wallet(1, 2))], ..Batch::default() };
    let result = commit_batch(&*store, group_id(), taken).await;
    assert_eq!(
        result,
        Err(CommitFault::Constraint { constraint: constraint::WALLET_OWNER.to_owned() })
    );
    assert_eq!(store.wallet(&sample::address(1)).await, Ok(Some(sample::wallet(1, 1))));
}

fn new_link(row: WalletLink) -> Row<WalletLink> {
    Row { version: 0, row }
}

/// One unit over what is there, at sizes where limbs of digits carry; and exactly what is there.
pub async fn account_not_overdrawn(bed: &mut impl Bed) {
    let store = bed.store();
    for (number, size) in (1..).zip([1, 10u128.pow(13), 10u128.pow(26), 10u128.pow(38), u128::MAX])
    {
        let half = size / 2;
        let sound = [(size, size, 0), (size, half, size - half), (size, 0, size)];
        let broken = [
            (size - 1, size, 0),
            (size - 1, half, size - half),
            (size - 1, 0, size),
            (0, half, size - half),
        ];
        for (credits, debits, held) in broken {
            let result = balance(&*store, number, 0, (credits, debits, held)).await;
            let expected = CommitFault::Constraint {
                constraint: constraint::ACCOUNT_NOT_OVERDRAWN.to_owned(),
            };
            assert_eq!(result, Err(expected), "credits {credits} debits {debits} held {held}");
        }
        for (version, totals) in (0..).zip(sound) {
            balance(&*store, number, version, totals).await.expect("it is there to the last unit");
        }
    }
    let own = adit_core::Account::Hot { wallet: sample::lane_id(), asset: sample::token() };
    let debit = sample::transfer(1, TransferKind::Post, own, issuer(), 5);
    try_put(&*store, vec![Change::Transfer(debit)])
        .await
        .expect("our own accounts may have a debit balance");
}

async fn balance(
    store: &dyn Store,
    user: u64,
    version: u64,
    totals: (u128, u128, u128),
) -> Result<(), CommitFault> {
    let [credits, debits, held] = [totals.0, totals.1, totals.2].map(adit_core::Amount::new);
    let row = Row { version, row: adit_core::Balance { debits, credits, held } };
    commit_batch(
        store,
        group_id(),
        Batch { now: THEN, accounts: vec![(own_account(user), row)], ..Batch::default() },
    )
    .await
}

pub async fn commit_group_pk(bed: &mut impl Bed) {
    let store = bed.store();
    let id = try_put(&*store, vec![Change::User(sample::user(1))])
        .await
        .expect("nothing stands against it");
    let again = commit_batch(&*store, id, Batch { now: THEN, ..Batch::default() }).await;
    assert_eq!(
        again,
        Err(CommitFault::Constraint { constraint: constraint::COMMIT_GROUP_PK.to_owned() })
    );
}
