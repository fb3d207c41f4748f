//! What came of each claim, compared with what had to: the API's record, the points, and the transfers on chain.

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
use adit_devnet::table::Table;

const HASH_DIGITS_SHOWN: usize = 10;

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

/// Prints the table and every surprise; true when there is none.
///
/// # Errors
/// When the chain cannot be read.
pub async fn show(devnet: &Devnet, outcomes: &[Outcome]) -> Result<bool> {
    let mut table = Table::new(["player", "asked", "answer", "transaction", "XP before", "XP after", "DG on chain"]);
    let mut surprises = Vec::new();
    let mut as_expected = 0;
    for outcome in outcomes {
        let player = &devnet.players[outcome.act.player].player;
        let on_chain = OnChain::read(devnet, player.wallet.address).await?;
        table.push(outcome.row(&player.id, &on_chain));
        let found = outcome.surprises(&on_chain);
        as_expected += usize::from(found.is_empty());
        surprises.extend(found.into_iter().map(|surprise| format!("{}, {}: {surprise}", player.id, outcome.act.title)));
    }
    println!("\n{table}");
    for outcome in outcomes {
        if let Some(transaction) = outcome.transaction() {
            println!("paid by transaction {transaction}: {}", outcome.timing());
        }
    }
    for surprise in &surprises {
        println!("NOT AS EXPECTED: {surprise}");
    }
    println!("{as_expected} of {} claims as expected", ACTS.len());
    Ok(surprises.is_empty() && outcomes.len() == ACTS.len())
}

impl OnChain {
    async fn read(devnet: &Devnet, who: Address) -> Result<Self> {
        let topics = [Some(Token::Transfer::SIGNATURE_HASH), Some(devnet.stage.hot_wallet.address.into_word()), Some(who.into_word())];
        let payments = devnet.rpc().logs(devnet.stage.token, &topics).await?;
        let balance = devnet.rpc().view(devnet.stage.token, &Token::balanceOfCall { account: who }).await?;
        Ok(Self { balance, payments })
    }
}

impl Outcome {
    fn row(&self, player: &str, on_chain: &OnChain) -> [String; 7] {
        [
            player.to_owned(),
            format!("{} DG, {}", self.act.amount, self.act.title),
            self.verdict().to_owned(),
            self.transaction().map_or_else(|| "none".to_owned(), shorten),
            self.xp_before.clone(),
            self.xp_after.clone(),
            whole_tokens(on_chain.balance),
        ]
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
        format!("{told} after {:.1} s, settled after {:.1} s", self.told_after.as_secs_f64(), self.settled_after.as_secs_f64())
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
            found.push(format!("it should be completed and is {}: {}", self.verdict(), self.answer.body));
        }
        let paid: Vec<Option<String>> = on_chain.payments.iter().map(|log| log.transaction_hash.map(|hash| hash.to_string())).collect();
        if paid.len() != 1 {
            found.push(format!("it should be paid once and was paid {} times", paid.len()));
        }
        if !paid.iter().any(|hash| hash.as_deref() == self.transaction()) {
            found.push(format!("the API names transaction {:?}, the chain {paid:?}", self.transaction()));
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
        // A replay follows a good claim of the same player, which is the one payment that he may have.
        let allowed = ACTS.iter().filter(|act| act.player == self.act.player && act.expected == Expected::Completed).count();
        if on_chain.payments.len() != allowed {
            found.push(format!("paid {} times, allowed: {allowed}", on_chain.payments.len()));
        }
        found.extend(self.surprise_of_points("0"));
        found
    }

    /// Unless exactly `spent` points are gone.
    fn surprise_of_points(&self, spent: &str) -> Option<String> {
        let points = |text: &str| text.parse::<i128>().ok();
        let gone = points(&self.xp_before).zip(points(&self.xp_after)).map(|(before, after)| before - after);
        let as_expected = gone.is_some() && gone == points(spent);
        (!as_expected).then(|| format!("{spent} XP should be gone: {} before, {} after", self.xp_before, self.xp_after))
    }
}

fn shorten(hash: &str) -> String {
    hash.chars().take(HASH_DIGITS_SHOWN).chain(['…']).collect()
}
