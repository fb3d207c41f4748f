//! How the chain grows, and how a part of it is replaced.

use std::sync::Arc;

use alloy::primitives::Address;

use super::SimChain;
use super::balances::{BURNT, Coin, Ledger, MINER, Writing};
use super::block::{Block, Included, Mined, Moved, Movement, block_hash};
use super::execution::{Message, Mode};
use super::fees::next_base_fee;
use super::miners::Terms;
use super::replaced::Replaced;
use super::transaction::Transaction;
use crate::Dice;

/// Transactions of the wallet that fit into one block beside everybody else's; how many do is
/// thrown for each block.
pub const BLOCK_TRANSACTIONS_MAX: u64 = 32;
/// A block in which others leave no room for the wallet.
const FULL_BLOCK_PERMILLE: u32 = 100;
/// Window F29: a miner who has not heard of the replacement.
const ANY_VERSION_PERMILLE: u32 = 150;
const ANY_VERSION_AFTER_REORG_PERMILLE: u32 = 500;
/// A reorganisation after which nothing of the wallet is mined at first.
const QUIET_REORG_PERMILLE: u32 = 300;
/// Of the transactions of replaced blocks, and of what waits then.
const KEPT_AFTER_REORG_PERMILLE: u32 = 800;
/// When pools forget: everything, or each with this chance of being kept.
const POOL_FORGETS_ALL_PERMILLE: u32 = 300;
const KEPT_AFTER_LOSS_PERMILLE: u32 = 500;

/// How a block is filled.
#[derive(Clone, Copy)]
struct Mood {
    at_seconds: u64,
    room: u64,
    any_version_permille: u32,
}

impl SimChain {
    /// One more block; its height. Its time is later than its parent's, whatever is asked.
    pub fn mine(&mut self, at_seconds: u64, dice: &mut Dice) -> u64 {
        let mood =
            Mood { at_seconds, room: self.room(dice), any_version_permille: ANY_VERSION_PERMILLE };
        self.grow(mood, dice)
    }

    /// Replaces so many blocks (at most all but the first) by one more than that. Transactions
    /// return to the miners or are lost.
    pub fn reorg(&mut self, depth: u64, at_seconds: u64, dice: &mut Dice) {
        let times = self.cut(self.head().saturating_sub(depth));
        self.miners.thin(KEPT_AFTER_REORG_PERMILLE, dice);
        for node in &mut self.nodes {
            node.thin(KEPT_AFTER_REORG_PERMILLE, dice);
        }
        let quiet = dice.chance(QUIET_REORG_PERMILLE);
        for at_seconds in times.into_iter().chain([at_seconds]) {
            let room = if quiet { 0 } else { self.room(dice) };
            self.grow(
                Mood { at_seconds, room, any_version_permille: ANY_VERSION_AFTER_REORG_PERMILLE },
                dice,
            );
        }
    }

    /// Takes the blocks above the fork off the chain and gives their transactions back to the
    /// miners; the times of those blocks.
    fn cut(&mut self, fork: u64) -> Vec<u64> {
        let (places, balances) = (self.places.clone(), self.balances.clone());
        let blocks = self.blocks.split_off(fork as usize + 1);
        let times = blocks.iter().map(|block| block.timestamp).collect();
        self.balances.return_to(fork);
        for included in blocks.iter().flat_map(|block| &block.included) {
            self.places.remove(&included.transaction.hash);
            self.miners.add(included.transaction.clone(), false);
        }
        self.replaced = Some(Replaced { fork, blocks, places, balances });
        times
    }

    /// The miners and every node forget some or all of what waits.
    pub fn drop_pool(&mut self, dice: &mut Dice) {
        let mut kept =
            || if dice.chance(POOL_FORGETS_ALL_PERMILLE) { 0 } else { KEPT_AFTER_LOSS_PERMILLE };
        let (miners, nodes): (u32, Vec<u32>) =
            (kept(), self.nodes.iter().map(|_| kept()).collect());
        self.miners.thin(miners, dice);
        for (node, kept_permille) in self.nodes.iter_mut().zip(nodes) {
            node.thin(kept_permille, dice);
        }
    }

    fn grow(&mut self, mood: Mood, dice: &mut Dice) -> u64 {
        let parent = self.tip();
        let (height, parent_hash) = (parent.height + 1, parent.hash);
        let (mut nonce, base_fee) = (parent.nonce, parent.next_base_fee);
        let timestamp = mood.at_seconds.max(parent.timestamp + 1);
        let hash = block_hash(parent_hash, height, self.salt());
        let mut included = Vec::new();
        while (included.len() as u64) < mood.room {
            let coins = self.balances.at(Coin::Native, self.wallet, height);
            let terms = Terms {
                nonce,
                base_fee,
                tip: self.priority,
                coins,
                any_version_permille: mood.any_version_permille,
            };
            let Some(transaction) = self.miners.choose(terms, dice) else { break };
            self.places.insert(transaction.hash, (height, included.len()));
            included.push(self.carry_out(transaction, height, base_fee));
            nonce += 1;
        }
        if !self.stalled {
            self.finalized = self.finalized.max(height.saturating_sub(self.final_depth));
        }
        let (finalized, next_base_fee) =
            (self.finalized, next_base_fee(base_fee, self.fee_level, dice));
        self.blocks.push(Block {
            height,
            hash,
            parent: parent_hash,
            timestamp,
            base_fee,
            next_base_fee,
            nonce,
            finalized,
            included,
        });
        self.forget_final();
        height
    }

    fn carry_out(
        &mut self,
        transaction: Arc<Transaction>,
        height: u64,
        base_fee: u128,
    ) -> Included {
        let tip = transaction.tip_at(base_fee).expect("miners choose only what pays the base fee");
        let mut ledger = Writing { balances: &mut self.balances, height };
        let message = Message {
            from: transaction.sender,
            to: transaction.to,
            value: transaction.value,
            input: transaction.input.clone(),
            gas_limit: transaction.gas_limit,
        };
        let outcome = self.contracts.execute(Mode::Mined, &message, &mut ledger);
        let gas = u128::from(outcome.gas_used);
        for (to, amount) in [(BURNT, gas * base_fee), (MINER, gas * tip)] {
            ledger.carry(&Movement { coin: Coin::Native, from: transaction.sender, to, amount });
        }
        let moved = outcome.movements.iter().map(|movement| self.told(movement)).collect();
        let price = base_fee + tip;
        let (hash, nonce, sender) = (transaction.hash, transaction.nonce, transaction.sender);
        let truth = Mined {
            height,
            hash,
            nonce,
            sender,
            succeeded: outcome.succeeded,
            fee: gas * price,
            moved,
        };
        Included {
            transaction,
            truth,
            movements: outcome.movements,
            gas_used: outcome.gas_used,
            price,
        }
    }

    fn told(&self, movement: &Movement) -> Moved {
        Moved { token: self.token_of(movement.coin), to: movement.to, amount: movement.amount }
    }

    pub(crate) fn token_of(&self, coin: Coin) -> Option<Address> {
        match coin {
            Coin::Native => None,
            Coin::Token(index) => Some(self.contracts.tokens[index].address),
        }
    }

    /// What is final cannot come back into a pool; only a reorganisation beyond finality does that,
    /// from its blocks.
    fn forget_final(&mut self) {
        let nonce = self.blocks[self.finalized.min(self.head()) as usize].nonce;
        self.miners.forget_below(nonce);
        for node in &mut self.nodes {
            node.forget_below(nonce);
        }
    }

    fn room(&self, dice: &mut Dice) -> u64 {
        let full = dice.chance(FULL_BLOCK_PERMILLE) || self.crowded;
        if full { 0 } else { dice.between(1, BLOCK_TRANSACTIONS_MAX + 1) }
    }

    fn salt(&mut self) -> u64 {
        self.blocks_made += 1;
        self.blocks_made
    }
}
