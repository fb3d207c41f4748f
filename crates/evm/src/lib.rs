//! EVM chains: claims, tokens, fees, prechecks, sending, observation.
//!
//! Everything a node says passes through a quorum before it counts; what can be computed here
//! (hashes, senders, digests) is computed here. [`EvmChain`] is the [`adit_chain::Chain`] of this
//! kind; the other public items are pure.

mod address;
mod broadcast;
mod chain;
mod claim;
mod config;
mod contract_wallet;
mod draft;
mod effect;
mod erc20;
mod fee;
mod foreign;
mod funds;
mod heads;
mod identity;
mod node;
mod observe;
mod paid;
mod plan;
mod pool;
mod pricing;
mod refused_address;
mod rpc;
mod said_no;
mod self_transfer;
mod signature;
mod simulate;
mod undeployed;
mod unlock;

pub use address::{AddressBook, address_of, canonical, with_checksum};
pub use chain::EvmChain;
pub use claim::{Claim, ClaimDomain, InvalidDomain};
pub use config::{ConfigError, EvmConfig};
pub use contract_wallet::{
    CONTRACT_SIGNATURE_BYTES_MAX, CONTRACT_SIGNATURE_GAS_MAX, SignedBy, Verdict,
};
pub use draft::{raw_hash, unsigned};
pub use fee::{PRIORITY_FEE_FLOOR_WEI, suggest};
pub use foreign::{Decoded, decode};
pub use observe::{
    SCAN_BLOCKS_MAX, SCAN_BLOCKS_PER_LOOK_MAX, SEARCH_BLOCKS_MAX, SEARCH_GAP_BLOCKS_MAX,
};
pub use plan::{GAS_MARGIN, gas_limit};
pub use signature::{InvalidSignature, SignatureForms, recover, verify};
pub use undeployed::UNDEPLOYED_GAS_MAX;
pub use unlock::{MEMBERSHIP_CACHE_MAX, MEMBERSHIP_CACHE_SECONDS, UnlockGate};
