//! Bitcoin: an account's keys and scripts, transactions that are read back before they are signed,
//! and what a signature is over.
//!
//! The signer's own reading of addresses, scripts, transactions and digests. The engine has another
//! (`adit-bitcoin`), and the two share no line (ADR 1).

mod account;
mod account_key;
mod address;
pub(crate) mod approval;
mod base58;
mod bech32;
mod cosigner;
mod descriptor;
mod multisig;
mod network;
mod partial;
mod said;
mod script;
mod sighash;
mod transaction;
mod witness;

pub(crate) use account::cosigner_key;
pub use account::{AccountKind, BitcoinAccount};
pub use network::BitcoinNetwork;
pub(crate) use partial::holds_parts;
pub(crate) use transaction::{Coin, Unsigned, id_of};
