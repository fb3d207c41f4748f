//! What consumed a nonce of ours and is none of our hashes: found, read, told in words (windows F8, F22, F23).

use std::collections::BTreeSet;
use std::sync::Arc;

use adit_chain::{Agreed, Call, Endpoint, Fault, Foreign, Outflow};
use adit_core::{BlockRef, Bytes as CoreBytes, EndpointName, Hash32};
use alloy::primitives::{Address, B256, Bytes};
use serde_json::json;

use super::Look;
use super::search::{Search, Wanted};
use super::standing::Standing;
use crate::config::{Payable, Paying};
use crate::foreign::{self, Decoded, Pays};
use crate::node::Node;
use crate::rpc::{FullBlock, Transaction, TxReceipt, b256, core_bytes, hash32, height};

/// Nonces that one look tries to explain, and transactions that it reads. What is left is explained by the next.
const STRANGERS_PER_LOOK_MAX: usize = 16;

/// Somebody else's use of a nonce.
pub(crate) struct Stranger {
    pub foreign: Foreign,
    pub block: Option<BlockRef>,
    /// Absent where its transaction was not found.
    pub receipt: Option<TxReceipt>,
    pub witnesses: Vec<EndpointName>,
}

impl Node {
    /// Explains every consumed nonce that the search has left open.
    pub(crate) async fn explain(&self, look: Look<'_>, standing: &mut Standing, search: &mut Search) -> Result<Vec<Stranger>, Fault> {
        let mut strangers = Vec::new();
        for receipt in search.strangers.iter().take(STRANGERS_PER_LOOK_MAX) {
            strangers.extend(self.read_stranger(receipt, look).await?);
        }
        strangers.retain(|stranger| concerns(look, stranger.foreign.nonce));
        let left = open(look, standing, &strangers);
        if left.is_empty() || !search.complete {
            return Ok(strangers);
        }
        for receipt in self.standing_receipts(&standing.hashes_of(look.watch, &left)).await? {
            standing.place(&receipt);
            search.receipts.insert(receipt.value.hash(), receipt);
        }
        let mut left = open(look, standing, &strangers);
        for _ in 0..STRANGERS_PER_LOOK_MAX {
            let Some(nonce) = left.first().copied() else { break };
            self.find_consumer(look, nonce, standing, search, &mut strangers).await;
            left = open(look, standing, &strangers).into_iter().filter(|other| *other > nonce).collect();
        }
        Ok(strangers)
    }

    /// The block that consumed the nonce, and everything of the wallet in it.
    async fn find_consumer(&self, look: Look<'_>, nonce: u64, standing: &mut Standing, search: &mut Search, strangers: &mut Vec<Stranger>) {
        let found = self.wallets_block(look, nonce).await;
        let mut block = None;
        if let Ok(Some((at, receipts))) = found {
            block = Some(at);
            for receipt in receipts {
                if standing.watches(receipt.value.hash()) {
                    standing.place(&receipt);
                    search.receipts.insert(receipt.value.hash(), receipt);
                } else if let Ok(Some(stranger)) = self.read_stranger(&receipt, look).await {
                    let known = strangers.iter().any(|other| other.foreign.hash == stranger.foreign.hash);
                    strangers.extend((!known && concerns(look, stranger.foreign.nonce)).then_some(stranger));
                }
            }
        }
        let explained =
            !standing.unexplained(look.watch, nonce + 1).contains(&nonce) || strangers.iter().any(|other| other.foreign.nonce == nonce);
        // Of a nonce in a live lineage nothing is said until its transaction is seen; one beyond ours is reported in any case.
        if !explained && nonce >= look.watch.next_nonce {
            strangers.push(unseen(nonce, block));
        }
    }

    async fn wallets_block(&self, look: Look<'_>, nonce: u64) -> Result<Option<(BlockRef, Vec<Agreed<TxReceipt>>)>, Fault> {
        let height = self.consumed_at(look.wallet, nonce, look.head().height).await?;
        let searched = self.searched(&[height], &Wanted::of(look)).await?.into_iter().next().flatten();
        let Some(agreed) = searched else { return self.wallets_receipts(look.wallet, height).await };
        let of = |value: TxReceipt| Agreed { value, witnesses: agreed.witnesses.clone() };
        Ok(Some((agreed.value.block, agreed.value.ours.into_iter().map(of).collect())))
    }

    /// The same without `eth_getBlockReceipts`: the wallet's transactions in the block, and their receipts one by one.
    async fn wallets_receipts(&self, wallet: Address, at: u64) -> Result<Option<(BlockRef, Vec<Agreed<TxReceipt>>)>, Fault> {
        let call = Call::new("eth_getBlockByNumber", json!([height(at), true]));
        let question = async |endpoint: Arc<Endpoint>| {
            let block: FullBlock = endpoint.ask(call.clone()).await?;
            let ours = block.transactions.iter().filter(|transaction| transaction.from == wallet);
            Ok((block.header.at(), ours.map(|transaction| hash32(transaction.hash)).collect::<Vec<Hash32>>()))
        };
        let (block, hashes) = self.quorum.ask("the wallet's transactions in a block", question).await?.value;
        Ok(Some((block, self.standing_receipts(&hashes).await?)))
    }

    /// The first height at which the nonce is consumed. Strides back from the head, because nodes keep little old state.
    async fn consumed_at(&self, wallet: Address, nonce: u64, head: u64) -> Result<u64, Fault> {
        let (mut low, mut high, mut stride) = (0, head, 1);
        while high > 0 {
            let height = head.saturating_sub(stride);
            if self.transaction_count(wallet, height).await? <= nonce {
                low = height + 1;
                break;
            }
            high = height;
            stride = stride.saturating_mul(2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.transaction_count(wallet, middle).await? > nonce {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(high)
    }

    /// Reads a transaction of the wallet: from its bytes where an endpoint has them, else from what a quorum says.
    async fn read_stranger(&self, receipt: &Agreed<TxReceipt>, look: Look<'_>) -> Result<Option<Stranger>, Fault> {
        let hash = receipt.value.done.transaction_hash;
        let raw = self.raw(hash).await;
        let decoded = match raw.as_ref().and_then(|raw| foreign::decode(raw).ok()) {
            Some(decoded) => decoded,
            None => {
                let call = Call::new("eth_getTransactionByHash", json!([hash]));
                foreign::describe(&self.ask::<Transaction>("a foreign transaction", call).await?.value)
            }
        };
        Ok((decoded.sender == look.wallet).then(|| Stranger {
            foreign: told(&decoded, receipt, raw, look.payable),
            block: Some(receipt.value.block()),
            receipt: Some(receipt.value.clone()),
            witnesses: receipt.witnesses.clone(),
        }))
    }

    /// The bytes of a transaction, from whoever has them: they prove themselves by their hash.
    async fn raw(&self, hash: B256) -> Option<CoreBytes> {
        let call = Call::new("eth_getRawTransactionByHash", json!([hash]));
        let question = async |endpoint: Arc<Endpoint>| {
            let raw: Option<Bytes> = endpoint.ask(call.clone()).await?;
            let right = raw.filter(|raw| alloy::primitives::keccak256(raw) == hash);
            right.ok_or_else(|| endpoint.malformed("eth_getRawTransactionByHash", "other bytes than asked for".to_owned()))
        };
        self.quorum.ask("raw bytes", question).await.ok().map(|agreed| core_bytes(&agreed.value))
    }
}

/// What was done with the key before a person took it over is his affair, except where it took the nonce of a lineage that still lives: that
/// one has to end.
fn concerns(look: Look<'_>, nonce: u64) -> bool {
    nonce >= look.watch.adopted_from || look.watch.lineages.iter().any(|lineage| lineage.number == nonce)
}

fn told(decoded: &Decoded, receipt: &Agreed<TxReceipt>, raw: Option<CoreBytes>, payable: &[Payable]) -> Foreign {
    let end = if receipt.value.succeeded() { "" } else { "; it was reverted" };
    let decoded_words = format!("{}, in block {}{end}", decoded.words, receipt.value.block().height);
    debug_assert_eq!(b256(decoded.hash), receipt.value.done.transaction_hash);
    let outflows = decoded.pays.filter(|_| receipt.value.succeeded()).and_then(|pays| outflow(pays, payable)).into_iter().collect();
    let block = Some(receipt.value.block());
    Foreign { nonce: decoded.nonce, hash: Some(decoded.hash), decoded: decoded_words, block, outflows, raw }
}

/// Of an asset that we pay; of others nobody is owed anything.
pub(crate) fn outflow(pays: Pays, payable: &[Payable]) -> Option<Outflow> {
    let paying = pays.token.map_or(Paying::Native, Paying::Token);
    let asset = payable.iter().find(|asset| asset.paying == paying)?.asset.clone();
    Some(Outflow { asset, destination: crate::canonical(pays.to), amount: crate::rpc::amount(pays.amount)? })
}

fn unseen(nonce: u64, block: Option<BlockRef>) -> Stranger {
    let decoded = match block {
        Some(block) => format!(
            "nonce {nonce} was consumed in block {} without a transaction of the wallet; an authorisation of code (EIP-7702) does that",
            block.height
        ),
        None => format!("nonce {nonce} was consumed by a transaction that the endpoints do not show; ask an endpoint that keeps history"),
    };
    Stranger {
        foreign: Foreign { nonce, hash: None, decoded, block, outflows: Vec::new(), raw: None },
        block: None,
        receipt: None,
        witnesses: Vec::new(),
    }
}

fn open(look: Look<'_>, standing: &Standing, strangers: &[Stranger]) -> BTreeSet<u64> {
    let told: BTreeSet<u64> = strangers.iter().map(|stranger| stranger.foreign.nonce).collect();
    standing.unexplained(look.watch, look.consumed).difference(&told).copied().collect()
}
