//! Wallets that spend only when others have signed as well: what they are given, and what becomes
//! of what they bring back.

use adit_core::Signed;

/// How many signatures the input that has the fewest has, and how many each needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signatures {
    pub have: usize,
    pub needed: usize,
}

/// A version for those who sign it: the transaction, what they need to know of it, and the
/// signatures so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handout {
    /// A PSBT in base64 (BIP-174).
    pub psbt: String,
    pub signatures: Signatures,
    /// Transactions that made spent coins and are not in it: no source gave them just now, or they
    /// are too large. Some devices sign only when they see them.
    pub missing: Vec<String>,
}

/// What others brought back, put together with what was recorded. Every signature in it was
/// verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Complete bytes, where the signatures are enough.
    pub signed: Signed,
    /// Signatures that were not known before.
    pub added: usize,
    pub signatures: Signatures,
}
