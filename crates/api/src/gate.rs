//! What is asked about a claim before it becomes a command: what was signed, by whom, and whether
//! the wallet is a member.

use adit_chain::Fault;
use adit_core::{Amount, Bytes, Destination, Hash32};
use async_trait::async_trait;
use serde_json::Value;

/// The one token that claims are paid in, as its chain's adapter knows it.
#[async_trait]
pub trait ClaimGate: Send + Sync + 'static {
    /// `{domain, types, primaryType}`, ready for `eth_signTypedData_v4`.
    fn typed_data(&self) -> Value;

    /// What the wallet signed. None when the user's address is not one.
    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32>;

    /// Whether the wallet's key, or the contract that the wallet is, made the signature.
    ///
    /// # Errors
    /// [`Fault`] when a contract had to be asked and could not be.
    async fn verify(
        &self,
        wallet: &Destination,
        digest: Hash32,
        signature: &Bytes,
    ) -> Result<SignatureVerdict, Fault>;

    /// Whether the wallet's own key made the signature. Asks nobody.
    fn is_by_key(&self, wallet: &Destination, digest: Hash32, signature: &Bytes) -> bool;

    /// Whether the wallet is a member now. A yes may be remembered for 30 seconds.
    ///
    /// # Errors
    /// [`Fault`] when that cannot be read: never a yes, and never a silent no.
    async fn is_member(&self, wallet: &Destination) -> Result<bool, Fault>;
}

/// The message that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTerms {
    pub wallet: Destination,
    /// Base units of the token.
    pub amount: Amount,
    pub nonce: u64,
    /// Unix seconds.
    pub deadline: u64,
}

/// The judgement of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureVerdict {
    Valid,
    Invalid { why: String },
}
