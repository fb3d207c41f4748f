//! Sending recorded bytes to every source. The answers explain; they prove nothing (windows F5 to
//! F14).

use std::sync::Arc;

use adit_chain::{Endpoint, Fault, Sent};
use adit_core::{EndpointName, Signed, Submission, SubmissionAnswer};
use bdk_wallet::bitcoin::Transaction;
use bdk_wallet::bitcoin::Txid;
use bdk_wallet::bitcoin::consensus::encode::deserialize;

use super::Node;
use crate::hash_of;

/// Recorded bytes as they are handed in; nothing where they are no transaction, which no source
/// needs to be asked about.
type Handed = Option<(Txid, String)>;

impl Node {
    /// Gives recorded bytes to every source, to each in this order: a child comes after its parent.
    pub async fn broadcast(&self, bytes: &[Signed]) -> Vec<Sent> {
        let handed: Vec<Handed> = bytes.iter().map(handed).collect();
        let tell = async |endpoint: Arc<Endpoint>| {
            let mut answers = Vec::with_capacity(handed.len());
            for one in &handed {
                answers.push(match one {
                    Some((txid, hex)) => self.source(&endpoint).send(*txid, hex).await,
                    None => SubmissionAnswer::Unclear {
                        text: "not sent: the recorded bytes are no transaction".to_owned(),
                    },
                });
            }
            Ok(answers)
        };
        let said = self.quorum.fan_out(tell).await;
        let sent = |(index, signed): (usize, &Signed)| Sent {
            hash: handed[index].as_ref().map_or(signed.hash, |(txid, _)| hash_of(*txid)),
            submissions: said
                .iter()
                .map(|(name, answers)| submission(name, answers, index))
                .collect(),
        };
        bytes.iter().enumerate().map(sent).collect()
    }
}

fn handed(signed: &Signed) -> Handed {
    let transaction: Transaction = deserialize(&signed.raw.0).ok()?;
    Some((transaction.compute_txid(), hex::encode(&signed.raw.0)))
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
