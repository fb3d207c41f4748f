//! Tokens that are not what they seem (abuse case 19, windows F47 to F49, F51): refused before
//! anything is signed, and nobody else is held up.

use std::time::Duration;

use adit_devnet::abi::{Behaviour, Changing, Pausable, Token};
use adit_devnet::api::Api;
use adit_devnet::contracts::{
    CHANGING_TOKEN, FALSE_TOKEN, FEE_TOKEN, PAUSABLE_TOKEN, SILENT_TOKEN,
};
use adit_devnet::primitives::Address;
use adit_devnet::wait;
use adit_tests::people::{Person, endow, refused};
use adit_tests::settings::Settings;
use adit_tests::system::{PAUSE, System};
use anyhow::{Context, Result};
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xf2);
/// A changed token is noticed by then.
const NOTICED: Duration = Duration::from_secs(15);

#[tokio::test]
async fn f47_f48_f49_a_token_that_would_not_pay_is_never_sent() -> Result<()> {
    let settings =
        Settings::sqlite().impatient().token("SILENT", SILENT_TOKEN).token("FALSE", FALSE_TOKEN);
    let system =
        System::start("tokens", settings.token("FEE", FEE_TOKEN).token("PAUSE", PAUSABLE_TOKEN))
            .await?;
    let admin = system.admin()?;
    system.devnet.deployer().execute(system.tokens["PAUSE"], &Pausable::pauseCall {}).await?;
    let ada = system.person(0)?;
    for asset in ["SILENT", "FALSE", "FEE", "PAUSE"] {
        endow(&admin, &format!("purse-{asset}"), &ada.player.id, asset, "10").await?;
    }
    let paused = ada.withdrawn("PAUSE", "10", FRIEND).await?;
    let lying = ada.withdrawn("FALSE", "10", FRIEND).await?;
    let greedy = ada.withdrawn("FEE", "10", FRIEND).await?;
    let silent = ada.withdrawn("SILENT", "10", FRIEND).await?;
    let claim = ada.claimed("3000").await?;

    for id in [&silent, &claim] {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(
        system.token_payments(system.tokens["SILENT"], FRIEND).await?.len(),
        1,
        "a token that returns nothing pays"
    );
    for (asset, id) in [("FALSE", &lying), ("FEE", &greedy), ("PAUSE", &paused)] {
        stopped_or_given_back(&system, &ada, asset, id).await?;
    }
    assert_eq!(
        system.sent_by_hot_wallet().await?.len(),
        2,
        "the silent token and the claim, and nothing else"
    );

    a_paused_token_is_paid_when_it_moves_again(&system, &ada, &paused).await?;
    system.stop().await
}

async fn stopped_or_given_back(
    system: &System,
    person: &Person,
    asset: &str,
    id: &str,
) -> Result<()> {
    system
        .until(&format!("the withdrawal of {asset} to be stopped or given back"), async || {
            let record = person.withdrawal(id).await?;
            let given_back = record["status"] == "failed" && person.available(asset).await? == "10";
            let stopped = person.why(id).await?["code"] == "SUSPENDED";
            Ok((given_back || stopped).then_some(()))
        })
        .await
}

async fn a_paused_token_is_paid_when_it_moves_again(
    system: &System,
    person: &Person,
    id: &str,
) -> Result<()> {
    let why = person.why(id).await?;
    assert_eq!((&why["code"], &why["status"]), (&json!("SUSPENDED"), &json!("approved")), "{why}");
    refused(&person.withdraw("PAUSE", "1", FRIEND).await?, "SUSPENDED")?;
    system.devnet.deployer().execute(system.tokens["PAUSE"], &Pausable::unpauseCall {}).await?;
    delete(&system.admin()?, "/api/admin/suspensions?scope=asset&asset=PAUSE").await?;
    assert_eq!(system.until_over(person, id).await?["status"], "completed");
    assert_eq!(system.token_payments(system.tokens["PAUSE"], FRIEND).await?.len(), 1);
    Ok(())
}

/// The token changes its mind after the precheck: it writes the event of a transfer and moves
/// nothing, or moves half.
#[tokio::test]
async fn f47_a_transfer_that_only_claims_to_pay_waits_for_a_person() -> Result<()> {
    let system =
        System::start("changing", Settings::sqlite().impatient().token("CHANGE", CHANGING_TOKEN))
            .await?;
    let (admin, token) = (system.admin()?, system.tokens["CHANGE"]);
    let ada = system.person(0)?;
    endow(&admin, "purse", &ada.player.id, "CHANGE", "10").await?;
    system.stop_mining().await?;
    let id = ada.withdrawn("CHANGE", "4", FRIEND).await?;
    system.until_pooled(1).await?;
    behave(&system, token, Behaviour::MovesHalf).await?;

    let held = async || {
        system.rpc().mine(1).await?;
        let record = ada.withdrawal(&id).await?;
        Ok((record["status"] == "held_for_inspection").then_some(record))
    };
    let record = system.until("the withdrawal to be held for inspection", held).await?;
    assert!(record["reason"].is_string(), "{record}");
    assert_eq!(ada.available("CHANGE").await?, "6", "the hold stands while nobody has looked");
    let path = format!("/api/withdrawals/{id}/why");
    let why = admin.get(&path).await?.expect_success("asking why")?;
    assert_eq!(
        (&why["code"], &why["buttons"]),
        (&json!("HELD_FOR_INSPECTION"), &json!(["inspect"])),
        "{why}"
    );
    assert_eq!(ada.why(&id).await?["buttons"], json!([]), "this is not for its owner to judge");

    let inspect = format!("/api/admin/withdrawals/{id}/inspect");
    let found = admin
        .post(&inspect, &json!({ "paid": false, "note": "half arrived; asked back" }))
        .await?
        .expect_success("inspecting")?;
    assert_eq!(found["status"], "failed", "{found}");
    assert_eq!(ada.available("CHANGE").await?, "10");
    refused(
        &admin.post(&inspect, &json!({ "paid": true, "note": "once more" })).await?,
        "NOT_UNDER_INSPECTION",
    )?;
    system.stop().await
}

/// The change is mined before the payment that waits in the pool: it offers more.
async fn behave(system: &System, token: Address, value: Behaviour) -> Result<()> {
    use alloy::sol_types::SolCall;
    let data = format!("0x{}", hex::encode(Changing::setBehaviourCall { value }.abi_encode()));
    let fee = "0x5d21dba000"; // 400 gwei
    let change = json!({ "from": system.devnet.deployer().address(), "to": token, "data": data, "maxFeePerGas": fee, "maxPriorityFeePerGas": fee });
    system.rpc().call::<Value>("eth_sendTransaction", json!([change])).await?;
    system.rpc().mine(1).await
}

/// Decimals are pinned when the server first sees the token (window F51).
#[tokio::test]
async fn f51_a_token_that_changes_its_decimals_is_not_paid() -> Result<()> {
    let mut system =
        System::start("decimals", Settings::sqlite().impatient().token("CHANGE", CHANGING_TOKEN))
            .await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "CHANGE", "10").await?;
    let first = ada.withdrawn("CHANGE", "4", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &first).await?["status"], "completed");

    system.devnet.server(0).kill().await?;
    system
        .devnet
        .deployer()
        .execute(system.tokens["CHANGE"], &Changing::setDecimalsCall { value: 6 })
        .await?;
    system.devnet.server(0).start_again().await?;
    let second = ada.withdrawn("CHANGE", "4", FRIEND).await?;
    let mut last = Value::Null;
    let stopped = wait::until(
        "the payment to be stopped, with the decimals as the reason",
        NOTICED,
        PAUSE,
        async || {
            last = system.why(&second).await?;
            let named =
                last["sentence"].as_str().is_some_and(|sentence| sentence.contains("decimals"));
            Ok((named && ["LANE_HALTED", "SUSPENDED"].iter().any(|code| last["code"] == *code))
                .then_some(()))
        },
    );
    stopped.await.with_context(|| format!("it only says: {last}"))?;
    assert_eq!(system.token_payments(system.tokens["CHANGE"], FRIEND).await?.len(), 1);
    let kept = system
        .rpc()
        .view(system.tokens["CHANGE"], &Token::balanceOfCall { account: FRIEND })
        .await?;
    assert_eq!(kept, adit_devnet::claim::base_units("4"));
    system.stop().await
}

async fn delete(api: &Api, path: &str) -> Result<Value> {
    api.delete(path).await?.expect_success("resuming")
}
