//! kill -9 at the moments that matter, a start on the same state, and the chain's word on how often
//! everybody was paid.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adit_devnet::api::Answer;
use adit_devnet::primitives::{Address, U256};
use adit_devnet::proxy::Fault;
use adit_tests::people::{Person, endow, id_of, order};
use adit_tests::seed::Chance;
use adit_tests::settings::Settings;
use adit_tests::system::{System, is_over};
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use futures::future::{try_join, try_join_all};
use serde_json::{Value, json};

const SEND: Option<&str> = Some("eth_sendRawTransaction");
const FRIEND: Address = Address::repeat_byte(0xf4);
const PAYEES: usize = 20;
/// Of these players, four of five are members.
const MEMBERS: usize = 15;
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

/// Payments of coins and claims together, each asked for twice; the fee moves, sends are lost at
/// random, and so is the server.
async fn kills_at_random_sends(topic: &str, settings: Settings) -> Result<()> {
    let mut chance = Chance::new();
    // Few at once, so that there are many sends to be killed at.
    let mut system = System::start(
        topic,
        settings.impatient().proxied().in_flight_max(4).chain("bump_after_seconds", 1),
    )
    .await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", &PAYEES.to_string()).await?;
    let payees = payees();
    let mut asked: Vec<Asked> =
        try_join_all(payees.iter().map(|payee| twice(&ada, *payee))).await?;
    let members: Vec<Person> = (0..MEMBERS)
        .filter(|index| (index + 1) % 5 != 0)
        .map(|index| system.person(index))
        .collect::<Result<_>>()?;
    asked.extend(try_join_all(members.iter().map(claim_twice)).await?);

    for _ in 0..KILLS {
        if all_over(&asked).await? {
            break;
        }
        make_trouble(&system, &mut chance).await?;
        let target = system.proxy().seen("eth_sendRawTransaction") + 1 + chance.up_to(3);
        until_sent_or_over(&system, &asked, target).await?;
        // A few milliseconds more or less decide what was committed.
        tokio::time::sleep(Duration::from_millis(chance.up_to(40))).await;
        system.crash_and_restart().await?;
        system.proxy().heal();
    }
    for Asked { person, id } in &asked {
        assert_eq!(system.until_over(person, id).await?["status"], "completed");
    }
    let claimants: Vec<Address> = members.iter().map(Person::address).collect();
    let (coins, claims) =
        (system.coins_paid(&payees).await?, system.claims_paid(&claimants).await?);
    println!("coins: {coins}claims: {claims}");
    assert_eq!((coins, claims), (Histogram::all_once(PAYEES), Histogram::all_once(members.len())));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), asked.len(), "no nonce was wasted");
    assert_eq!(ada.available("ETH").await?, "0");
    system.stop().await
}

/// One accepted request.
struct Asked {
    person: Person,
    id: String,
}

fn payees() -> Vec<Address> {
    (1..=PAYEES)
        .map(|number| Address::left_padding_from(&(0xf5_0000 + number as u64).to_be_bytes()))
        .collect()
}

/// The same request with the same key, two times at once.
async fn twice(person: &Person, payee: Address) -> Result<Asked> {
    let (one, two) = try_join(keyed(person, payee), keyed(person, payee)).await?;
    let id = id_of(one, "id")?;
    assert_eq!(id_of(two, "id")?, id);
    Ok(Asked { person: person.clone(), id })
}

async fn keyed(person: &Person, payee: Address) -> Result<Answer> {
    person
        .api
        .post_with(
            "/api/withdrawals",
            &order("ETH", "1", payee),
            &[("Idempotency-Key", &payee.to_string())],
        )
        .await
}

async fn claim_twice(person: &Person) -> Result<Asked> {
    let signed = person.sign("3000").await?;
    let (one, two) = try_join(person.api.claim(&signed, 0), person.api.claim(&signed, 0)).await?;
    let id = one.body["withdrawalId"].clone();
    assert_eq!(two.body["withdrawalId"], id, "accepted or refused, it is the same withdrawal");
    assert!(one.status.is_success() != two.status.is_success(), "{} {}", one.body, two.body);
    Ok(Asked { person: person.clone(), id: id.as_str().context("an id")?.to_owned() })
}

async fn make_trouble(system: &System, chance: &mut Chance) -> Result<()> {
    let faults = [Fault::AnswerLost, Fault::RequestLost, Fault::AnswerBroken, Fault::Repeated];
    let fault = faults[usize::try_from(chance.up_to(3))?].clone();
    system.proxy().next(1, SEND, fault);
    let base_fee = U256::from((1 + chance.up_to(30)) * 1_000_000_000);
    system.rpc().call::<Value>("anvil_setNextBlockBaseFeePerGas", json!([base_fee])).await.map(drop)
}

async fn until_sent(system: &System, count: u64) -> Result<()> {
    system
        .until(&format!("{count} sends"), async || {
            Ok((system.proxy().seen("eth_sendRawTransaction") >= count).then_some(()))
        })
        .await
}

async fn until_sent_or_over(system: &System, asked: &[Asked], count: u64) -> Result<()> {
    system
        .until(&format!("{count} sends"), async || {
            let enough =
                system.proxy().seen("eth_sendRawTransaction") >= count || all_over(asked).await?;
            Ok(enough.then_some(()))
        })
        .await
}

async fn all_over(asked: &[Asked]) -> Result<bool> {
    let records =
        try_join_all(asked.iter().map(|Asked { person, id }| person.withdrawal(id))).await?;
    Ok(records.iter().all(is_over))
}

/// Whoever gets no answer sends the same request with the same key again: it stands for one
/// withdrawal (window F71 from outside).
#[tokio::test]
async fn a_request_whose_answer_died_with_the_server_is_repeated_safely() -> Result<()> {
    let mut chance = Chance::new();
    let mut system =
        System::start("repeated", Settings::sqlite().chain("bump_after_seconds", 5)).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", &PAYEES.to_string()).await?;
    let payees = payees();
    let answered = Arc::new(AtomicUsize::new(0));
    let ask = |payee: Address| {
        let (ada, answered) = (ada.clone(), Arc::clone(&answered));
        tokio::spawn(async move {
            let good = keyed(&ada, payee).await.is_ok_and(|answer| answer.status.is_success());
            answered.fetch_add(usize::from(good), Ordering::Relaxed);
        })
    };
    let burst: Vec<_> = payees.iter().map(|payee| ask(*payee)).collect();
    let some = usize::try_from(chance.up_to(PAYEES as u64 / 2))?;
    system
        .until(
            "some answers",
            async || Ok((answered.load(Ordering::Relaxed) >= some).then_some(())),
        )
        .await?;
    system.crash_and_restart().await?;
    try_join_all(burst).await?;
    println!(
        "{} of {PAYEES} were answered before the server died",
        answered.load(Ordering::Relaxed)
    );

    let asked = try_join_all(payees.iter().map(|payee| twice(&ada, *payee))).await?;
    assert_eq!(ada.available("ETH").await?, "0", "each is held once");
    for Asked { person, id } in &asked {
        assert_eq!(system.until_over(person, id).await?["status"], "completed");
    }
    assert_eq!(system.coins_paid(&payees).await?, Histogram::all_once(PAYEES));
    system.stop().await
}
