//! A thousand requests at the same moment for what can be had once (abuse cases 1 and 2).

use adit_devnet::primitives::Address;
use adit_tests::bursts::{all_at_once, expected, tally};
use adit_tests::people::{Person, endow, order};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use futures::FutureExt;
use serde_json::json;

const MANY: usize = 1_000;
const REPEATS: usize = 200;
const FRIEND: Address = Address::repeat_byte(0xf6);

#[tokio::test]
async fn of_a_thousand_at_once_one_is_accepted_on_sqlite() -> Result<()> {
    let system = System::start("races-sqlite", Settings::sqlite()).await?;
    one_of_a_thousand(&system).await?;
    system.stop().await
}

#[tokio::test]
async fn of_a_thousand_at_once_one_is_accepted_on_postgres() -> Result<()> {
    let system = System::start("races-postgres", Settings::postgres()).await?;
    one_of_a_thousand(&system).await?;
    system.stop().await
}

/// All three races, each spread over every server there is.
pub async fn one_of_a_thousand(system: &System) -> Result<()> {
    let claim = claims_with_one_nonce(system).await?;
    let payment = withdrawals_of_one_balance(system).await?;
    let repeated = repeats_of_one_key(system).await?;
    for (person, id) in [claim, payment, repeated] {
        assert_eq!(system.until_over(&person, &id).await?["status"], "completed");
    }
    assert_eq!(system.claims_paid(&[system.person(0)?.address()]).await?, Histogram::all_once(1));
    let coins = [FRIEND, Address::repeat_byte(0xf7)];
    assert_eq!(system.coins_paid(&coins).await?, Histogram::all_once(2));
    Ok(())
}

/// The same person as a client of each server in turn.
fn everywhere(system: &System, index: usize) -> Result<Vec<Person>> {
    system.devnet.addresses().map(|address| system.person_at(index, address)).collect()
}

async fn claims_with_one_nonce(system: &System) -> Result<(Person, String)> {
    let clients = everywhere(system, 0)?;
    let ada = &clients[0];
    let draft = ada.draft("3000").await?;
    // Ten different amounts: other digests, the same nonce.
    let signed: Vec<_> = (0..10)
        .map(|extra| {
            let mut claim = draft.clone();
            claim.amount +=
                adit_devnet::primitives::U256::from(extra) * adit_devnet::claim::base_units("1");
            claim.sign(&ada.domain, &ada.player.wallet)
        })
        .collect();
    let requests = (0..MANY)
        .map(|number| clients[number % clients.len()].api.claim(&signed[number % signed.len()], 0));
    let answers = all_at_once(requests).await?;
    assert_eq!(tally(&answers), expected(&[("accepted", 1), ("NONCE_USED", MANY - 1)]));
    let won = answers.iter().find(|answer| answer.status.is_success()).context("one")?;
    let id = won.body["withdrawalId"].as_str().context("an id")?.to_owned();
    assert!(
        answers.iter().all(|answer| answer.body["withdrawalId"] == id.as_str()),
        "every refusal names the winner"
    );
    Ok((ada.clone(), id))
}

async fn withdrawals_of_one_balance(system: &System) -> Result<(Person, String)> {
    let clients = everywhere(system, 1)?;
    let bruno = &clients[0];
    endow(&system.admin()?, "one", &bruno.player.id, "ETH", "1").await?;
    let answers = all_at_once(
        (0..MANY).map(|number| clients[number % clients.len()].withdraw("ETH", "1", FRIEND)),
    )
    .await?;
    assert_eq!(tally(&answers), expected(&[("accepted", 1), ("INSUFFICIENT_BALANCE", MANY - 1)]));
    assert_eq!(bruno.available("ETH").await?, "0");
    let won = answers.iter().find(|answer| answer.status.is_success()).context("one")?;
    Ok((bruno.clone(), won.body["id"].as_str().context("an id")?.to_owned()))
}

async fn repeats_of_one_key(system: &System) -> Result<(Person, String)> {
    let clients = everywhere(system, 2)?;
    let chen = &clients[0];
    endow(&system.admin()?, "some", &chen.player.id, "ETH", "10").await?;
    let body = order("ETH", "1", Address::repeat_byte(0xf7));
    let headers = [("Idempotency-Key", "once")];
    let requests = (0..REPEATS).map(|number| {
        clients[number % clients.len()].api.post_with("/api/withdrawals", &body, &headers).boxed()
    });
    let answers = all_at_once(requests).await?;
    assert_eq!(tally(&answers), expected(&[("accepted", REPEATS)]));
    let id = answers[0].body["id"].as_str().context("an id")?.to_owned();
    assert!(answers.iter().all(|answer| answer.body["id"] == id.as_str()), "one row");
    assert_eq!(chen.available("ETH").await?, "9");
    let list = chen.api.get("/api/withdrawals").await?.expect_success("listing")?;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["nextCursor"], json!(null));
    Ok((chen.clone(), id))
}
