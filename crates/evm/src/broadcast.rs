//! Sending recorded bytes to every endpoint. The answers explain; they prove nothing (windows F5 to
//! F14).

use std::sync::Arc;

use adit_chain::{Answer, BATCH_CALLS_MAX, Call, Endpoint, Fault, Sent};
use adit_core::{EndpointName, Signed, Submission, SubmissionAnswer};
use serde_json::json;

use crate::draft::raw_hash;
use crate::node::Node;

/// How nodes say that they have these very bytes: geth and reth, anvil, hardhat, nethermind, besu,
/// erigon.
const KNOWN_WORDS: [&str; 6] = [
    "already known",
    "known transaction",
    "already imported",
    "alreadyknown",
    "already exists",
    "already in the pool",
];

impl Node {
    pub(crate) async fn broadcast(&self, bytes: &[Signed]) -> Vec<Sent> {
        let calls: Vec<Call> = bytes
            .iter()
            .map(|signed| Call::new("eth_sendRawTransaction", json!([signed.raw])))
            .collect();
        let said = self
            .quorum
            .fan_out(async |endpoint: Arc<Endpoint>| Ok(send(&endpoint, &calls).await))
            .await;
        let sent = |(index, signed): (usize, &Signed)| Sent {
            hash: raw_hash(&signed.raw),
            submissions: said
                .iter()
                .map(|(name, answers)| submission(name, answers, index))
                .collect(),
        };
        bytes.iter().enumerate().map(sent).collect()
    }
}

/// One request after the other, in the order of the nonces: geth keeps only 64 transactions of an
/// account that wait for an earlier one.
async fn send(endpoint: &Endpoint, calls: &[Call]) -> Vec<SubmissionAnswer> {
    let mut said = Vec::with_capacity(calls.len());
    for some in calls.chunks(BATCH_CALLS_MAX) {
        match endpoint.batch(some).await {
            Ok(answers) => said.extend(answers.iter().map(classify)),
            Err(fault) => said
                .extend(some.iter().map(|_| SubmissionAnswer::Unclear { text: fault.to_string() })),
        }
    }
    said
}

fn submission(
    endpoint: &EndpointName,
    answers: &Result<Vec<SubmissionAnswer>, Fault>,
    index: usize,
) -> Submission {
    let answer = match answers {
        Ok(answers) => answers[index].clone(),
        Err(fault) => SubmissionAnswer::Unclear { text: fault.to_string() },
    };
    Submission { endpoint: endpoint.clone(), answer }
}

fn classify(answer: &Answer) -> SubmissionAnswer {
    let Err(error) = answer else { return SubmissionAnswer::Accepted };
    let words = error.message.to_ascii_lowercase();
    if KNOWN_WORDS.iter().any(|known| words.contains(known)) {
        return SubmissionAnswer::AlreadyKnown;
    }
    SubmissionAnswer::Refused { text: error.to_string() }
}

#[cfg(test)]
mod tests {
    use adit_chain::RpcError;

    use super::*;

    fn said(message: &str) -> SubmissionAnswer {
        classify(&Err(RpcError { code: -32_000, message: message.to_owned(), data: None }))
    }

    #[test]
    fn f07_having_it_already_is_no_refusal() {
        for message in [
            "already known",
            "Known transaction: 0xab",
            "transaction already imported",
            "AlreadyKnown",
            "ALREADY_EXISTS: already known",
        ] {
            assert_eq!(said(message), SubmissionAnswer::AlreadyKnown, "{message}");
        }
    }

    #[test]
    fn f06_f08_f09_f10_other_errors_are_kept_as_they_are() {
        for message in [
            "nonce too low",
            "replacement transaction underpriced",
            "insufficient funds for gas * price + value",
            "",
        ] {
            assert_eq!(
                said(message),
                SubmissionAnswer::Refused { text: format!("{message} (-32000)") }
            );
        }
    }
}
