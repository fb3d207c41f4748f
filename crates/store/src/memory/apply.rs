//! Applies a batch that was checked. Nothing here can fail.

use std::collections::BTreeMap;

use adit_core::{
    Appended, Batch, Event, EventKind, GroupId, Lineage, LineageId, Mistake, Row, Status,
    Withdrawal, planted,
};

use super::tables::Tables;

pub(super) fn apply(tables: &mut Tables, id: GroupId, batch: Batch) {
    tables.groups.insert(id, batch.now);
    tables.times.insert(batch.now);
    batch.users.into_iter().for_each(|row| put(&mut tables.users, row.row.id.clone(), row));
    batch
        .wallets
        .into_iter()
        .for_each(|row| put(&mut tables.wallets, row.row.address.clone(), row));
    batch.accounts.into_iter().for_each(|(account, row)| put(&mut tables.accounts, account, row));
    batch.lanes.into_iter().for_each(|row| put(&mut tables.lanes, row.row.id.clone(), row));
    if let Some(row) = batch.incarnation {
        tables.incarnation = Some(Row { version: row.version + 1, row: row.row });
    }
    batch.withdrawals.into_iter().for_each(|row| put_withdrawal(tables, row));
    let (live, ended): (Vec<_>, Vec<_>) =
        batch.lineages.into_iter().partition(|row| row.row.is_live());
    ended.into_iter().chain(live).for_each(|row| put_lineage(tables, row));
    append(tables, batch.appended);
}

fn put<K: Ord, T>(rows: &mut BTreeMap<K, Row<T>>, key: K, row: Row<T>) {
    rows.insert(key, Row { version: row.version + 1, row: row.row });
}

fn put_withdrawal(tables: &mut Tables, row: Row<Withdrawal>) {
    let withdrawal = &row.row;
    if let Some(before) = tables.withdrawals.get(&withdrawal.id).map(|row| &row.row)
        && let Some(claim) = &before.claim
    {
        // A payment can be matched to its user later: what it consumed is then theirs.
        tables.claim_nonces.remove(&(before.user.clone(), claim.nonce));
    }
    if let Some(claim) = &withdrawal.claim {
        tables.digests.insert(claim.digest, withdrawal.id);
        tables.claim_nonces.insert((withdrawal.user.clone(), claim.nonce), withdrawal.id);
    }
    let place = (withdrawal.created_at, withdrawal.id);
    if withdrawal.state.status() == Status::Approved {
        tables.approved.insert(place);
    } else if !planted(Mistake::UniqueIndexDropped) {
        tables.approved.remove(&place);
    }
    put(&mut tables.withdrawals, row.row.id, row);
}

fn put_lineage(tables: &mut Tables, row: Row<Lineage>) {
    let lineage = &row.row;
    let lane = tables.live_by_lane.entry(lineage.lane.clone()).or_default();
    if lineage.is_live() {
        lane.insert(lineage.id);
        tables
            .live_anchors
            .extend(lineage.anchors.iter().map(|anchor| (anchor.to_string(), lineage.id)));
        tables.live_payouts.extend(lineage.legs.iter().map(|leg| (leg.payout, lineage.id)));
    } else {
        lane.remove(&lineage.id);
        lineage
            .anchors
            .iter()
            .for_each(|anchor| free(&mut tables.live_anchors, &anchor.to_string(), lineage.id));
        lineage.legs.iter().for_each(|leg| free(&mut tables.live_payouts, &leg.payout, lineage.id));
    }
    for leg in &lineage.legs {
        tables.lineages_by_withdrawal.entry(leg.withdrawal).or_default().insert(lineage.id);
    }
    let signed = lineage.attempts.iter().filter_map(adit_core::Attempt::signed);
    tables.lineages_by_hash.extend(signed.map(|signed| (signed.hash, lineage.id)));
    tables
        .lineages_by_number
        .entry((lineage.lane.clone(), lineage.number()))
        .or_default()
        .insert(lineage.id);
    put(&mut tables.lineages, row.row.id, row);
}

/// Another lineage may have taken it since this one ended.
fn free<K: Ord>(live: &mut BTreeMap<K, LineageId>, key: &K, owner: LineageId) {
    if live.get(key) == Some(&owner) {
        live.remove(key);
    }
}

fn append(tables: &mut Tables, added: Appended) {
    for transfer in added.transfers {
        tables.resolved_holds.extend(transfer.kind.resolves());
        tables.transfers.insert(transfer.id, transfer);
    }
    for entry in added.limits {
        tables.limits.entry((entry.user.clone(), entry.asset.clone())).or_default().append(entry);
    }
    for entry in &added.limits_given_back {
        tables
            .limits
            .entry((entry.user.clone(), entry.asset.clone()))
            .or_default()
            .give_back(entry);
    }
    for record in added.idempotency {
        tables.idempotency.insert((record.client.clone(), record.key.clone()), record);
    }
    tables.credits.extend(added.credits.into_iter().map(|record| (record.id.clone(), record)));
    for credential in added.credentials {
        tables.credential_hashes.insert(credential.hash, credential.id);
        tables.credentials.insert(credential.id, credential);
    }
    for (id, at) in added.revoked {
        if let Some(known) =
            tables.credentials.get_mut(&id).filter(|known| known.revoked_at.is_none())
        {
            known.revoked_at = Some(at);
        }
    }
    added.events.into_iter().for_each(|event| append_event(tables, event));
    for record in added.observations {
        tables.observations.entry(record.attempt).or_default().push(record);
    }
    // What was resumed and suspended again in one group stays suspended: the safe side.
    added.resumed.iter().for_each(|scope| drop(tables.suspensions.remove(scope)));
    tables.suspensions.extend(
        added.suspended.into_iter().map(|suspension| (suspension.scope.clone(), suspension)),
    );
}

fn append_event(tables: &mut Tables, event: Event) {
    if let Some(feed) = &event.feed {
        tables.feeds.insert((feed.user.clone(), feed.seq), event.id);
    }
    if matches!(event.kind, EventKind::FeeDoubted { .. }) {
        tables.fee_doubts.insert((event.at, event.id));
    }
    if let Some(withdrawal) = event.withdrawal {
        tables.events_by_withdrawal.entry(withdrawal).or_default().insert(event.id);
    }
    tables.events.insert(event.id, event);
}
