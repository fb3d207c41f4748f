//! Lanes.

use adit_core::{Epoch, JournalTip, Lane, Lease, LeaseToken, Row, Slot};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{
    FORM, Fields, corrupt, count, integer, json, json_or_none, time, to_json, to_tag, value,
    value_or_none,
};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct LaneRow {
    pub id: String,
    pub next_nonce: i64,
    pub adopted_from: i64,
    pub journal_id: Option<Uuid>,
    pub lease_owner: Option<Uuid>,
    pub lease_until: Option<i64>,
    pub lease_token: Option<Uuid>,
    pub epoch: i64,
    pub counter: i64,
    pub journal_read: i64,
    pub witness_records: Option<i64>,
    pub witness_chain: Option<String>,
    pub journal_trusted: i64,
    pub probed: i64,
    pub proved: i64,
    pub doubt: Option<String>,
    pub status: String,
    pub state: String,
    pub restoration: Option<String>,
    pub tip: Option<String>,
    pub trail: String,
    pub coin_places: String,
    pub funds: String,
    pub pins: String,
    pub form: i64,
    pub version: i64,
}

impl LaneRow {
    pub fn of(row: &Row<Lane>) -> Result<Self, CommitFault> {
        let lane = &row.row;
        Ok(Self {
            id: lane.id.to_string(),
            next_nonce: integer(lane.next_nonce, "a lane's next nonce")?,
            adopted_from: integer(lane.adopted_from, "the nonce from which a key is ours")?,
            journal_id: lane.journal.map(|journal| journal.0),
            lease_owner: lane.lease.as_ref().map(|lease| lease.owner.0),
            lease_until: lane.lease.as_ref().map(|lease| lease.until.micros()),
            lease_token: lane.lease.as_ref().map(|lease| lease.token.0),
            epoch: integer(lane.epoch.0, "an epoch")?,
            counter: integer(lane.counter, "the count of a lane's changes")?,
            journal_read: integer(lane.journal_read.0, "the epoch of a journal's reading")?,
            witness_records: lane
                .witness
                .map(|tip| integer(tip.records, "the count of a journal's records"))
                .transpose()?,
            witness_chain: lane.witness.map(|tip| tip.chain.to_string()),
            journal_trusted: integer(lane.journal_trusted.0, "the epoch of a trusted journal")?,
            probed: integer(lane.probed.0, "the epoch of a slow start")?,
            proved: integer(lane.proved.0, "the epoch of a slow start")?,
            doubt: lane.doubt.clone(),
            status: to_tag(&lane.state, "lane")?,
            state: to_json(&lane.state)?,
            restoration: lane.restoration.as_ref().map(to_json).transpose()?,
            tip: lane.tip.as_ref().map(to_json).transpose()?,
            trail: to_json(&lane.trail)?,
            coin_places: to_json(&lane.coin_places)?,
            funds: to_json(&lane.funds)?,
            pins: to_json(&lane.pins)?,
            form: FORM,
            version: integer(row.version, "a version")?,
        })
    }
}

pub fn read_lane(row: &impl Fields) -> Result<Slot<Lane>, StoreFault> {
    let lane = Lane {
        id: value(row, "id")?,
        next_nonce: count(row, "next_nonce")?,
        adopted_from: count(row, "adopted_from")?,
        journal: row.uuid_or_none("journal_id")?.map(adit_core::JournalId),
        lease: read_lease(row)?,
        epoch: Epoch(count(row, "epoch")?),
        counter: count(row, "counter")?,
        journal_read: Epoch(count(row, "journal_read")?),
        witness: read_witness(row)?,
        journal_trusted: Epoch(count(row, "journal_trusted")?),
        probed: Epoch(count(row, "probed")?),
        proved: Epoch(count(row, "proved")?),
        doubt: row.text_or_none("doubt")?,
        state: json(row, "state")?,
        restoration: json_or_none(row, "restoration")?,
        tip: json_or_none(row, "tip")?,
        trail: json(row, "trail")?,
        // Rows of before it was kept have none.
        coin_places: json_or_none(row, "coin_places")?.unwrap_or_default(),
        funds: json(row, "funds")?,
        pins: json(row, "pins")?,
    };
    Ok(Slot::loaded(count(row, "version")?, lane))
}

fn read_lease(row: &impl Fields) -> Result<Option<Lease>, StoreFault> {
    let Some(owner) = row.uuid_or_none("lease_owner")? else { return Ok(None) };
    // Leases of before tokens were given have none; the next lease has one.
    let token = LeaseToken(row.uuid_or_none("lease_token")?.unwrap_or_default());
    Ok(Some(Lease { owner: adit_core::ReplicaId(owner), until: time(row, "lease_until")?, token }))
}

fn read_witness(row: &impl Fields) -> Result<Option<JournalTip>, StoreFault> {
    match (row.integer_or_none("witness_records")?, value_or_none(row, "witness_chain")?) {
        (Some(_), Some(chain)) => {
            Ok(Some(JournalTip { records: count(row, "witness_records")?, chain }))
        }
        (None, None) => Ok(None),
        _ => Err(corrupt("witness_chain", &"a count of records and their chain come together")),
    }
}
