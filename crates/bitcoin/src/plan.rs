//! A draft from what was chosen: coins become inputs, and what is left becomes change at the index
//! of the payment's number.

use adit_core::{
    Amount, BitcoinDraft, Bytes, DraftInput, DraftOutput, FeeRate, Keychain, OutputPurpose, Place,
};

use bdk_wallet::bitcoin::Script;

use crate::transaction::put_in_order;
use crate::{Coin, ScriptKind, Wallet, WalletError, transaction_weight};

/// A payment of a wallet that is being planned.
#[derive(Debug, Clone, Copy)]
pub struct Payment<'a> {
    pub wallet: &'a Wallet,
    /// The lane's number of it.
    pub number: u64,
    pub feerate: FeeRate,
}

impl Payment<'_> {
    /// # Errors
    /// [`WalletError::Index`] where the number is beyond the indices of a keychain.
    pub(crate) fn draft(
        &self,
        inputs: Vec<DraftInput>,
        mut outputs: Vec<DraftOutput>,
        change: Option<Amount>,
    ) -> Result<BitcoinDraft, WalletError> {
        outputs.extend(change.map(|amount| self.change(amount)).transpose()?);
        let kinds = outputs
            .iter()
            .filter_map(|output| ScriptKind::of(Script::from_bytes(&output.script.0)));
        let vbytes = transaction_weight(self.wallet.spend(), inputs.len(), kinds).to_vbytes_ceil();
        let mut draft =
            BitcoinDraft { number: self.number, inputs, outputs, feerate: self.feerate, vbytes };
        put_in_order(&mut draft);
        Ok(draft)
    }

    pub(crate) fn change(&self, amount: Amount) -> Result<DraftOutput, WalletError> {
        let index =
            u32::try_from(self.number).map_err(|_| WalletError::Index { index: u32::MAX })?;
        let script = self.wallet.script(Place { keychain: Keychain::Internal, index })?;
        Ok(DraftOutput {
            script: Bytes(script.to_bytes()),
            amount,
            purpose: OutputPurpose::Change { index },
        })
    }
}

pub(crate) fn input(coin: &Coin) -> DraftInput {
    let Place { keychain, index } = coin.place;
    DraftInput {
        outpoint: coin.outpoint.to_string(),
        amount: coin.amount,
        keychain,
        index,
        confirmed: coin.is_confirmed(),
    }
}
