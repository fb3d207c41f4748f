//! A transaction that does what was approved, as far as its bytes tell, with the keys that sign it.

use adit_core::{Amount, BitcoinDraft, Draft, EvmDraft, Signed};

use crate::bitcoin::{self, BitcoinAccount, Coin};
use crate::policy::{BitcoinPolicy, EvmPolicy, Policy, Wallet};
use crate::{FeeUnit, Key, Refused, SignRequest, caps, evm};

/// Built from a draft, read back, and compared with what was approved.
pub(crate) enum Checked<'a> {
    Evm { key: &'a Key, chain: &'a EvmPolicy, unsigned: evm::Unsigned },
    Bitcoin { account: &'a BitcoinAccount, chain: &'a BitcoinPolicy, unsigned: bitcoin::Unsigned },
}

/// What it consumes, as its bytes say: no other final transaction can consume that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Consumed<'a> {
    Nonce(u64),
    Coins(&'a [Coin]),
}

impl<'a> Checked<'a> {
    /// # Errors
    /// [`Refused::Mismatch`].
    pub(crate) fn read(
        policy: &Policy,
        wallet: Wallet<'a>,
        request: &SignRequest,
    ) -> Result<Self, Refused> {
        let chain = &request.lane.chain;
        let checked = match (wallet, &request.draft) {
            (Wallet::Evm { key, chain }, Draft::Evm(draft)) => {
                Self::evm(policy, request, key, chain, draft)
            }
            (Wallet::Bitcoin { account, chain }, Draft::Bitcoin(draft)) => {
                Self::bitcoin(policy, request, account, chain, draft)
            }
            (Wallet::Evm { .. }, Draft::Bitcoin(_)) => {
                Err(format!("{chain} is no Bitcoin chain, and this is a Bitcoin transaction"))
            }
            (Wallet::Bitcoin { .. }, Draft::Evm(_)) => {
                Err(format!("{chain} is a Bitcoin chain, and this is an EVM transaction"))
            }
        };
        checked.map_err(|detail| Refused::Mismatch { detail })
    }

    fn evm(
        policy: &Policy,
        request: &SignRequest,
        key: &'a Key,
        chain: &'a EvmPolicy,
        draft: &EvmDraft,
    ) -> Result<Self, String> {
        let unsigned = evm::Unsigned::build(draft)?;
        let says = &unsigned.says;
        if says.chain_id != chain.chain_id {
            return Err(format!(
                "{} has chain id {}, and the transaction is for {}",
                request.lane.chain, chain.chain_id, says.chain_id
            ));
        }
        evm::approval::check(says, key.address(), request.purpose, &request.approved, policy)?;
        Ok(Self::Evm { key, chain, unsigned })
    }

    fn bitcoin(
        policy: &Policy,
        request: &SignRequest,
        account: &'a BitcoinAccount,
        chain: &'a BitcoinPolicy,
        draft: &BitcoinDraft,
    ) -> Result<Self, String> {
        let unsigned = bitcoin::Unsigned::build(draft, account)?;
        bitcoin::approval::check(
            &unsigned.says,
            draft,
            account,
            request.purpose,
            &request.approved,
            policy,
        )?;
        Ok(Self::Bitcoin { account, chain, unsigned })
    }

    pub(crate) fn consumed(&self) -> Consumed<'_> {
        match self {
            Self::Evm { unsigned, .. } => Consumed::Nonce(unsigned.says.nonce),
            Self::Bitcoin { unsigned, .. } => Consumed::Coins(&unsigned.coins),
        }
    }

    /// # Errors
    /// [`Refused::FeeAboveCap`], [`Refused::FeerateAboveCap`].
    pub(crate) fn check_fee(&self) -> Result<(), Refused> {
        match self {
            Self::Evm { chain, unsigned, .. } => {
                caps::check_fee(Amount::new(unsigned.says.cost_max()), chain.fee_cap, FeeUnit::Wei)
            }
            Self::Bitcoin { chain, unsigned, .. } => {
                caps::check_fee(unsigned.fee, chain.fee_cap, FeeUnit::Satoshi)?;
                caps::check_feerate(unsigned.fee, unsigned.vbytes, chain.feerate_cap)
            }
        }
    }

    /// Equal requests give equal bytes.
    ///
    /// # Errors
    /// [`Refused::Mismatch`] for a signature that does not verify.
    pub(crate) fn sign(self) -> Result<Signed, Refused> {
        match self {
            Self::Evm { key, unsigned, .. } => {
                let signature = key.sign(unsigned.digest);
                Ok(unsigned.seal(&signature))
            }
            Self::Bitcoin { account, unsigned, .. } => {
                unsigned.sign(account).map_err(|detail| Refused::Mismatch { detail })
            }
        }
    }
}
