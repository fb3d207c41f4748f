//! What became of one lineage, judged attempt by attempt on the coins that each spends (rule R4).
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{WatchedAttempt, WatchedLineage};
use adit_core::{BlockRef, EndpointName, Hash32, LineageId, Mistake, planted};
use bdk_wallet::bitcoin::{OutPoint, Txid};

use crate::lane::holdings::txid;
use crate::lane::succeed::bitcoin;
use crate::{OutpointState, SpendReading, hash_of};

/// What a quorum says of the outpoints that are watched.
pub(crate) type Readings = BTreeMap<OutPoint, SpendReading>;

/// Where a lineage stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The chain holds none of its attempts, as far as can be said.
    Open {
        /// Its attempt that was in a block, which the chain does not have any more.
        vanished: Option<usize>,
        /// What took coins of its attempts, none of which the lineage knows.
        strangers: Vec<Stranger>,
    },
    /// This attempt is in that block.
    Mined { attempt: usize, block: BlockRef, witnesses: Vec<EndpointName> },
}

/// A transaction that took a coin which attempts of ours need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stranger {
    pub by: Hash32,
    /// The lineage that it is a version of, where it is ours: others lost against it.
    pub own: Option<LineageId>,
    pub block: BlockRef,
    pub took: Vec<OutPoint>,
    pub witnesses: Vec<EndpointName>,
}

/// The coins of an attempt.
pub(crate) fn outpoints(attempt: &WatchedAttempt) -> Vec<OutPoint> {
    let draft = bitcoin(&attempt.draft);
    draft
        .into_iter()
        .flat_map(|draft| draft.outpoints().filter_map(|outpoint| outpoint.parse().ok()))
        .collect()
}

pub(crate) fn fate(lineage: &WatchedLineage, readings: &Readings) -> Fate {
    for (index, attempt) in lineage.attempts.iter().enumerate() {
        let own = outpoints(attempt).into_iter().filter_map(|outpoint| spent(readings, &outpoint));
        if let Some((_, block, witnesses)) = own.into_iter().find(|(by, ..)| *by == attempt.hash) {
            return Fate::Mined { attempt: index, block, witnesses };
        }
    }
    Fate::Open { vanished: vanished(lineage, readings), strangers: strangers(lineage, readings) }
}

/// Its coins are there again, or were taken by something else: enough sources say so of one of
/// them.
fn vanished(lineage: &WatchedLineage, readings: &Readings) -> Option<usize> {
    let known = |attempt: &WatchedAttempt| {
        outpoints(attempt)
            .iter()
            .any(|outpoint| readings.get(outpoint).is_some_and(|reading| reading.state.is_some()))
    };
    lineage.attempts.iter().position(|attempt| attempt.included.is_some() && known(attempt))
}

/// Confirmed coins that a later version of an open lineage added, and that enough sources agree are
/// not there: nobody's any more, or spent by a transaction of somebody else's. A version that
/// spends one is mined only if a reorganisation brings it back.
pub(crate) fn gone(fates: &[(&WatchedLineage, Fate)], readings: &Readings) -> BTreeSet<String> {
    let open = fates
        .iter()
        .filter(|(_, fate)| matches!(fate, Fate::Open { .. }))
        .map(|(lineage, _)| *lineage);
    open.flat_map(added).filter(|outpoint| is_gone(outpoint, readings)).collect()
}

/// As outpoints are written in drafts. A coin that no block held when it was chosen is change of
/// our own.
fn added(lineage: &WatchedLineage) -> impl Iterator<Item = String> {
    let first: BTreeSet<OutPoint> =
        lineage.attempts.first().map(outpoints).into_iter().flatten().collect();
    let drafts = lineage.attempts.iter().filter_map(|attempt| bitcoin(&attempt.draft));
    let confirmed = drafts.flat_map(|draft| &draft.inputs).filter(|input| input.confirmed);
    confirmed
        .filter(move |input| input.outpoint.parse().is_ok_and(|known| !first.contains(&known)))
        .map(|input| input.outpoint.clone())
}

/// An open lineage has no version in a block, so whoever spends its coin is somebody else.
fn is_gone(outpoint: &str, readings: &Readings) -> bool {
    let reading = outpoint
        .parse()
        .ok()
        .and_then(|outpoint: OutPoint| readings.get(&outpoint)?.state.as_ref());
    reading.is_some_and(|agreed| match agreed.value {
        OutpointState::Absent | OutpointState::Spent { .. } => true,
        OutpointState::Unspent => false,
    })
}

fn strangers(lineage: &WatchedLineage, readings: &Readings) -> Vec<Stranger> {
    let mut strangers: Vec<Stranger> = Vec::new();
    if planted(Mistake::StrangersIgnored) {
        return strangers;
    }
    let all: BTreeSet<OutPoint> = lineage.attempts.iter().flat_map(outpoints).collect();
    for outpoint in all {
        let Some((by, block, witnesses)) = spent(readings, &outpoint) else { continue };
        match strangers.iter_mut().find(|known| known.by == by && known.block == block) {
            Some(known) => known.took.push(outpoint),
            None => {
                strangers.push(Stranger { by, own: None, block, took: vec![outpoint], witnesses })
            }
        }
    }
    strangers
}

fn spent(
    readings: &Readings,
    outpoint: &OutPoint,
) -> Option<(Hash32, BlockRef, Vec<EndpointName>)> {
    let agreed = readings.get(outpoint)?.state.as_ref()?;
    match agreed.value {
        OutpointState::Spent { by, block } => Some((hash_of(by), block, agreed.witnesses.clone())),
        OutpointState::Unspent | OutpointState::Absent => None,
    }
}

/// The coins that are gone for good: taken by a stranger in a final block, or made by a transaction
/// that is dead itself, because one of its coins is gone or another version of it is final. Whoever
/// needs one of them is dead, too.
pub(crate) fn consumed_finally(
    fates: &[(&WatchedLineage, Fate)],
    final_height: u64,
) -> BTreeMap<OutPoint, Stranger> {
    let mut consumed: BTreeMap<OutPoint, Stranger> = BTreeMap::new();
    for stranger in fates
        .iter()
        .flat_map(|(_, fate)| strangers_of(fate))
        .filter(|stranger| stranger.block.height <= final_height)
    {
        consumed.extend(stranger.took.iter().map(|outpoint| (*outpoint, stranger.clone())));
    }
    for (lineage, fate) in fates {
        let Fate::Mined { attempt, block, witnesses } = fate else { continue };
        if block.height <= final_height {
            let (by, own) = (lineage.attempts[*attempt].hash, Some(lineage.lineage));
            let winner =
                Stranger { by, own, block: *block, took: Vec::new(), witnesses: witnesses.clone() };
            for lost in losers(lineage, *attempt) {
                consumed.extend(built_on(fates, lost).map(|outpoint| (outpoint, winner.clone())));
            }
        }
    }
    loop {
        let children = of_dead_parents(fates, &consumed);
        let before = consumed.len();
        for (outpoint, stranger) in children {
            consumed.entry(outpoint).or_insert(stranger);
        }
        if consumed.len() == before {
            return consumed;
        }
    }
}

/// The coins that final blocks spend: all those of a version of ours that one holds, and what a
/// stranger in one took.
pub(crate) fn spent_finally(
    fates: &[(&WatchedLineage, Fate)],
    final_height: u64,
) -> BTreeSet<OutPoint> {
    let of = |(lineage, fate): &(&WatchedLineage, Fate)| match fate {
        Fate::Mined { attempt, block, .. } if block.height <= final_height => {
            outpoints(&lineage.attempts[*attempt])
        }
        Fate::Mined { .. } => Vec::new(),
        Fate::Open { strangers, .. } => {
            let deep = strangers.iter().filter(|stranger| stranger.block.height <= final_height);
            deep.flat_map(|stranger| stranger.took.iter().copied()).collect()
        }
    };
    fates.iter().flat_map(of).collect()
}

/// The versions of a lineage beside this one.
fn losers(lineage: &WatchedLineage, winner: usize) -> impl Iterator<Item = Txid> {
    let others = lineage.attempts.iter().enumerate().filter(move |(index, _)| *index != winner);
    others.map(|(_, attempt)| txid(attempt.hash))
}

/// Outputs of a transaction that attempts of ours spend.
fn built_on(fates: &[(&WatchedLineage, Fate)], made: Txid) -> impl Iterator<Item = OutPoint> {
    let attempts = fates.iter().flat_map(|(lineage, _)| &lineage.attempts);
    attempts.flat_map(outpoints).filter(move |outpoint| outpoint.txid == made)
}

/// Lineages that die, directly or not, once this version of a lineage is final: they stand on
/// others of it. It must not count as final before it is deep enough for them, too: nobody could
/// say later why they are dead.
pub(crate) fn orphans<'a>(
    fates: &[(&'a WatchedLineage, Fate)],
    lineage: &WatchedLineage,
    winner: usize,
) -> Vec<&'a WatchedLineage> {
    let mut lost: BTreeSet<Txid> = losers(lineage, winner).collect();
    let mut orphans: Vec<&WatchedLineage> = Vec::new();
    if lost.is_empty() {
        return orphans;
    }
    loop {
        let stands = |one: &WatchedLineage| {
            one.attempts.iter().flat_map(outpoints).any(|outpoint| lost.contains(&outpoint.txid))
        };
        let known = |one: &WatchedLineage| {
            one.lineage == lineage.lineage
                || orphans.iter().any(|orphan| orphan.lineage == one.lineage)
        };
        let more: Vec<&WatchedLineage> =
            fates.iter().map(|(one, _)| *one).filter(|one| !known(one) && stands(one)).collect();
        if more.is_empty() {
            return orphans;
        }
        lost.extend(more.iter().flat_map(|one| &one.attempts).map(|attempt| txid(attempt.hash)));
        orphans.extend(more);
    }
}

/// Outputs of dead attempts that others of ours spend.
fn of_dead_parents(
    fates: &[(&WatchedLineage, Fate)],
    consumed: &BTreeMap<OutPoint, Stranger>,
) -> Vec<(OutPoint, Stranger)> {
    let mut found = Vec::new();
    for parent in fates.iter().flat_map(|(lineage, _)| &lineage.attempts) {
        let Some(killer) = outpoints(parent).iter().find_map(|outpoint| consumed.get(outpoint))
        else {
            continue;
        };
        if killer.by == parent.hash {
            continue;
        }
        found.extend(built_on(fates, txid(parent.hash)).map(|outpoint| (outpoint, killer.clone())));
    }
    found
}

pub(crate) fn strangers_of(fate: &Fate) -> &[Stranger] {
    match fate {
        Fate::Open { strangers, .. } => strangers,
        Fate::Mined { .. } => &[],
    }
}

/// What killed every attempt of a lineage, one coin of each: none while one may still be mined.
pub(crate) fn killed<'a>(
    lineage: &WatchedLineage,
    consumed: &'a BTreeMap<OutPoint, Stranger>,
) -> Option<(&'a Stranger, BTreeSet<OutPoint>)> {
    let mut gone = BTreeSet::new();
    let mut by = None;
    for attempt in &lineage.attempts {
        let (outpoint, stranger) = outpoints(attempt)
            .into_iter()
            .find_map(|outpoint| Some((outpoint, consumed.get(&outpoint)?)))?;
        gone.insert(outpoint);
        by = by.or(Some(stranger));
    }
    Some((by?, gone))
}
