//! Bitcoin: addresses, wallets, coins, batches, replacements; and the sources that tell what the
//! chain says.
//!
//! [`Node`] asks Esplora, BlockCypher and bitcoind, as many of each as there are, and believes what
//! enough of them say; only it and what it stands on (`node`, `source`) awaits. All the rest is
//! pure: what the chain said goes in, what to sign comes out. It reads no clock, asks no node and
//! draws no randomness: equal input gives equal bytes.
#![warn(clippy::wildcard_enum_match_arm)]

mod address;
mod batch;
mod coin;
mod consolidate;
mod curve;
mod dust;
mod funding;
mod lane;
mod money;
mod network;
mod node;
mod plan;
mod psbt;
mod replace;
mod select;
mod size;
mod source;
mod transaction;
mod wallet;

pub use address::{ADDRESS_CHARS_MAX, Address, AddressError};
pub use batch::{Batch, BatchOutput, OutputsMax, Payable, Unplanned, WrongOutputsMax};
pub use coin::{
    ANCESTOR_VBYTES_MAX, ANCESTORS_MAX, Ancestry, COINBASE_MATURITY_BLOCKS, Coin, NotYet, Seen,
};
pub use consolidate::{CONSOLIDATED_COINS_MAX, consolidate, sweep};
pub use dust::{dust_limit, withdrawal_min};
pub use funding::{Balance, Bill, CHANGE_TO_FEE_MAX};
pub use lane::{BitcoinLane, DepthTier, FEES_KEPT_LOOKS, FINAL_BLOCKS, LOOK_EVERY, LaneSettings};
pub use money::{SATOSHI_MAX, TooMuch};
pub use network::Network;
pub use node::{
    BLOCKCYPHER_LOOK_EVERY, BitcoinConfig, ConfigError, EndpointConfig, Face, FeeRates, Fresh,
    Head, ListedCoin, Node, OutpointState, Sought, SpendReading, Spender, TransactionState,
};
pub use plan::Payment;
pub use psbt::{
    PSBT_BYTES_MAX, Proposal, ProposalError, SignError, SignedTransaction, Tampered, Unfinished,
};
pub use replace::{
    BrokenRule, EVICTED_MAX, Evicted, NoChild, NoReplacement, Stuck, Terms, UnderWay, cancel,
    check_rules, lift, replace,
};
pub use select::{Purse, Selection, TRANSACTION_WEIGHT_MAX, Unfunded, select};
pub use size::{MULTISIG_KEYS_MAX, ScriptKind, Spend, transaction_weight};
pub use source::{SCAN_MILLIS_MAX, SEARCH_BLOCKS_MAX};
pub use transaction::{DraftError, Mismatch, Unsigned, hash_of};
pub use wallet::{Cosigner, GAP_LIMIT, KeyWallet, Revealed, RootKey, Scripts, Wallet, WalletError};
