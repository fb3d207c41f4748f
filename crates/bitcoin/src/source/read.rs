//! What sources answer, read strictly: a short hash, a negative height or a page of HTML is no
//! answer.

use std::collections::HashSet;

use adit_chain::{Endpoint, Fault, Response};
use adit_core::{BlockRef, Hash32, SubmissionAnswer};
use bdk_wallet::bitcoin::consensus::encode::deserialize_hex;
use bdk_wallet::bitcoin::hashes::Hash;
use bdk_wallet::bitcoin::{BlockHash, Transaction, Txid};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;

use adit_core::FeeRate;

/// Longest text of a source that is passed on; some return whole pages.
const TEXT_CHARS_MAX: usize = 200;
/// How nodes say that they have these very bytes, in the mempool or in the chain (Bitcoin Core's
/// `validation.cpp` and `rpc/mempool.cpp`, older wordings, BlockCypher).
const KNOWN_WORDS: [&str; 6] = [
    "txn-already-in-mempool",
    "txn-already-known",
    "already in utxo set",
    "already in block chain",
    "already in mempool",
    "already exists",
];

/// How a source refused; the rest of what it may say is a [`Fault`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub String);

/// Whether a source took a transaction, and the id it says it took.
pub(super) type Taken = Result<Result<Txid, Refusal>, Fault>;

pub(crate) fn block_ref(height: u64, hash: BlockHash) -> BlockRef {
    let mut bytes = hash.to_byte_array();
    bytes.reverse();
    BlockRef { height, hash: Hash32(bytes) }
}

pub(super) fn json<T: DeserializeOwned>(response: &Response) -> Result<T, String> {
    serde_json::from_slice(&response.body).map_err(|error| format!("{error}: {}", shown(response)))
}

/// The start of a body, for an error.
pub(super) fn shown(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    format!("{:?}", text.chars().take(TEXT_CHARS_MAX).collect::<String>())
}

/// A text that says something, and no page of a proxy's.
pub(super) fn plain(response: &Response) -> Option<String> {
    let text = response.text()?.trim();
    (!text.is_empty() && !text.starts_with('<'))
        .then(|| text.chars().take(TEXT_CHARS_MAX).collect())
}

/// Satoshi per virtual byte, which may have decimals.
pub(super) fn fee_rate(sat_per_vbyte: f64) -> Option<FeeRate> {
    let per_kvbyte = (sat_per_vbyte * 1_000.0).ceil();
    // Beyond 10^12 there is not enough bitcoin to pay it for one transaction.
    (0.0..=1e12).contains(&per_kvbyte).then_some(FeeRate::from_sat_per_kvb(per_kvbyte as u64))
}

/// The transaction that these digits are, if it has this id.
///
/// # Errors
/// [`Fault::Malformed`]; who gives another transaction is set aside.
pub(super) fn proven(endpoint: &Endpoint, txid: Txid, hex: &str) -> Result<Transaction, Fault> {
    let read: Result<Transaction, _> = deserialize_hex(hex.trim());
    match read {
        Ok(transaction) if transaction.compute_txid() == txid => Ok(transaction),
        Ok(other) => {
            let detail = format!("asked for transaction {txid}, it gave {}", other.compute_txid());
            endpoint.set_aside(&detail);
            Err(endpoint.malformed("a transaction", detail))
        }
        Err(error) => Err(endpoint.nonsense("a transaction", format!("{txid}: {error}"))),
    }
}

/// What a source answered to bytes. It explains, and proves nothing (windows F5 to F12).
pub(super) fn classify(said: Taken, txid: Txid) -> SubmissionAnswer {
    match said {
        Ok(Ok(id)) if id == txid => SubmissionAnswer::Accepted,
        Ok(Ok(id)) => {
            SubmissionAnswer::Unclear { text: format!("it took a transaction that it calls {id}") }
        }
        Ok(Err(Refusal(text))) => {
            let words = text.to_ascii_lowercase();
            let known = KNOWN_WORDS.iter().any(|known| words.contains(known));
            if known { SubmissionAnswer::AlreadyKnown } else { SubmissionAnswer::Refused { text } }
        }
        Err(fault) => SubmissionAnswer::Unclear { text: fault.to_string() },
    }
}

/// Puts many questions, so many at once, and gives the answers in their order; the first fault ends
/// it.
pub(super) async fn each<T, F>(at_once: usize, questions: Vec<F>) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    stream::iter(questions).buffered(at_once).try_collect().await
}

/// Each once, in the order of their first coming.
pub(super) fn distinct<T: Copy + Eq + std::hash::Hash>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.into_iter().filter(|one| seen.insert(*one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";

    fn txid() -> Txid {
        ID.parse().expect("an id")
    }

    fn refused(text: &str) -> SubmissionAnswer {
        classify(Ok(Err(Refusal(text.to_owned()))), txid())
    }

    #[test]
    fn f07_having_it_already_is_no_refusal() {
        for text in [
            "Transaction outputs already in utxo set (-27)",
            "transaction already in block chain (-27)",
            "txn-already-in-mempool (-26)",
            r#"sendrawtransaction RPC error: {"code":-27,"message":"Transaction outputs already in utxo set"}"#,
            "Error validating transaction: Transaction with hash ab already exists.",
        ] {
            assert_eq!(refused(text), SubmissionAnswer::AlreadyKnown, "{text}");
        }
    }

    #[test]
    fn f06_other_refusals_are_kept_as_they_are() {
        for text in [
            "bad-txns-inputs-missingorspent (-25)",
            "insufficient fee, rejecting replacement (-26)",
            "",
        ] {
            assert_eq!(refused(text), SubmissionAnswer::Refused { text: text.to_owned() });
        }
    }

    /// F11: the id is computed here; another one in the answer is no acceptance of ours.
    #[test]
    fn f11_another_id_is_not_ours() {
        assert_eq!(classify(Ok(Ok(txid())), txid()), SubmissionAnswer::Accepted);
        let other = Txid::all_zeros();
        assert!(matches!(classify(Ok(Ok(other)), txid()), SubmissionAnswer::Unclear { .. }));
    }

    #[test]
    fn a_feerate_is_a_number_that_can_be_paid() {
        assert_eq!(fee_rate(1.0001), Some(FeeRate::from_sat_per_kvb(1_001)));
        assert_eq!(fee_rate(0.0), Some(FeeRate::ZERO));
        for nonsense in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(fee_rate(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_page_of_a_proxy_says_nothing() {
        let body = |text: &str| plain(&Response { status: 404, body: text.as_bytes().to_vec() });
        assert_eq!(body("Transaction not found"), Some("Transaction not found".to_owned()));
        assert_eq!(body(" <html>404 not found</html>"), None);
        assert_eq!(body(""), None);
    }

    #[test]
    fn hashes_are_written_as_people_write_them() {
        let genesis: BlockHash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
            .parse()
            .expect("a hash");
        assert_eq!(
            block_ref(0, genesis).hash.to_string(),
            "0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
    }
}
