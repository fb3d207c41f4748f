//! What the miners have seen: every version of everything, because no two miners have the same
//! pool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::{OutPoint, Txid};

use super::package::ancestors;
use super::pool::EXPIRY_SECONDS;
use super::transaction::{Tx, rate};
use crate::Dice;

/// What pays less than blocks ask is mined in so many of a thousand blocks.
const CHEAP_PERMILLE: u32 = 60;
/// A miner drops what is below the floor of full pools with so many chances in a thousand.
const DROPPED_PERMILLE: u32 = 800;

/// Whatever was relayed and may still be mined. Those of mined ones stay until that is final: a
/// reorganisation brings them back.
#[derive(Debug, Default)]
pub(crate) struct MinersPool {
    held: BTreeMap<Txid, Arc<Tx>>,
    since: BTreeMap<Txid, u64>,
    favoured: BTreeSet<Txid>,
}

/// What a block asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Transactions that it has room for.
    pub room: u64,
    /// Satoshi per 1000 virtual bytes.
    pub level: u64,
    /// How often, in a thousand, a version is taken without comparing it with others.
    pub any_version_permille: u32,
}

/// How gladly a transaction is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    /// For what it pays with its parents, in satoshi per 1000 virtual bytes.
    Market(u64),
    /// Whatever it pays: this miner has heard of no other version.
    OnlyVersion(u64),
    Favoured,
}

impl MinersPool {
    pub fn add(&mut self, tx: Arc<Tx>, favoured: bool, at_seconds: u64) {
        if favoured {
            self.favoured.insert(tx.txid);
        }
        self.since.insert(tx.txid, at_seconds);
        self.held.insert(tx.txid, tx);
    }

    #[cfg(test)]
    pub fn holds(&self, txid: &Txid) -> bool {
        self.held.contains_key(txid)
    }

    /// A block's transactions, parents first. `exists` says whether a coin is unspent in the chain,
    /// `mined` whether a transaction is in it.
    pub fn choose(
        &self,
        terms: Terms,
        exists: impl Fn(&OutPoint) -> bool,
        mined: impl Fn(&Txid) -> bool,
        dice: &mut Dice,
    ) -> Vec<Arc<Tx>> {
        let open: BTreeMap<Txid, Arc<Tx>> = self
            .held
            .iter()
            .filter(|(txid, _)| !mined(txid))
            .map(|(txid, tx)| (*txid, tx.clone()))
            .collect();
        let mut order: Vec<(Wish, &Arc<Tx>)> =
            open.values().map(|tx| (self.wish(&open, tx, terms, dice), tx)).collect();
        order.sort_by_key(|(wish, tx)| (std::cmp::Reverse(*wish), tx.txid));
        let mut chosen: Vec<Arc<Tx>> = Vec::new();
        for (wish, tx) in order {
            let package = package(&open, tx, &chosen);
            let room = terms.room as usize >= chosen.len() + package.len();
            let worth = wish >= Wish::Market(terms.level) || dice.chance(CHEAP_PERMILLE);
            if room && worth && !package.is_empty() && fits(&package, &chosen, &exists) {
                chosen.extend(package);
            }
        }
        chosen
    }

    fn wish(
        &self,
        open: &BTreeMap<Txid, Arc<Tx>>,
        tx: &Arc<Tx>,
        terms: Terms,
        dice: &mut Dice,
    ) -> Wish {
        if self.favoured.contains(&tx.txid) {
            return Wish::Favoured;
        }
        let rivals = open.values().any(|other| other.excludes(tx));
        if rivals && dice.chance(terms.any_version_permille) {
            return Wish::OnlyVersion(dice.between(0, 1 << 20));
        }
        Wish::Market(rate_of(&package(open, tx, &[])))
    }

    /// What can never be mined any more is forgotten, and what waited too long, for now.
    pub fn forget(&mut self, is_over: impl Fn(Txid) -> bool, at_seconds: u64) {
        let old =
            |txid: &Txid, since: &BTreeMap<Txid, u64>| since[txid] + EXPIRY_SECONDS < at_seconds;
        let Self { held, since, .. } = self;
        held.retain(|txid, _| !is_over(*txid) && !old(txid, since));
        self.tidy();
    }

    pub fn drop_below(&mut self, floor: u64, dice: &mut Dice) {
        self.held
            .retain(|_, tx| rate(tx.fee, tx.vbytes) >= floor || !dice.chance(DROPPED_PERMILLE));
        self.tidy();
    }

    /// Keeps each with so many chances in a thousand.
    pub fn thin(&mut self, kept_permille: u32, dice: &mut Dice) {
        self.held.retain(|_, _| dice.chance(kept_permille));
        self.tidy();
    }

    fn tidy(&mut self) {
        let Self { held, since, favoured } = self;
        since.retain(|txid, _| held.contains_key(txid));
        favoured.retain(|txid| held.contains_key(txid));
    }
}

/// A transaction and those of its parents that are in no block and were not chosen, parents first.
fn package(open: &BTreeMap<Txid, Arc<Tx>>, tx: &Arc<Tx>, chosen: &[Arc<Tx>]) -> Vec<Arc<Tx>> {
    let there = |tx: &Arc<Tx>| chosen.iter().any(|chosen| chosen.txid == tx.txid);
    if there(tx) {
        return Vec::new();
    }
    let parents = ancestors(open, tx).into_iter().filter(|parent| !there(parent)).cloned();
    let mut left: Vec<Arc<Tx>> = parents.chain([tx.clone()]).collect();
    let mut ordered: Vec<Arc<Tx>> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = |tx: &Arc<Tx>| !left.iter().any(|other| tx.is_child_of(other));
        let place = left.iter().position(free).expect("no transaction is its own ancestor");
        ordered.push(left.remove(place));
    }
    ordered
}

fn rate_of(package: &[Arc<Tx>]) -> u64 {
    let (fees, vbytes) = package.iter().fold((0, 0), |sum, tx| (sum.0 + tx.fee, sum.1 + tx.vbytes));
    rate(fees, vbytes)
}

/// Every coin of the package is there, and nothing that was chosen takes one.
fn fits(package: &[Arc<Tx>], chosen: &[Arc<Tx>], exists: impl Fn(&OutPoint) -> bool) -> bool {
    let made = |spent: &OutPoint| package.iter().chain(chosen).any(|tx| tx.txid == spent.txid);
    let coins = package.iter().all(|tx| tx.inputs().all(|spent| exists(&spent) || made(&spent)));
    let among = package
        .iter()
        .enumerate()
        .any(|(place, tx)| package[..place].iter().any(|other| other.excludes(tx)));
    coins && !among && !package.iter().any(|tx| chosen.iter().any(|other| other.excludes(tx)))
}
