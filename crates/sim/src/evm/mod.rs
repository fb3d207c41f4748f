//! An EVM chain in memory, seen through the JSON-RPC that `adit-evm` asks: blocks, fees, pools,
//! tokens, and what goes wrong with them.
//!
//! It has no clock and no randomness of its own: time and dice come with each call, so one history
//! follows from one seed. It keeps the transactions of one wallet; whoever else uses the chain
//! shows only as noise in its fees and in the room of its blocks. What it tells as truth
//! ([`SimChain::wallet_at`], [`SimChain::history`]) never passes through its JSON-RPC.

mod balances;
mod block;
mod execution;
mod fees;
mod miners;
mod mining;
mod pool;
mod replaced;
mod rpc;
#[cfg(test)]
mod tests;
mod token;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adit_chain::RpcError;
use alloy::primitives::{Address, B256, keccak256};

use crate::Dice;
use balances::{Balances, Coin};
use block::Block;
use execution::Contracts;
use fees::BASE_FEE_MIN_WEI;
use miners::MinersPool;
use pool::NodePool;
use replaced::Replaced;
use token::Token;

pub use balances::{BURNT, MINER};
pub use block::{Mined, Moved};
pub use mining::BLOCK_TRANSACTIONS_MAX;
pub use pool::QUEUED_TRANSACTIONS_MAX;
pub use token::{TokenConduct, TokenSpec};
pub use transaction::Transaction;

/// Wei per gas that a new chain's nodes suggest.
const PRIORITY_WEI: u128 = 1_000_000;
/// Chances in a thousand that a node has heard of a transaction that came from elsewhere.
const INJECTED_HEARD_PERMILLE: u32 = 500;

/// How the world begins.
#[derive(Debug, Clone)]
pub struct Genesis {
    pub chain_id: u64,
    /// Whose transactions the chain carries.
    pub wallet: Address,
    /// Wei in the wallet.
    pub coins: u128,
    pub tokens: Vec<TokenSpec>,
    /// Wei per gas, and the level that it keeps.
    pub base_fee: u128,
    /// Unix seconds of the first block.
    pub start_seconds: u64,
    /// Blocks from the head to the `finalized` tag.
    pub final_depth: u64,
}

/// The wallet after some block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    pub nonce: u64,
    /// Wei.
    pub coins: u128,
    /// Base units, in the order of the tokens at the beginning.
    pub tokens: Vec<u128>,
}

/// The chain.
#[derive(Debug)]
pub struct SimChain {
    chain_id: u64,
    wallet: Address,
    final_depth: u64,
    contracts: Contracts,
    balances: Balances,
    /// The canonical ones, by height.
    blocks: Vec<Block>,
    /// Of each mined transaction: its height and its place in the block.
    places: BTreeMap<B256, (u64, usize)>,
    /// Everything that was ever read, so that a sender is recovered once.
    read: BTreeMap<B256, Arc<Transaction>>,
    miners: MinersPool,
    nodes: Vec<NodePool>,
    fee_level: u128,
    priority: u128,
    stalled: bool,
    /// Others fill every block.
    crowded: bool,
    replaced: Option<Replaced>,
    /// Never goes back.
    finalized: u64,
    blocks_made: u64,
}

impl SimChain {
    pub fn new(genesis: Genesis) -> Self {
        let mut balances = Balances::default();
        balances.set(Coin::Native, genesis.wallet, 0, genesis.coins);
        for (index, token) in genesis.tokens.iter().enumerate() {
            balances.set(Coin::Token(index), genesis.wallet, 0, token.held);
        }
        let tokens = genesis.tokens.into_iter().map(Token::new).collect();
        let base_fee = genesis.base_fee.max(BASE_FEE_MIN_WEI);
        let first = Block {
            height: 0,
            hash: block::block_hash(B256::ZERO, genesis.start_seconds, genesis.chain_id),
            parent: B256::ZERO,
            timestamp: genesis.start_seconds,
            base_fee,
            next_base_fee: base_fee,
            nonce: 0,
            finalized: 0,
            included: Vec::new(),
        };
        Self {
            chain_id: genesis.chain_id,
            wallet: genesis.wallet,
            final_depth: genesis.final_depth,
            contracts: Contracts { tokens, refusing: BTreeSet::new() },
            balances,
            blocks: vec![first],
            places: BTreeMap::new(),
            read: BTreeMap::new(),
            miners: MinersPool::default(),
            nodes: Vec::new(),
            fee_level: base_fee,
            priority: PRIORITY_WEI,
            stalled: false,
            crowded: false,
            replaced: None,
            finalized: 0,
            blocks_made: 0,
        }
    }

    /// Wei per gas: where the base fee goes to, by an eighth per block.
    pub fn set_fee_level(&mut self, base_fee: u128) {
        self.fee_level = base_fee.max(BASE_FEE_MIN_WEI);
    }

    /// Wei per gas: what nodes suggest. Who offers less is mined late.
    pub fn set_priority(&mut self, tip: u128) {
        self.priority = tip;
    }

    /// Others fill every block from now on, or no longer: what is sent waits in pools.
    pub fn crowd(&mut self, crowded: bool) {
        self.crowded = crowded;
    }

    /// The `finalized` tag stands still until this is taken back.
    pub fn stall_finality(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// # Panics
    /// When there is no such token.
    pub fn set_conduct(&mut self, token: Address, conduct: TokenConduct) {
        self.token_mut(token).set_conduct(conduct);
    }

    /// Only what is mined: dry runs and simulations go on as before.
    ///
    /// # Panics
    /// When there is no such token.
    pub fn set_conduct_when_mined(&mut self, token: Address, conduct: TokenConduct) {
        self.token_mut(token).mined = conduct;
    }

    fn token_mut(&mut self, address: Address) -> &mut Token {
        let index = self.contracts.token(address).unwrap_or_else(|| {
            panic!("{address} is no token of this chain; name it in its genesis")
        });
        &mut self.contracts.tokens[index]
    }

    /// The recipient is a contract that refuses coins, or is none any more.
    pub fn set_recipient_reverts(&mut self, recipient: Address, reverts: bool) {
        if reverts {
            self.contracts.refusing.insert(recipient);
        } else {
            self.contracts.refusing.remove(&recipient);
        }
    }

    /// That node accepts what it is sent, and tells nobody.
    pub fn set_swallows(&mut self, node: usize, swallows: bool) {
        self.node(node).swallows = swallows;
    }

    /// A transaction that somebody else made with the wallet's key: the miners take it before ours
    /// of the same nonce, and some nodes hear of it.
    ///
    /// # Panics
    /// When it is not a transaction of the wallet on this chain.
    pub fn inject(&mut self, raw: &[u8], dice: &mut Dice) {
        let transaction =
            self.known(raw).expect("who injects a transaction has made it for this chain");
        let account = self.account(self.head());
        for node in &mut self.nodes {
            if dice.chance(INJECTED_HEARD_PERMILLE) {
                // A node may prefer what it has: that is its own affair.
                let _ = node.offer(&transaction, account);
            }
        }
        self.miners.add(transaction, true);
    }

    pub fn head(&self) -> u64 {
        self.tip().height
    }

    pub fn finalized(&self) -> u64 {
        self.finalized
    }

    pub fn block_hash(&self, height: u64) -> Option<B256> {
        self.blocks.get(usize::try_from(height).ok()?).map(|block| block.hash)
    }

    /// The wallet after that block; after the newest one for heights above it.
    pub fn wallet_at(&self, height: u64) -> Purse {
        let block = &self.blocks[height.min(self.head()) as usize];
        let held = |coin: Coin| self.balances.at(coin, self.wallet, block.height);
        let tokens =
            (0..self.contracts.tokens.len()).map(|index| held(Coin::Token(index))).collect();
        Purse { nonce: block.nonce, coins: held(Coin::Native), tokens }
    }

    /// The wallet's transactions in the blocks `from` to `to`, both included, oldest first.
    pub fn history(&self, from: u64, to: u64) -> impl Iterator<Item = &Mined> {
        let end = to.min(self.head()) as usize + 1;
        let start = usize::try_from(from).unwrap_or(end).min(end);
        self.blocks[start..end]
            .iter()
            .flat_map(|block| &block.included)
            .map(|included| &included.truth)
    }

    fn tip(&self) -> &Block {
        self.blocks.last().expect("there is always a first block")
    }

    /// Nodes are made when they are first spoken of.
    fn node(&mut self, node: usize) -> &mut NodePool {
        if node >= self.nodes.len() {
            self.nodes.resize_with(node + 1, NodePool::default);
        }
        &mut self.nodes[node]
    }

    /// Reads a transaction, once.
    ///
    /// # Errors
    /// [`RpcError`] in geth's words.
    fn known(&mut self, raw: &[u8]) -> Result<Arc<Transaction>, RpcError> {
        let hash = keccak256(raw);
        if let Some(known) = self.read.get(&hash) {
            return Ok(known.clone());
        }
        let transaction = Transaction::read(raw)?;
        if transaction.chain_id != self.chain_id {
            let (got, want) = (transaction.chain_id, self.chain_id);
            return Err(rpc::refused(format!(
                "invalid chain id for signer: have {got} want {want}"
            )));
        }
        if transaction.sender != self.wallet {
            return Err(rpc::refused("invalid sender".to_owned()));
        }
        let transaction = Arc::new(transaction);
        self.read.insert(hash, transaction.clone());
        Ok(transaction)
    }
}
