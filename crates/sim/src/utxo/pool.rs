//! The pool of one node, and what it asks of whatever wants to come in (Bitcoin Core's
//! `validation.cpp`, `doc/policy`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::Txid;

use super::package::{ancestors, with_descendants};
use super::transaction::{Tx, rate};
use crate::Dice;

/// Satoshi per 1000 virtual bytes that relaying costs, and that a replacement pays on top
/// (`-minrelaytxfee`, `-incrementalrelayfee`).
pub const INCREMENTAL_RATE: u64 = 1_000;
/// What waits longer is dropped. Two weeks in reality (`-mempoolexpiry`): a simulated day is short.
pub const EXPIRY_SECONDS: u64 = 5 * 3_600;
/// `-limitancestorcount`, `-limitdescendantcount`, `-limitancestorsize`.
const FAMILY_MAX: usize = 25;
const FAMILY_VBYTES_MAX: u64 = 101_000;
/// Rule 5 of BIP-125.
const EVICTED_MAX: usize = 100;

/// Which rules of replacement a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// BIP-125: what is replaced must have said so, and nothing new may be unconfirmed.
    Signalled,
    /// Core since 28: whatever pays more replaces.
    Full,
}

/// One node's pool.
#[derive(Debug)]
pub(crate) struct NodePool {
    policy: Policy,
    held: BTreeMap<Txid, Arc<Tx>>,
    since: BTreeMap<Txid, u64>,
    /// Satoshi per 1000 virtual bytes.
    floor: u64,
    pub swallows: bool,
}

impl Policy {
    pub fn draw(dice: &mut Dice) -> Self {
        if dice.chance(500) { Self::Signalled } else { Self::Full }
    }
}

impl NodePool {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            held: BTreeMap::new(),
            since: BTreeMap::new(),
            floor: INCREMENTAL_RATE,
            swallows: false,
        }
    }

    pub fn get(&self, txid: &Txid) -> Option<&Arc<Tx>> {
        self.held.get(txid)
    }

    pub fn spender_of(&self, outpoint: bitcoin::OutPoint) -> Option<&Arc<Tx>> {
        self.held.values().find(|tx| tx.inputs().any(|spent| spent == outpoint))
    }

    /// Takes it in, if the rules allow that; its coins were looked at before.
    ///
    /// # Errors
    /// The node's words.
    pub fn take(&mut self, tx: &Arc<Tx>, at_seconds: u64) -> Result<(), &'static str> {
        let own = rate(tx.fee, tx.vbytes);
        if own < self.floor {
            return Err(if self.floor == INCREMENTAL_RATE {
                "min relay fee not met"
            } else {
                "mempool min fee not met"
            });
        }
        let evicted = self.replaced_by(tx)?;
        self.within_package(tx, &evicted)?;
        evicted.iter().for_each(|txid| self.drop_one(txid));
        self.held.insert(tx.txid, tx.clone());
        self.since.insert(tx.txid, at_seconds);
        Ok(())
    }

    /// What it would drive out.
    fn replaced_by(&self, tx: &Tx) -> Result<BTreeSet<Txid>, &'static str> {
        let conflicts: Vec<&Arc<Tx>> =
            self.held.values().filter(|held| held.excludes(tx)).collect();
        if conflicts.is_empty() {
            return Ok(BTreeSet::new());
        }
        let evicted = with_descendants(&self.held, conflicts.iter().map(|held| held.txid));
        if self.policy == Policy::Signalled {
            self.check_signalled(tx, &conflicts)?;
        }
        if evicted.len() > EVICTED_MAX {
            return Err("too many potential replacements");
        }
        if tx.inputs().any(|spent| evicted.contains(&spent.txid)) {
            return Err("bad-txns-spends-conflicting-tx");
        }
        let dropped = || evicted.iter().map(|txid| &self.held[txid]);
        let (own, fees) = (rate(tx.fee, tx.vbytes), dropped().map(|tx| tx.fee).sum::<u64>());
        let outbid = match self.policy {
            Policy::Signalled => conflicts.iter().all(|held| rate(held.fee, held.vbytes) < own),
            // The diagram of all that goes, and what comes is above it everywhere.
            Policy::Full => dropped().all(|held| rate(held.fee, held.vbytes) < own),
        };
        let relayed = fees + (tx.vbytes * INCREMENTAL_RATE).div_ceil(1_000);
        if outbid && tx.fee >= relayed {
            Ok(evicted)
        } else {
            Err("insufficient fee, rejecting replacement")
        }
    }

    /// Rules 1 and 2 of BIP-125.
    fn check_signalled(&self, tx: &Tx, conflicts: &[&Arc<Tx>]) -> Result<(), &'static str> {
        let signals = |held: &&Arc<Tx>| {
            held.signals() || ancestors(&self.held, held).iter().any(|parent| parent.signals())
        };
        if !conflicts.iter().all(signals) {
            return Err("txn-mempool-conflict");
        }
        let known = |txid: &Txid| {
            conflicts.iter().any(|held| held.inputs().any(|spent| spent.txid == *txid))
        };
        let adds =
            tx.inputs().any(|spent| self.held.contains_key(&spent.txid) && !known(&spent.txid));
        if adds { Err("replacement-adds-unconfirmed") } else { Ok(()) }
    }

    fn within_package(&self, tx: &Tx, evicted: &BTreeSet<Txid>) -> Result<(), &'static str> {
        let parents = ancestors(&self.held, tx);
        let vbytes: u64 = parents.iter().map(|parent| parent.vbytes).sum();
        let crowded = |parent: &&Arc<Tx>| {
            let family = with_descendants(&self.held, [parent.txid]);
            let family = family.difference(evicted);
            let vbytes: u64 = family.clone().map(|txid| self.held[txid].vbytes).sum();
            family.count() + 1 > FAMILY_MAX || vbytes + tx.vbytes > FAMILY_VBYTES_MAX
        };
        let full = parents.len() + 1 > FAMILY_MAX
            || vbytes + tx.vbytes > FAMILY_VBYTES_MAX
            || parents.iter().any(crowded);
        if full { Err("too-long-mempool-chain") } else { Ok(()) }
    }

    /// What pays less than that, with all that stands on it, is evicted: the cheapest family first.
    pub fn set_floor(&mut self, floor: u64) {
        self.floor = floor.max(INCREMENTAL_RATE);
        while let Some(cheapest) = self.cheapest() {
            with_descendants(&self.held, [cheapest]).iter().for_each(|txid| self.drop_one(txid));
        }
    }

    /// The one whose family pays least, where that is below the floor: what stands on a transaction
    /// pays for it.
    fn cheapest(&self) -> Option<Txid> {
        let score = |tx: &Arc<Tx>| {
            let family = with_descendants(&self.held, [tx.txid]);
            let (fees, vbytes) = family
                .iter()
                .map(|txid| &self.held[txid])
                .fold((0, 0), |sum, tx| (sum.0 + tx.fee, sum.1 + tx.vbytes));
            rate(fees, vbytes).max(rate(tx.fee, tx.vbytes))
        };
        let worst = self.held.values().map(|tx| (score(tx), tx.txid)).min()?;
        (worst.0 < self.floor).then_some(worst.1)
    }

    /// A block has come: what it holds goes, what it excludes too, and what is too old.
    pub fn mined(&mut self, included: &[Arc<Tx>], at_seconds: u64) {
        included.iter().for_each(|tx| self.drop_one(&tx.txid));
        let excluded = |held: &&Arc<Tx>| included.iter().any(|tx| tx.excludes(held));
        let old = |held: &&Arc<Tx>| self.since[&held.txid] + EXPIRY_SECONDS < at_seconds;
        let gone: Vec<Txid> = self
            .held
            .values()
            .filter(|held| excluded(held) || old(held))
            .map(|tx| tx.txid)
            .collect();
        with_descendants(&self.held, gone).iter().for_each(|txid| self.drop_one(txid));
    }

    /// Keeps each with so many chances in a thousand; what stands on a lost one goes with it.
    pub fn thin(&mut self, kept_permille: u32, dice: &mut Dice) {
        let lost: Vec<Txid> =
            self.held.keys().filter(|_| !dice.chance(kept_permille)).copied().collect();
        with_descendants(&self.held, lost).iter().for_each(|txid| self.drop_one(txid));
    }

    /// What stands on something that is neither here nor in the chain.
    pub fn drop_orphans(&mut self, exists: impl Fn(&Tx) -> bool) {
        let orphans: Vec<Txid> =
            self.held.values().filter(|tx| !exists(tx)).map(|tx| tx.txid).collect();
        with_descendants(&self.held, orphans).iter().for_each(|txid| self.drop_one(txid));
    }

    pub fn txids(&self) -> impl Iterator<Item = &Txid> {
        self.held.keys()
    }

    fn drop_one(&mut self, txid: &Txid) {
        self.held.remove(txid);
        self.since.remove(txid);
    }
}
