//! The branch that the newest reorganisation replaced: a node may still be on it, and answers from
//! it with all its own truth (window F39).

use std::collections::BTreeMap;

use adit_chain::RpcError;
use alloy::primitives::B256;
use serde_json::Value;

use super::SimChain;
use super::balances::Balances;
use super::block::Block;

/// What was canonical above the fork, and the state that belongs to it.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub fork: u64,
    pub blocks: Vec<Block>,
    pub places: BTreeMap<B256, (u64, usize)>,
    pub balances: Balances,
}

impl SimChain {
    /// What a node answers that has not heard of the newest reorganisation, nor of anything since;
    /// like [`SimChain::answer`] at the head where there was none.
    ///
    /// # Errors
    /// [`RpcError`] in geth's words.
    pub fn answer_from_replaced(
        &mut self,
        node: usize,
        method: &str,
        params: &Value,
    ) -> Result<Value, RpcError> {
        self.change_branch();
        let answer = self.answer(node, self.head(), method, params);
        self.change_branch();
        answer
    }

    /// Up to where the newest reorganisation left the blocks as they were.
    pub fn forked_at(&self) -> Option<u64> {
        self.replaced.as_ref().map(|replaced| replaced.fork)
    }

    /// Done twice, it changes nothing.
    fn change_branch(&mut self) {
        let Some(replaced) = &mut self.replaced else { return };
        let canonical = self.blocks.split_off(replaced.fork as usize + 1);
        self.blocks.append(&mut replaced.blocks);
        replaced.blocks = canonical;
        std::mem::swap(&mut self.places, &mut replaced.places);
        std::mem::swap(&mut self.balances, &mut replaced.balances);
    }
}
