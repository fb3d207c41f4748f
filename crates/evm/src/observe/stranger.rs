//! What consumed a nonce of ours and is none of our hashes: found, read, told in words (windows F8,
//! F22, F23).

use std::collections::BTreeSet;
use std::sync::Arc;

use adit_chain::{Agreed, Call, Endpoint, Fault, Foreign, Outflow, tally};
use adit_core::{BlockRef, Bytes as CoreBytes, EndpointName, Hash32};
use alloy::primitives::{Address, B256, Bytes, U64};
use serde_json::json;

use super::Look;
use super::scan::{self, SCAN_BLOCKS_PER_LOOK_MAX, Scanned};
use super::search::{Search, Wanted};
use super::standing::Standing;
use crate::config::{Payable, Paying};
use crate::foreign::{self, Decoded, Pays};
use crate::node::{Node, read_known};
use crate::rpc::{FullBlock, Transaction, TxReceipt, b256, core_bytes, hash32, height};

/// Nonces that one look tries to explain, and transactions that it reads. What is left is explained
/// by the next.
const STRANGERS_PER_LOOK_MAX: usize = 16;

/// Somebody else's use of a nonce.
pub(crate) struct Stranger {
    pub foreign: Foreign,
    pub block: Option<BlockRef>,
    /// Absent where its transaction was not found.
    pub receipt: Option<TxReceipt>,
    pub witnesses: Vec<EndpointName>,
}

/// What a look says of the nonces that the search has left open.
pub(crate) struct Explained {
    pub strangers: Vec<Stranger>,
    /// Older blocks are still being read for one of them.
    pub searching: bool,
}

/// What a look gathers about strangers.
struct Finding<'a> {
    standing: &'a mut Standing,
    search: &'a mut Search,
    strangers: Vec<Stranger>,
    /// Blocks that this look may still read where no state is kept.
    scan_budget: u64,
    searching: bool,
}

impl Finding<'_> {
    fn explains(&self, look: Look<'_>, nonce: u64) -> bool {
        let ours = !self.standing.unexplained(look.watch, nonce + 1).contains(&nonce);
        ours || self.strangers.iter().any(|other| other.foreign.nonce == nonce)
    }
}

impl Node {
    /// Explains every consumed nonce that the search has left open.
    pub(crate) async fn explain(
        &self,
        look: Look<'_>,
        standing: &mut Standing,
        search: &mut Search,
    ) -> Result<Explained, Fault> {
        let mut strangers = Vec::new();
        for receipt in search.strangers.iter().take(STRANGERS_PER_LOOK_MAX) {
            strangers.extend(self.read_stranger(receipt, look).await?);
        }
        strangers.retain(|stranger| concerns(look, stranger.foreign.nonce));
        let left = open(look, standing, &strangers);
        if left.is_empty() || !search.complete {
            return Ok(Explained { strangers, searching: false });
        }
        for receipt in self.standing_receipts(&standing.hashes_of(look.watch, &left)).await? {
            standing.place(&receipt);
            search.receipts.insert(receipt.value.hash(), receipt);
        }
        let mut left = open(look, standing, &strangers);
        let mut finding = Finding {
            standing,
            search,
            strangers,
            scan_budget: SCAN_BLOCKS_PER_LOOK_MAX,
            searching: false,
        };
        for _ in 0..STRANGERS_PER_LOOK_MAX {
            let Some(nonce) = left.first().copied() else { break };
            self.find_consumer(look, nonce, &mut finding).await;
            left = open(look, finding.standing, &finding.strangers)
                .into_iter()
                .filter(|other| *other > nonce)
                .collect();
        }
        Ok(Explained { strangers: finding.strangers, searching: finding.searching })
    }

    /// Looks for the block that consumed the nonce, and takes in everything of the wallet in it.
    async fn find_consumer(&self, look: Look<'_>, nonce: u64, finding: &mut Finding<'_>) {
        let told = match self.seek(look, nonce, finding).await {
            Ok(told) => told,
            Err(_) => Some(Untold::NotShown),
        };
        let Some(told) = told.filter(|_| !finding.explains(look, nonce)) else { return };
        finding.searching |= matches!(told, Untold::GoesOn { .. });
        // Of a nonce in a live lineage nothing is said until its transaction is seen, or nobody
        // looks for it any more; one beyond ours is reported in any case.
        if nonce >= look.watch.next_nonce || matches!(told, Untold::GaveUp { .. }) {
            finding.strangers.push(unseen(nonce, told));
        }
    }

    /// By the state of old blocks where an endpoint keeps it, else by reading blocks. None where
    /// its transaction was taken in.
    async fn seek(
        &self,
        look: Look<'_>,
        nonce: u64,
        finding: &mut Finding<'_>,
    ) -> Result<Option<Untold>, Fault> {
        let known = scan::known(look.scans, look.wallet, nonce, self.config.scan_blocks_max);
        let top = match known {
            Some((Scanned::In(_) | Scanned::Without { .. } | Scanned::GaveUp { .. }, top)) => top,
            // State that was not there a moment ago may be there now.
            Some((Scanned::GoesOn { .. }, _)) | None => {
                let consumed = self.consumed_at(look.wallet, nonce, look.head().height).await?;
                if let Some(height) = consumed.at {
                    let block = self.take_in(look, height, finding).await?;
                    if finding.explains(look, nonce) {
                        return Ok(None);
                    }
                    // What one endpoint alone says of old state may be wrong; then nothing follows
                    // from the block that it named.
                    if consumed.agreed {
                        return Ok(Some(block.map_or(Untold::NotShown, |block| Untold::Without {
                            low: block.height,
                            top: block,
                        })));
                    }
                }
                known.map_or(consumed.up_to, |(_, top)| top.min(consumed.up_to))
            }
        };
        match self.scan(look.wallet, nonce, top, &mut finding.scan_budget, look.scans).await? {
            Scanned::In(height) => {
                self.take_in(look, height, finding).await?;
                if !finding.explains(look, nonce)
                    && !self.sends_in(look.wallet, nonce, height).await?
                {
                    scan::forget(look.scans, look.wallet);
                }
                Ok(Some(Untold::NotShown))
            }
            Scanned::Without { low, top } => {
                let top = self.blocks_at(&[top]).await?.into_iter().flatten().next();
                Ok(Some(
                    top.map_or(Untold::NotShown, |top| Untold::Without {
                        low,
                        top: top.value.at(),
                    }),
                ))
            }
            Scanned::GoesOn { top } => {
                Ok(Some(Untold::GoesOn { top, most: self.config.scan_blocks_max }))
            }
            Scanned::GaveUp { low, top } => Ok(Some(Untold::GaveUp { low, top })),
        }
    }

    /// Takes in what the wallet did in a block. Returns the block where it is shown.
    async fn take_in(
        &self,
        look: Look<'_>,
        height: u64,
        finding: &mut Finding<'_>,
    ) -> Result<Option<BlockRef>, Fault> {
        let Some((block, receipts)) = self.wallets_block(look, height).await? else {
            return Ok(None);
        };
        for receipt in receipts {
            if finding.standing.watches(receipt.value.hash()) {
                finding.standing.place(&receipt);
                finding.search.receipts.insert(receipt.value.hash(), receipt);
            } else if let Ok(Some(stranger)) = self.read_stranger(&receipt, look).await {
                let known = finding
                    .strangers
                    .iter()
                    .any(|other| other.foreign.hash == stranger.foreign.hash);
                finding
                    .strangers
                    .extend((!known && concerns(look, stranger.foreign.nonce)).then_some(stranger));
            }
        }
        Ok(Some(block))
    }

    async fn wallets_block(
        &self,
        look: Look<'_>,
        height: u64,
    ) -> Result<Option<(BlockRef, Vec<Agreed<TxReceipt>>)>, Fault> {
        let searched =
            self.searched(&[height], &Wanted::of(look)).await?.into_iter().next().flatten();
        let Some(agreed) = searched else {
            return self.wallets_receipts(look.wallet, height).await;
        };
        let of = |value: TxReceipt| Agreed { value, witnesses: agreed.witnesses.clone() };
        Ok(Some((agreed.value.block, agreed.value.ours.into_iter().map(of).collect())))
    }

    /// The same without `eth_getBlockReceipts`: the wallet's transactions in the block, and their
    /// receipts one by one.
    async fn wallets_receipts(
        &self,
        wallet: Address,
        at: u64,
    ) -> Result<Option<(BlockRef, Vec<Agreed<TxReceipt>>)>, Fault> {
        let call = Call::new("eth_getBlockByNumber", json!([height(at), true]));
        let question = async |endpoint: Arc<Endpoint>| {
            let block: FullBlock = endpoint.ask(call.clone()).await?;
            let ours = block.transactions.iter().filter(|transaction| transaction.from == wallet);
            Ok((
                block.header.at(),
                ours.map(|transaction| hash32(transaction.hash)).collect::<Vec<Hash32>>(),
            ))
        };
        let (block, hashes) =
            self.quorum.ask("the wallet's transactions in a block", question).await?.value;
        Ok(Some((block, self.standing_receipts(&hashes).await?)))
    }

    /// Where the nonce was consumed, as far as old state tells. Strides back from the head, because
    /// nodes keep little of it.
    async fn consumed_at(&self, wallet: Address, nonce: u64, head: u64) -> Result<Consumed, Fault> {
        let mut sought = Sought { low: 0, high: head, up_to: head, open_at: None, agreed: true };
        let mut stride = 1;
        while sought.high > 0 && sought.low == 0 {
            let height = head.saturating_sub(stride);
            sought.narrow(height, nonce, self.count_at(wallet, height).await?);
            stride = stride.saturating_mul(2);
        }
        while sought.low < sought.high {
            let middle = sought.low + (sought.high - sought.low) / 2;
            sought.narrow(middle, nonce, self.count_at(wallet, middle).await?);
        }
        Ok(sought.found())
    }

    /// How many transactions of the wallet the chain contains up to that height. None where the
    /// endpoints that answer keep no such state (`missing trie node`, `historical state … is not
    /// available`), or contradict each other.
    async fn count_at(&self, wallet: Address, at: u64) -> Result<Option<Count>, Fault> {
        let call = Call::new("eth_getTransactionCount", json!([wallet, height(at)]));
        let question = async |endpoint: Arc<Endpoint>| {
            read_known::<U64>(&endpoint, std::slice::from_ref(&call)).await
        };
        let said = self.quorum.gather("the transaction count", question).await?.answers;
        let known: Vec<(EndpointName, u64)> = said
            .into_iter()
            .filter_map(|(name, counts)| Some((name, counts.into_iter().next()??.to())))
            .collect();
        let agreed = tally(&known, self.quorum.needed());
        let alone = tally(&known, known.len().max(1));
        let agrees = agreed.is_some();
        Ok(agreed.or(alone).map(|count| Count { number: count.value, agreed: agrees }))
    }

    /// Reads a transaction of the wallet: from its bytes where an endpoint has them, else from what
    /// a quorum says.
    async fn read_stranger(
        &self,
        receipt: &Agreed<TxReceipt>,
        look: Look<'_>,
    ) -> Result<Option<Stranger>, Fault> {
        let hash = receipt.value.done.transaction_hash;
        let raw = self.raw(hash).await;
        let decoded = match raw.as_ref().and_then(|raw| foreign::decode(raw).ok()) {
            Some(decoded) => decoded,
            None => {
                let call = Call::new("eth_getTransactionByHash", json!([hash]));
                foreign::describe(
                    &self.ask::<Transaction>("a foreign transaction", call).await?.value,
                )
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
            right.ok_or_else(|| {
                endpoint.malformed(
                    "eth_getRawTransactionByHash",
                    "other bytes than asked for".to_owned(),
                )
            })
        };
        self.quorum.ask("raw bytes", question).await.ok().map(|agreed| core_bytes(&agreed.value))
    }
}

/// How often the wallet had sent something at some height.
struct Count {
    number: u64,
    /// Enough endpoints say so.
    agreed: bool,
}

/// Where a nonce was consumed, as far as old state tells.
struct Consumed {
    at: Option<u64>,
    /// There or below, as enough endpoints say.
    up_to: u64,
    /// Enough endpoints said so at each step.
    agreed: bool,
}

/// The search for where a nonce was consumed: at `high` or below, and, where state says so, not
/// below `low`.
struct Sought {
    low: u64,
    high: u64,
    /// The lowest block of which enough endpoints say that the nonce was consumed there.
    up_to: u64,
    /// The highest block of which state says that the nonce was free there.
    open_at: Option<u64>,
    agreed: bool,
}

impl Sought {
    /// Where a height's state is not kept, that of blocks below it is not either.
    fn narrow(&mut self, height: u64, nonce: u64, count: Option<Count>) {
        self.agreed &= count.as_ref().is_none_or(|count| count.agreed);
        match count {
            Some(Count { number, agreed }) if number > nonce => {
                self.high = height;
                self.up_to = if agreed { height } else { self.up_to };
            }
            Some(_) => (self.low, self.open_at) = (height + 1, Some(height)),
            None => self.low = height + 1,
        }
    }

    fn found(self) -> Consumed {
        let at = Some(self.high)
            .filter(|high| *high == 0 || self.open_at.is_some_and(|open| open + 1 == *high));
        Consumed { at, up_to: self.up_to, agreed: self.agreed }
    }
}

/// Why nothing is told of a nonce that the chain has consumed.
enum Untold {
    /// These blocks consumed it, and no transaction of the wallet did.
    Without { low: u64, top: BlockRef },
    /// No state is kept of when it was consumed, at `top` or below; blocks are read for it.
    GoesOn { top: u64, most: u64 },
    /// So many blocks were read in vain.
    GaveUp { low: u64, top: u64 },
    /// Too few endpoints show its block, or its transaction.
    NotShown,
}

impl Untold {
    fn words(&self, nonce: u64) -> String {
        match self {
            Self::Without { low, top } if *low == top.height => format!(
                "nonce {nonce} was consumed in block {low} without a transaction of the wallet; an \
                 authorisation of code (EIP-7702) does that"
            ),
            Self::Without { low, top } => format!(
                "nonce {nonce} was consumed in a block from {low} to {} without a transaction of the wallet; an authorisation of code \
                 (EIP-7702) does that",
                top.height
            ),
            Self::GoesOn { top, most } => format!(
                "nonce {nonce} was consumed in block {top} or an older one, of which no endpoint keeps the state; up to {most} \
                 blocks are now read for its transaction, which takes a while. An endpoint that keeps the state of all blocks (an archive \
                 node) knows it at once: add one and restart"
            ),
            Self::GaveUp { low, top } => format!(
                "nonce {nonce} was consumed in a block before {low}: no endpoint keeps the state of then, and blocks {low} to {top} hold no \
                 transaction of the wallet with it. Nothing is concluded. Add an endpoint that keeps the state of all blocks (an archive \
                 node) and restart"
            ),
            Self::NotShown => {
                format!(
                    "nonce {nonce} was consumed by a transaction that the endpoints do not show; \
                     ask an endpoint that keeps history"
                )
            }
        }
    }
}

/// What was done with the key before a person took it over is his affair, except where it took the
/// nonce of a lineage that still lives: that one has to end.
fn concerns(look: Look<'_>, nonce: u64) -> bool {
    nonce >= look.watch.adopted_from
        || look.watch.lineages.iter().any(|lineage| lineage.number == nonce)
}

fn told(
    decoded: &Decoded,
    receipt: &Agreed<TxReceipt>,
    raw: Option<CoreBytes>,
    payable: &[Payable],
) -> Foreign {
    let end = if receipt.value.succeeded() { "" } else { "; it was reverted" };
    let decoded_words =
        format!("{}, in block {}{end}", decoded.words, receipt.value.block().height);
    debug_assert_eq!(b256(decoded.hash), receipt.value.done.transaction_hash);
    let outflows = decoded
        .pays
        .filter(|_| receipt.value.succeeded())
        .and_then(|pays| outflow(pays, payable))
        .into_iter()
        .collect();
    let block = Some(receipt.value.block());
    Foreign {
        nonce: decoded.nonce,
        hash: Some(decoded.hash),
        decoded: decoded_words,
        block,
        outflows,
        raw,
    }
}

/// Of an asset that we pay; of others nobody is owed anything.
pub(crate) fn outflow(pays: Pays, payable: &[Payable]) -> Option<Outflow> {
    let paying = pays.token.map_or(Paying::Native, Paying::Token);
    let asset = payable.iter().find(|asset| asset.paying == paying)?.asset.clone();
    Some(Outflow {
        asset,
        destination: crate::canonical(pays.to),
        amount: crate::rpc::amount(pays.amount)?,
    })
}

fn unseen(nonce: u64, told: Untold) -> Stranger {
    let block = match told {
        Untold::Without { top, .. } => Some(top),
        Untold::GoesOn { .. } | Untold::GaveUp { .. } | Untold::NotShown => None,
    };
    let foreign = Foreign {
        nonce,
        hash: None,
        decoded: told.words(nonce),
        block,
        outflows: Vec::new(),
        raw: None,
    };
    Stranger { foreign, block: None, receipt: None, witnesses: Vec::new() }
}

fn open(look: Look<'_>, standing: &Standing, strangers: &[Stranger]) -> BTreeSet<u64> {
    let told: BTreeSet<u64> = strangers.iter().map(|stranger| stranger.foreign.nonce).collect();
    standing.unexplained(look.watch, look.consumed).difference(&told).copied().collect()
}
