//! Transactions that took coins of ours and are none that we know: read and told in words.

use adit_chain::{Foreign, Outflow};
use adit_core::{BlockRef, Bytes, Keychain, Leg, PayoutId};
use bdk_wallet::bitcoin::consensus::encode::serialize;
use bdk_wallet::bitcoin::{Transaction, TxOut, Txid};

use crate::lane::BitcoinLane;
use crate::{Address, hash_of, money};

/// Outputs that are named one by one.
const TOLD_OUTPUTS_MAX: usize = 3;

/// What is known of a stranger.
pub(crate) struct Told<'a> {
    pub lane: &'a BitcoinLane,
    /// None where nobody has its bytes.
    pub transaction: Option<Transaction>,
}

impl Told<'_> {
    /// `number`: of the lineage whose coin it took. Where it pays change of ours, the number that
    /// this change has is told instead: then the signer's journal may know it.
    pub(crate) fn foreign(&self, by: Txid, block: BlockRef, number: u64) -> Foreign {
        Foreign { hash: Some(hash_of(by)), block: Some(block), ..self.found(number) }
    }

    /// The same, wherever it is.
    pub(crate) fn found(&self, number: u64) -> Foreign {
        Foreign {
            nonce: self.change_number().unwrap_or(number),
            hash: None,
            decoded: self.words(),
            block: None,
            outflows: self.outflows(),
            raw: self.transaction.as_ref().map(|transaction| Bytes(serialize(transaction))),
        }
    }

    pub(crate) fn words(&self) -> String {
        let Some(transaction) = &self.transaction else {
            return "a transaction whose bytes no source shows".to_owned();
        };
        let theirs: Vec<&TxOut> = self.theirs(transaction).collect();
        let told: Vec<String> =
            theirs.iter().take(TOLD_OUTPUTS_MAX).map(|output| self.output(output)).collect();
        let more = theirs.len().saturating_sub(TOLD_OUTPUTS_MAX);
        match (told.is_empty(), more) {
            (true, _) => "a transaction that pays only to this wallet".to_owned(),
            (false, 0) => format!("a transaction that pays {}", told.join(", ")),
            (false, more) => {
                format!("a transaction that pays {} and {more} others", told.join(", "))
            }
        }
    }

    /// Payouts of these legs that it may have paid: their address got something. Where nobody shows
    /// its bytes, all of them.
    pub(crate) fn payees(&self, legs: &[Leg]) -> Vec<PayoutId> {
        let paid = |leg: &&Leg| match (
            &self.transaction,
            Address::parse(self.lane.settings.wallet.network(), leg.destination.as_str()),
        ) {
            (Some(transaction), Ok(address)) => {
                transaction.output.iter().any(|output| output.script_pubkey == *address.script())
            }
            (None, _) | (_, Err(_)) => true,
        };
        legs.iter().filter(paid).map(|leg| leg.payout).collect()
    }

    fn theirs<'b>(&'b self, transaction: &'b Transaction) -> impl Iterator<Item = &'b TxOut> {
        transaction
            .output
            .iter()
            .filter(|output| self.lane.place_of(&output.script_pubkey).is_none())
    }

    fn output(&self, output: &TxOut) -> String {
        let address =
            Address::of_script(self.lane.settings.wallet.network(), output.script_pubkey.clone());
        let to = address.map_or_else(
            || format!("the script {}", output.script_pubkey.to_hex_string()),
            |address| address.destination().to_string(),
        );
        format!("{} satoshi to {to}", money::widen(output.value))
    }

    pub(crate) fn change_number(&self) -> Option<u64> {
        let places = self.transaction.iter().flat_map(|transaction| &transaction.output);
        let mut internal = places
            .filter_map(|output| self.lane.place_of(&output.script_pubkey))
            .filter(|place| place.keychain == Keychain::Internal);
        internal.next().map(|place| u64::from(place.index))
    }

    fn outflows(&self) -> Vec<Outflow> {
        let theirs = self.transaction.iter().flat_map(|transaction| self.theirs(transaction));
        let outflow = |output: &TxOut| {
            let address = Address::of_script(
                self.lane.settings.wallet.network(),
                output.script_pubkey.clone(),
            )?;
            let (asset, destination) =
                (self.lane.settings.asset.clone(), address.destination().clone());
            Some(Outflow { asset, destination, amount: money::widen(output.value) })
        };
        theirs.filter_map(outflow).collect()
    }
}
