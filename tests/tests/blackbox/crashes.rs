//! kill -9 at the moments that matter, a start on the same state, and the chain's word on how often everybody was paid.

use std::time::Duration;

use adit_devnet::primitives::Address;
use adit_devnet::proxy::Fault;
use adit_tests::people::{Person, endow};
use adit_tests::seed::Chance;
use adit_tests::settings::Settings;
use adit_tests::system::{System, is_over};
use adit_tests::verdict::Histogram;
use anyhow::Result;
use futures::future::try_join_all;

const SEND: Option<&str> = Some("eth_sendRawTransaction");
const FRIEND: Address = Address::repeat_byte(0xf4);
const PAYEES: usize = 30;
const KILLS: u64 = 6;

async fn system(topic: &str) -> Result<(System, Person)> {
    let system = System::start(topic, Settings::sqlite().impatient().proxied()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    Ok((system, ada))
}

async fn is_paid_once(mut system: System, ada: &Person, id: &str) -> Result<()> {
    system.devnet.server(0).kill().await?;
    system.proxy().heal();
    system.devnet.server(0).start_again().await?;
    assert_eq!(system.until_over(ada, id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 1);
    assert_eq!(ada.available("ETH").await?, "0");
    system.stop().await
}

#[tokio::test]
async fn f01_killed_after_the_hold_before_anything_is_reserved() -> Result<()> {
    let (system, ada) = system("f01").await?;
    system.proxy().always(None, Fault::RequestLost);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    is_paid_once(system, &ada, &id).await
}

#[tokio::test]
async fn f04_killed_after_signing_before_the_bytes_left() -> Result<()> {
    let (system, ada) = system("f04").await?;
    system.proxy().always(SEND, Fault::RequestLost);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    until_sent(&system, 1).await?;
    is_paid_once(system, &ada, &id).await
}

#[tokio::test]
async fn f05_killed_right_after_the_node_accepted() -> Result<()> {
    let (system, ada) = system("f05-killed").await?;
    system.stop_mining().await?;
    system.proxy().always(SEND, Fault::AnswerLost);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    system.until_pooled(1).await?;
    is_paid_once(system, &ada, &id).await
}

#[tokio::test]
async fn f05_killed_after_acceptance_and_mined_while_away() -> Result<()> {
    let (mut system, ada) = system("f05-mined").await?;
    system.stop_mining().await?;
    system.proxy().always(SEND, Fault::AnswerLost);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    system.until_pooled(1).await?;
    system.devnet.server(0).kill().await?;
    system.rpc().mine(10).await?;
    is_paid_once(system, &ada, &id).await
}

#[tokio::test]
async fn killed_between_confirmed_and_final() -> Result<()> {
    let system = System::start("confirmed", Settings::sqlite().slots_in_epoch(8)).await?;
    let ada = system.person(0)?;
    let body = ada.claim("3000", 25).await?.expect_success("claiming")?;
    assert_eq!(body["final"], false, "{body}");
    let id = body["withdrawalId"].as_str().unwrap_or_default();
    let mut system = system;
    system.crash_and_restart().await?;
    assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    assert_eq!(system.claims_paid(&[ada.address()]).await?, Histogram::all_once(1));
    system.stop().await
}

#[tokio::test]
async fn kills_at_random_sends_pay_each_of_many_once_on_sqlite() -> Result<()> {
    kills_at_random_sends("kills-sqlite", Settings::sqlite()).await
}

#[tokio::test]
async fn kills_at_random_sends_pay_each_of_many_once_on_postgres() -> Result<()> {
    kills_at_random_sends("kills-postgres", Settings::postgres()).await
}

async fn kills_at_random_sends(topic: &str, settings: Settings) -> Result<()> {
    let mut chance = Chance::new();
    // Few at once, so that there are many sends to be killed at.
    let mut system = System::start(topic, settings.impatient().proxied().in_flight_max(4)).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "30").await?;
    let payees: Vec<Address> = (1..=PAYEES).map(|number| Address::left_padding_from(&(0xf5_0000 + number as u64).to_be_bytes())).collect();
    let asked = try_join_all(payees.iter().map(|payee| ada.withdrawn("ETH", "1", *payee))).await?;

    for _ in 0..KILLS {
        if all_over(&ada, &asked).await? {
            break;
        }
        let fault = [Fault::AnswerLost, Fault::RequestLost, Fault::AnswerBroken][usize::try_from(chance.up_to(2))?].clone();
        system.proxy().next(1, SEND, fault);
        let target = system.proxy().seen("eth_sendRawTransaction") + 1 + chance.up_to(3);
        until_sent_or_over(&system, &ada, &asked, target).await?;
        // A few milliseconds more or less decide what was committed.
        tokio::time::sleep(Duration::from_millis(chance.up_to(40))).await;
        system.crash_and_restart().await?;
        system.proxy().heal();
    }
    for id in &asked {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    let verdict = system.coins_paid(&payees).await?;
    println!("{verdict}");
    assert_eq!(verdict, Histogram::all_once(PAYEES));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), PAYEES, "no nonce was wasted");
    assert_eq!(ada.available("ETH").await?, "0");
    system.stop().await
}

async fn until_sent(system: &System, count: u64) -> Result<()> {
    system
        .until(&format!("{count} sends"), async || Ok((system.proxy().seen("eth_sendRawTransaction") >= count).then_some(())))
        .await
}

async fn until_sent_or_over(system: &System, person: &Person, asked: &[String], count: u64) -> Result<()> {
    system
        .until(&format!("{count} sends"), async || {
            let enough = system.proxy().seen("eth_sendRawTransaction") >= count || all_over(person, asked).await?;
            Ok(enough.then_some(()))
        })
        .await
}

async fn all_over(person: &Person, asked: &[String]) -> Result<bool> {
    let records = try_join_all(asked.iter().map(|id| person.withdrawal(id))).await?;
    Ok(records.iter().all(is_over))
}
