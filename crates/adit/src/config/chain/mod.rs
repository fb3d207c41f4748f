//! `[chains.NAME]`: how a chain is reached, what is believed of it, and how its transactions are
//! driven.

mod bitcoin;
mod evm;
mod sources;

use adit_core::{
    Amount, AssetId, Batching, ChainKind, ChainName, Consolidation, Destination, Finality,
    Patience, Share, Span, Trust,
};

use adit_bitcoin::Network;

use super::section::Section;

pub use bitcoin::{BitcoinChain, WITHDRAWAL_MIN};
pub use evm::EvmChain;

const SECONDS_MAX: u64 = 86_400;

/// What every chain has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub name: ChainName,
    pub trust: Trust,
    pub confirmations: u32,
    pub finality: Finality,
    pub block_time: Span,
    pub in_flight_max: u32,
    pub slow_start: bool,
    pub attempts_max: u32,
    pub bump_after: Span,
    pub rebroadcast_after: Span,
    /// In wei per gas, or in satoshi per 1000 virtual bytes.
    pub offer_max: u128,
    pub fee_per_transaction_max: Amount,
    pub fee_share_max: Option<Share>,
    pub patience: Option<Patience>,
    pub batching: Option<Batching>,
    pub consolidation: Option<Consolidation>,
    pub precheck_tries_max: u32,
    /// None where a head may be as old as it likes.
    pub head_age_max: Option<Span>,
    /// There is a block only when there is something in it.
    pub blocks_on_demand: bool,
    pub precheck_backoff: Span,
    pub native: AssetId,
    /// The wallet that pays, where the key is in another process.
    pub wallet: Option<Destination>,
    pub of: Of,
}

/// What chains of one kind have besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Evm(EvmChain),
    Bitcoin(BitcoinChain),
}

impl Chain {
    /// None where something was noted that leaves nothing to go on with.
    pub fn read(name: &str, section: Section<'_>) -> Option<Self> {
        let kinds = [("evm", ChainKind::Evm), ("bitcoin", ChainKind::Bitcoin)];
        let kind = section.choice("kind", &kinds).unwrap_or(ChainKind::Evm);
        let named = ChainName::new(name)
            .map_err(|error| section.wrong("", format_args!("is named {name:?}"), error))
            .ok();
        let trust = section
            .choice("trust", &[("quorum", Trust::Quorum), ("single", Trust::Single)])
            .unwrap_or(Trust::Quorum);
        let chain = match kind {
            ChainKind::Evm => evm::read(&section, trust, named),
            ChainKind::Bitcoin => bitcoin::read(&section, trust, named),
        };
        section.finish();
        chain
    }

    pub fn kind(&self) -> ChainKind {
        match &self.of {
            Of::Evm(_) => ChainKind::Evm,
            Of::Bitcoin(_) => ChainKind::Bitcoin,
        }
    }

    /// Of EVM chains: their number (EIP-155).
    pub fn chain_id(&self) -> Option<u64> {
        match &self.of {
            Of::Evm(evm) => Some(evm.chain_id),
            Of::Bitcoin(_) => None,
        }
    }

    /// Returns whether it is a chain of a developer's machine, whose coins are worth nothing:
    /// regtest, and the chain ids of anvil and Hardhat (31337) and of geth's `--dev` (1337).
    pub fn is_devnet(&self) -> bool {
        match &self.of {
            Of::Evm(evm) => matches!(evm.chain_id, 31_337 | 1_337),
            Of::Bitcoin(bitcoin) => bitcoin.network == Network::Regtest,
        }
    }

    /// How many sources tell what the chain says.
    pub fn sources(&self) -> usize {
        match &self.of {
            Of::Evm(evm) => evm.rpc.len(),
            Of::Bitcoin(bitcoin) => bitcoin.sources.len(),
        }
    }

    /// Less than this of its coin is not worth spending.
    pub fn withdrawal_min(&self) -> Amount {
        match &self.of {
            Of::Evm(_) => Amount::ZERO,
            Of::Bitcoin(_) => WITHDRAWAL_MIN,
        }
    }

    /// Digits after the point of the coin that fees are paid in.
    pub fn native_decimals(&self) -> u8 {
        match &self.of {
            Of::Evm(_) => evm::NATIVE_DECIMALS,
            Of::Bitcoin(_) => bitcoin::NATIVE_DECIMALS,
        }
    }
}

fn head_age(section: &Section<'_>, default: u64) -> Option<Span> {
    match section.number("head_age_seconds_max", 0..=SECONDS_MAX).unwrap_or(default) {
        0 => None,
        seconds => Some(Span::from_seconds(seconds)),
    }
}
