//! What came of each payout, compared with what had to: the API's records, the balances, and the
//! blocks as bitcoind has them.

use std::collections::BTreeSet;
use std::time::Duration;

use adit_devnet::api::Answer;
use adit_devnet::bitcoin::payments::{Payment, Payments};
use adit_devnet::bitcoin::stage::BitcoinStage;
use anyhow::Result;
use bitcoin::{Address, Amount, Denomination};
use serde_json::Value;

use super::cast::{Act, Scene};
use super::cosign::Cosigned;
use super::spike::Version;
use crate::demo::row::Row;

/// A payment that is settled has so many.
const CONFIRMATIONS_MIN: u32 = 6;

/// What one player asked for, and what he was told.
pub struct Asked {
    pub player: String,
    pub address: Address,
    pub answer: Answer,
}

/// One act, played.
pub struct Outcome {
    pub act: &'static Act,
    pub asked: Vec<Asked>,
    /// Of each, once it was over; `None` where it was refused.
    pub records: Vec<Option<Value>>,
    pub outbid: Option<Version>,
    pub cosigned: Option<Cosigned>,
    pub took: Duration,
    pub before: Vec<Amount>,
    pub after: Vec<Amount>,
}

/// The chain as bitcoind has it.
struct OnChain {
    payments: Payments,
    height: u32,
    /// Whether bitcoind knows the version that was outbid, in whatever place.
    still_there: bool,
}

/// # Errors
/// When the chain cannot be read.
pub async fn judge(bitcoin: &BitcoinStage, outcomes: &[Outcome]) -> Result<Vec<Row>> {
    let rpc = bitcoin.world.rpc();
    let mut rows = Vec::new();
    for outcome in outcomes {
        let still_there = match &outcome.outbid {
            Some(version) => rpc.transaction(version.txid).await?.is_some(),
            None => false,
        };
        let payments = Payments::since(rpc, bitcoin.first_height).await?;
        rows.push(outcome.row(&OnChain { payments, height: rpc.height().await?, still_there }));
    }
    Ok(rows)
}

impl Outcome {
    fn row(&self, chain: &OnChain) -> Row {
        let amounts: Vec<Amount> =
            self.asked.iter().map(|asked| chain.paid(&asked.address)).collect();
        Row {
            player: match self.asked.as_slice() {
                [only] => only.player.clone(),
                many => format!("{} players", many.len()),
            },
            asked: format!("{}, {}", each(&vec![self.amount(); self.asked.len()]), self.act.title),
            answer: self.verdict(),
            transaction: self.transactions().into_iter().next(),
            story: self.story(),
            before: each(&self.before),
            after: each(&self.after),
            on_chain: each(&amounts),
            surprises: self.surprises(chain),
        }
    }

    fn amount(&self) -> Amount {
        Amount::from_str_in(self.act.amount, Denomination::Bitcoin).expect("a constant amount")
    }

    /// The statuses of what was accepted, the codes of what was refused; one where all are alike.
    fn verdict(&self) -> String {
        let said = self.asked.iter().zip(&self.records).map(|(asked, record)| match record {
            Some(record) => record["status"].as_str().unwrap_or("no status"),
            None if asked.answer.code().is_empty() => "no code",
            None => asked.answer.code(),
        });
        said.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    }

    /// As the API's records name them.
    fn transactions(&self) -> BTreeSet<String> {
        self.records
            .iter()
            .flatten()
            .filter_map(|record| record["txHash"].as_str().map(str::to_owned))
            .collect()
    }

    fn story(&self) -> String {
        let settled = format!("settled after {:.1} s", self.took.as_secs_f64());
        match (&self.outbid, &self.cosigned) {
            (Some(version), _) => format!("{settled}, in place of {}", version.txid),
            (None, Some(cosigned)) => format!("{settled}; co-signed by {}", cosigned.by),
            (None, None) => settled,
        }
    }

    fn surprises(&self, chain: &OnChain) -> Vec<String> {
        let spent = match self.act.scene {
            Scene::Paid | Scene::Outbid | Scene::Cosigned => self.amount(),
            Scene::Refused { .. } => Amount::ZERO,
        };
        let mut found: Vec<String> = self
            .before
            .iter()
            .zip(&self.after)
            .zip(&self.asked)
            .filter_map(|((before, after), asked)| {
                let wrong = before.checked_sub(*after) != Some(spent);
                wrong.then(|| {
                    format!(
                        "{}: {spent} should be gone of {before}, and {after} is left",
                        asked.player
                    )
                })
            })
            .collect();
        match self.act.scene {
            Scene::Paid | Scene::Outbid | Scene::Cosigned => {
                found.extend(self.surprises_of_payment(chain))
            }
            Scene::Refused { code, .. } => found.extend(self.surprises_of_refusal(code, chain)),
        }
        found
    }

    fn surprises_of_payment(&self, chain: &OnChain) -> Vec<String> {
        let mut found = Vec::new();
        for (asked, record) in self.asked.iter().zip(&self.records) {
            let record = record.as_ref().unwrap_or(&asked.answer.body);
            if record["status"] != "completed" {
                found.push(format!(
                    "{}: it should be completed, and the API says {record}",
                    asked.player
                ));
            }
            match chain.payments.to(&asked.address).as_slice() {
                [payment] => found.extend(
                    self.surprises_of_output(payment, record, chain)
                        .into_iter()
                        .map(|what| format!("{}: {what}", asked.player)),
                ),
                many => found.push(format!(
                    "{} should be paid once and was paid {} times",
                    asked.player,
                    many.len()
                )),
            }
        }
        let transactions = self.transactions();
        if transactions.len() != 1 {
            found.push(format!("one transaction should pay, and the API names {transactions:?}"));
        }
        let other = self.cosigned.iter().find(|cosigned| !transactions.contains(&cosigned.txid));
        found.extend(other.map(|cosigned| {
            format!("{} was co-signed, and the API names {transactions:?}", cosigned.txid)
        }));
        found.extend(
            self.outbid.iter().flat_map(|version| self.surprises_of_replacement(version, chain)),
        );
        found
    }

    fn surprises_of_output(
        &self,
        payment: &Payment,
        record: &Value,
        chain: &OnChain,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if payment.amount != self.amount() {
            found.push(format!("{} was paid", payment.amount));
        }
        if record["txHash"] != payment.txid.to_string() {
            found.push(format!(
                "the API names transaction {}, the chain {}",
                record["txHash"], payment.txid
            ));
        }
        let confirmations = (chain.height + 1).saturating_sub(payment.height);
        if confirmations < CONFIRMATIONS_MIN {
            found.push(format!("it was settled with {confirmations} confirmations"));
        }
        found
    }

    fn surprises_of_replacement(&self, version: &Version, chain: &OnChain) -> Vec<String> {
        let mut found = Vec::new();
        let paying = chain.payments.to(&self.asked[0].address);
        let mined = paying.first().and_then(|payment| chain.payments.transaction(payment.txid));
        if chain.still_there || mined.is_some_and(|mined| mined.txid == version.txid) {
            found.push(format!(
                "{} should have been replaced, and bitcoind still has it",
                version.txid
            ));
        }
        if !mined.is_some_and(|mined| version.spends.iter().all(|coin| mined.spends.contains(coin)))
        {
            found.push(
                "the version that was mined does not spend all coins of the first".to_owned(),
            );
        }
        found
    }

    fn surprises_of_refusal(&self, code: &str, chain: &OnChain) -> Vec<String> {
        let mut found = Vec::new();
        for asked in &self.asked {
            if asked.answer.code() != code || !asked.answer.status.is_client_error() {
                found.push(format!(
                    "{code} expected, got {} {}",
                    asked.answer.status, asked.answer.body
                ));
            }
            if !chain.payments.to(&asked.address).is_empty() {
                found.push(format!("{} was paid", asked.player));
            }
        }
        found
    }
}

impl OnChain {
    fn paid(&self, address: &Address) -> Amount {
        self.payments.to(address).iter().map(|payment| payment.amount).sum()
    }
}

/// `25 × 0.001 BTC`, or all of them where they differ.
fn each(amounts: &[Amount]) -> String {
    let text = |amount: &Amount| format!("{} BTC", amount.to_string_in(Denomination::Bitcoin));
    match amounts {
        [only] => text(only),
        [first, rest @ ..] if rest.iter().all(|amount| amount == first) => {
            format!("{} × {}", amounts.len(), text(first))
        }
        differing => format!("{} together", text(&differing.iter().copied().sum())),
    }
}
