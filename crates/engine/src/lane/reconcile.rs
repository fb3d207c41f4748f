//! Before anything new is signed: the signer's journal and the chain are compared with the database (rule R7).

use std::collections::BTreeMap;

use adit_chain::Fault;
use adit_core::{
    Anchor, Attempt, Command, Epoch, Funds, HaltReason, Hash32, Knowledge, Lane, LaneId, Leg, Lineage, LineageId, LineageState, Mistake,
    Refusal, Stage, WithdrawalId, planted,
};
use adit_signer::JournalEntry;

use super::{LaneTask, RoundError};
use crate::{LIVE_LINEAGES_MAX, WriteError};

/// Journal entries that are read at once.
const ENTRIES_PER_PAGE_MAX: usize = 1_000;

/// What the signer's journal says of a transaction of our wallet.
pub(super) enum Journalled {
    /// It was not signed here.
    Unknown,
    /// It belongs to a lineage that has ended.
    Closed,
    /// It belongs to this lineage, which lives as far as the database knows, or is not known to it at all.
    Open(Box<Lineage>),
}

impl LaneTask {
    /// Takes back what the database lost, stops where the journal or the chain know something that cannot be placed, and starts the lane.
    pub(super) async fn reconcile(&self, lane: &Lane, epoch: Epoch) -> Result<(), RoundError> {
        let identity = match self.chain().identity(self.id()).await {
            Ok(identity) => identity,
            Err(Fault::Misconfigured { subject, configured, seen, .. }) => {
                return self.halt(HaltReason::PinChanged { fact: subject, pinned: configured, seen }).await;
            }
            Err(fault) => return Err(fault.into()),
        };
        if identity.wallet_has_code {
            return self.halt(HaltReason::WalletHasCode).await;
        }
        let reads = !planted(Mistake::NoReconcile) && !planted(Mistake::SignerForgets);
        if reads && !self.adopt_from_journal(lane, epoch).await? {
            return Ok(());
        }
        let next_nonce = self.lane().await?.map_or(0, |known| known.next_nonce);
        let chain_nonce = self.chain().consumed(self.id(), next_nonce).await?;
        let waiting = self.waiting().await?;
        if chain_nonce > next_nonce && !waiting.is_empty() {
            self.suspect_history(epoch, next_nonce..chain_nonce, &waiting).await?;
        }
        let live = !self.engine.store().live_lineages(self.id(), 1).await?.is_empty();
        let now = self.engine.ports.clock.now();
        let funds = self.chain().funds(self.id()).await?;
        let funds = funds.into_iter().map(|reading| Funds { asset: reading.asset, balance: reading.balance, at: now }).collect();
        let (owner, unfinished) = (self.engine.replica, live || !waiting.is_empty());
        let lane = self.id().clone();
        self.commit(vec![Command::StartLane { lane, owner, epoch, chain_nonce, unfinished, pins: identity.pins, funds }]).await?;
        Ok(())
    }

    /// Every signature since the oldest number that is still open. False where the lane was stopped, or is not ours any more.
    pub(super) async fn adopt_from_journal(&self, lane: &Lane, epoch: Epoch) -> Result<bool, RoundError> {
        let live = self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        let mut from = live.iter().map(Lineage::number).min().unwrap_or(lane.next_nonce).min(lane.next_nonce);
        loop {
            let entries = self.engine.ports.signer.entries(self.id(), from, ENTRIES_PER_PAGE_MAX).await?;
            // The attempts of one number are never parted, so a page may be longer.
            let full = entries.len() >= ENTRIES_PER_PAGE_MAX;
            let last = entries.last().map(|entry| entry.request.draft.number());
            for lineage in self.lineages(entries).await? {
                match self.adopt(epoch, &lineage).await {
                    Ok(()) => {}
                    // The lease ran out on the way, or another replica has it: whoever leases next places what the journal holds.
                    Err(RoundError::Write(WriteError::Refused(Refusal::NotLeased { .. }))) => return Ok(false),
                    Err(RoundError::Write(WriteError::Refused(refusal))) => {
                        let detail = format!("lineage {} at number {} cannot be placed ({})", lineage.id, lineage.number(), refusal.code());
                        self.halt(HaltReason::JournalAhead { detail }).await?;
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                }
            }
            match last {
                // The last number of a full page may go on in the next one; a number never has a page of attempts.
                Some(last) if full => from = last,
                Some(_) | None => return Ok(true),
            }
        }
    }

    /// Where it is refused, what the chain has made final meanwhile is settled first, and it is tried once more: the change of an older version
    /// belongs to a payment that is under way as long as the database does not know that this one is over (window F73).
    async fn adopt(&self, epoch: Epoch, lineage: &Lineage) -> Result<(), RoundError> {
        let command = || Command::AdoptLineage { lane: self.id().clone(), epoch, lineage: lineage.clone() };
        match self.engine.writer.submit(adit_core::Actor::Engine, command()).await {
            Err(WriteError::Refused(refusal)) if !matches!(refusal, Refusal::NotLeased { .. }) => {
                self.settle_meanwhile().await?;
                Ok(self.engine.writer.submit(adit_core::Actor::Engine, command()).await.map(drop)?)
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// What the journal knows of one transaction.
    pub(super) async fn journalled(&self, number: u64, hash: Option<Hash32>) -> Result<Journalled, RoundError> {
        let entries = self.engine.ports.signer.entries(self.id(), number, ENTRIES_PER_PAGE_MAX).await?;
        let here: Vec<JournalEntry> = entries.into_iter().filter(|entry| entry.request.draft.number() == number).collect();
        if !here.iter().any(|entry| Some(entry.signed.hash) == hash) {
            return Ok(Journalled::Unknown);
        }
        let open = self.lineages(here).await?.pop();
        Ok(open.map_or(Journalled::Closed, |lineage| Journalled::Open(Box::new(lineage))))
    }

    /// Puts journal entries together again: one lineage per id, its attempts in the order in which they were signed. Lineages that the
    /// database closed already are left out.
    async fn lineages(&self, entries: Vec<JournalEntry>) -> Result<Vec<Lineage>, RoundError> {
        let mut found: BTreeMap<LineageId, Vec<JournalEntry>> = BTreeMap::new();
        let mut order = Vec::new();
        for entry in entries {
            let id = entry.request.lineage;
            if !found.contains_key(&id) {
                order.push(id);
            }
            found.entry(id).or_default().push(entry);
        }
        let mut lineages = Vec::new();
        for id in order {
            let known = self.engine.store().lineage(id).await?;
            if known.as_ref().is_some_and(|lineage| !lineage.is_live()) {
                continue;
            }
            let entries = found.remove(&id).expect("collected above");
            lineages.push(self.rebuilt(id, entries, known).await?);
        }
        Ok(lineages)
    }

    async fn rebuilt(&self, id: LineageId, entries: Vec<JournalEntry>, known: Option<Lineage>) -> Result<Lineage, RoundError> {
        let now = self.engine.ports.clock.now();
        let anchors = anchors(self.id(), &entries);
        // Who joined by a version that the database lost is in it, too.
        let mut legs = known.as_ref().map(|lineage| lineage.legs.clone()).unwrap_or_default();
        let signed = self.legs(&entries).await?;
        legs.extend(
            signed.into_iter().filter(|leg| known.as_ref().is_none_or(|lineage| lineage.legs.iter().all(|had| had.payout != leg.payout))),
        );
        let versions = |known: &Option<Lineage>, entry: &JournalEntry, at: usize| {
            let held = known.as_ref().and_then(|lineage| lineage.attempt(entry.request.attempt)).map(|attempt| attempt.version);
            held.unwrap_or_else(|| u32::try_from(at).expect("attempts of a lineage are few"))
        };
        let attempts = entries.iter().enumerate().map(|(at, entry)| Attempt {
            id: entry.request.attempt,
            version: versions(&known, entry, at),
            purpose: entry.request.purpose,
            draft: entry.request.draft.clone(),
            epoch: entry.request.epoch,
            created_at: now,
            stage: Stage::Signed { signed: entry.signed.clone(), knowledge: Knowledge::Signed },
        });
        Ok(Lineage {
            id,
            lane: self.id().clone(),
            anchors,
            legs,
            attempts: attempts.collect(),
            state: LineageState::Live,
            cancel: None,
            created_at: now,
        })
    }

    /// Whose payouts a journalled lineage carries. A payout that the database does not know is left as it is, so that adopting it is
    /// refused and the lane stops.
    async fn legs(&self, entries: &[JournalEntry]) -> Result<Vec<Leg>, RoundError> {
        let mut legs: Vec<Leg> = Vec::new();
        for approved in entries.iter().flat_map(|entry| &entry.request.approved) {
            if legs.iter().any(|leg| leg.payout == approved.payout) {
                continue;
            }
            // A withdrawal and its payout have one id.
            let id = WithdrawalId(approved.payout.0);
            if let Some(withdrawal) = self.engine.store().withdrawal(id).await? {
                legs.push(withdrawal.leg());
            } else {
                tracing::error!(payout = %approved.payout, "the journal signed a payout that the database does not know");
                legs.push(Leg {
                    payout: approved.payout,
                    withdrawal: id,
                    user: "unknown".parse().expect("a user id"),
                    book: "unknown".parse().expect("a book"),
                    source_asset: approved.asset.clone(),
                    asset: approved.asset.clone(),
                    amount: approved.amount,
                    destination: approved.destination.clone(),
                });
            }
        }
        Ok(legs)
    }
}

/// What the signed versions of a lineage consume, those of the first before others, and what each replaced one would have left.
fn anchors(lane: &LaneId, entries: &[JournalEntry]) -> Vec<Anchor> {
    let replaced = &entries[..entries.len().saturating_sub(1)];
    let given_up = replaced.iter().flat_map(|entry| entry.request.draft.leavings(lane, entry.signed.hash));
    let mut anchors: Vec<Anchor> = Vec::new();
    for anchor in entries.iter().flat_map(|entry| entry.request.draft.anchors(lane)).chain(given_up) {
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
    anchors
}
