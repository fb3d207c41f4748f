//! The part of the state that a group of commands works on: loaded once, changed in memory,
//! committed once.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Account, Anchor, AssetId, Balance, Change, ClientId, ClockDoubt, Credential, CredentialId,
    CreditId, CreditRecord, Destination, Event, Hash32, IdempotencyKey, IdempotencyRecord,
    Incarnation, Lane, LaneId, LimitEntry, LimitState, Lineage, LineageId, ObservationRecord,
    PayoutId, Scope, Suspension, Timestamp, Transfer, User, UserId, WalletLink, Withdrawal,
    WithdrawalId,
};

/// Rows that commands need. A store loads (and locks) exactly these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    pub users: BTreeSet<UserId>,
    pub wallets: BTreeSet<Destination>,
    pub accounts: BTreeSet<Account>,
    pub limits: BTreeMap<(UserId, AssetId), Vec<crate::Window>>,
    pub withdrawals: BTreeSet<WithdrawalId>,
    /// Withdrawals that were accepted with this digest, or with this nonce of the user.
    pub digests: BTreeSet<Hash32>,
    pub claim_nonces: BTreeSet<(UserId, u64)>,
    pub idempotency: BTreeSet<(ClientId, IdempotencyKey)>,
    pub credits: BTreeSet<CreditId>,
    pub credentials: BTreeSet<CredentialId>,
    pub lineages: BTreeSet<LineageId>,
    /// Live lineage of each payout.
    pub payouts: BTreeSet<PayoutId>,
    /// Live lineage of each coin. Nonces are not asked for: the lane counts them.
    pub anchors: BTreeSet<Anchor>,
    pub lanes: BTreeSet<LaneId>,
}

/// A row as loaded: version 0 and no row where there is none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot<T> {
    pub version: u64,
    pub row: Option<T>,
    pub dirty: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::absent()
    }
}

impl<T> Slot<T> {
    pub fn absent() -> Self {
        Self { version: 0, row: None, dirty: false }
    }

    pub fn loaded(version: u64, row: T) -> Self {
        Self { version, row: Some(row), dirty: false }
    }

    fn set(&mut self, row: T) {
        self.row = Some(row);
        self.dirty = true;
    }
}

/// What was loaded, and what became of it so far in this group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// The time at which everything in this group is judged.
    pub now: Timestamp,
    /// What the database's own clock says, where it has one: leases are dated and judged by that,
    /// whatever each process believes the time to be (case F106). None where the processes share
    /// `now`.
    pub store_clock: Option<Timestamp>,
    /// Why that time may be wrong; set by whoever decides, and in no store.
    pub clock_doubt: Option<ClockDoubt>,
    pub users: BTreeMap<UserId, Slot<User>>,
    pub wallets: BTreeMap<Destination, Slot<WalletLink>>,
    pub accounts: BTreeMap<Account, Slot<Balance>>,
    pub limits: BTreeMap<(UserId, AssetId), LimitState>,
    pub withdrawals: BTreeMap<WithdrawalId, Slot<Withdrawal>>,
    pub digests: BTreeMap<Hash32, Option<WithdrawalId>>,
    pub claim_nonces: BTreeMap<(UserId, u64), Option<WithdrawalId>>,
    pub idempotency: BTreeMap<(ClientId, IdempotencyKey), Option<IdempotencyRecord>>,
    pub credits: BTreeMap<CreditId, Option<CreditRecord>>,
    pub credentials: BTreeMap<CredentialId, Option<Credential>>,
    pub lineages: BTreeMap<LineageId, Slot<Lineage>>,
    pub payouts: BTreeMap<PayoutId, Option<LineageId>>,
    pub anchors: BTreeMap<Anchor, Option<LineageId>>,
    pub lanes: BTreeMap<LaneId, Slot<Lane>>,
    /// The store about itself. Loaded for every group; absent in a store that was never leased.
    pub incarnation: Slot<Incarnation>,
    /// All that stand: there are few.
    pub suspensions: BTreeMap<Scope, Suspension>,
    appended: Appended,
}

/// Rows that are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    pub transfers: Vec<Transfer>,
    pub limits: Vec<LimitEntry>,
    pub limits_given_back: Vec<LimitEntry>,
    pub idempotency: Vec<IdempotencyRecord>,
    pub credits: Vec<CreditRecord>,
    pub credentials: Vec<Credential>,
    pub revoked: Vec<(CredentialId, Timestamp)>,
    pub events: Vec<Event>,
    pub observations: Vec<ObservationRecord>,
    pub suspended: Vec<Suspension>,
    pub resumed: Vec<Scope>,
}

/// What a group commits. Versions are those that were loaded; a store asserts them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    pub now: Timestamp,
    pub users: Vec<Row<User>>,
    pub wallets: Vec<Row<WalletLink>>,
    pub accounts: Vec<(Account, Row<Balance>)>,
    pub withdrawals: Vec<Row<Withdrawal>>,
    pub lineages: Vec<Row<Lineage>>,
    pub lanes: Vec<Row<Lane>>,
    pub incarnation: Option<Row<Incarnation>>,
    pub appended: Appended,
}

/// A row to write: an insert where `version` is 0, else an update of that version. Either way it is
/// stored as `version + 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<T> {
    pub version: u64,
    pub row: T,
}

impl View {
    /// Returns the time by which leases are dated and judged.
    pub fn lease_time(&self) -> Timestamp {
        self.store_clock.unwrap_or(self.now)
    }

    pub fn user(&self, id: &UserId) -> Option<&User> {
        self.users.get(id).expect("keys(command) names the user").row.as_ref()
    }

    pub fn balance(&self, account: &Account) -> Balance {
        self.accounts.get(account).expect("keys(command) names the account").row.unwrap_or_default()
    }

    pub fn withdrawal(&self, id: WithdrawalId) -> Option<&Withdrawal> {
        self.withdrawals.get(&id).expect("keys(command) names the withdrawal").row.as_ref()
    }

    pub fn lineage(&self, id: LineageId) -> Option<&Lineage> {
        self.lineages.get(&id).expect("keys(command) names the lineage").row.as_ref()
    }

    pub fn lane(&self, id: &LaneId) -> Option<&Lane> {
        self.lanes.get(id).expect("keys(command) names the lane").row.as_ref()
    }

    pub fn wallet(&self, address: &Destination) -> Option<&WalletLink> {
        self.wallets.get(address).expect("keys(command) names the wallet").row.as_ref()
    }

    pub fn limit(&self, user: &UserId, asset: &AssetId) -> &LimitState {
        self.limits.get(&(user.clone(), asset.clone())).expect("keys(command) names the limit")
    }

    /// Lets later commands of the group see what an earlier one decided.
    pub fn apply(&mut self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.apply_one(change));
    }

    fn apply_one(&mut self, change: Change) {
        match change {
            Change::User(user) => {
                self.users.entry(user.id.clone()).or_insert_with(Slot::absent).set(user)
            }
            Change::Wallet(link) => {
                self.wallets.entry(link.address.clone()).or_insert_with(Slot::absent).set(link)
            }
            Change::Lane(lane) => {
                self.lanes.entry(lane.id.clone()).or_insert_with(Slot::absent).set(lane)
            }
            Change::Incarnation(incarnation) => self.incarnation.set(incarnation),
            Change::Transfer(transfer) => self.apply_transfer(transfer),
            Change::Withdrawal(withdrawal) => self.apply_withdrawal(withdrawal),
            Change::Lineage(lineage) => self.apply_lineage(lineage),
            Change::Limit(entry) => {
                self.limits
                    .entry((entry.user.clone(), entry.asset.clone()))
                    .or_default()
                    .append(&entry);
                self.appended.limits.push(entry);
            }
            Change::LimitGivenBack(entry) => {
                let now = self.now;
                if let Some(state) = self.limits.get_mut(&(entry.user.clone(), entry.asset.clone()))
                {
                    state.give_back(&entry, now);
                }
                self.appended.limits_given_back.push(entry);
            }
            Change::Idempotency(record) => {
                self.idempotency
                    .insert((record.client.clone(), record.key.clone()), Some(record.clone()));
                self.appended.idempotency.push(record);
            }
            Change::Credit(record) => {
                self.credits.insert(record.id.clone(), Some(record.clone()));
                self.appended.credits.push(record);
            }
            Change::Suspended(suspension) => {
                self.suspensions.insert(suspension.scope.clone(), suspension.clone());
                self.appended.suspended.push(suspension);
            }
            Change::Resumed(scope) => {
                self.suspensions.remove(&scope);
                self.appended.suspended.retain(|standing| standing.scope != scope);
                self.appended.resumed.push(scope);
            }
            Change::Credential(credential) => {
                self.credentials.insert(credential.id, Some(credential.clone()));
                self.appended.credentials.push(credential);
            }
            Change::Revoked { credential, at } => {
                if let Some(Some(known)) = self.credentials.get_mut(&credential) {
                    known.revoked_at = Some(at);
                }
                self.appended.revoked.push((credential, at));
            }
            Change::Event(event) => self.appended.events.push(event),
            Change::Observation(observation) => self.appended.observations.push(observation),
        }
    }

    fn apply_transfer(&mut self, transfer: Transfer) {
        let mut debit = self.balance(&transfer.debit);
        let mut credit =
            if transfer.kind.moves() { self.balance(&transfer.credit) } else { Balance::default() };
        transfer.apply(&mut debit, &mut credit).expect("decide proved that the transfer fits");
        self.set_balance(&transfer.debit, debit);
        if transfer.kind.moves() {
            self.set_balance(&transfer.credit, credit);
        }
        self.appended.transfers.push(transfer);
    }

    fn set_balance(&mut self, account: &Account, balance: Balance) {
        self.accounts.get_mut(account).expect("keys(command) names the account").set(balance);
    }

    fn apply_withdrawal(&mut self, withdrawal: Withdrawal) {
        if let Some(claim) = &withdrawal.claim {
            self.digests.insert(claim.digest, Some(withdrawal.id));
            self.claim_nonces.insert((withdrawal.user.clone(), claim.nonce), Some(withdrawal.id));
        }
        self.withdrawals.entry(withdrawal.id).or_insert_with(Slot::absent).set(withdrawal);
    }

    fn apply_lineage(&mut self, lineage: Lineage) {
        for leg in &lineage.legs {
            self.payouts.insert(leg.payout, lineage.is_live().then_some(lineage.id));
        }
        for anchor in &lineage.anchors {
            if let Some(holder) = self.anchors.get_mut(anchor) {
                *holder = lineage.is_live().then_some(lineage.id);
            }
        }
        self.lineages.entry(lineage.id).or_insert_with(Slot::absent).set(lineage);
    }

    /// Everything that changed, to be committed.
    pub fn into_batch(self) -> Batch {
        Batch {
            now: self.now,
            users: dirty(self.users),
            wallets: dirty(self.wallets),
            accounts: self
                .accounts
                .into_iter()
                .filter(|(_, slot)| slot.dirty)
                .filter_map(|(account, slot)| {
                    slot.row.map(|row| (account, Row { version: slot.version, row }))
                })
                .collect(),
            withdrawals: dirty(self.withdrawals),
            lineages: dirty(self.lineages),
            lanes: dirty(self.lanes),
            incarnation: changed(self.incarnation),
            appended: self.appended,
        }
    }
}

fn changed<T>(slot: Slot<T>) -> Option<Row<T>> {
    slot.row.filter(|_| slot.dirty).map(|row| Row { version: slot.version, row })
}

fn dirty<K, T>(slots: BTreeMap<K, Slot<T>>) -> Vec<Row<T>> {
    let changed = slots.into_values().filter(|slot| slot.dirty);
    changed.filter_map(|slot| slot.row.map(|row| Row { version: slot.version, row })).collect()
}

impl Batch {
    /// Whether nothing changed: then there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
            && self.wallets.is_empty()
            && self.accounts.is_empty()
            && self.withdrawals.is_empty()
            && self.lineages.is_empty()
            && self.lanes.is_empty()
            && self.incarnation.is_none()
            && self.appended == Appended::default()
    }
}
