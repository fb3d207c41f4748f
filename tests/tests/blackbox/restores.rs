//! A database that goes back in time (windows F72, F73, F89, abuse case 23): what was paid since is
//! found again, and not paid again.

use std::fs;
use std::path::Path;

use adit_devnet::primitives::Address;
use adit_devnet::proxy::Fault;
use adit_tests::people::{Person, endow};
use adit_tests::settings::Settings;
use adit_tests::system::{System, is_over};
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};

const PAYEES: usize = 12;
/// The ledger and what SQLite keeps beside it.
const DATABASE: [&str; 3] = ["adit.db", "adit.db-wal", "adit.db-shm"];
const JOURNAL: &str = "signer.journal";

/// Accepted, then copied, then paid.
struct Past {
    system: System,
    ada: Person,
    payees: Vec<Address>,
    asked: Vec<String>,
}

/// So much is owed; everybody has asked, and nothing could be sent.
async fn accepted(topic: &str, owed: usize) -> Result<Past> {
    let system = System::start(topic, Settings::sqlite().impatient().proxied()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", &owed.to_string()).await?;
    let payees: Vec<Address> = (1..=PAYEES)
        .map(|number| Address::left_padding_from(&(0xc4_0000 + number as u64).to_be_bytes()))
        .collect();
    system.proxy().always(None, Fault::Page(503));
    let asked = try_join_all(payees.iter().map(|payee| ada.withdrawn("ETH", "1", *payee))).await?;
    Ok(Past { system, ada, payees, asked })
}

async fn paid_after_the_copy(topic: &str, files: &[&str]) -> Result<Past> {
    let Past { mut system, ada, payees, asked } = accepted(topic, PAYEES).await?;
    system.devnet.server(0).stop().await?;
    let copy = system.directory().join("copy");
    fs::create_dir(&copy)?;
    move_files(system.directory(), &copy, files)?;
    move_files(&copy, system.directory(), files)?;
    system.proxy().heal();
    system.devnet.server(0).start_again().await?;
    for id in &asked {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(system.coins_paid(&payees).await?, Histogram::all_once(PAYEES));
    // The copy is several epochs old.
    system.crash_and_restart().await?;
    system.crash_and_restart().await?;
    system.devnet.server(0).kill().await?;
    move_files(&copy, system.directory(), files)?;
    system.devnet.server(0).start_again().await?;
    Ok(Past { system, ada, payees, asked })
}

/// Copies those that are there, and removes those that are not.
pub fn move_files(from: &Path, to: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        let (source, target) = (from.join(name), to.join(name));
        if target.exists() {
            fs::remove_file(&target)?;
        }
        if source.exists() {
            fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn f73_a_restored_database_finds_again_what_was_paid_and_pays_nothing_twice() -> Result<()> {
    let Past { system, ada, payees, asked } = paid_after_the_copy("restored", &DATABASE).await?;
    for id in &asked {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(system.coins_paid(&payees).await?, Histogram::all_once(PAYEES));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), PAYEES);
    assert_eq!(ada.available("ETH").await?, "0");
    system.stop().await
}

/// One snapshot rolled back both; only the chain knows. What it shows is explained or stops the
/// lane, and is never repeated.
#[tokio::test]
async fn f89_database_and_journal_restored_together_pay_nothing_twice() -> Result<()> {
    let past = both_restored("restored-both").await?;
    past.is_judged().await?;
    past.system.rpc().mine(5).await?;
    past.nobody_was_paid_twice().await?;
    past.system.stop().await
}

/// What both forgot stands in the chain: it is taken back by those who ask for it. A person lets
/// the lane go on, once they have looked.
#[tokio::test]
async fn f89_what_both_forgot_is_taken_back_and_a_person_lets_the_lane_go_on() -> Result<()> {
    let past = both_restored("restored-resumed").await?;
    for id in &past.asked {
        assert_eq!(past.system.until_over(&past.ada, id).await?["status"], "completed");
    }
    let stopped = past.lane().await?;
    assert_eq!(stopped["halted"]["reason"], "both_went_back", "{stopped}");
    past.resume().await?;
    past.system.rpc().mine(5).await?;
    past.nobody_was_paid_twice().await?;
    past.system.stop().await
}

/// The volume's snapshot is of before the pool was filled. Anything may come first afterwards: new
/// payments, and cancels of what the restored database shows as waiting.
#[tokio::test]
async fn f89_a_pool_that_both_forgot_pays_or_gives_back_each_payment_once() -> Result<()> {
    let mut past = filled_after_the_copy("restored-pool").await?;
    let newcomer = Address::repeat_byte(0xc6);
    for id in past.asked.iter().take(PAYEES / 3) {
        // Refused while it is not known what was signed; noted afterwards.
        let _answer =
            past.ada.api.post(&format!("/api/withdrawals/{id}/cancel"), &json!({})).await?;
    }
    let stopped =
        async || Ok((past.lane().await?["halted"]["reason"] == "both_went_back").then_some(()));
    past.system.until("the lane to stop", stopped).await?;
    let new = past.ada.withdrawn("ETH", "1", newcomer).await?;
    past.system.crash_and_restart().await?;
    past.system.resume_mining().await?;
    let records =
        try_join_all(past.asked.iter().map(|id| past.system.until_over(&past.ada, id))).await?;
    past.resume().await?;
    assert_eq!(past.system.until_over(&past.ada, &new).await?["status"], "completed");
    for (record, payee) in records.iter().zip(&past.payees) {
        let paid = past.system.balance(None, *payee).await? == adit_devnet::claim::base_units("1");
        assert_eq!(record["status"] == "completed", paid, "{record}");
        assert!(paid || past.system.balance(None, *payee).await?.is_zero(), "{record}");
    }
    past.system.stop().await
}

/// Both stores as they were before anything was signed, with every payment in the pool.
async fn filled_after_the_copy(topic: &str) -> Result<Past> {
    let files = [DATABASE.as_slice(), &[JOURNAL]].concat();
    let mut asked = accepted(topic, PAYEES + 1).await?;
    asked.system.devnet.server(0).stop().await?;
    let copy = asked.system.directory().join("copy");
    fs::create_dir(&copy)?;
    move_files(asked.system.directory(), &copy, &files)?;
    asked.system.stop_mining().await?;
    asked.system.proxy().heal();
    asked.system.devnet.server(0).start_again().await?;
    asked.system.until_pooled(PAYEES as u64).await?;
    asked.system.devnet.server(0).kill().await?;
    move_files(&copy, asked.system.directory(), &files)?;
    asked.system.devnet.server(0).start_again().await?;
    Ok(asked)
}

async fn both_restored(topic: &str) -> Result<Past> {
    let files = [DATABASE.as_slice(), &[JOURNAL]].concat();
    paid_after_the_copy(topic, &files).await
}

impl Past {
    /// Waits until the lane has stopped, or all is over.
    async fn is_judged(&self) -> Result<()> {
        let admin = self.system.admin()?;
        let waits = |record: &Value| is_over(record) || record["status"] == "held_for_inspection";
        let judged = async || {
            self.system.rpc().mine(1).await?;
            let lanes = admin.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
            let records = try_join_all(self.asked.iter().map(|id| self.ada.withdrawal(id))).await?;
            Ok((lanes["items"][0]["state"] == "halted" || records.iter().all(waits)).then_some(()))
        };
        self.system.until("the lane to stop or to explain what the chain shows", judged).await
    }

    /// A person has looked.
    async fn resume(&self) -> Result<()> {
        let path = format!(
            "/api/admin/lanes/{}/resume",
            self.lane().await?["chain"].as_str().context("a chain")?
        );
        self.system.admin()?.post(&path, &json!({})).await?.expect_success("resuming")?;
        self.system
            .until("the lane to run", async || {
                Ok((self.lane().await?["state"] == "running").then_some(()))
            })
            .await
    }

    async fn lane(&self) -> Result<Value> {
        Ok(self.system.admin()?.get("/api/admin/lanes").await?.expect_success("reading lanes")?["items"][0].clone())
    }

    async fn nobody_was_paid_twice(&self) -> Result<()> {
        assert_eq!(self.system.coins_paid(&self.payees).await?, Histogram::all_once(PAYEES));
        assert_eq!(self.system.sent_by_hot_wallet().await?.len(), PAYEES);
        Ok(())
    }
}

/// A signer that has forgotten what it signed does not sign for this wallet (rule R6).
#[tokio::test]
async fn f89_a_lost_journal_signs_nothing() -> Result<()> {
    let mut system = System::start("journal-lost", Settings::sqlite()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "2").await?;
    let friend = Address::repeat_byte(0xc5);
    let first = ada.withdrawn("ETH", "1", friend).await?;
    assert_eq!(system.until_over(&ada, &first).await?["status"], "completed");
    system.devnet.server(0).stop().await?;
    for entry in fs::read_dir(system.directory())?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(JOURNAL))
    {
        fs::remove_file(entry.path())?;
    }
    let log = system.devnet.server(0).log().to_owned();
    // Not starting at all would be as good an answer.
    if system.devnet.server(0).start_again().await.is_ok() {
        let second = ada.withdrawn("ETH", "1", friend).await?;
        let noticed =
            async || Ok(fs::read_to_string(&log)?.contains("nothing is signed").then_some(()));
        system.until("the server to say that it does not sign", noticed).await?;
        assert_eq!(ada.withdrawal(&second).await?["status"], "approved");
    }
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 1);
    system.stop().await
}
