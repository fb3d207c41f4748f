//! Whose signature a claim carries: the user's own key, or a contract wallet that vouches for it
//! (EIP-1271).
//!
//! The key is tried first (window F85): it needs no node, and an account with a delegation
//! (EIP-7702) has both. A contract is asked at the newest state, within a gas bound, and believed
//! only by quorum. A wrapper for wallets that are not deployed yet (ERC-6492) is taken off where
//! the wallet is deployed by now.

use std::sync::Arc;

use adit_chain::{Call, Endpoint, Fault};
use adit_core::{Bytes as CoreBytes, Destination, Hash32};
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol;
use alloy::sol_types::SolCall;
use serde_json::json;

use crate::node::Node;
use crate::rpc::{b256, height};
use crate::said_no::{self, About};
use crate::undeployed::{self, Asked, Wrapped};
use crate::{address_of, signature};

/// Longest signature that is passed to a contract. A Safe with 50 owners needs 3,250 bytes.
pub const CONTRACT_SIGNATURE_BYTES_MAX: usize = 8_192;
/// Most gas that a contract may burn over the question.
pub const CONTRACT_SIGNATURE_GAS_MAX: u64 = 2_000_000;

sol! {
    interface ContractWallet {
        function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
    }
}

/// Who signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    Key,
    Contract,
    /// A contract that does not exist yet, as its factory would deploy it.
    UndeployedContract,
}

/// The judgement of a signature. That a node could not be asked is a [`Fault`] and no judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Valid(SignedBy),
    Invalid { why: String },
}

/// What one endpoint found when it asked the account.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Vouching {
    NoCode,
    Yes,
    No,
    /// The call itself failed: reverted, out of gas, invalid instruction.
    Failed,
}

impl Node {
    /// # Errors
    /// [`Fault`] when a contract had to be asked and could not be.
    pub(crate) async fn judge(
        &self,
        user: &Destination,
        digest: Hash32,
        signature: &CoreBytes,
    ) -> Result<Verdict, Fault> {
        let Some(account) = address_of(user) else {
            return Ok(Verdict::Invalid { why: format!("{user} is not an address") });
        };
        let own = match signature::verify(account, b256(digest), &signature.0, self.config.forms())
        {
            Ok(()) => return Ok(Verdict::Valid(SignedBy::Key)),
            Err(own) => own,
        };
        if signature.0.len() > CONTRACT_SIGNATURE_BYTES_MAX {
            return Ok(Verdict::Invalid { why: own.to_string() });
        }
        let wrapped = match undeployed::unwrap(&signature.0).transpose() {
            Ok(wrapped) => wrapped,
            Err(why) => return Ok(Verdict::Invalid { why }),
        };
        let inner = wrapped
            .as_ref()
            .map_or_else(|| signature.0.clone().into(), |wrapped| wrapped.signature.clone());
        let vouching = self.ask_contract(account, b256(digest), inner).await?;
        Ok(match vouching {
            Vouching::Yes => Verdict::Valid(SignedBy::Contract),
            Vouching::NoCode => match wrapped {
                Some(wrapped) => {
                    self.judge_undeployed(account, user, b256(digest), &wrapped).await?
                }
                None => Verdict::Invalid { why: own.to_string() },
            },
            Vouching::No => Verdict::Invalid {
                why: format!("the contract wallet {user} does not accept the signature"),
            },
            Vouching::Failed => Verdict::Invalid {
                why: format!(
                    "the contract wallet {user} failed when it was asked for the signature"
                ),
            },
        })
    }

    async fn judge_undeployed(
        &self,
        account: Address,
        user: &Destination,
        digest: B256,
        wrapped: &Wrapped,
    ) -> Result<Verdict, Fault> {
        if !self.config.undeployed_wallets {
            let why = format!(
                "it is that of a contract wallet which is not deployed yet (ERC-6492), and those are not accepted here; deploy {user} on this \
                 chain, which its first transaction does, and sign again (the operator may allow it by claims.undeployed_wallets)"
            );
            return Ok(Verdict::Invalid { why });
        }
        let factory = wrapped.factory;
        let why = match self.ask_undeployed(account, digest, wrapped).await? {
            Asked::Yes => return Ok(Verdict::Valid(SignedBy::UndeployedContract)),
            Asked::No => {
                format!("the contract wallet {user} would not accept it once it is deployed")
            }
            Asked::FactoryFailed => format!(
                "its factory {factory} refuses to deploy the contract wallet {user} on this chain"
            ),
            Asked::NotDeployed => {
                format!(
                    "its factory {factory} would not deploy a wallet at {user}; sign with the \
                     wallet that is named as user"
                )
            }
            Asked::Failed => format!(
                "the contract wallet {user}, or its factory {factory}, failed when it was asked \
                 for the signature"
            ),
        };
        let why =
            format!("it is that of a contract wallet which is not deployed yet (ERC-6492): {why}");
        Ok(Verdict::Invalid { why })
    }

    async fn ask_contract(
        &self,
        account: Address,
        digest: B256,
        signature: Bytes,
    ) -> Result<Vouching, Fault> {
        let input: Bytes =
            ContractWallet::isValidSignatureCall { hash: digest, signature }.abi_encode().into();
        let gas = height(CONTRACT_SIGNATURE_GAS_MAX);
        let calls = [
            Call::new("eth_getCode", json!([account, "latest"])),
            Call::new("eth_call", json!([{ "to": account, "data": input, "gas": gas }, "latest"])),
        ];
        let question = async |endpoint: Arc<Endpoint>| vouching(&endpoint, &calls).await;
        self.quorum.ask("the contract wallet's answer", question).await.map(|agreed| agreed.value)
    }
}

async fn vouching(endpoint: &Endpoint, calls: &[Call]) -> Result<Vouching, Fault> {
    let mut answers = endpoint.batch(calls).await?.into_iter();
    let mut next = || answers.next().expect("two questions have two answers");
    let code: Bytes = endpoint.read("eth_getCode", next())?;
    if code.is_empty() {
        return Ok(Vouching::NoCode);
    }
    match next() {
        // Its code was read in the same request, so what is not about the endpoint is about the
        // contract.
        Err(error) if said_no::about(&error) != About::Endpoint => Ok(Vouching::Failed),
        answer => endpoint.read::<Bytes>("eth_call", answer).map(|word| said_yes(&word)),
    }
}

/// Exactly the selector, padded to a word: anything shorter or longer is not this function's
/// answer.
fn said_yes(word: &[u8]) -> Vouching {
    let mut magic = [0; 32];
    magic[..4].copy_from_slice(&ContractWallet::isValidSignatureCall::SELECTOR);
    if word == magic { Vouching::Yes } else { Vouching::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f85_only_the_padded_selector_is_a_yes() {
        let mut word = [0; 32];
        word[..4].copy_from_slice(&[0x16, 0x26, 0xba, 0x7e]);
        assert_eq!(said_yes(&word), Vouching::Yes);
        assert_eq!(said_yes(&word[..4]), Vouching::No);
        assert_eq!(said_yes(&[0xff; 32]), Vouching::No);
        assert_eq!(said_yes(&[]), Vouching::No);
        word[31] = 1;
        assert_eq!(said_yes(&word), Vouching::No);
    }
}
