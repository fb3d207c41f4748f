//! How one EVM chain is reached and what is paid on it.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_chain::{EndpointError, REQUEST_MILLIS_MAX};
use adit_core::{Asset, AssetForm, AssetId, ChainName, Destination, Finality, Span, Trust};
use alloy::primitives::Address;

use crate::address::AddressBook;
use crate::fee::PRIORITY_FEE_FLOOR_WEI;
use crate::observe::SCAN_BLOCKS_MAX;
use crate::signature::SignatureForms;

/// Everything that is configured. Made by [`EvmConfig::new`] and then adjusted.
#[derive(Clone)]
pub struct EvmConfig {
    pub name: ChainName,
    pub chain_id: u64,
    /// JSON-RPC over http or https. They may carry keys and are never shown.
    pub endpoints: Vec<String>,
    pub trust: Trust,
    pub finality: Finality,
    /// Assets of this chain; others are ignored.
    pub assets: Vec<Asset>,
    /// Wallets of ours: they may not be paid as if they were users.
    pub wallets: Vec<Destination>,
    /// More addresses that may not be paid, and what they are ("the lock of the members").
    pub forbidden: BTreeMap<Destination, String>,
    /// Accept destinations that are all lower case.
    pub lower_case_addresses: bool,
    /// Accept 64-byte signatures (EIP-2098).
    pub compact_signatures: bool,
    /// Accept signatures of contract wallets that are not deployed yet (ERC-6492).
    pub undeployed_wallets: bool,
    /// The chain charges for data and for its operator, as OP stack chains do (Base, Optimism).
    pub op_stack: bool,
    /// Blocks that are read backwards for what used a nonce, where no endpoint keeps the state of
    /// then.
    pub scan_blocks_max: u64,
    /// Least tip that an attempt offers, in wei per gas.
    pub priority_fee_floor: u128,
    /// Longest wait for one answer.
    pub request_time_max: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(
        "chain {chain} has {got} endpoint(s), and trust = \"quorum\" needs 2 or more; add one, or \
         set trust = \"single\""
    )]
    TooFewEndpoints { chain: ChainName, got: usize },
    #[error(
        "{subject} of chain {chain} is {got:?}; it must be an address: 0x and 40 hex digits, with \
         the checksum of EIP-55 or all lower case"
    )]
    Address { chain: ChainName, subject: String, got: String },
}

/// How an asset is paid on this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paying {
    Native,
    Token(Address),
}

/// One asset, its addresses read.
#[derive(Debug, Clone)]
pub(crate) struct Payable {
    pub asset: AssetId,
    pub decimals: u8,
    pub paying: Paying,
}

impl EvmConfig {
    /// The careful choices: a quorum, the `finalized` tag, checksums required, 65-byte signatures
    /// only.
    pub fn new(name: ChainName, chain_id: u64, endpoints: Vec<String>) -> Self {
        Self {
            name,
            chain_id,
            endpoints,
            trust: Trust::Quorum,
            finality: Finality::Tag,
            assets: Vec::new(),
            wallets: Vec::new(),
            forbidden: BTreeMap::new(),
            lower_case_addresses: false,
            compact_signatures: false,
            undeployed_wallets: false,
            op_stack: false,
            scan_blocks_max: SCAN_BLOCKS_MAX,
            priority_fee_floor: PRIORITY_FEE_FLOOR_WEI,
            request_time_max: Span::from_millis(REQUEST_MILLIS_MAX),
        }
    }

    pub(crate) fn time_max(&self) -> Duration {
        Duration::from_millis(self.request_time_max.millis())
    }

    pub(crate) fn forms(&self) -> SignatureForms {
        SignatureForms { compact: self.compact_signatures }
    }

    /// # Errors
    /// [`ConfigError::TooFewEndpoints`].
    pub(crate) fn enough_endpoints(&self, got: usize) -> Result<(), ConfigError> {
        let least = match self.trust {
            Trust::Single => 1,
            Trust::Quorum => 2,
        };
        if got < least {
            Err(ConfigError::TooFewEndpoints { chain: self.name.clone(), got })
        } else {
            Ok(())
        }
    }

    /// The assets that are paid here, with their contracts.
    ///
    /// # Errors
    /// [`ConfigError::Address`].
    pub(crate) fn payable(&self) -> Result<Vec<Payable>, ConfigError> {
        let here = self.assets.iter().filter(|asset| asset.chain() == Some(&self.name));
        let payable = |asset: &Asset| {
            let paying = match &asset.form {
                AssetForm::Points | AssetForm::Native { .. } => Paying::Native,
                AssetForm::Token { contract, .. } => {
                    Paying::Token(self.address(format!("the contract of {}", asset.id), contract)?)
                }
            };
            Ok(Payable { asset: asset.id.clone(), decimals: asset.decimals, paying })
        };
        here.map(payable).collect()
    }

    /// # Errors
    /// [`ConfigError::Address`].
    pub(crate) fn address_book(&self, assets: &[Payable]) -> Result<AddressBook, ConfigError> {
        let mut forbidden = BTreeMap::new();
        for (address, what) in &self.forbidden {
            forbidden.insert(self.address(what.clone(), address.as_str())?, what.clone());
        }
        for asset in assets {
            if let Paying::Token(contract) = asset.paying {
                forbidden.insert(contract, format!("the contract of {}", asset.asset));
            }
        }
        for wallet in &self.wallets {
            forbidden.insert(
                self.address("the wallet".to_owned(), wallet.as_str())?,
                "the wallet that pays".to_owned(),
            );
        }
        Ok(AddressBook {
            lower_case: self.lower_case_addresses,
            chain_id: Some(self.chain_id),
            forbidden,
        })
    }

    /// Configured addresses may be lower case; a mixed case must be a right checksum.
    fn address(&self, subject: String, text: &str) -> Result<Address, ConfigError> {
        let wrong =
            || ConfigError::Address { chain: self.name.clone(), subject, got: text.to_owned() };
        let address: Address =
            text.parse().ok().filter(|_| text.starts_with("0x")).ok_or_else(wrong.clone())?;
        let fine = text == address.to_checksum(None)
            || text[2..].bytes().all(|byte| !byte.is_ascii_uppercase());
        if fine { Ok(address) } else { Err(wrong()) }
    }
}
