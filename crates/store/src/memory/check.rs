//! The constraints, checked before anything is applied: a batch is taken whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use adit_core::{
    Account, Attempt, Balance, Batch, GroupId, Lineage, Mistake, Row, Signed, planted,
};

use super::tables::{Tables, version_of};
use crate::{CommitFault, constraint};

pub(super) fn check(tables: &Tables, id: GroupId, batch: &Batch) -> Result<(), CommitFault> {
    hold(!tables.groups.contains_key(&id), constraint::COMMIT_GROUP_PK)?;
    check_wallets(tables, batch)?;
    check_versions(tables, batch)?;
    hold(
        batch.accounts.iter().all(|(account, row)| is_sound(account, &row.row)),
        constraint::ACCOUNT_NOT_OVERDRAWN,
    )?;
    check_withdrawals(tables, batch)?;
    check_lineages(tables, batch)?;
    check_appended(tables, batch)
}

fn hold(holds: bool, name: &str) -> Result<(), CommitFault> {
    if holds { Ok(()) } else { Err(CommitFault::Constraint { constraint: name.to_owned() }) }
}

/// An address that is new here and exists there has an owner already; that is a rule, not a version
/// that moved on.
fn check_wallets(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    let taken = |row: &Row<adit_core::WalletLink>| {
        row.version == 0 && tables.wallets.contains_key(&row.row.address)
    };
    hold(!batch.wallets.iter().any(taken), constraint::WALLET_OWNER)
}

fn check_versions(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    batch.users.iter().try_for_each(|row| {
        same("user", &row.row.id, row.version, version_of(&tables.users, &row.row.id))
    })?;
    batch.wallets.iter().try_for_each(|row| {
        same("wallet", &row.row.address, row.version, version_of(&tables.wallets, &row.row.address))
    })?;
    batch.accounts.iter().try_for_each(|(account, row)| {
        same("account", account, row.version, version_of(&tables.accounts, account))
    })?;
    batch.withdrawals.iter().try_for_each(|row| {
        same("withdrawal", row.row.id, row.version, version_of(&tables.withdrawals, &row.row.id))
    })?;
    batch.lineages.iter().try_for_each(|row| {
        same("lineage", row.row.id, row.version, version_of(&tables.lineages, &row.row.id))
    })?;
    batch.lanes.iter().try_for_each(|row| {
        same("lane", &row.row.id, row.version, version_of(&tables.lanes, &row.row.id))
    })?;
    let stored = tables.incarnation.as_ref().map_or(0, |row| row.version);
    batch
        .incarnation
        .iter()
        .try_for_each(|row| same("incarnation", row.row.id, row.version, stored))
}

fn same(what: &str, key: impl Display, loaded: u64, stored: u64) -> Result<(), CommitFault> {
    if loaded == stored {
        return Ok(());
    }
    Err(CommitFault::Contention {
        detail: format!("{what} {key} was loaded as version {loaded} and is at version {stored}"),
    })
}

fn is_sound(account: &Account, balance: &Balance) -> bool {
    let bounded = matches!(account, Account::User { .. });
    !bounded || balance.debits.checked_add(balance.held).is_some_and(|used| used <= balance.credits)
}

fn check_withdrawals(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    let mut digests = BTreeMap::new();
    let mut nonces = BTreeMap::new();
    for Row { row, .. } in &batch.withdrawals {
        let Some(claim) = &row.claim else { continue };
        let nonce = (row.user.clone(), claim.nonce);
        let digest_owner = *digests
            .entry(claim.digest)
            .or_insert(tables.digests.get(&claim.digest).copied().unwrap_or(row.id));
        hold(digest_owner == row.id, constraint::WITHDRAWAL_DIGEST_UNIQUE)?;
        let stored = tables.claim_nonces.get(&nonce).copied().unwrap_or(row.id);
        hold(
            *nonces.entry(nonce).or_insert(stored) == row.id,
            constraint::WITHDRAWAL_CLAIM_NONCE_UNIQUE,
        )?;
    }
    Ok(())
}

/// Lineages that end give back their anchors and payouts before others take them.
fn check_lineages(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    if planted(Mistake::UniqueIndexDropped) {
        return Ok(());
    }
    let changed: BTreeSet<_> = batch.lineages.iter().map(|row| row.row.id).collect();
    let mut anchors = BTreeMap::new();
    let mut payouts = BTreeMap::new();
    for Row { row: lineage, .. } in batch.lineages.iter().filter(|row| row.row.is_live()) {
        for anchor in &lineage.anchors {
            let key = anchor.to_string();
            let other = tables.live_anchors.get(&key).is_some_and(|owner| !changed.contains(owner));
            let shared = planted(Mistake::ReservedCoinSpent);
            hold(
                shared || !other && anchors.insert(key, lineage.id).is_none(),
                constraint::ANCHOR_LIVE_UNIQUE,
            )?;
        }
        for leg in &lineage.legs {
            let other =
                tables.live_payouts.get(&leg.payout).is_some_and(|owner| !changed.contains(owner));
            hold(
                !other && payouts.insert(leg.payout, lineage.id).is_none(),
                constraint::PAYOUT_LIVE_UNIQUE,
            )?;
        }
    }
    batch.lineages.iter().try_for_each(|row| check_bytes(tables, &row.row))
}

fn check_bytes(tables: &Tables, lineage: &Lineage) -> Result<(), CommitFault> {
    let stored = tables.lineages.get(&lineage.id).map(|row| &row.row);
    let changed = |attempt: &Attempt| {
        let before =
            stored.and_then(|lineage| lineage.attempt(attempt.id)).and_then(Attempt::signed);
        before
            .is_some_and(|before| attempt.signed().is_none_or(|signed| !may_follow(before, signed)))
    };
    hold(!lineage.attempts.iter().any(changed), constraint::ATTEMPT_BYTES_ONCE)
}

/// What lacks signatures may gain some; it stays the same transaction.
fn may_follow(before: &Signed, signed: &Signed) -> bool {
    before == signed || (before.lacks_signatures() && before.hash == signed.hash)
}

fn check_appended(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    let added = &batch.appended;
    unique(
        added.transfers.iter().map(|row| row.id),
        |id| tables.transfers.contains_key(id),
        constraint::TRANSFER_UNIQUE,
    )?;
    let resolved = added.transfers.iter().filter_map(|row| row.kind.resolves());
    unique(resolved, |hold| tables.resolved_holds.contains(hold), constraint::HOLD_RESOLVED_ONCE)?;
    let idempotency = added.idempotency.iter().map(|row| (row.client.clone(), row.key.clone()));
    let forgets = planted(Mistake::IdempotencyExpires);
    unique(
        idempotency,
        |key| !forgets && tables.idempotency.contains_key(key),
        constraint::IDEMPOTENCY_UNIQUE,
    )?;
    let again = planted(Mistake::CreditTwice);
    unique(
        added.credits.iter().map(|row| row.id.clone()),
        |id| !again && tables.credits.contains_key(id),
        constraint::CREDIT_UNIQUE,
    )?;
    unique(
        added.credentials.iter().map(|row| row.id),
        |id| tables.credentials.contains_key(id),
        constraint::CREDENTIAL_UNIQUE,
    )?;
    let hashes = added.credentials.iter().map(|row| row.hash);
    unique(
        hashes,
        |hash| tables.credential_hashes.contains_key(hash),
        constraint::CREDENTIAL_HASH_UNIQUE,
    )?;
    unique(
        added.events.iter().map(|row| row.id),
        |id| tables.events.contains_key(id),
        constraint::EVENT_UNIQUE,
    )?;
    let places = added
        .events
        .iter()
        .filter_map(|row| row.feed.as_ref())
        .map(|feed| (feed.user.clone(), feed.seq));
    unique(places, |place| tables.feeds.contains_key(place), constraint::EVENT_FEED_UNIQUE)?;
    check_limits(tables, batch)
}

fn check_limits(tables: &Tables, batch: &Batch) -> Result<(), CommitFault> {
    type Place = (adit_core::UserId, adit_core::AssetId, u64);
    let place =
        |entry: &adit_core::LimitEntry| (entry.user.clone(), entry.asset.clone(), entry.seq);
    let history = |(user, asset, _): &Place| tables.limits.get(&(user.clone(), asset.clone()));
    let stored = |place: &Place| history(place).is_some_and(|entries| entries.has(place.2));
    let made: BTreeSet<_> = batch.appended.limits.iter().map(place).collect();
    unique(batch.appended.limits.iter().map(place), stored, constraint::LIMIT_ENTRY_SEQ_UNIQUE)?;
    let given_back = batch.appended.limits_given_back.iter().map(place);
    let twice =
        |place: &Place| history(place).is_some_and(|entries| entries.is_given_back(place.2));
    unique(
        given_back,
        |place| twice(place) || !(stored(place) || made.contains(place)),
        constraint::LIMIT_GIVEN_BACK_ONCE,
    )
}

/// No key is stored already, and none comes twice.
fn unique<K: Ord>(
    keys: impl Iterator<Item = K>,
    stored: impl Fn(&K) -> bool,
    name: &str,
) -> Result<(), CommitFault> {
    let mut seen = BTreeSet::new();
    for key in keys {
        hold(!stored(&key), name)?;
        hold(seen.insert(key), name)?;
    }
    Ok(())
}
