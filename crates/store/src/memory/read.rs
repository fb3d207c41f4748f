//! Reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use adit_core::{
    Account, AssetId, AttemptId, Balance, Credential, CredentialId, Destination, Event, GroupId,
    Hash32, Incarnation, Keys, Lane, LaneId, LimitState, Lineage, LineageId, Mistake,
    ObservationRecord, State, Status, Suspension, Timestamp, User, UserId, WalletLink, Window,
    Withdrawal, WithdrawalId, planted,
};
use async_trait::async_trait;

use super::limits::LimitHistory;
use super::tables::Tables;
use super::{MemGroup, MemStore, load};
use crate::{
    Coverage, CredentialCursor, CredentialFilter, CredentialRecord, Cursor, Group, LineageCursor,
    Page, QueueFilter, Store, StoreFault, UserSheet, WithdrawalFilter,
};

#[async_trait]
impl Store for MemStore {
    async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
        let writer = Arc::clone(&self.shared.writer).lock_owned().await;
        let clock = self.clock();
        let now = clock.map_or(now, |clock| crate::common_time(clock, now));
        let mut view = load::view(&self.tables(), keys, now);
        view.store_clock = clock;
        Ok(Box::new(MemGroup { store: self.clone(), view, _writer: writer }))
    }

    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
        let _nothing_under_way = self.shared.writer.lock().await;
        Ok(self.tables().groups.contains_key(&group))
    }

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault> {
        let tables = self.tables();
        Ok(tables.credential_hashes.get(&hash).and_then(|id| tables.credentials.get(id)).cloned())
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
        after: Option<CredentialCursor>,
        limit: usize,
    ) -> Result<Vec<CredentialRecord>, StoreFault> {
        let tables = self.tables();
        let mut found: Vec<&Credential> =
            tables.credentials.values().filter(|row| filter.passes(row)).collect();
        found.retain(|row| after.is_none_or(|after| CredentialCursor::of(row) < after));
        found.sort_by_key(|row| std::cmp::Reverse(CredentialCursor::of(row)));
        let last_used = |row: &Credential| tables.credential_uses.get(&row.id).copied();
        let record = |row: &Credential| CredentialRecord {
            credential: row.clone(),
            last_used_at: last_used(row),
        };
        Ok(found.into_iter().take(limit).map(record).collect())
    }

    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault> {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        let uses = &mut Arc::make_mut(&mut tables).credential_uses;
        for (id, at) in used {
            let known = uses.entry(*id).or_insert(*at);
            *known = (*known).max(*at);
        }
        Ok(())
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault> {
        let tables = self.tables();
        Ok(tables.users.get(user).map(|row| sheet(&tables, &row.row)))
    }

    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault> {
        Ok(self.tables().wallets.get(address).map(|row| row.row.clone()))
    }

    async fn limit(
        &self,
        user: &UserId,
        asset: &AssetId,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<LimitState, StoreFault> {
        let tables = self.tables();
        let now = tables.moment(now);
        let history = tables.limits.get(&(user.clone(), asset.clone()));
        Ok(history.map_or_else(
            || LimitHistory::default().state(windows, now),
            |history| history.state(windows, now),
        ))
    }

    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault> {
        Ok(self.tables().withdrawals.get(&id).map(|row| row.row.clone()))
    }

    async fn withdrawals_by_id(
        &self,
        ids: &BTreeSet<WithdrawalId>,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        let tables = self.tables();
        Ok(ids
            .iter()
            .filter_map(|id| tables.withdrawals.get(id))
            .map(|row| row.row.clone())
            .collect())
    }

    async fn withdrawals(
        &self,
        filter: &WithdrawalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreFault> {
        let tables = self.tables();
        let mut found: Vec<&Withdrawal> = tables
            .withdrawals
            .values()
            .map(|row| &row.row)
            .filter(|row| passes(filter, row))
            .collect();
        found.retain(|row| {
            after.is_none_or(|cursor| (row.created_at, row.id) < (cursor.created_at, cursor.id))
        });
        found.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        Ok(Page::cut(found.into_iter().take(limit + 1).cloned().collect(), limit))
    }

    async fn queue(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        let tables = self.tables();
        let approved = tables
            .approved
            .iter()
            .filter_map(|(_, id)| tables.withdrawals.get(id))
            .map(|row| &row.row);
        let again = |state: &State| {
            planted(Mistake::UniqueIndexDropped) && matches!(state, State::Processing { .. })
        };
        let due = approved
            .filter(|row| wanted.passes(row) && (is_due(&row.state, now) || again(&row.state)));
        Ok(due.take(limit).cloned().collect())
    }

    async fn deferred(
        &self,
        wanted: &QueueFilter,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        let tables = self.tables();
        let approved = tables
            .approved
            .iter()
            .filter_map(|(_, id)| tables.withdrawals.get(id))
            .map(|row| &row.row);
        let deferred = approved.filter(|row| {
            wanted.passes(row) && matches!(row.state, State::Approved { deferred: Some(_), .. })
        });
        Ok(deferred.take(limit).cloned().collect())
    }

    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault> {
        Ok(self.tables().lineages.get(&id).map(|row| row.row.clone()))
    }

    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault> {
        let tables = self.tables();
        let ids = tables.lineages_by_withdrawal.get(&withdrawal).into_iter().flatten();
        Ok(in_order_of_creation(
            ids.filter_map(|id| tables.lineages.get(id)).map(|row| row.row.clone()).collect(),
        ))
    }

    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault> {
        let tables = self.tables();
        let ids = tables.live_by_lane.get(lane).into_iter().flatten();
        let mut found = in_order_of_creation(
            ids.filter_map(|id| tables.lineages.get(id)).map(|row| row.row.clone()).collect(),
        );
        found.truncate(limit);
        Ok(found)
    }

    async fn lineages_on(
        &self,
        lane: &LaneId,
        after: Option<LineageCursor>,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        let tables = self.tables();
        let of_lane =
            tables.lineages.values().map(|row| &row.row).filter(|lineage| lineage.lane == *lane);
        let mut found: Vec<&Lineage> = of_lane
            .filter(|lineage| after.is_none_or(|after| after < LineageCursor::of(lineage)))
            .collect();
        found.sort_by_key(|lineage| LineageCursor::of(lineage));
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    async fn observations(
        &self,
        attempt: AttemptId,
        limit: usize,
    ) -> Result<Vec<ObservationRecord>, StoreFault> {
        let tables = self.tables();
        let mut found: Vec<_> =
            tables.observations.get(&attempt).into_iter().flatten().rev().cloned().collect();
        found.sort_by_key(|record| std::cmp::Reverse(record.at));
        found.truncate(limit);
        Ok(found)
    }

    async fn lineage_at(
        &self,
        lane: &LaneId,
        number: u64,
    ) -> Result<Option<LineageId>, StoreFault> {
        let tables = self.tables();
        let ids = tables.lineages_by_number.get(&(lane.clone(), number)).into_iter().flatten();
        let made = ids
            .filter_map(|id| tables.lineages.get(id))
            .map(|row| (row.row.created_at, row.row.id));
        Ok(made.max().map(|(_, id)| id))
    }

    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault> {
        Ok(self.tables().lineages_by_hash.get(&hash).copied())
    }

    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault> {
        Ok(self.tables().incarnation.as_ref().map(|row| row.row.clone()))
    }

    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault> {
        Ok(self.tables().lanes.get(id).map(|row| row.row.clone()))
    }

    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault> {
        let mut found: Vec<Lane> =
            self.tables().lanes.values().map(|row| row.row.clone()).collect();
        found.sort_by_key(|lane| lane.id.to_string());
        Ok(found)
    }

    async fn feed(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreFault> {
        let tables = self.tables();
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let places = tables.feeds.range((user.clone(), first)..=(user.clone(), u64::MAX));
        Ok(places.take(limit).filter_map(|(_, id)| tables.events.get(id)).cloned().collect())
    }

    async fn event_seqs(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, u64>, StoreFault> {
        let tables = self.tables();
        Ok(users
            .iter()
            .filter_map(|id| tables.users.get(id))
            .map(|row| (row.row.id.clone(), row.row.event_seq))
            .collect())
    }

    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault> {
        let tables = self.tables();
        let ids = tables.events_by_withdrawal.get(&withdrawal).into_iter().flatten();
        let mut found: Vec<Event> = ids.filter_map(|id| tables.events.get(id)).cloned().collect();
        found.sort_by_key(|event| {
            (event.at, event.feed.as_ref().map_or(0, |feed| feed.seq), event.id)
        });
        Ok(found)
    }

    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault> {
        let tables = self.tables();
        let newest = tables.fee_doubts.iter().rev().take_while(|(at, _)| *at >= since).take(limit);
        Ok(newest.filter_map(|(_, id)| tables.events.get(id)).cloned().collect())
    }

    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault> {
        let mut found: Vec<Suspension> = self.tables().suspensions.values().cloned().collect();
        found.sort_by_key(|suspension| suspension.scope.to_string());
        Ok(found)
    }

    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault> {
        let mut totals: BTreeMap<AssetId, Coverage> = BTreeMap::new();
        for (account, row) in self
            .tables()
            .accounts
            .iter()
            .filter(|(account, _)| matches!(account, Account::User { .. }))
        {
            let total = totals
                .entry(account.asset().clone())
                .or_insert_with(|| Coverage::none(account.asset().clone()));
            total.add(&row.row);
        }
        Ok(totals.into_values().collect())
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault> {
        let mut counts: BTreeMap<Status, u64> =
            Status::ALL.into_iter().map(|status| (status, 0)).collect();
        self.tables()
            .withdrawals
            .values()
            .for_each(|row| *counts.entry(row.row.state.status()).or_default() += 1);
        Ok(counts.into_iter().collect())
    }

    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault> {
        let mut found: Vec<_> = self
            .tables()
            .accounts
            .iter()
            .map(|(account, row)| (account.clone(), row.row))
            .collect();
        found.sort_by_key(|(account, _)| account.to_string());
        Ok(found)
    }

    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault> {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        let revisions = &mut Arc::make_mut(&mut tables).policy_revisions;
        let known = revisions.iter().position(|(text, _)| text == rules);
        let index = known.unwrap_or_else(|| {
            revisions.push((rules.to_owned(), now));
            revisions.len() - 1
        });
        Ok(index as u64 + 1)
    }

    async fn ping(&self) -> Result<(), StoreFault> {
        Ok(())
    }

    async fn backup(&self, _: &Path) -> Result<(), StoreFault> {
        Err(StoreFault::Unsupported {
            wish: "a copy in a file",
            instead: "MemStore::snapshot keeps one in memory",
        })
    }
}

fn sheet(tables: &Tables, user: &User) -> UserSheet {
    let wallets = tables
        .wallets
        .values()
        .map(|row| &row.row)
        .filter(|link| link.user == user.id)
        .cloned()
        .collect();
    let own = |account: &Account| matches!(account, Account::User { user: owner, .. } | Account::Debt { user: owner, .. } if *owner == user.id);
    let mut balances: Vec<_> = tables
        .accounts
        .iter()
        .filter(|(account, _)| own(account))
        .map(|(key, row)| (key.clone(), row.row))
        .collect();
    balances.sort_by_key(|(account, _)| account.to_string());
    UserSheet { user: user.clone(), wallets, balances }
}

fn passes(filter: &WithdrawalFilter, row: &Withdrawal) -> bool {
    filter.user.as_ref().is_none_or(|user| *user == row.user)
        && filter.status.is_none_or(|status| status == row.state.status())
        && filter.asset.as_ref().is_none_or(|asset| *asset == row.asset)
        && filter.from.is_none_or(|from| row.created_at >= from)
        && filter.to.is_none_or(|to| row.created_at < to)
        && filter.claims.is_none_or(|claims| claims == row.claim.is_some())
}

fn is_due(state: &State, now: Timestamp) -> bool {
    match state {
        State::Approved { deferred, .. } => {
            deferred.as_ref().is_none_or(|deferral| !deferral.holds(now))
        }
        State::Pending
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => false,
    }
}

/// Those of one commit have one time; then their place in the line tells.
fn in_order_of_creation(mut lineages: Vec<Lineage>) -> Vec<Lineage> {
    lineages.sort_by_key(|lineage| (lineage.created_at, lineage.number(), lineage.id));
    lineages
}
