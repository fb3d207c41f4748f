use adit_chain::{WatchedAttempt, WatchedLineage};
use adit_core::{
    Amount, AttemptId, BitcoinDraft, BlockRef, Draft, DraftInput, DraftOutput, FeeRate, Hash32,
    Keychain, LineageId, OutputPurpose, Purpose,
};
use bdk_wallet::bitcoin::OutPoint;
use uuid::Uuid;

use super::fate::{Fate, Readings, consumed_finally, fate, killed, orphans, spent_finally};
use crate::lane::holdings::txid;
use crate::{OutpointState, SpendReading};

fn hash(name: u8) -> Hash32 {
    Hash32([name; 32])
}

fn outpoint(name: u8) -> OutPoint {
    OutPoint::new(txid(hash(name)), 0)
}

fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: hash(200) }
}

/// A lineage whose versions have these names, and spend the first output of these transactions.
fn lineage(number: u64, versions: &[(u8, &[u8])]) -> WatchedLineage {
    let input = |name: &u8| DraftInput {
        outpoint: outpoint(*name).to_string(),
        amount: Amount::new(9),
        keychain: Keychain::Internal,
        index: 0,
        confirmed: true,
    };
    let attempt = |(name, spends): &(u8, &[u8])| {
        let change = DraftOutput {
            script: adit_core::Bytes(vec![1]),
            amount: Amount::new(8),
            purpose: OutputPurpose::Change { index: 0 },
        };
        let inputs = spends.iter().map(input).collect();
        let draft = BitcoinDraft {
            number,
            inputs,
            outputs: vec![change],
            feerate: FeeRate::ZERO,
            vbytes: 110,
        };
        let (attempt, purpose) = (AttemptId(Uuid::from_u128(u128::from(*name))), Purpose::Pay);
        WatchedAttempt {
            attempt,
            purpose,
            hash: hash(*name),
            draft: Draft::Bitcoin(draft),
            included: None,
            confirmed: false,
        }
    };
    let id = LineageId(Uuid::from_u128(1_000 + u128::from(number)));
    WatchedLineage {
        lineage: id,
        number,
        legs: Vec::new(),
        attempts: versions.iter().map(attempt).collect(),
    }
}

/// Outputs that are spent, each by whom and at which height; all others are not there.
fn readings(lineages: &[&WatchedLineage], spent: &[(u8, u8, u64)]) -> Readings {
    let all = lineages.iter().flat_map(|one| &one.attempts).flat_map(super::fate::outpoints);
    let state = |of: OutPoint| {
        let spender = spent.iter().find(|(name, ..)| outpoint(*name) == of);
        spender.map_or(OutpointState::Absent, |(_, by, height)| OutpointState::Spent {
            by: txid(hash(*by)),
            block: block(*height),
        })
    };
    let reading = |of: OutPoint| SpendReading {
        state: Some(adit_chain::Agreed { value: state(of), witnesses: Vec::new() }),
        pending: Vec::new(),
    };
    all.map(|of| (of, reading(of))).collect()
}

fn fates<'a>(
    lineages: &[&'a WatchedLineage],
    spent: &[(u8, u8, u64)],
) -> Vec<(&'a WatchedLineage, Fate)> {
    let readings = readings(lineages, spent);
    lineages.iter().map(|one| (*one, fate(one, &readings))).collect()
}

/// R4, F69: coin 1 is spent by versions 10 and 11 of the parent; the child 20 stands on 11, its own
/// child 30 on 20. When 10 is final, both are dead. While 10 is in a block that may revert, nobody
/// is.
#[test]
fn r4_f69_who_stands_on_a_version_that_lost_is_dead_when_the_other_is_final() {
    let parent = lineage(1, &[(10, &[1]), (11, &[1])]);
    let child = lineage(2, &[(20, &[11]), (21, &[11, 2])]);
    let grandchild = lineage(3, &[(30, &[20])]);
    let stranger = lineage(4, &[(40, &[3])]);
    let all = [&parent, &child, &grandchild, &stranger];
    let fates_now = fates(&all, &[(1, 10, 100)]);
    assert!(consumed_finally(&fates_now, 99).is_empty(), "it may revert");
    let consumed = consumed_finally(&fates_now, 100);
    let dead =
        |one: &WatchedLineage| killed(one, &consumed).map(|(by, _)| (by.by, by.own, by.block));
    assert_eq!(dead(&child), Some((hash(10), Some(parent.lineage), block(100))));
    assert_eq!(dead(&grandchild), Some((hash(10), Some(parent.lineage), block(100))));
    assert_eq!((dead(&stranger), dead(&parent)), (None, None));
    let named: Vec<u64> = orphans(&fates_now, &parent, 0).iter().map(|one| one.number).collect();
    assert_eq!(named, [2, 3], "the parent is not final before it is deep enough for them");
}

#[test]
fn who_stands_on_the_version_that_won_lives() {
    let parent = lineage(1, &[(10, &[1]), (11, &[1])]);
    let child = lineage(2, &[(20, &[11])]);
    let fates_now = fates(&[&parent, &child], &[(1, 11, 100)]);
    assert!(consumed_finally(&fates_now, 100).is_empty());
    assert!(orphans(&fates_now, &parent, 1).is_empty());
}

/// R4: a version of the child that does not need what was lost may still be mined.
#[test]
fn r4_one_version_that_stands_on_its_own_keeps_a_lineage_alive() {
    let parent = lineage(1, &[(10, &[1]), (11, &[1])]);
    let child = lineage(2, &[(20, &[2]), (21, &[2, 11])]);
    let consumed = consumed_finally(&fates(&[&parent, &child], &[(1, 10, 100)]), 100);
    assert_eq!(consumed.len(), 1);
    assert_eq!(killed(&child, &consumed), None);
}

/// F66: a parent and its child in no block take the parent's coin and leave the child's change;
/// where another version of the parent is mined, the child moves nothing.
#[test]
fn f66_what_is_under_way_takes_its_coins_and_leaves_its_change() {
    use crate::coin::tests::{CONFIRMED, coin};
    use crate::lane::pending::Pending;

    let parent = lineage(1, &[(10, &[1]), (11, &[1])]);
    let child = lineage(2, &[(20, &[11])]);
    let mut coins = vec![coin(1, 9, CONFIRMED), coin(2, 100, CONFIRMED)];
    coins[0].outpoint = outpoint(1);
    let held = |fates: &[(&WatchedLineage, Fate)], coins: &[crate::Coin]| {
        Pending::of(fates).held(coins).base_units()
    };
    assert_eq!(Pending::default().held(&coins).base_units(), 109);
    assert_eq!(held(&fates(&[&parent], &[]), &coins), 108, "one for the miners");
    assert_eq!(
        held(&fates(&[&parent, &child], &[]), &coins),
        108,
        "the child spends the parent's change, and leaves as much"
    );
    assert_eq!(
        held(&fates(&[&parent, &child], &[]), &coins[1..]),
        108,
        "who leaves out what a pool spends is no poorer"
    );
    coins[0].outpoint = outpoint(10);
    assert_eq!(
        held(&fates(&[&parent, &child], &[(1, 10, 100)]), &coins),
        109,
        "what is mined is listed"
    );
}

/// R4: one coin of a version tells that all of them are spent; what a stranger took is gone as
/// well. Not while it may revert.
#[test]
fn r4_f65_what_a_final_block_spends_is_every_coin_of_that_version() {
    let mined = lineage(1, &[(10, &[1]), (11, &[1, 2])]);
    let robbed = lineage(2, &[(20, &[3, 4])]);
    let fates_now = fates(&[&mined, &robbed], &[(1, 11, 100), (3, 99, 101)]);
    let spent = |height: u64| spent_finally(&fates_now, height);
    assert!(spent(99).is_empty());
    assert_eq!(spent(100), [1, 2].map(outpoint).into());
    assert_eq!(spent(101), [1, 2, 3].map(outpoint).into());
}
