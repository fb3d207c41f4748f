//! Signatures of contract wallets that are not deployed yet, in their wrapper (ERC-6492).
//!
//! Many smart accounts exist as an address only, until their first transaction. Such a wallet is
//! asked inside one `eth_call` that lets its factory deploy it, asks it (EIP-1271), and leaves
//! nothing on chain (case F86). What the factory does besides is nobody's: the call is made by an
//! address without privileges, and of its outcome one word is read.
//! <https://eips.ethereum.org/EIPS/eip-6492>

use std::sync::{Arc, LazyLock};

use adit_chain::{Call, Endpoint, Fault};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolValue;
use serde::Deserialize;
use serde_json::json;

use crate::node::Node;
use crate::rpc::height;
use crate::said_no::{self, About};

/// What a wrapped signature ends with. An ordinary one of 65 bytes ends with its parity.
const MAGIC: [u8; 32] =
    alloy::primitives::hex!("6492649264926492649264926492649264926492649264926492649264926492");
/// Most gas that deploying and asking may take. Deploying a Safe takes some 300,000.
pub const UNDEPLOYED_GAS_MAX: u64 = 10_000_000;

/// A signature, and how its wallet is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub factory: Address,
    pub factory_call: Bytes,
    pub signature: Bytes,
}

/// What came of deploying a wallet and asking it, inside the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Yes,
    No,
    FactoryFailed,
    NotDeployed,
    /// Wallet or factory reverted, or used up all gas.
    Failed,
}

/// Reads the wrapper of a signature. None where it has none; in words where it cannot be read.
pub(crate) fn unwrap(signature: &[u8]) -> Option<Result<Wrapped, String>> {
    let parts = signature.strip_suffix(&MAGIC)?;
    let read = <(Address, Bytes, Bytes)>::abi_decode_params_validate(parts);
    Some(match read {
        Ok((factory, factory_call, signature)) => Ok(Wrapped { factory, factory_call, signature }),
        Err(error) => Err(format!(
            "it ends as the signature of a contract wallet that is not deployed yet does (ERC-6492), and what stands before that is not \
             (address factory, bytes factoryCalldata, bytes signature): {error}"
        )),
    })
}

impl Node {
    /// # Errors
    /// [`Fault`] when the endpoints cannot say, or disagree.
    pub(crate) async fn ask_undeployed(
        &self,
        wallet: Address,
        digest: B256,
        wrapped: &Wrapped,
    ) -> Result<Asked, Fault> {
        let Wrapped { factory, factory_call, signature } = wrapped;
        let arguments =
            (wallet, digest, *factory, factory_call.clone(), signature.clone()).abi_encode_params();
        let creation: Bytes = [ASKER.as_ref(), &arguments].concat().into();
        let call = Call::new(
            "eth_call",
            json!([{ "data": creation, "gas": height(UNDEPLOYED_GAS_MAX) }, "latest"]),
        );
        let question = async |endpoint: Arc<Endpoint>| asked(&endpoint, &call).await;
        self.quorum
            .ask("the answer of a wallet that is not deployed", question)
            .await
            .map(|agreed| agreed.value)
    }
}

async fn asked(endpoint: &Endpoint, call: &Call) -> Result<Asked, Fault> {
    let answer = endpoint
        .batch(std::slice::from_ref(call))
        .await?
        .pop()
        .expect("one question has one answer");
    if answer.as_ref().is_err_and(|error| said_no::about(error) == About::Call) {
        return Ok(Asked::Failed);
    }
    let word: Bytes = endpoint.read("eth_call", answer)?;
    read_answer(&word).ok_or_else(|| {
        endpoint.malformed("eth_call", format!("{word} is not what the created contract answers"))
    })
}

/// As `contracts/src/UndeployedWallet.sol` says it.
fn read_answer(word: &[u8]) -> Option<Asked> {
    let number = U256::try_from_be_slice(word).filter(|_| word.len() == 32)?;
    match u64::try_from(number).ok()? {
        1 => Some(Asked::Yes),
        2 => Some(Asked::No),
        3 => Some(Asked::FactoryFailed),
        4 => Some(Asked::NotDeployed),
        5 => Some(Asked::Failed),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

/// What creates the contract that asks.
static ASKER: LazyLock<Bytes> = LazyLock::new(|| {
    let artifact = include_str!("../../../contracts/out/UndeployedWallet.json");
    serde_json::from_str::<Artifact>(artifact)
        .expect("the committed artifact is whole: a test reads it")
        .bytecode
});

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(factory: Address) -> Vec<u8> {
        let parts =
            (factory, Bytes::from(vec![1, 2, 3]), Bytes::from(vec![4; 65])).abi_encode_params();
        [parts.as_slice(), &MAGIC].concat()
    }

    #[test]
    fn f86_a_wrapper_is_known_by_its_end_and_read_strictly() {
        let factory = Address::repeat_byte(7);
        let right =
            Wrapped { factory, factory_call: vec![1, 2, 3].into(), signature: vec![4; 65].into() };
        assert_eq!(unwrap(&wrapped(factory)), Some(Ok(right)));
        assert_eq!(unwrap(&[4; 65]), None);
        assert_eq!(
            unwrap(&wrapped(factory)[1..]).map(|read| read.is_err()),
            Some(true),
            "a byte is missing"
        );
        assert_eq!(
            unwrap(&MAGIC).map(|read| read.is_err()),
            Some(true),
            "nothing stands before the end"
        );
    }

    #[test]
    fn f86_only_words_of_the_contract_that_asks_are_an_answer() {
        let word = |last: u8| [[0; 31].as_slice(), &[last]].concat();
        let read: Vec<_> = (0..7).map(|last| read_answer(&word(last))).collect();
        let all = [Asked::Yes, Asked::No, Asked::FactoryFailed, Asked::NotDeployed, Asked::Failed]
            .map(Some);
        assert_eq!(read, [&[None], all.as_slice(), &[None]].concat());
        assert_eq!(
            (read_answer(&[]), read_answer(&[1]), read_answer(&[0xff; 32])),
            (None, None, None)
        );
    }

    #[test]
    fn the_contract_that_asks_is_carried_whole() {
        // EIP-3860 allows 49,152 bytes, the longest signature included.
        assert!(!ASKER.is_empty() && ASKER.len() < 4_096, "{} bytes", ASKER.len());
    }
}
