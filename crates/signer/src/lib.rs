//! Keys, caps, and a journal of its own that refuses to pay a payout twice.

mod port;

pub use port::{Approved, JournalEntry, Refused, SignRequest, Signature, Signer, SignerFault, Supersede};
