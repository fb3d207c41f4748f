//! Bitcoin: addresses, wallets, coins, batches, replacements.
//!
//! Everything here is pure: what the chain said goes in, what to sign comes out. Nothing awaits, reads a clock or asks a node,
//! and nothing draws randomness: equal input gives equal bytes.
#![warn(clippy::wildcard_enum_match_arm)]

mod address;
mod curve;
mod dust;
mod fee;
mod keychain;
mod money;
mod network;
mod size;
mod wallet;

pub use address::{ADDRESS_CHARS_MAX, Address, AddressError};
pub use dust::{dust_limit, withdrawal_min};
pub use fee::{FeeRate, INCREMENTAL_FEE_RATE, RELAY_FEE_RATE_MIN};
pub use keychain::{Keychain, Place};
pub use money::{SATOSHI_MAX, TooMuch};
pub use network::Network;
pub use size::{MULTISIG_KEYS_MAX, ScriptKind, Spend, transaction_weight};
pub use wallet::{Cosigner, GAP_LIMIT, KeyWallet, Revealed, RootKey, Scripts, Wallet, WalletError};
