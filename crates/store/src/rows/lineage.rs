//! Lineages and what they are made of: anchors, payouts, attempts.

use std::collections::BTreeMap;

use adit_core::{
    Anchor, Attempt, Draft, Knowledge, LaneId, Leg, Lineage, LineageId, Purpose, Row, Signed, Slot,
    Stage,
};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{
    FORM, Fields, amount, corrupt, count, id, integer, json, json_or_none, padded, parse,
    small_count, time, to_json, to_tag, to_word, value, value_or_none, word,
};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct LineageRow {
    pub id: Uuid,
    pub lane: String,
    pub nonce: i64,
    pub live: bool,
    pub state: String,
    pub cancel: Option<String>,
    pub created_at: i64,
    pub form: i64,
    pub version: i64,
    /// The version that is stored, where a block holds one of its attempts.
    pub mined_version: Option<i64>,
}

impl LineageRow {
    pub fn of(row: &Row<Lineage>) -> Result<Self, CommitFault> {
        let lineage = &row.row;
        let version = integer(row.version, "a version")?;
        Ok(Self {
            id: lineage.id.0,
            lane: lineage.lane.to_string(),
            nonce: integer(lineage.number(), "a lineage's number")?,
            live: lineage.is_live(),
            state: to_json(&lineage.state)?,
            cancel: lineage.cancel.as_ref().map(to_json).transpose()?,
            created_at: lineage.created_at.micros(),
            form: FORM,
            version,
            mined_version: (!lineage.concerns_plans()).then(|| version.saturating_add(1)),
        })
    }
}

#[derive(Debug, Serialize)]
pub struct AnchorRow {
    pub lineage_id: Uuid,
    pub position: i64,
    pub kind: String,
    pub key: String,
    pub live: bool,
}

impl AnchorRow {
    pub fn all_of(lineage: &Lineage) -> impl Iterator<Item = Self> {
        (0..).zip(&lineage.anchors).map(|(position, anchor)| Self {
            lineage_id: lineage.id.0,
            position,
            kind: match anchor {
                Anchor::Nonce { .. } => "nonce".to_owned(),
                Anchor::Outpoint { .. } => "outpoint".to_owned(),
            },
            key: anchor.to_string(),
            live: lineage.is_live(),
        })
    }
}

/// One payout's membership in a lineage, with what must appear on chain for it.
#[derive(Debug, Serialize)]
pub struct PayoutRow {
    pub lineage_id: Uuid,
    pub position: i64,
    pub payout_id: Uuid,
    pub withdrawal_id: Uuid,
    pub user_id: String,
    pub book: String,
    pub source_asset: String,
    pub asset: String,
    pub amount: String,
    pub destination: String,
    pub live: bool,
}

impl PayoutRow {
    pub fn all_of(lineage: &Lineage) -> impl Iterator<Item = Self> {
        (0..).zip(&lineage.legs).map(|(position, leg)| Self {
            lineage_id: lineage.id.0,
            position,
            payout_id: leg.payout.0,
            withdrawal_id: leg.withdrawal.0,
            user_id: leg.user.to_string(),
            book: leg.book.to_string(),
            source_asset: leg.source_asset.to_string(),
            asset: leg.asset.to_string(),
            amount: padded(leg.amount),
            destination: leg.destination.to_string(),
            live: lineage.is_live(),
        })
    }
}

#[derive(Debug, Serialize)]
pub struct AttemptRow {
    pub id: Uuid,
    pub lineage_id: Uuid,
    pub version: i64,
    pub purpose: String,
    pub epoch: i64,
    pub draft: String,
    pub raw: Option<String>,
    pub hash: Option<String>,
    /// `reserved`, or the word of what is known of the signed bytes.
    pub knowledge: String,
    pub known: Option<String>,
    pub created_at: i64,
    pub form: i64,
}

impl AttemptRow {
    pub fn of(lineage: LineageId, attempt: &Attempt) -> Result<Self, CommitFault> {
        let (knowledge, known) = match &attempt.stage {
            Stage::Reserved => ("reserved".to_owned(), None),
            Stage::Signed { knowledge, .. } => {
                (to_tag(knowledge, "knowledge")?, Some(to_json(knowledge)?))
            }
        };
        Ok(Self {
            id: attempt.id.0,
            lineage_id: lineage.0,
            version: i64::from(attempt.version),
            purpose: to_word(&attempt.purpose)?,
            epoch: integer(attempt.epoch.0, "an epoch")?,
            draft: to_json(&attempt.draft)?,
            raw: attempt.signed().map(|signed| signed.raw.to_string()),
            hash: attempt.signed().map(|signed| signed.hash.to_string()),
            knowledge,
            known,
            created_at: attempt.created_at.micros(),
            form: FORM,
        })
    }
}

/// A lineage's own row; its parts are read apart and put together by [`LineageParts`].
pub fn read_lineage(row: &impl Fields) -> Result<Slot<Lineage>, StoreFault> {
    let lineage = Lineage {
        id: id(row, "id")?,
        lane: value(row, "lane")?,
        anchors: Vec::new(),
        legs: Vec::new(),
        attempts: Vec::new(),
        state: json(row, "state")?,
        cancel: json_or_none(row, "cancel")?,
        created_at: time(row, "created_at")?,
    };
    Ok(Slot::loaded(count(row, "version")?, lineage))
}

pub fn read_anchor(row: &impl Fields) -> Result<(LineageId, Anchor), StoreFault> {
    let key = row.text("key")?;
    let broken = || corrupt("key", &format!("{key:?} is no anchor"));
    let anchor = match row.text("kind")?.as_str() {
        "nonce" => {
            let (lane, nonce) = key.rsplit_once('/').ok_or_else(broken)?;
            Anchor::Nonce { lane: parse::<LaneId>(lane, "key")?, nonce: parse(nonce, "key")? }
        }
        "outpoint" => {
            let (chain, outpoint) = key.split_once(':').ok_or_else(broken)?;
            Anchor::Outpoint { chain: parse(chain, "key")?, outpoint: outpoint.to_owned() }
        }
        _ => return Err(broken()),
    };
    Ok((id(row, "lineage_id")?, anchor))
}

pub fn read_leg(row: &impl Fields) -> Result<(LineageId, Leg), StoreFault> {
    let leg = Leg {
        payout: id(row, "payout_id")?,
        withdrawal: id(row, "withdrawal_id")?,
        user: value(row, "user_id")?,
        book: value(row, "book")?,
        source_asset: value(row, "source_asset")?,
        asset: value(row, "asset")?,
        amount: amount(row, "amount")?,
        destination: value(row, "destination")?,
    };
    Ok((id(row, "lineage_id")?, leg))
}

pub fn read_attempt(row: &impl Fields) -> Result<(LineageId, Attempt), StoreFault> {
    let stage = match (
        value_or_none(row, "raw")?,
        value_or_none(row, "hash")?,
        json_or_none::<Knowledge>(row, "known")?,
    ) {
        (Some(raw), Some(hash), Some(knowledge)) => {
            Stage::Signed { signed: Signed { raw, hash }, knowledge }
        }
        (None, None, None) => Stage::Reserved,
        _ => {
            return Err(corrupt(
                "raw",
                &"signed bytes, their hash and what is known of them come together",
            ));
        }
    };
    let attempt = Attempt {
        id: id(row, "id")?,
        version: small_count(row, "version")?,
        purpose: word::<Purpose>(row, "purpose")?,
        draft: json::<Draft>(row, "draft")?,
        epoch: adit_core::Epoch(count(row, "epoch")?),
        created_at: time(row, "created_at")?,
        stage,
    };
    Ok((id(row, "lineage_id")?, attempt))
}

/// Everything read of some lineages, each kind in order of its position or version.
#[derive(Debug, Default)]
pub struct LineageParts {
    pub lineages: Vec<Slot<Lineage>>,
    pub anchors: Vec<(LineageId, Anchor)>,
    pub legs: Vec<(LineageId, Leg)>,
    pub attempts: Vec<(LineageId, Attempt)>,
}

impl LineageParts {
    /// Puts them together, in the order in which the lineages were read.
    pub fn join(self) -> Vec<Slot<Lineage>> {
        let mut anchors = by_lineage(self.anchors);
        let mut legs = by_lineage(self.legs);
        let mut attempts = by_lineage(self.attempts);
        let mut lineages = self.lineages;
        for lineage in lineages.iter_mut().filter_map(|slot| slot.row.as_mut()) {
            lineage.anchors = anchors.remove(&lineage.id).unwrap_or_default();
            lineage.legs = legs.remove(&lineage.id).unwrap_or_default();
            lineage.attempts = attempts.remove(&lineage.id).unwrap_or_default();
        }
        lineages
    }
}

fn by_lineage<T>(parts: Vec<(LineageId, T)>) -> BTreeMap<LineageId, Vec<T>> {
    let mut sorted: BTreeMap<LineageId, Vec<T>> = BTreeMap::new();
    parts.into_iter().for_each(|(lineage, part)| sorted.entry(lineage).or_default().push(part));
    sorted
}
