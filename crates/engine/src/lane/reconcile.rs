//! Before anything new is signed: the signer's journal and the chain are compared with the database
//! (rule R7).

use std::collections::BTreeMap;

use adit_chain::FundsReading;
use adit_core::{
    Anchor, Attempt, Command, Funds, HaltReason, Hash32, Holding, Knowledge, Lane, LaneId, Leg,
    Lineage, LineageId, LineageState, Lost, Opening, PayoutContext, Span, Stage, WithdrawalId,
    nobodys,
};
use adit_signer::{Approved, EntryCursor, JournalEntry, Open};

use super::journal::{ENTRIES_PER_PAGE_MAX, lost};
use super::pins::Compared;
use super::unremembered::Recalled;
use super::{Held, LaneTask, RoundError};
use crate::Clock as _;

/// Between two looks at pools that show what a first start has to wait for.
const LOOK_AT_POOLS_AFTER: Span = Span::from_seconds(1);

/// What the signer's journal says of a transaction of our wallet.
pub(super) enum Journalled {
    /// It was not signed here.
    Unknown,
    /// It belongs to a lineage that has ended.
    Closed,
    /// It belongs to this lineage, which lives as far as the database knows, or is not known to it
    /// at all.
    Open(Box<Found>),
}

/// A lineage as the journal has it.
pub(super) struct Found {
    pub lineage: Lineage,
    /// Withdrawals of it that the store does not have.
    pub lost: Vec<Lost>,
    /// It has ended in the store, which lacks something of it.
    pub ended: bool,
}

impl LaneTask {
    /// Once the journal was read: stops where the chain knows something that cannot be placed, and
    /// starts the lane.
    pub(super) async fn reconcile(&self, lease: Held) -> Result<(), RoundError> {
        let Some(row) = self.lane().await? else { return Ok(()) };
        let identity = match self.compare_pins(Some(&row)).await? {
            Compared::Same(identity) => identity,
            Compared::Unsure => return Ok(()),
            Compared::Changed(reason) => return self.halt(reason).await,
        };
        if !row.has_started() && !self.is_clear(&row).await? {
            return Ok(());
        }
        let (next_nonce, epoch) = (row.next_nonce, lease.epoch);
        let mut chain_nonce = self.chain().consumed(self.id(), next_nonce).await?;
        if row.expects_forgotten() {
            // Change that was spent since is on no list of coins, and may lie beyond every number
            // that is looked at.
            let outgoing = self.chain().outgoing(&self.look_since(&row)).await?;
            chain_nonce = outgoing.iter().map(|found| found.nonce + 1).fold(chain_nonce, u64::max);
        }
        let waiting = self.waiting().await?;
        if chain_nonce > next_nonce {
            self.suspect_history(epoch, next_nonce..chain_nonce).await?;
        }
        let live = !self.engine.store().live_lineages(self.id(), 1).await?.is_empty();
        let now = self.engine.ports.clock.now();
        let held = self.chain().funds(self.id(), self.booked_height(&row).await?).await?;
        let opening = match row.has_started() {
            true => None,
            false => Some(
                self.open(
                    &row,
                    lease,
                    row.first_number(chain_nonce, live || !waiting.is_empty()),
                    &held,
                )
                .await?,
            ),
        };
        let funds = held
            .into_iter()
            .map(|reading| Funds { asset: reading.asset, balance: reading.balance, at: now })
            .collect();
        let (lane, owner) = (self.id().clone(), self.engine.replica);
        self.commit(vec![Command::StartLane {
            lane,
            owner,
            epoch,
            chain_nonce,
            opening,
            pins: identity.pins,
            funds,
        }])
        .await?;
        Ok(())
    }

    /// Whether no pool shows anything of a wallet that starts for the first time.
    async fn is_clear(&self, row: &Lane) -> Result<bool, RoundError> {
        match self.wait_for_pools(row).await? {
            Recalled::Known => Ok(true),
            Recalled::Suspected => Ok(false),
            Recalled::Waits => {
                self.engine.ports.clock.sleep(LOOK_AT_POOLS_AFTER).await;
                Ok(false)
            }
            Recalled::Left(detail) => {
                self.halt(HaltReason::BothWentBack { detail }).await.map(|()| false)
            }
        }
    }

    /// Returns the beginning of the lane's book as the signer's journal has it: the present, unless
    /// the store lost an earlier start.
    async fn open(
        &self,
        row: &Lane,
        lease: Held,
        from_number: u64,
        held: &[FundsReading],
    ) -> Result<Opening, RoundError> {
        let holdings = held
            .iter()
            .map(|reading| Holding { asset: reading.asset.clone(), amount: reading.balance })
            .collect();
        let opening = Opening { from_number, holdings };
        let open = Open {
            lane: row.id.clone(),
            epoch: lease.epoch,
            stamp: Self::stamp(row, lease),
            opening,
        };
        self.engine
            .ports
            .signer
            .open(&open)
            .await?
            .map_err(|refused| RoundError::LeaseLost { refused })
    }

    /// What the journal knows of one transaction.
    pub(super) async fn journalled(
        &self,
        number: u64,
        hash: Option<Hash32>,
    ) -> Result<Journalled, RoundError> {
        let here = self.entries_at(number).await?;
        if !here.iter().any(|entry| Some(entry.signed.hash) == hash) {
            return Ok(Journalled::Unknown);
        }
        let open = self.lineages(self.id(), here).await?.pop().filter(|found| !found.ended);
        Ok(open.map_or(Journalled::Closed, |found| Journalled::Open(Box::new(found))))
    }

    /// Whether the journal has signatures of a lineage that the store does not have.
    pub(super) async fn has_lost_versions(&self, lineage: &Lineage) -> Result<bool, RoundError> {
        let entries = self.entries_at(lineage.number()).await?;
        let of_it: Vec<JournalEntry> =
            entries.into_iter().filter(|entry| entry.request.lineage == lineage.id).collect();
        Ok(!has_all(lineage, &of_it))
    }

    async fn entries_at(&self, number: u64) -> Result<Vec<JournalEntry>, RoundError> {
        let (mut here, mut from) = (Vec::new(), Some(EntryCursor::at(number)));
        while let Some(place) = from.filter(|place| place.number == number) {
            let page =
                self.engine.ports.signer.entries(self.id(), place, ENTRIES_PER_PAGE_MAX).await?;
            here.extend(
                page.entries.into_iter().filter(|entry| entry.request.draft.number() == number),
            );
            from = page.next;
        }
        Ok(here)
    }

    /// Puts journal entries together again: one lineage per id, its attempts in the order in which
    /// they were signed. Lineages that the database closed already are left out, unless it lacks
    /// one of their versions: it went back, and saw the end before the journal was read.
    pub(super) async fn lineages(
        &self,
        lane: &LaneId,
        entries: Vec<JournalEntry>,
    ) -> Result<Vec<Found>, RoundError> {
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
            let entries = found.remove(&id).expect("collected above");
            if known
                .as_ref()
                .is_some_and(|lineage| !lineage.is_live() && has_all(lineage, &entries))
            {
                continue;
            }
            lineages.push(self.rebuilt(lane, id, entries, known).await?);
        }
        Ok(lineages)
    }

    async fn rebuilt(
        &self,
        lane: &LaneId,
        id: LineageId,
        entries: Vec<JournalEntry>,
        known: Option<Lineage>,
    ) -> Result<Found, RoundError> {
        let now = self.engine.ports.clock.now();
        let anchors = anchors(lane, &entries);
        // Who joined by a version that the database lost is in it, too.
        let mut legs = known.as_ref().map(|lineage| lineage.legs.clone()).unwrap_or_default();
        let (signed, lost) = self.legs(&entries).await?;
        legs.extend(signed.into_iter().filter(|leg| {
            known
                .as_ref()
                .is_none_or(|lineage| lineage.legs.iter().all(|had| had.payout != leg.payout))
        }));
        let versions = |known: &Option<Lineage>, entry: &JournalEntry, at: usize| {
            let held = known
                .as_ref()
                .and_then(|lineage| lineage.attempt(entry.request.attempt))
                .map(|attempt| attempt.version);
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
        let ended = known.as_ref().is_some_and(|lineage| !lineage.is_live());
        let (lane, attempts, state) = (lane.clone(), attempts.collect(), LineageState::Live);
        let lineage =
            Lineage { id, lane, anchors, legs, attempts, state, cancel: None, created_at: now };
        Ok(Found { lineage, lost, ended })
    }

    /// Whose payouts a journalled lineage carries, and which of their withdrawals the store does
    /// not have.
    async fn legs(&self, entries: &[JournalEntry]) -> Result<(Vec<Leg>, Vec<Lost>), RoundError> {
        let (mut legs, mut missing): (Vec<Leg>, Vec<Lost>) = (Vec::new(), Vec::new());
        for approved in entries.iter().flat_map(|entry| &entry.request.approved) {
            if legs.iter().any(|leg| leg.payout == approved.payout) {
                continue;
            }
            // A withdrawal and its payout have one id.
            let id = WithdrawalId(approved.payout.0);
            if let Some(withdrawal) = self.engine.store().withdrawal(id).await? {
                legs.push(withdrawal.leg());
                continue;
            }
            let contexts = entries.iter().flat_map(|entry| &entry.request.contexts);
            let context = contexts
                .clone()
                .find(|(payout, _)| *payout == approved.payout)
                .map(|(_, context)| context.clone());
            tracing::warn!(
                payout = %approved.payout,
                known = context.is_some(),
                "the journal signed a payout that the database does not know"
            );
            let leg = leg_of(id, approved, context.as_ref());
            legs.push(leg.clone());
            missing.push(lost(leg, context));
        }
        Ok((legs, missing))
    }
}

/// Whether the store has every version that was signed.
fn has_all(known: &Lineage, entries: &[JournalEntry]) -> bool {
    let has = |entry: &JournalEntry| {
        known.attempt(entry.request.attempt).is_some_and(|held| held.signed().is_some())
    };
    entries.iter().all(has)
}

/// What must appear on chain for a payout that only the journal knows, and whose it is as far as
/// the journal remembers.
fn leg_of(withdrawal: WithdrawalId, approved: &Approved, context: Option<&PayoutContext>) -> Leg {
    let unknown = || nobodys(&approved.asset, approved.amount);
    let PayoutContext { user, book, source_asset, .. } = context.cloned().unwrap_or_else(unknown);
    let (payout, asset, amount, destination) =
        (approved.payout, approved.asset.clone(), approved.amount, approved.destination.clone());
    Leg { payout, withdrawal, user, book, source_asset, asset, amount, destination }
}

/// What the signed versions of a lineage consume, those of the first before others, and what each
/// replaced one would have left.
fn anchors(lane: &LaneId, entries: &[JournalEntry]) -> Vec<Anchor> {
    let replaced = &entries[..entries.len().saturating_sub(1)];
    let given_up =
        replaced.iter().flat_map(|entry| entry.request.draft.leavings(lane, entry.signed.hash));
    let mut anchors: Vec<Anchor> = Vec::new();
    for anchor in entries.iter().flat_map(|entry| entry.request.draft.anchors(lane)).chain(given_up)
    {
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
    anchors
}
