//! Claims as the EVM knows them: what was signed, by whom, and whether the wallet is a member.

use std::sync::Arc;

use adit_api::{ClaimGate, ClaimTerms, SignatureVerdict};
use adit_chain::Fault;
use adit_core::{AssetForm, Bytes, Destination, Hash32};
use adit_evm::{Claim, ClaimDomain, EvmChain, UnlockGate, Verdict};
use anyhow::Result;
use async_trait::async_trait;
use serde_json::Value;

use crate::config::{Config, Membership};
use crate::world::now;

struct EvmGate {
    domain: ClaimDomain,
    chain: Arc<EvmChain>,
    lock: Option<UnlockGate>,
}

/// None where the instance pays no claims.
///
/// # Errors
/// When the lock is no address.
pub fn open(config: &Config, chains: &std::collections::BTreeMap<adit_core::ChainName, Arc<EvmChain>>) -> Result<Option<Arc<dyn ClaimGate>>> {
    let (Some(claims), Some(settings)) = (&config.claims, config.claims_chain()) else { return Ok(None) };
    let (Some(chain), Some(claimed)) = (chains.get(&settings.name), config.assets.get(&claims.asset)) else { return Ok(None) };
    let contract = match &claimed.asset.form {
        AssetForm::Token { contract, .. } => contract,
        AssetForm::Points | AssetForm::Native { .. } => return Ok(None),
    };
    let lock = match &config.membership {
        Membership::Required { lock } | Membership::Tiered { lock, .. } => Some(UnlockGate::new(chain, lock.as_str())?),
        Membership::Open => None,
    };
    let domain = ClaimDomain::new(&claims.domain_name, &claims.domain_version, settings.chain_id, contract)?;
    Ok(Some(Arc::new(EvmGate { domain, chain: chain.clone(), lock })))
}

#[async_trait]
impl ClaimGate for EvmGate {
    fn typed_data(&self) -> Value {
        self.domain.typed_data()
    }

    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32> {
        let claim = Claim { user: terms.wallet.clone(), amount: terms.amount, nonce: terms.nonce, deadline: terms.deadline };
        self.domain.digest(&claim)
    }

    async fn verify(&self, wallet: &Destination, digest: Hash32, signature: &Bytes) -> Result<SignatureVerdict, Fault> {
        Ok(match self.chain.verify_claim(wallet, digest, signature).await? {
            Verdict::Valid(_) => SignatureVerdict::Valid,
            Verdict::Invalid { why } => SignatureVerdict::Invalid { why },
        })
    }

    async fn is_member(&self, wallet: &Destination) -> Result<bool, Fault> {
        match &self.lock {
            Some(lock) => lock.has_valid_key(&self.chain, wallet, now()).await,
            None => Ok(false),
        }
    }
}
