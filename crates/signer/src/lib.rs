//! Keys, caps, and a journal of its own that refuses to pay a payout twice.
//!
//! The signer is the last place where a mistake or a lie can be stopped, so it believes nobody. It
//! builds the transaction, reads back the bytes that it is about to hash, and compares what *they*
//! say with what was approved and with its own configuration. Its journal, apart from the database
//! and on disk before any signature leaves, holds these promises:
//!
//! * a nonce belongs to one lineage, and a lineage to one nonce;
//! * a payout lives in one lineage; it moves only after [`Signer::supersede`], which is journalled
//!   too;
//! * an older lease never signs after a newer one was seen, and a lease's number has one holder;
//! * one life of a store leases at a time, and a superseded one never again;
//! * a nonce follows the lineage that is known before it;
//! * a payout that was retired is never signed.
//!
//! So a database that was restored, failed over or cloned cannot make it pay twice: the worst is a
//! refusal that names why. What it cannot know is the chain: the evidence of a supersede is the
//! engine's word.
//!
//! [`LocalSigner`] has the keys in this process. [`SignerSocket`] offers one to others on a Unix
//! socket, and [`SocketSigner`] is their end of it.
#![warn(clippy::wildcard_enum_match_arm)]

mod bitcoin;
mod caps;
mod checked;
mod contexts;
mod evm;
mod facts;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hearing;
mod journal;
mod judge;
mod key;
mod local;
mod new_file;
mod page;
mod policy;
mod port;
mod sealed;
mod seed;
mod socket;
mod wallet_key;

pub use self::bitcoin::{AccountKind, BitcoinAccount, BitcoinNetwork};
pub use caps::AssetCaps;
pub use contexts::{CONTEXT_BYTES_MAX, ContextFile, KeyId, Randomness, SealedContext};
pub use hearing::NEW_INCARNATION_SILENCE_SECONDS;
pub use journal::{
    DiskFile, EnvironmentError, EnvironmentId, Header, Journal, JournalError, JournalFile,
    MemoryFile, Place, Record, Tip,
};
pub use judge::{EPOCH_STEP_MAX, OPENING_ASSETS_MAX};
pub use key::{Key, KeyError};
pub use local::{
    Clock, Doubt, LocalSigner, Monotonic, OpenError, RETIRED_BY_BYTES_MAX,
    RETIRED_REASON_BYTES_MAX, Witness,
};
pub use page::{EntryCursor, EntryPage, PAGE_BYTES_MAX};
pub use policy::{BitcoinPolicy, ChainKind, ChainPolicy, ConfigError, EvmPolicy, SignerConfig};
pub use port::{
    About, Approved, FeeUnit, JournalAt, JournalEntry, LaneStanding, Learned, LeaseClaim, Lesson,
    Open, PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, Signer, SignerFault,
    Stamp, Supersede,
};
pub use sealed::{PASSPHRASE_BYTES_MIN, SealedError};
pub use seed::{Seed, SeedError};
pub use socket::{SignerSocket, SocketError, SocketSigner, serve};
pub use wallet_key::WalletKey;
