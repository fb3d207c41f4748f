//! Blocks and what stands in them.

use std::sync::Arc;

use alloy::primitives::{Address, B256};

use super::balances::Coin;
use super::transaction::Transaction;

/// What moved, by the transaction of the wallet that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// None for the native coin.
    pub token: Option<Address>,
    pub to: Address,
    /// Base units.
    pub amount: u128,
}

/// A transaction of the wallet in a block: the truth, whatever any node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mined {
    pub height: u64,
    pub hash: B256,
    pub nonce: u64,
    pub sender: Address,
    pub succeeded: bool,
    /// Wei: base fee and tip for the gas that was used.
    pub fee: u128,
    pub moved: Vec<Moved>,
}

/// One movement of a balance. Of a token it is also an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Movement {
    pub coin: Coin,
    pub from: Address,
    pub to: Address,
    pub amount: u128,
}

/// [`Mined`] and what its receipt needs.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    pub transaction: Arc<Transaction>,
    pub truth: Mined,
    pub movements: Vec<Movement>,
    pub gas_used: u64,
    /// Wei per gas.
    pub price: u128,
}

#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub height: u64,
    pub hash: B256,
    pub parent: B256,
    /// Unix seconds.
    pub timestamp: u64,
    pub base_fee: u128,
    /// What the next block will ask: like EIP-1559, settled by this one.
    pub next_base_fee: u128,
    /// The wallet's next nonce after this block.
    pub nonce: u64,
    /// What was final when this block was the head.
    pub finalized: u64,
    pub included: Vec<Included>,
}

/// A hash that follows from the parent, the height, and a salt that no two blocks share. Nobody
/// checks a block's hash against its content here, so a fast mix is enough.
pub(crate) fn block_hash(parent: B256, height: u64, salt: u64) -> B256 {
    let mut state = mixed(height ^ salt.rotate_left(32));
    let mut hash = [0; 32];
    for (lane, bytes) in hash.chunks_exact_mut(8).enumerate() {
        let inherited = u64::from_be_bytes(
            parent[lane * 8..lane * 8 + 8].try_into().expect("a lane is eight bytes"),
        );
        state = mixed(state ^ inherited ^ salt);
        bytes.copy_from_slice(&state.to_be_bytes());
    }
    B256::from(hash)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
