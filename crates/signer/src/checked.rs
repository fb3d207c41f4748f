//! A transaction that does what was approved, as far as its bytes tell, with the key that signs it.

use adit_core::{Amount, Draft, Signed};

use crate::evm::{self, approval};
use crate::policy::{EvmPolicy, Policy, Wallet};
use crate::{FeeUnit, Key, Refused, SignRequest, caps};

/// Built from a draft, read back, and compared with what was approved.
pub(crate) enum Checked<'a> {
    Evm { key: &'a Key, chain: &'a EvmPolicy, unsigned: evm::Unsigned },
}

impl<'a> Checked<'a> {
    /// # Errors
    /// [`Refused::Mismatch`].
    pub(crate) fn read(policy: &Policy, wallet: Wallet<'a>, request: &SignRequest) -> Result<Self, Refused> {
        let checked = match (wallet, &request.draft) {
            (Wallet::Evm { key, chain }, Draft::Evm(draft)) => evm::Unsigned::build(draft)
                .and_then(|unsigned| check_evm(policy, request, key, chain, &unsigned.says).map(|()| Self::Evm { key, chain, unsigned })),
            (Wallet::Bitcoin { .. }, Draft::Bitcoin(_)) => Err("this signer signs no Bitcoin transactions yet".to_owned()),
            (Wallet::Evm { .. }, Draft::Bitcoin(_)) => {
                Err(format!("{} is no Bitcoin chain, and this is a Bitcoin transaction", request.lane.chain))
            }
            (Wallet::Bitcoin { .. }, Draft::Evm(_)) => {
                Err(format!("{} is a Bitcoin chain, and this is an EVM transaction", request.lane.chain))
            }
        };
        checked.map_err(|detail| Refused::Mismatch { detail })
    }

    /// # Errors
    /// [`Refused::FeeAboveCap`].
    pub(crate) fn check_fee(&self) -> Result<(), Refused> {
        match self {
            Self::Evm { chain, unsigned, .. } => caps::check_fee(Amount::new(unsigned.says.cost_max()), chain.fee_cap, FeeUnit::Wei),
        }
    }

    pub(crate) fn nonce(&self) -> u64 {
        match self {
            Self::Evm { unsigned, .. } => unsigned.says.nonce,
        }
    }

    pub(crate) fn sign(self) -> Signed {
        match self {
            Self::Evm { key, unsigned, .. } => {
                let signature = key.sign(unsigned.digest);
                unsigned.seal(&signature)
            }
        }
    }
}

fn check_evm(policy: &Policy, request: &SignRequest, key: &Key, chain: &EvmPolicy, says: &evm::Said) -> Result<(), String> {
    if says.chain_id != chain.chain_id {
        return Err(format!("{} has chain id {}, and the transaction is for {}", request.lane.chain, chain.chain_id, says.chain_id));
    }
    approval::check(says, key.address(), request.purpose, &request.approved, policy)
}
