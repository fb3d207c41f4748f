//! What must never change: the chain, its first block, and the tokens' code and decimals (windows
//! F41, F51).

use std::sync::Arc;

use adit_chain::{Call, Endpoint, Fault, Identity};
use alloy::primitives::{Address, B256, Bytes, U256, b256, keccak256};
use serde_json::json;

use crate::config::{Payable, Paying};
use crate::erc20;
use crate::node::{Node, block_at, eth_call};
use crate::rpc::{Block, height};
use crate::said_no::{self, About};

/// Where a proxy keeps the address of its implementation: keccak256("eip1967.proxy.implementation")
/// − 1 (EIP-1967).
const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");

/// What the chain says about one token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TokenFacts {
    /// None when it has no such function.
    decimals: Option<U256>,
    code: B256,
    implementation: B256,
}

impl Node {
    /// # Errors
    /// [`Fault::Misconfigured`] when a token has other decimals than configured, or no code.
    pub(crate) async fn identity(
        &self,
        wallet: Address,
        payable: &[Payable],
    ) -> Result<Identity, Fault> {
        let genesis = self.ask::<Block>("the first block", block_at(&height(0))).await?.value;
        self.pin_genesis(genesis.hash);
        let mut identity = Identity::default();
        identity.pins.insert("chain_id".to_owned(), self.config.chain_id.to_string());
        identity.pins.insert("genesis".to_owned(), genesis.hash.to_string());
        let pricing = self.pricing_now().await?;
        self.pricing.get_or_init(|| pricing);
        identity.pins.insert("pricing".to_owned(), pricing.as_str().to_owned());
        let code = self
            .ask::<Bytes>("the wallet's code", Call::new("eth_getCode", json!([wallet, "latest"])))
            .await?
            .value;
        identity.wallet_has_code = !code.is_empty();
        for asset in payable {
            if let Paying::Token(token) = asset.paying {
                let facts = self.token_facts(token).await?;
                self.check_decimals(asset, &facts)?;
                identity.pins.extend(pins(asset, &facts));
            }
        }
        Ok(identity)
    }

    async fn token_facts(&self, token: Address) -> Result<TokenFacts, Fault> {
        let question = async |endpoint: Arc<Endpoint>| token_facts(&endpoint, token).await;
        self.quorum.ask(&format!("the token {token}"), question).await.map(|agreed| agreed.value)
    }

    fn check_decimals(&self, asset: &Payable, facts: &TokenFacts) -> Result<(), Fault> {
        if facts.decimals == Some(U256::from(asset.decimals)) {
            return Ok(());
        }
        let seen = match facts.decimals {
            Some(decimals) => decimals.to_string(),
            None if facts.code == keccak256([]) => {
                "that there is no contract at its address".to_owned()
            }
            None => "that the contract has no decimals".to_owned(),
        };
        let subject = format!("the number of decimals of {}", asset.asset);
        Err(Fault::Misconfigured {
            chain: self.config.name.to_string(),
            subject,
            configured: asset.decimals.to_string(),
            seen,
        })
    }
}

async fn token_facts(endpoint: &Endpoint, token: Address) -> Result<TokenFacts, Fault> {
    let calls = [
        eth_call(token, &erc20::decimals(), "latest"),
        Call::new("eth_getCode", json!([token, "latest"])),
        Call::new("eth_getStorageAt", json!([token, IMPLEMENTATION_SLOT, "latest"])),
    ];
    let mut answers = endpoint.batch(&calls).await?.into_iter();
    let mut next = || answers.next().expect("each question has its answer");
    // Only a revert shows that there is no such function: every other error is of the moment.
    let decimals: Option<Bytes> = match next() {
        Err(error) if said_no::about(&error) == About::Call => None,
        answer => Some(endpoint.read("eth_call", answer)?),
    };
    let code: Bytes = endpoint.read("eth_getCode", next())?;
    let implementation: U256 = endpoint.read("eth_getStorageAt", next())?;
    let decimals = decimals.filter(|word| word.len() == 32).map(|word| U256::from_be_slice(&word));
    Ok(TokenFacts { decimals, code: keccak256(&code), implementation: implementation.into() })
}

fn pins(asset: &Payable, facts: &TokenFacts) -> Vec<(String, String)> {
    let id = &asset.asset;
    let mut pins = vec![
        (format!("decimals/{id}"), asset.decimals.to_string()),
        (format!("code/{id}"), facts.code.to_string()),
    ];
    if !facts.implementation.is_zero() {
        pins.push((format!("implementation/{id}"), facts.implementation.to_string()));
    }
    pins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_is_the_one_of_the_standard() {
        let slot = U256::from_be_bytes(keccak256("eip1967.proxy.implementation").0) - U256::from(1);
        assert_eq!(B256::from(slot), IMPLEMENTATION_SLOT);
    }
}
