//! Who holds what, at every height. Nothing is created or destroyed after the first block: fees go
//! to two accounts of their own.

use std::collections::BTreeMap;

use alloy::primitives::{Address, address};

use super::block::Movement;

/// Where burnt base fees are counted.
pub const BURNT: Address = address!("00000000000000000000000000000000000b0123");
/// Who mines every block, and gets the tips.
pub const MINER: Address = address!("00000000000000000000000000000000000b0456");

/// What is moved: the native coin, or a token by its place in the list of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coin {
    Native,
    Token(usize),
}

/// Balances as they stand at one moment, open to changes.
pub(crate) trait Ledger {
    fn balance(&self, coin: Coin, holder: Address) -> u128;
    fn set(&mut self, coin: Coin, holder: Address, amount: u128);

    /// The caller has seen that `from` holds enough.
    fn carry(&mut self, movement: &Movement) {
        let Movement { coin, from, to, amount } = *movement;
        let left = self
            .balance(coin, from)
            .checked_sub(amount)
            .expect("whoever moves has looked at the balance");
        self.set(coin, from, left);
        let held = self.balance(coin, to);
        self.set(
            coin,
            to,
            held.checked_add(amount).expect("all balances of a coin together fit into 128 bits"),
        );
    }
}

/// For each holder the heights at which his balance changed, and to what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Balances(BTreeMap<(Coin, Address), Vec<(u64, u128)>>);

impl Balances {
    pub(crate) fn at(&self, coin: Coin, holder: Address, height: u64) -> u128 {
        let Some(changes) = self.0.get(&(coin, holder)) else { return 0 };
        let later = changes.partition_point(|(at, _)| *at <= height);
        later.checked_sub(1).map_or(0, |last| changes[last].1)
    }

    pub(crate) fn set(&mut self, coin: Coin, holder: Address, height: u64, amount: u128) {
        let changes = self.0.entry((coin, holder)).or_default();
        match changes.last_mut() {
            Some((at, last)) if *at == height => *last = amount,
            Some(_) | None => changes.push((height, amount)),
        }
    }

    /// Forgets what happened above that height.
    pub(crate) fn return_to(&mut self, height: u64) {
        for changes in self.0.values_mut() {
            while changes.last().is_some_and(|(at, _)| *at > height) {
                changes.pop();
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn sum(&self, coin: Coin, height: u64) -> u128 {
        self.0
            .keys()
            .filter(|(of, _)| *of == coin)
            .map(|(_, holder)| self.at(coin, *holder, height))
            .sum()
    }
}

/// The balances while a block is being made.
pub(crate) struct Writing<'a> {
    pub balances: &'a mut Balances,
    pub height: u64,
}

impl Ledger for Writing<'_> {
    fn balance(&self, coin: Coin, holder: Address) -> u128 {
        self.balances.at(coin, holder, self.height)
    }

    fn set(&mut self, coin: Coin, holder: Address, amount: u128) {
        self.balances.set(coin, holder, self.height, amount);
    }
}

/// The balances of a height, with changes that nobody else sees: for calls that are only tried.
pub(crate) struct Trying<'a> {
    pub balances: &'a Balances,
    pub height: u64,
    changes: BTreeMap<(Coin, Address), u128>,
}

impl<'a> Trying<'a> {
    pub(crate) fn new(balances: &'a Balances, height: u64) -> Self {
        Self { balances, height, changes: BTreeMap::new() }
    }
}

impl Ledger for Trying<'_> {
    fn balance(&self, coin: Coin, holder: Address) -> u128 {
        self.changes
            .get(&(coin, holder))
            .copied()
            .unwrap_or_else(|| self.balances.at(coin, holder, self.height))
    }

    fn set(&mut self, coin: Coin, holder: Address, amount: u128) {
        self.changes.insert((coin, holder), amount);
    }
}
