//! Compares the signer's journal with the restored database.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{LaneId, LineageId, Rules, Span, Timestamp, WithdrawalId};
use adit_engine::LIVE_LINEAGES_MAX;
use adit_signer::{EntryCursor, JournalEntry, LaneStanding, Signer};
use adit_store::Store;
use anyhow::Result;
use serde::Serialize;

use super::journal::Read as Copied;
use crate::world::now;

/// Journal entries that are read at once.
const ENTRIES_PER_PAGE_MAX: usize = 1_000;
/// Withdrawals that the store is asked for at once.
const WITHDRAWALS_PER_QUESTION_MAX: usize = 500;

/// Both sides, lane by lane.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    #[serde(skip)]
    pub newest_commit: Option<Timestamp>,
    #[serde(skip)]
    pub age: Option<Span>,
    /// Of a copy of the journal that takes its place.
    #[serde(skip)]
    pub copied: Option<Copied>,
    pub journal: String,
    pub lanes: Vec<LaneFound>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LaneFound {
    pub lane: String,
    /// Null where the side does not know the lane.
    pub database: Option<Numbers>,
    pub journal: Option<Numbers>,
    pub payments: Payments,
}

/// How far a side is with a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Numbers {
    pub epoch: u64,
    pub counter: u64,
}

/// Payments that the journal knows as signed, and the database does not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payments {
    /// Of withdrawals that the database has.
    pub taken_back: usize,
    /// Of withdrawals that it has not; the journal has their users.
    pub made_again: usize,
    /// Of withdrawals that it has not, and nobody knows whose they are.
    pub for_a_person: usize,
}

impl Payments {
    pub fn all(self) -> usize {
        self.taken_back + self.made_again + self.for_a_person
    }
}

impl Found {
    pub fn payments(&self) -> Payments {
        self.lanes.iter().fold(Payments::default(), |sum, lane| Payments {
            taken_back: sum.taken_back + lane.payments.taken_back,
            made_again: sum.made_again + lane.payments.made_again,
            for_a_person: sum.for_a_person + lane.payments.for_a_person,
        })
    }
}

/// # Errors
/// When one of the two cannot be read.
pub async fn compare(
    store: &dyn Store,
    rules: &Rules,
    signer: &dyn Signer,
    newest: Option<Timestamp>,
) -> Result<Found> {
    let standing = signer.lanes().await?;
    let mut ids: BTreeSet<LaneId> = rules.chains.values().map(|chain| chain.lane.clone()).collect();
    ids.extend(standing.iter().map(|known| known.lane.clone()));
    ids.extend(store.lanes().await?.into_iter().map(|lane| lane.id));
    let mut lanes = Vec::new();
    for id in ids {
        lanes.push(of_lane(store, signer, &id, &standing).await?);
    }
    let age = newest.map(|newest| now().since(newest));
    Ok(Found {
        copied: None,
        newest_commit: newest,
        age,
        journal: signer.journal().await?.0.to_string(),
        lanes,
    })
}

async fn of_lane(
    store: &dyn Store,
    signer: &dyn Signer,
    id: &LaneId,
    standing: &[LaneStanding],
) -> Result<LaneFound> {
    let row = store.lane(id).await?;
    let live = store.live_lineages(id, LIVE_LINEAGES_MAX).await?;
    let next = row.as_ref().map_or(0, |row| row.next_nonce);
    // As the engine reads it: what ended before stands in the database for good.
    let from = live.iter().map(adit_core::Lineage::number).min().unwrap_or(next).min(next);
    let signed = signed_since(signer, id, from).await?;
    let journal = standing.iter().find(|known| known.lane == *id);
    Ok(LaneFound {
        lane: id.to_string(),
        database: row.map(|row| Numbers { epoch: row.epoch.0, counter: row.counter }),
        journal: journal.map(|known| Numbers { epoch: known.epoch.0, counter: known.counter }),
        payments: unknown(store, &signed).await?,
    })
}

/// The journal's record of one payout.
struct Signed {
    lineage: LineageId,
    has_context: bool,
}

async fn signed_since(
    signer: &dyn Signer,
    lane: &LaneId,
    from: u64,
) -> Result<BTreeMap<WithdrawalId, Signed>> {
    let (mut from, mut found) = (Some(EntryCursor::at(from)), BTreeMap::new());
    while let Some(place) = from {
        let page = signer.entries(lane, place, ENTRIES_PER_PAGE_MAX).await?;
        page.entries.iter().for_each(|entry| note(&mut found, entry));
        from = page.next;
    }
    Ok(found)
}

/// A payout has its withdrawal's id: a withdrawal owes exactly one.
fn note(found: &mut BTreeMap<WithdrawalId, Signed>, entry: &JournalEntry) {
    let request = &entry.request;
    for approved in &request.approved {
        let has_context = request.contexts.iter().any(|(payout, _)| *payout == approved.payout);
        let known = found
            .entry(WithdrawalId(approved.payout.0))
            .or_insert(Signed { lineage: request.lineage, has_context });
        known.lineage = request.lineage;
        known.has_context |= has_context;
    }
}

async fn unknown(store: &dyn Store, signed: &BTreeMap<WithdrawalId, Signed>) -> Result<Payments> {
    let mut payments = Payments::default();
    let ids: Vec<WithdrawalId> = signed.keys().copied().collect();
    for some in ids.chunks(WITHDRAWALS_PER_QUESTION_MAX) {
        let rows = store.withdrawals_by_id(&some.iter().copied().collect()).await?;
        let there: BTreeSet<WithdrawalId> = rows.into_iter().map(|row| row.id).collect();
        for id in some {
            let known = &signed[id];
            match (there.contains(id), known.has_context) {
                (true, _) if carries(store, known.lineage, *id).await? => {}
                (true, _) => payments.taken_back += 1,
                (false, true) => payments.made_again += 1,
                (false, false) => payments.for_a_person += 1,
            }
        }
    }
    Ok(payments)
}

/// Payees who joined by a later version are in the journal's lineage alone.
async fn carries(store: &dyn Store, lineage: LineageId, id: WithdrawalId) -> Result<bool> {
    let known = store.lineage(lineage).await?;
    Ok(known.is_some_and(|known| known.legs.iter().any(|leg| leg.withdrawal == id)))
}
