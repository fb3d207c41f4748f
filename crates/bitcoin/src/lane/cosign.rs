//! Wallets of several keys: what the other signers are given, and what they bring back.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{Cosigned, Handout};
use adit_core::{Draft, Signed};
use bdk_wallet::bitcoin::{Transaction, Txid};
use futures::stream::{self, StreamExt};

use super::BitcoinLane;
use super::succeed::bitcoin;
use crate::{Proposal, Spend, Unsigned, Wallet};

/// Transactions that are asked for at once.
const AT_ONCE_MAX: usize = 4;
/// What they may take of a file that somebody has to bring back. A stranger chooses how large the
/// one is that made our coin.
const PREVIOUS_BYTES_MAX: usize = 3_000_000;

impl BitcoinLane {
    pub(super) async fn hand_out(&self, draft: &Draft, signed: &Signed) -> Result<Handout, String> {
        let mut proposal = recorded(&self.settings.wallet, draft, signed)?;
        let (mut missing, mut room) = (Vec::new(), PREVIOUS_BYTES_MAX);
        for (txid, transaction) in self.previous(&proposal).await {
            let uses = proposal
                .unsigned()
                .transaction()
                .input
                .iter()
                .filter(|input| input.previous_output.txid == txid)
                .count();
            let fitting =
                transaction.filter(|found| found.base_size().saturating_mul(uses) <= room);
            let Some(found) = fitting else {
                missing.push(txid.to_string());
                continue;
            };
            room -= found.base_size().saturating_mul(uses);
            proposal = proposal.with_previous(&found).map_err(|error| error.to_string())?;
        }
        Ok(Handout { signatures: proposal.signatures(), psbt: proposal.to_base64(), missing })
    }

    /// The transactions that made the spent coins, as far as a source has them: bytes prove
    /// themselves by their hash, so one is enough. A signature of a taproot input commits to all
    /// amounts (BIP-341), so nobody asks for them there.
    async fn previous(&self, proposal: &Proposal) -> BTreeMap<Txid, Option<Transaction>> {
        if self.settings.wallet.spend() == Spend::TaprootKey {
            return BTreeMap::new();
        }
        let spent = &proposal.unsigned().transaction().input;
        let txids: BTreeSet<Txid> = spent.iter().map(|input| input.previous_output.txid).collect();
        let ask = async |txid: Txid| (txid, self.node.transaction(txid).await.ok().flatten());
        stream::iter(txids).map(ask).buffer_unordered(AT_ONCE_MAX).collect().await
    }
}

/// # Errors
/// What in the file differs from what was handed out, or what keeps the signatures from being a
/// transaction.
pub(super) fn cosigned(
    wallet: &Wallet,
    draft: &Draft,
    signed: &Signed,
    file: &[u8],
) -> Result<Cosigned, String> {
    let mut proposal = recorded(wallet, draft, signed)?;
    let added = proposal.merge(file).map_err(|tampered| tampered.to_string())?;
    let signatures = proposal.signatures();
    let raw = if signatures.have < signatures.needed {
        adit_core::Bytes(proposal.to_bytes())
    } else {
        proposal.finish().map_err(|unfinished| unfinished.to_string())?.raw
    };
    Ok(Cosigned { signed: Signed { raw, hash: signed.hash }, added, signatures })
}

/// A version with the signatures that are recorded of it.
fn recorded(wallet: &Wallet, draft: &Draft, signed: &Signed) -> Result<Proposal, String> {
    let draft = bitcoin(draft).ok_or("it is no transaction of this chain")?;
    if !signed.lacks_signatures() {
        return Err("it has all its signatures already; nobody is asked for more".to_owned());
    }
    let unsigned = Unsigned::of(draft).map_err(|error| error.to_string())?;
    let mut proposal = Proposal::new(wallet, unsigned).map_err(|error| error.to_string())?;
    proposal
        .merge(&signed.raw.0)
        .map_err(|tampered| format!("what is recorded of it cannot be used: {tampered}"))?;
    Ok(proposal)
}
