//! Withdrawals and idempotency keys.

use std::collections::BTreeSet;

use adit_core::{
    ClaimRecord, ClientId, IdempotencyKey, IdempotencyRecord, LimitEntry, Row, Slot, State, Status,
    Timestamp, UserId, Withdrawal,
};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{
    FORM, Fields, amount, count, id, integer, json, json_or_none, padded, small_count, time,
    to_json, value, value_or_none, word,
};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct WithdrawalRow {
    pub id: Uuid,
    pub user_id: String,
    pub payout_id: Uuid,
    pub asset: String,
    pub amount: String,
    pub destination: String,
    pub book: String,
    pub source_asset: String,
    pub deducted: String,
    pub fee: String,
    pub balance_before: String,
    pub balance_after: String,
    pub hold_id: Uuid,
    pub limit_asset: String,
    pub limit_seq: i64,
    pub limit_at: i64,
    pub limit_amount: String,
    pub limit_cumulative: String,
    pub nonce: Option<i64>,
    pub deadline: Option<i64>,
    pub digest: Option<String>,
    pub signature: Option<String>,
    pub idempotency: Option<String>,
    pub requested_by: Option<String>,
    pub policy_revision: i64,
    pub created_at: i64,
    pub retry_count: i64,
    pub status: String,
    pub state: String,
    pub form: i64,
    pub due_at: Option<i64>,
    pub hash: Option<String>,
    pub block_number: Option<i64>,
    pub completed_at: Option<i64>,
    pub version: i64,
}

impl WithdrawalRow {
    pub fn of(row: &Row<Withdrawal>) -> Result<Self, CommitFault> {
        let it = &row.row;
        let claim = it.claim.as_ref();
        let whole = |number: u64, what: &str| integer(number, what);
        Ok(Self {
            id: it.id.0,
            user_id: it.user.to_string(),
            payout_id: it.payout.0,
            asset: it.asset.to_string(),
            amount: padded(it.amount),
            destination: it.destination.to_string(),
            book: it.book.to_string(),
            source_asset: it.source_asset.to_string(),
            deducted: padded(it.deducted),
            fee: padded(it.fee),
            balance_before: padded(it.balance_before),
            balance_after: padded(it.balance_after),
            hold_id: it.hold.0,
            limit_asset: it.limit.asset.to_string(),
            limit_seq: whole(it.limit.seq, "a limit entry's sequence")?,
            limit_at: it.limit.at.micros(),
            limit_amount: padded(it.limit.amount),
            limit_cumulative: padded(it.limit.cumulative),
            nonce: claim.map(|claim| whole(claim.nonce, "a claim's nonce")).transpose()?,
            deadline: claim.map(|claim| whole(claim.deadline, "a claim's deadline")).transpose()?,
            digest: claim.map(|claim| claim.digest.to_string()),
            signature: claim.map(|claim| claim.signature.to_string()),
            idempotency: it.idempotency.as_ref().map(to_json).transpose()?,
            requested_by: it.requested_by.as_ref().map(ToString::to_string),
            policy_revision: whole(it.policy_revision, "a policy's revision")?,
            created_at: it.created_at.micros(),
            retry_count: i64::from(it.retries),
            status: it.state.status().as_str().to_owned(),
            state: to_json(&it.state)?,
            form: FORM,
            due_at: due_at(it).map(Timestamp::micros),
            hash: it.state.hash().map(|hash| hash.to_string()),
            block_number: it
                .state
                .block()
                .map(|block| whole(block.height, "a block's height"))
                .transpose()?,
            completed_at: completed_at(&it.state).map(Timestamp::micros),
            version: whole(row.version, "a version")?,
        })
    }
}

/// When an approved withdrawal may be planned; nothing for others.
fn due_at(withdrawal: &Withdrawal) -> Option<Timestamp> {
    match &withdrawal.state {
        State::Approved { deferred, .. } => {
            Some(deferred.as_ref().map_or(withdrawal.created_at, |deferral| deferral.until))
        }
        State::Pending
        | State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => None,
    }
}

/// When it ended, however it ended.
fn completed_at(state: &State) -> Option<Timestamp> {
    match state {
        State::Completed { at, .. } | State::Failed { at, .. } | State::Cancelled { at, .. } => {
            Some(*at)
        }
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::HeldForInspection { .. } => None,
    }
}

pub fn read_withdrawal(row: &impl Fields) -> Result<Slot<Withdrawal>, StoreFault> {
    let user: UserId = value(row, "user_id")?;
    let withdrawal = Withdrawal {
        id: id(row, "id")?,
        payout: id(row, "payout_id")?,
        asset: value(row, "asset")?,
        amount: amount(row, "amount")?,
        destination: value(row, "destination")?,
        book: value(row, "book")?,
        source_asset: value(row, "source_asset")?,
        deducted: amount(row, "deducted")?,
        fee: amount(row, "fee")?,
        balance_before: amount(row, "balance_before")?,
        balance_after: amount(row, "balance_after")?,
        hold: id(row, "hold_id")?,
        limit: read_limit(row, user.clone())?,
        claim: read_claim(row)?,
        idempotency: json_or_none(row, "idempotency")?,
        requested_by: value_or_none(row, "requested_by")?,
        policy_revision: count(row, "policy_revision")?,
        created_at: time(row, "created_at")?,
        retries: small_count(row, "retry_count")?,
        state: json(row, "state")?,
        user,
    };
    Ok(Slot::loaded(count(row, "version")?, withdrawal))
}

fn read_limit(row: &impl Fields, user: UserId) -> Result<LimitEntry, StoreFault> {
    Ok(LimitEntry {
        user,
        asset: value(row, "limit_asset")?,
        seq: count(row, "limit_seq")?,
        at: time(row, "limit_at")?,
        amount: amount(row, "limit_amount")?,
        cumulative: amount(row, "limit_cumulative")?,
        withdrawal: id(row, "id")?,
    })
}

fn read_claim(row: &impl Fields) -> Result<Option<ClaimRecord>, StoreFault> {
    if row.text_or_none("digest")?.is_none() {
        return Ok(None);
    }
    Ok(Some(ClaimRecord {
        nonce: count(row, "nonce")?,
        deadline: count(row, "deadline")?,
        digest: value(row, "digest")?,
        signature: value(row, "signature")?,
    }))
}

pub fn read_status(row: &impl Fields) -> Result<Status, StoreFault> {
    word(row, "status")
}

#[derive(Debug, Serialize)]
pub struct IdempotencyRow {
    pub client: String,
    pub key: String,
    pub fingerprint: String,
    pub withdrawal_id: Uuid,
    pub at: i64,
}

impl IdempotencyRow {
    pub fn of(record: &IdempotencyRecord) -> Self {
        Self {
            client: record.client.to_string(),
            key: record.key.to_string(),
            fingerprint: record.fingerprint.to_string(),
            withdrawal_id: record.withdrawal.0,
            at: record.at.micros(),
        }
    }
}

pub fn read_idempotency(row: &impl Fields) -> Result<IdempotencyRecord, StoreFault> {
    Ok(IdempotencyRecord {
        client: value(row, "client")?,
        key: value(row, "key")?,
        fingerprint: value(row, "fingerprint")?,
        withdrawal: id(row, "withdrawal_id")?,
        at: time(row, "at")?,
    })
}

#[derive(Debug, Serialize)]
pub struct IdempotencyKeyRow {
    pub client: String,
    pub key: String,
}

pub fn idempotency_keys(keys: &BTreeSet<(ClientId, IdempotencyKey)>) -> Vec<IdempotencyKeyRow> {
    keys.iter()
        .map(|(client, key)| IdempotencyKeyRow { client: client.to_string(), key: key.to_string() })
        .collect()
}

#[derive(Debug, Serialize)]
pub struct ClaimNonceKeyRow {
    pub user_id: String,
    pub nonce: i64,
}

/// A nonce beyond SQL's integers was never accepted: nothing is asked about it.
pub fn claim_nonce_keys(keys: &BTreeSet<(UserId, u64)>) -> Vec<ClaimNonceKeyRow> {
    let key = |(user, nonce): &(UserId, u64)| {
        Some(ClaimNonceKeyRow { user_id: user.to_string(), nonce: i64::try_from(*nonce).ok()? })
    };
    keys.iter().filter_map(key).collect()
}
