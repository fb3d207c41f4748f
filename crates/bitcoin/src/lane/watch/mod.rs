//! What became of our transactions: by the coins that they spend and the outputs that they make,
//! never by an id alone (window F65).
//!
//! A look asks which transaction spends each coin that a live lineage has, by any of its versions,
//! and who holds which block. Nothing is concluded from silence: an outpoint on which too few agree
//! says nothing.

mod careless;
mod effect;
pub(crate) mod fate;
#[cfg(test)]
mod fate_tests;
pub(crate) mod stranger;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{Fault, Foreign, Sightings, Watch, WatchedLineage};
use adit_core::{
    Anchor, BlockRef, EndpointName, Fact, LaneId, Mistake, Place, Purpose, Sighting, Tip, planted,
};
use bdk_wallet::bitcoin::{OutPoint, Txid};

use self::fate::{Fate, Readings, Stranger};
use self::stranger::Told;
use self::window::{Window, trail};
use super::BitcoinLane;
use super::holdings::txid;
use super::ours::Ours;
use super::pending::Pending;
use super::search;
use super::succeed::bitcoin;
use crate::{OutpointState, Sought};

/// Vanished coins that are asked about at once.
const GONE_MAX: usize = 1_000;
/// Outpoints per question.
const SOUGHT_PER_QUESTION: usize = 200;

/// What was looked at, so that a chain that stands still is not asked the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    head: BlockRef,
    attempts: Vec<(adit_core::AttemptId, Option<BlockRef>, bool)>,
}

impl BitcoinLane {
    pub(super) async fn look(&self, watch: &Watch) -> Result<Sightings, Fault> {
        let tip = self.current_tip().await?;
        let looked = Looked::of(watch, tip.head);
        if self.has_looked(&looked) && !self.holdings.is_rescan_due() {
            return Ok(Sightings {
                tip,
                trail: watch.trail.clone(),
                sightings: Vec::new(),
                foreign: Vec::new(),
                searching: false,
            });
        }
        let window = Window::of(watch, tip.head, self.node.searches_blocks());
        let trail = self.trail(watch, window).await?;
        let readings = self.readings(watch, window).await?;
        let fates: Vec<(&WatchedLineage, Fate)> =
            watch.lineages.iter().map(|one| (one, fate::fate(one, &readings))).collect();
        {
            let mut kept = self.kept();
            (kept.pending, kept.ours) = (Pending::of(&fates), Ours::watched(&watch.lineages));
            kept.gone = fate::gone(&fates, &readings);
        }
        let live = search::live(&watch.lineages);
        let mut seen = Seen { watch, tip: &tip, sightings: Vec::new(), foreign: Vec::new() };
        if planted(Mistake::LeftPoolIsFree) {
            seen.sightings = careless::left_pools(watch, &readings, tip.head);
        }
        // Before any lineage ends by it: from then on nothing but this keeps its coins, while the
        // listing may be an old one.
        self.holdings.took(fate::spent_finally(&fates, tip.final_height), tip.head.height);
        self.judge(&mut seen, &fates).await?;
        let coins_read = self.look_at_coins(&mut seen, window, &live).await;
        // What was spent in blocks that are not searched yet may still be told as somebody else's,
        // by the place that it was at.
        let is_known = coins_read.is_ok() && window.is_whole();
        self.kept().coin_places = if is_known { self.holdings.coin_places(&live) } else { None };
        if let Err(fault) = &coins_read {
            tracing::warn!(
                chain = %self.node.config().name,
                %fault,
                "the wallet's coins are not known for this head"
            );
        }
        let Seen { sightings, foreign, .. } = seen;
        let foreign: Vec<Foreign> =
            foreign.into_iter().filter(|found| found.nonce >= watch.adopted_from).collect();
        // What is said here may not be committed: it is said again until it was.
        if sightings.is_empty() && foreign.is_empty() && coins_read.is_ok() && window.is_whole() {
            self.remember(looked);
        }
        Ok(Sightings { tip, trail, sightings, foreign, searching: false })
    }

    async fn readings(&self, watch: &Watch, window: Window) -> Result<Readings, Fault> {
        let mut sought: BTreeMap<OutPoint, Sought> = BTreeMap::new();
        for attempt in watch.lineages.iter().flat_map(|lineage| &lineage.attempts) {
            for outpoint in fate::outpoints(attempt) {
                let fresh = Sought { outpoint, candidates: Vec::new(), seen_at: None };
                let one = sought.entry(outpoint).or_insert(fresh);
                one.candidates.push(txid(attempt.hash));
                one.seen_at = one.seen_at.or(attempt.included.map(|block| block.height));
            }
        }
        let sought: Vec<Sought> = sought.into_values().collect();
        let mut readings = Readings::new();
        for some in sought.chunks(SOUGHT_PER_QUESTION) {
            let said = self.node.spends(some, window.since, window.head).await?;
            readings.extend(some.iter().map(|sought| sought.outpoint).zip(said));
        }
        Ok(readings)
    }

    /// What was searched by now: where the window ends, after what it goes on from.
    async fn trail(&self, watch: &Watch, window: Window) -> Result<Vec<BlockRef>, Fault> {
        let end = match window.is_whole() {
            true => Some(window.head),
            false => {
                self.node.blocks_at(&[window.end]).await?.pop().flatten().map(|agreed| agreed.value)
            }
        };
        Ok(end.map_or_else(|| watch.trail.clone(), |end| trail(watch, end)))
    }

    async fn judge(
        &self,
        seen: &mut Seen<'_>,
        fates: &[(&WatchedLineage, Fate)],
    ) -> Result<(), Fault> {
        let consumed = fate::consumed_finally(fates, seen.tip.final_height);
        // Children before their parents: once a parent's lineage is closed, nobody could say any
        // more why its children are dead.
        let mut killed: Vec<(u64, Sighting)> = Vec::new();
        for (lineage, fate) in fates {
            match fate {
                Fate::Mined { attempt, block, witnesses } => {
                    let orphans = fate::orphans(fates, lineage, *attempt);
                    let deepest = orphans
                        .into_iter()
                        .chain([*lineage])
                        .map(|one| self.final_blocks(one))
                        .max()
                        .unwrap_or_default();
                    self.mined(seen, lineage, (*attempt, *block), witnesses, deepest).await?;
                }
                Fate::Open { vanished, strangers } => {
                    if let Some(attempt) = vanished {
                        let fact = Fact::Vanished { attempt: lineage.attempts[*attempt].attempt };
                        seen.add(lineage, fact, &[]);
                    }
                    let deep = |block: BlockRef| {
                        block.height.saturating_add(u64::from(self.final_blocks(lineage)))
                            <= seen.tip.head.height
                    };
                    if let Some((stranger, gone)) = fate::killed(lineage, &consumed)
                        .filter(|(stranger, _)| deep(stranger.block))
                    {
                        killed.push((
                            lineage.number,
                            self.conflict(seen.watch, lineage, stranger, &gone).await?,
                        ));
                    }
                    for stranger in strangers {
                        let told = self.told(seen.watch, txid(stranger.by), stranger.block).await?;
                        seen.foreign.push(told.foreign(
                            txid(stranger.by),
                            stranger.block,
                            lineage.number,
                        ));
                    }
                }
            }
        }
        killed.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        seen.sightings.splice(0..0, killed.into_iter().map(|(_, sighting)| sighting));
        Ok(())
    }

    /// As many as its largest version asks for: a small one, or one that pays nobody, excludes that
    /// one only as long as it stands itself.
    fn final_blocks(&self, lineage: &WatchedLineage) -> u32 {
        if planted(Mistake::OneConfirmationIsFinal) {
            return 0;
        }
        let paid = lineage
            .attempts
            .iter()
            .filter_map(|attempt| bitcoin(&attempt.draft))
            .map(adit_core::BitcoinDraft::paid_total);
        self.settings.final_blocks_of(paid.max().unwrap_or_default())
    }

    async fn mined(
        &self,
        seen: &mut Seen<'_>,
        lineage: &WatchedLineage,
        (attempt, block): (usize, BlockRef),
        witnesses: &[EndpointName],
        final_blocks: u32,
    ) -> Result<(), Fault> {
        let watched = &lineage.attempts[attempt];
        if watched.included != Some(block) {
            seen.add(lineage, Fact::Included { attempt: watched.attempt, block }, witnesses);
        }
        let depth = seen.tip.head.height.saturating_add(1).saturating_sub(block.height);
        let told = watched.confirmed && watched.included == Some(block);
        if !told && watched.purpose == Purpose::Pay && depth >= u64::from(seen.watch.confirmations)
        {
            seen.add(lineage, Fact::Confirmed { attempt: watched.attempt, block }, witnesses);
        }
        if depth <= u64::from(final_blocks) {
            return Ok(());
        }
        // Its bytes prove themselves by its id.
        let Some(transaction) = self.node.transaction_in(txid(watched.hash), Some(block)).await?
        else {
            tracing::warn!(
                chain = %self.node.config().name,
                transaction = %txid(watched.hash),
                "it is final, and no source shows its bytes; it is not settled without them"
            );
            return Ok(());
        };
        if let Some(receipt) =
            effect::receipt(self.settings.wallet.network(), lineage, watched, block, &transaction)
        {
            seen.add(lineage, Fact::Final { attempt: watched.attempt, receipt }, witnesses);
        }
        Ok(())
    }

    async fn conflict(
        &self,
        watch: &Watch,
        lineage: &WatchedLineage,
        by: &Stranger,
        gone: &BTreeSet<OutPoint>,
    ) -> Result<Sighting, Fault> {
        let consumed: Vec<Anchor> =
            gone.iter().map(|outpoint| anchor(&watch.lane, outpoint)).collect();
        if let Some(winner) = by.own {
            let fact = Fact::Orphaned { winner, by: by.by, block: by.block, consumed };
            return Ok(Sighting {
                lineage: lineage.lineage,
                fact,
                witnesses: by.witnesses.clone(),
            });
        }
        let told = self.told(watch, txid(by.by), by.block).await?;
        let (payees, decoded) = (told.payees(&lineage.legs), told.words());
        let fact = Fact::Conflicted { by: by.by, block: by.block, decoded, payees, consumed };
        Ok(Sighting { lineage: lineage.lineage, fact, witnesses: by.witnesses.clone() })
    }

    /// What the wallet has now, what is not there any more, and what somebody signed beyond the
    /// numbers that we know.
    async fn look_at_coins(
        &self,
        seen: &mut Seen<'_>,
        window: Window,
        live: &BTreeSet<Place>,
    ) -> Result<(), Fault> {
        let (watch, head) = (seen.watch, window.head);
        let gone = self
            .holdings
            .refresh(&self.node, &self.settings.wallet, head, watch.next_nonce, live)
            .await?;
        self.explain_gone(seen, window, &gone).await?;
        for (number, by, height) in self.holdings.beyond(watch.next_nonce) {
            let Some(agreed) = self.node.blocks_at(&[height]).await?.pop().flatten() else {
                continue;
            };
            let told = self.told(watch, by, agreed.value).await?;
            seen.foreign.push(Foreign { nonce: number, ..told.foreign(by, agreed.value, number) });
        }
        Ok(())
    }

    /// Coins that were ours and free and are not there any more: taken by a lineage that has ended,
    /// or by somebody else.
    async fn explain_gone(
        &self,
        seen: &mut Seen<'_>,
        window: Window,
        gone: &[OutPoint],
    ) -> Result<(), Fault> {
        let watched: BTreeSet<OutPoint> = seen
            .watch
            .lineages
            .iter()
            .flat_map(|lineage| &lineage.attempts)
            .flat_map(fate::outpoints)
            .collect();
        // A live lineage has it: what became of it is judged there.
        gone.iter()
            .filter(|outpoint| watched.contains(outpoint))
            .for_each(|outpoint| self.holdings.explained(outpoint));
        let sought: Vec<Sought> = gone
            .iter()
            .filter(|outpoint| !watched.contains(outpoint))
            .take(GONE_MAX)
            .map(|outpoint| Sought { outpoint: *outpoint, candidates: Vec::new(), seen_at: None })
            .collect();
        for some in sought.chunks(SOUGHT_PER_QUESTION) {
            let readings = self.node.spends(some, window.since, window.head).await?;
            for (sought, agreed) in some
                .iter()
                .zip(readings)
                .filter_map(|(sought, reading)| Some((sought, reading.state?)))
            {
                let (by, block) = match agreed.value {
                    OutpointState::Spent { by, block } => (by, block),
                    // A reorganisation took its maker away. Where that is ours and may come back,
                    // its lineage lives, and is looked at.
                    OutpointState::Absent => {
                        self.holdings.explained(&sought.outpoint);
                        continue;
                    }
                    OutpointState::Unspent => continue,
                };
                // Told in every look until the block after it: then whoever judges has heard it.
                if block.height < window.head.height {
                    self.holdings.explained(&sought.outpoint);
                }
                let told = self.told(seen.watch, by, block).await?;
                seen.foreign.push(told.foreign(by, block, seen.watch.next_nonce));
            }
        }
        Ok(())
    }

    async fn told(&self, watch: &Watch, by: Txid, block: BlockRef) -> Result<Told<'_>, Fault> {
        self.reveal(watch.next_nonce);
        Ok(Told { lane: self, transaction: self.node.transaction_in(by, Some(block)).await? })
    }
}

/// What a look has found so far.
struct Seen<'a> {
    watch: &'a Watch,
    tip: &'a Tip,
    sightings: Vec<Sighting>,
    foreign: Vec<Foreign>,
}

impl Seen<'_> {
    fn add(&mut self, lineage: &WatchedLineage, fact: Fact, witnesses: &[EndpointName]) {
        self.sightings.push(Sighting {
            lineage: lineage.lineage,
            fact,
            witnesses: witnesses.to_vec(),
        });
    }
}

impl Looked {
    fn of(watch: &Watch, head: BlockRef) -> Self {
        let attempts = watch.lineages.iter().flat_map(|lineage| &lineage.attempts);
        Self {
            head,
            attempts: attempts
                .map(|attempt| (attempt.attempt, attempt.included, attempt.confirmed))
                .collect(),
        }
    }
}

fn anchor(lane: &LaneId, outpoint: &OutPoint) -> Anchor {
    Anchor::Outpoint { chain: lane.chain.clone(), outpoint: outpoint.to_string() }
}
