//! Users, their wallets, and suspensions.

use adit_core::{Row, Scope, Slot, Suspension, User, WalletLink};
use serde::Serialize;

use super::fields::{
    FORM, Fields, count, integer, json, parse, small_count, time, time_or_none, to_json, value,
    value_or_none,
};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct UserRow {
    pub id: String,
    pub tier: Option<String>,
    pub claim_nonce: i64,
    pub event_seq: i64,
    pub last_accepted_at: Option<i64>,
    pub wallets: i64,
    pub cancels: i64,
    pub cancels_since: i64,
    pub created_at: i64,
    pub version: i64,
}

impl UserRow {
    pub fn of(row: &Row<User>) -> Result<Self, CommitFault> {
        let user = &row.row;
        Ok(Self {
            id: user.id.to_string(),
            tier: user.tier.as_ref().map(ToString::to_string),
            claim_nonce: integer(user.claim_nonce, "a claim nonce")?,
            event_seq: integer(user.event_seq, "an event's sequence")?,
            last_accepted_at: user.last_accepted_at.map(|at| at.micros()),
            wallets: i64::from(user.wallets),
            cancels: i64::from(user.cancels),
            cancels_since: user.cancels_since.micros(),
            created_at: user.created_at.micros(),
            version: integer(row.version, "a version")?,
        })
    }
}

pub fn read_user(row: &impl Fields) -> Result<Slot<User>, StoreFault> {
    let user = User {
        id: value(row, "id")?,
        tier: value_or_none(row, "tier")?,
        claim_nonce: count(row, "claim_nonce")?,
        event_seq: count(row, "event_seq")?,
        last_accepted_at: time_or_none(row, "last_accepted_at")?,
        wallets: small_count(row, "wallets")?,
        cancels: small_count(row, "cancels")?,
        cancels_since: time(row, "cancels_since")?,
        created_at: time(row, "created_at")?,
    };
    Ok(Slot::loaded(count(row, "version")?, user))
}

#[derive(Debug, Serialize)]
pub struct WalletRow {
    pub address: String,
    pub user_id: String,
    pub linked_at: i64,
    pub usable_at: i64,
    pub version: i64,
}

impl WalletRow {
    pub fn of(row: &Row<WalletLink>) -> Result<Self, CommitFault> {
        Ok(Self {
            address: row.row.address.to_string(),
            user_id: row.row.user.to_string(),
            linked_at: row.row.linked_at.micros(),
            usable_at: row.row.usable_at.micros(),
            version: integer(row.version, "a version")?,
        })
    }
}

pub fn read_wallet(row: &impl Fields) -> Result<Slot<WalletLink>, StoreFault> {
    let link = WalletLink {
        address: value(row, "address")?,
        user: value(row, "user_id")?,
        linked_at: time(row, "linked_at")?,
        usable_at: time(row, "usable_at")?,
    };
    Ok(Slot::loaded(count(row, "version")?, link))
}

#[derive(Debug, Serialize)]
pub struct SuspensionRow {
    pub scope: String,
    pub actor: String,
    pub reason: String,
    pub since: i64,
    pub form: i64,
}

impl SuspensionRow {
    pub fn of(suspension: &Suspension) -> Result<Self, CommitFault> {
        Ok(Self {
            scope: suspension.scope.to_string(),
            actor: to_json(&suspension.by)?,
            reason: suspension.reason.clone(),
            since: suspension.since.micros(),
            form: FORM,
        })
    }
}

pub fn read_suspension(row: &impl Fields) -> Result<Suspension, StoreFault> {
    Ok(Suspension {
        scope: scope(&row.text("scope")?)?,
        by: json(row, "actor")?,
        reason: row.text("reason")?,
        since: time(row, "since")?,
    })
}

/// The inverse of [`Scope`]'s `Display`.
fn scope(key: &str) -> Result<Scope, StoreFault> {
    match key.split_once('/') {
        None if key == "all" => Ok(Scope::All),
        Some(("asset", asset)) => Ok(Scope::Asset { asset: parse(asset, "scope")? }),
        Some(("user", user)) => Ok(Scope::User { user: parse(user, "scope")? }),
        None | Some(_) => {
            Err(StoreFault::Corrupt { detail: format!("the column scope: {key:?} is no scope") })
        }
    }
}
