//! The gate of claims on an EVM chain: EIP-712 and EIP-1271, and an Unlock lock.

use std::sync::Arc;

use adit_chain::Fault;
use adit_core::{Bytes, Destination, Hash32, Timestamp};
use adit_engine::Clock;
use adit_evm::{Claim, ClaimDomain, EvmChain, UnlockGate, Verdict};
use async_trait::async_trait;
use serde_json::Value;

use crate::gate::{ClaimGate, ClaimTerms, SignatureVerdict};

/// Claims of one token on one chain.
pub struct EvmGate {
    pub domain: ClaimDomain,
    pub chain: Arc<EvmChain>,
    /// None where membership is open.
    pub lock: Option<UnlockGate>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl ClaimGate for EvmGate {
    fn typed_data(&self) -> Value {
        self.domain.typed_data()
    }

    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32> {
        let ClaimTerms { wallet, amount, nonce, deadline } = terms;
        self.domain.digest(&Claim {
            user: wallet.clone(),
            amount: *amount,
            nonce: *nonce,
            deadline: *deadline,
        })
    }

    async fn verify(
        &self,
        wallet: &Destination,
        digest: Hash32,
        signature: &Bytes,
    ) -> Result<SignatureVerdict, Fault> {
        Ok(match self.chain.verify_claim(wallet, digest, signature).await? {
            Verdict::Valid(_) => SignatureVerdict::Valid,
            Verdict::Invalid { why } => SignatureVerdict::Invalid { why },
        })
    }

    fn is_by_key(&self, wallet: &Destination, digest: Hash32, signature: &Bytes) -> bool {
        self.chain.is_by_key(wallet, digest, signature)
    }

    async fn is_member(&self, wallet: &Destination) -> Result<bool, Fault> {
        match &self.lock {
            Some(lock) => {
                // A process remembers it, and so by a clock that nobody sets.
                let uptime = i64::try_from(self.clock.monotonic().as_micros()).unwrap_or(i64::MAX);
                lock.has_valid_key(&self.chain, wallet, Timestamp::from_micros(uptime)).await
            }
            None => Ok(true),
        }
    }
}
