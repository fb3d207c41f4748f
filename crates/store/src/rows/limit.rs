//! Entries of the limits, and what is asked about them.

use std::collections::BTreeMap;

use adit_core::{AssetId, LimitEntry, Timestamp, UserId, Window};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{integer, padded};
use crate::CommitFault;

#[derive(Debug, Serialize)]
pub struct LimitRow {
    pub user_id: String,
    pub asset: String,
    pub seq: i64,
    pub at: i64,
    pub amount: String,
    pub cumulative: String,
    pub withdrawal_id: Uuid,
}

impl LimitRow {
    pub fn of(entry: &LimitEntry) -> Result<Self, CommitFault> {
        Ok(Self {
            user_id: entry.user.to_string(),
            asset: entry.asset.to_string(),
            seq: integer(entry.seq, "a limit entry's sequence")?,
            at: entry.at.micros(),
            amount: padded(entry.amount),
            cumulative: padded(entry.cumulative),
            withdrawal_id: entry.withdrawal.0,
        })
    }
}

/// An entry that is given back, by its key.
#[derive(Debug, Serialize)]
pub struct LimitGivenBackRow {
    pub user_id: String,
    pub asset: String,
    pub at: i64,
    pub seq: i64,
    pub given_back_at: i64,
}

impl LimitGivenBackRow {
    pub fn of(entry: &LimitEntry, now: Timestamp) -> Result<Self, CommitFault> {
        Ok(Self {
            user_id: entry.user.to_string(),
            asset: entry.asset.to_string(),
            at: entry.at.micros(),
            seq: integer(entry.seq, "a limit entry's sequence")?,
            given_back_at: now.micros(),
        })
    }
}

/// A user and asset whose last entry is asked for. `place` is its number among those asked.
#[derive(Debug, Serialize)]
pub struct LimitKeyRow {
    pub place: i64,
    pub user_id: String,
    pub asset: String,
}

/// One window of one of them, by where it begins.
#[derive(Debug, Serialize)]
pub struct WindowKeyRow {
    pub place: i64,
    pub user_id: String,
    pub asset: String,
    pub cutoff: i64,
}

/// Every user and asset, and every window of each, in order.
pub fn limit_keys(
    limits: &BTreeMap<(UserId, AssetId), Vec<Window>>,
    now: Timestamp,
) -> (Vec<LimitKeyRow>, Vec<WindowKeyRow>) {
    let mut keys = Vec::new();
    let mut windows = Vec::new();
    for (place, ((user, asset), of_asset)) in (0..).zip(limits) {
        keys.push(LimitKeyRow { place, user_id: user.to_string(), asset: asset.to_string() });
        for window in of_asset {
            let cutoff = window.cutoff(now).micros();
            let place = windows.len() as i64;
            windows.push(WindowKeyRow {
                place,
                user_id: user.to_string(),
                asset: asset.to_string(),
                cutoff,
            });
        }
    }
    (keys, windows)
}
