//! What came of each claim, compared with what had to: the API's record, the points, and the
//! transfers on chain.

use std::time::Duration;

use adit_devnet::abi::Token;
use adit_devnet::api::Answer;
use adit_devnet::claim::{SignedClaim, base_units, whole_tokens};
use adit_devnet::devnet::Devnet;
use adit_devnet::primitives::{Address, U256};
use adit_devnet::rpc::Log;
use alloy::sol_types::SolEvent;
use anyhow::Result;
use serde_json::Value;

use super::cast::{ACTS, Act, Expected};
use crate::demo::row::Row;

/// One act, played.
pub struct Outcome {
    pub act: &'static Act,
    pub sent: SignedClaim,
    pub answer: Answer,
    pub told_after: Duration,
    /// The record of an accepted claim once it was over.
    pub settled: Option<Value>,
    pub settled_after: Duration,
    pub xp_before: String,
    pub xp_after: String,
}

/// What the chain says about one player.
struct OnChain {
    balance: U256,
    /// Transfers from the hot wallet to him.
    payments: Vec<Log>,
}

/// # Errors
/// When the chain cannot be read.
pub async fn judge(devnet: &Devnet, outcomes: &[Outcome]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for outcome in outcomes {
        let player = &devnet.players[outcome.act.player].player;
        rows.push(outcome.row(&player.id, &OnChain::read(devnet, player.wallet.address).await?));
    }
    Ok(rows)
}

impl OnChain {
    async fn read(devnet: &Devnet, who: Address) -> Result<Self> {
        let topics = [
            Some(Token::Transfer::SIGNATURE_HASH),
            Some(devnet.stage.hot_wallet.address.into_word()),
            Some(who.into_word()),
        ];
        let payments = devnet.rpc().logs(devnet.stage.token, &topics).await?;
        let balance =
            devnet.rpc().view(devnet.stage.token, &Token::balanceOfCall { account: who }).await?;
        Ok(Self { balance, payments })
    }
}

impl Outcome {
    fn row(&self, player: &str, on_chain: &OnChain) -> Row {
        Row {
            player: player.to_owned(),
            asked: format!("{} DG, {}", self.act.amount, self.act.title),
            answer: self.verdict().to_owned(),
            transaction: self.transaction().map(str::to_owned),
            story: self.timing(),
            before: format!("{} XP", self.xp_before),
            after: format!("{} XP", self.xp_after),
            on_chain: format!("{} DG", whole_tokens(on_chain.balance)),
            surprises: self.surprises(on_chain),
        }
    }

    /// The status of an accepted claim, the code of a refused one.
    fn verdict(&self) -> &str {
        match &self.settled {
            Some(record) => record["status"].as_str().unwrap_or("no status"),
            None if self.answer.code().is_empty() => "no code",
            None => self.answer.code(),
        }
    }

    /// As the API's record names it.
    fn transaction(&self) -> Option<&str> {
        self.settled.as_ref()?["transaction_hash"].as_str()
    }

    fn timing(&self) -> String {
        let told = if self.answer.body["pending"] == true { "not confirmed" } else { "confirmed" };
        format!(
            "{told} after {:.1} s, settled after {:.1} s",
            self.told_after.as_secs_f64(),
            self.settled_after.as_secs_f64()
        )
    }

    fn surprises(&self, on_chain: &OnChain) -> Vec<String> {
        match self.act.expected {
            Expected::Completed => self.surprises_of_payment(on_chain),
            Expected::Refused(code) => self.surprises_of_refusal(code, on_chain),
        }
    }

    fn surprises_of_payment(&self, on_chain: &OnChain) -> Vec<String> {
        let mut found = Vec::new();
        if self.verdict() != "completed" {
            found.push(format!(
                "it should be completed and is {}: {}",
                self.verdict(),
                self.answer.body
            ));
        }
        let paid: Vec<Option<String>> = on_chain
            .payments
            .iter()
            .map(|log| log.transaction_hash.map(|hash| hash.to_string()))
            .collect();
        if paid.len() != 1 {
            found.push(format!("it should be paid once and was paid {} times", paid.len()));
        }
        if !paid.iter().any(|hash| hash.as_deref() == self.transaction()) {
            found.push(format!(
                "the API names transaction {:?}, the chain {paid:?}",
                self.transaction()
            ));
        }
        if on_chain.balance != base_units(self.act.amount) {
            found.push(format!("the wallet should hold {} DG", self.act.amount));
        }
        found.extend(self.surprise_of_points(self.act.amount));
        found
    }

    fn surprises_of_refusal(&self, code: &str, on_chain: &OnChain) -> Vec<String> {
        let mut found = Vec::new();
        if self.answer.code() != code || self.answer.status.is_success() {
            found.push(format!("{code} expected, got {} {}", self.answer.status, self.answer.body));
        }
        // A replay follows a good claim of the same player, which is the one payment that he may
        // have.
        let allowed = ACTS
            .iter()
            .filter(|act| act.player == self.act.player && act.expected == Expected::Completed)
            .count();
        if on_chain.payments.len() != allowed {
            found.push(format!("paid {} times, allowed: {allowed}", on_chain.payments.len()));
        }
        found.extend(self.surprise_of_points("0"));
        found
    }

    /// Unless exactly `spent` points are gone.
    fn surprise_of_points(&self, spent: &str) -> Option<String> {
        let points = |text: &str| text.parse::<i128>().ok();
        let gone = points(&self.xp_before)
            .zip(points(&self.xp_after))
            .map(|(before, after)| before - after);
        let as_expected = gone.is_some() && gone == points(spent);
        (!as_expected).then(|| {
            format!("{spent} XP should be gone: {} before, {} after", self.xp_before, self.xp_after)
        })
    }
}
