//! Who spends from scripts. The node has no index of them: in blocks a spender is known by the key
//! or script that its witness shows, by a coin that was made in the same blocks, or by the change
//! that it makes; in the mempool by the coins that it takes.
//!
//! A key path of taproot (BIP-341) shows no key: such a spender in a block, of an older coin and
//! without change, is not found here.

use std::collections::{BTreeSet, HashSet};

use adit_chain::{Call, Endpoint, Fault};
use adit_core::BlockRef;
use bdk_wallet::bitcoin::hashes::Hash;
use bdk_wallet::bitcoin::{
    BlockHash, OutPoint, PubkeyHash, ScriptBuf, Transaction, TxIn, Txid, WPubkeyHash, WScriptHash,
};
use serde_json::json;

use super::ask_each;
use super::coins::listed;
use super::search::{SEARCH_BLOCKS_MAX, whole};
use super::spends::told_spends;
use super::transaction::found;
use crate::node::Fresh;
use crate::source::SourceSpender;
use crate::source::read::proven;

/// Generations of the mempool that are followed: nodes keep at most 25 (`-limitancestorcount`).
const GENERATIONS_MAX: usize = 25;
/// Of a compressed key.
const KEY_BYTES: usize = 33;

pub(in crate::source) async fn spenders(
    endpoint: &Endpoint,
    scripts: &[ScriptBuf],
    fresh: &Fresh,
    since: u64,
    head: BlockRef,
) -> Result<BTreeSet<SourceSpender>, Fault> {
    let mut ours = Ours { scripts: scripts.iter().collect(), fresh, coins: HashSet::new() };
    let mut spenders = mined(endpoint, &mut ours, since, head.height).await?;
    spenders.extend(
        pooled(endpoint, &mut ours)
            .await?
            .into_iter()
            .map(|txid| SourceSpender { txid, height: None }),
    );
    // A block that came meanwhile took them out of the mempool; above the head it holds nothing
    // yet.
    let tip = super::head(endpoint).await?.block.height;
    let young = mined(endpoint, &mut ours, head.height + 1, tip).await?;
    spenders.extend(young.into_iter().map(|spender| SourceSpender { height: None, ..spender }));
    Ok(spenders)
}

/// Those in the blocks `from` to `to`, both included.
async fn mined(
    endpoint: &Endpoint,
    ours: &mut Ours<'_>,
    mut from: u64,
    to: u64,
) -> Result<BTreeSet<SourceSpender>, Fault> {
    let mut spenders = BTreeSet::new();
    while from <= to {
        let end = to.min(from.saturating_add(SEARCH_BLOCKS_MAX - 1));
        let calls: Vec<Call> =
            (from..=end).map(|height| Call::new("getblockhash", json!([height]))).collect();
        let hashes: Vec<Option<BlockHash>> = ask_each(endpoint, &calls).await?;
        for (height, hash) in (from..).zip(hashes) {
            let block = match hash {
                Some(hash) => whole(endpoint, hash).await?,
                None => None,
            };
            let Some(block) = block else {
                return Err(endpoint.refused(
                    "getblock",
                    format!("it does not have block {height}, which has to be searched"),
                ));
            };
            let found = block
                .txdata
                .iter()
                .filter(|transaction| ours.takes(transaction))
                .map(Transaction::compute_txid);
            spenders.extend(
                found
                    .collect::<Vec<_>>()
                    .into_iter()
                    .map(|txid| SourceSpender { txid, height: Some(height) }),
            );
        }
        from = end + 1;
    }
    Ok(spenders)
}

/// Those in the mempool, from the coins of blocks on: what spends one may leave another to us.
async fn pooled(endpoint: &Endpoint, ours: &mut Ours<'_>) -> Result<BTreeSet<Txid>, Fault> {
    let scripts: Vec<ScriptBuf> = ours.scripts.iter().map(|script| (*script).clone()).collect();
    let mut coins: Vec<OutPoint> = listed(endpoint, &scripts).await?;
    let mut known = BTreeSet::new();
    for _ in 0..GENERATIONS_MAX {
        let spending: BTreeSet<Txid> =
            told_spends(endpoint, &coins).await?.into_iter().flatten().collect();
        let new: Vec<Txid> = spending.difference(&known).copied().collect();
        coins.clear();
        for (txid, found) in new.iter().zip(found(endpoint, &new).await?) {
            let Some(found) = found else { continue };
            coins.extend(ours.made_by(&proven(endpoint, *txid, &found.hex)?));
        }
        known.extend(new);
        if coins.is_empty() {
            break;
        }
    }
    Ok(known)
}

/// What is ours as far as blocks were searched.
struct Ours<'a> {
    scripts: HashSet<&'a ScriptBuf>,
    fresh: &'a Fresh,
    /// Coins that these blocks made for us.
    coins: HashSet<OutPoint>,
}

impl Ours<'_> {
    /// Whether it takes a coin of ours; what it leaves to us is noted.
    fn takes(&mut self, transaction: &Transaction) -> bool {
        let takes = |input: &TxIn| {
            self.coins.contains(&input.previous_output)
                || shown(input).iter().any(|one| self.scripts.contains(one))
        };
        let makes_change =
            || transaction.output.iter().any(|output| self.fresh.0.contains(&output.script_pubkey));
        let found = transaction.input.iter().any(takes) || makes_change();
        let made = self.made_by(transaction);
        self.coins.extend(made);
        found
    }

    fn made_by(&self, transaction: &Transaction) -> Vec<OutPoint> {
        let txid = transaction.compute_txid();
        let ours = (0u32..)
            .zip(&transaction.output)
            .filter(|(_, output)| self.scripts.contains(&output.script_pubkey));
        ours.map(|(vout, _)| OutPoint::new(txid, vout)).collect()
    }
}

/// The scripts that an input may have spent from, by what its witness shows (BIP-141).
fn shown(input: &TxIn) -> Vec<ScriptBuf> {
    let Some(last) = input.witness.last() else { return Vec::new() };
    let by_script = ScriptBuf::new_p2wsh(&WScriptHash::hash(last));
    let by_key = (last.len() == KEY_BYTES).then(|| {
        ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array(PubkeyHash::hash(last).to_byte_array()))
    });
    by_key.into_iter().chain([by_script]).collect()
}
