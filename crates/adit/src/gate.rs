//! The gate of claims: the token's domain, its chain, and the lock of the members.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_api::{ClaimGate, EvmGate};
use adit_core::{AssetForm, ChainName};
use adit_engine::AnchoredClock;
use adit_evm::{ClaimDomain, EvmChain, UnlockGate};
use anyhow::Result;

use crate::config::{Config, Membership};

/// None where the instance pays no claims.
///
/// # Errors
/// When an address is none.
pub fn open(
    config: &Config,
    chains: &BTreeMap<ChainName, Arc<EvmChain>>,
    clock: &AnchoredClock,
) -> Result<Option<Arc<dyn ClaimGate>>> {
    let (Some(claims), Some(settings)) = (&config.claims, config.claims_chain()) else {
        return Ok(None);
    };
    let Some(chain_id) = settings.chain_id() else { return Ok(None) };
    let (Some(chain), Some(claimed)) =
        (chains.get(&settings.name), config.assets.get(&claims.asset))
    else {
        return Ok(None);
    };
    let contract = match &claimed.asset.form {
        AssetForm::Token { contract, .. } => contract,
        AssetForm::Points | AssetForm::Native { .. } => return Ok(None),
    };
    let lock = match &config.membership {
        Membership::Required { lock } | Membership::Tiered { lock, .. } => {
            Some(UnlockGate::new(chain, lock.as_str())?)
        }
        Membership::Open => None,
    };
    let domain = ClaimDomain::new(&claims.domain_name, &claims.domain_version, chain_id, contract)?;
    Ok(Some(Arc::new(EvmGate {
        domain,
        chain: chain.clone(),
        lock,
        clock: Arc::new(clock.clone()),
    })))
}
