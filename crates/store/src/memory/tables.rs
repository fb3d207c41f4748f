//! The tables: rows by their key, and the indexes that reads and constraints need.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    Account, AssetId, AttemptId, Balance, CLOCKS_APART_MAX, ClientId, Credential, CredentialId,
    CreditId, CreditRecord, Destination, Event, EventId, GroupId, Hash32, IdempotencyKey,
    IdempotencyRecord, Incarnation, Lane, LaneId, Lineage, LineageId, ObservationRecord, PayoutId,
    Row, Scope, Suspension, Timestamp, Transfer, TransferId, User, UserId, WalletLink, Withdrawal,
    WithdrawalId,
};

use super::limits::LimitHistory;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub users: BTreeMap<UserId, Row<User>>,
    pub wallets: BTreeMap<Destination, Row<WalletLink>>,
    pub accounts: BTreeMap<Account, Row<Balance>>,
    pub withdrawals: BTreeMap<WithdrawalId, Row<Withdrawal>>,
    pub lineages: BTreeMap<LineageId, Row<Lineage>>,
    pub lanes: BTreeMap<LaneId, Row<Lane>>,
    pub incarnation: Option<Row<Incarnation>>,

    pub transfers: BTreeMap<TransferId, Transfer>,
    pub limits: BTreeMap<(UserId, AssetId), LimitHistory>,
    pub idempotency: BTreeMap<(ClientId, IdempotencyKey), IdempotencyRecord>,
    pub credits: BTreeMap<CreditId, CreditRecord>,
    pub credentials: BTreeMap<CredentialId, Credential>,
    pub credential_uses: BTreeMap<CredentialId, Timestamp>,
    pub events: BTreeMap<EventId, Event>,
    pub observations: BTreeMap<AttemptId, Vec<ObservationRecord>>,
    pub suspensions: BTreeMap<Scope, Suspension>,
    pub policy_revisions: Vec<(String, Timestamp)>,
    pub groups: BTreeMap<GroupId, Timestamp>,

    pub digests: BTreeMap<Hash32, WithdrawalId>,
    pub claim_nonces: BTreeMap<(UserId, u64), WithdrawalId>,
    pub live_anchors: BTreeMap<String, LineageId>,
    pub live_payouts: BTreeMap<PayoutId, LineageId>,
    pub live_by_lane: BTreeMap<LaneId, BTreeSet<LineageId>>,
    pub lineages_by_number: BTreeMap<(LaneId, u64), BTreeSet<LineageId>>,
    pub lineages_by_hash: BTreeMap<Hash32, LineageId>,
    pub lineages_by_withdrawal: BTreeMap<WithdrawalId, BTreeSet<LineageId>>,
    pub approved: BTreeSet<(Timestamp, WithdrawalId)>,
    pub resolved_holds: BTreeSet<TransferId>,
    pub credential_hashes: BTreeMap<Hash32, CredentialId>,
    pub feeds: BTreeMap<(UserId, u64), EventId>,
    pub events_by_withdrawal: BTreeMap<WithdrawalId, BTreeSet<EventId>>,
    pub fee_doubts: BTreeSet<(Timestamp, EventId)>,
    /// Times of committed groups: time never goes back before the newest.
    pub times: BTreeSet<Timestamp>,
}

/// The version that is stored, 0 where there is no row.
pub(super) fn version_of<K: Ord, T>(rows: &BTreeMap<K, Row<T>>, key: &K) -> u64 {
    rows.get(key).map_or(0, |row| row.version)
}

impl Tables {
    /// Time as commits see it: the caller's, and never before the newest commit, of those that no
    /// wrong clock has dated (case F97).
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        self.times
            .range(..=now.plus(CLOCKS_APART_MAX))
            .next_back()
            .map_or(now, |newest| now.not_before(*newest))
    }
}
