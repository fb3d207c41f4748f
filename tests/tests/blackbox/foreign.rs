//! Somebody else uses the key (window F22): the lane stops, says why and what to do, and goes on when a person has explained it.

use adit_devnet::primitives::{Address, U64, U256};
use adit_tests::people::endow;
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xfb);
const ELSEWHERE: Address = Address::repeat_byte(0xfc);

#[tokio::test]
async fn f22_foreign_use_of_the_key_halts_the_lane_until_it_is_adopted() -> Result<()> {
    let mut system = System::start("foreign", Settings::sqlite().impatient()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "3").await?;
    let first = ada.withdrawn("ETH", "1", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &first).await?["status"], "completed");

    spend_behind_its_back(&system).await?;
    let halted = async || {
        let lanes = system.admin()?.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
        Ok((lanes["items"][0]["state"] == "halted").then_some(lanes))
    };
    system.until("the lane to halt", halted).await?;
    let second = ada.withdrawn("ETH", "1", FRIEND).await?;
    let why = ada.why(&second).await?;
    assert_eq!((&why["code"], &why["halt"]["halt"]), (&json!("LANE_HALTED"), &json!("foreign_use")), "{why}");
    let sentence = why["sentence"].as_str().context("a sentence")?;
    assert!(sentence.contains("dedicated key") && sentence.contains("adit keys adopt"), "{sentence}");

    let nonce = system.rpc().nonce(system.devnet.stage.hot_wallet.address).await?;
    system.devnet.server(0).stop().await?;
    system.adopt(nonce).await?;
    system.devnet.server(0).start_again().await?;
    assert_eq!(system.until_over(&ada, &second).await?["status"], "completed");
    assert_eq!(system.balance(None, FRIEND).await?, adit_devnet::claim::base_units("2"));
    let sent = system.sent_by_hot_wallet().await?;
    let nonces: Vec<u64> = sent.iter().map(|sent| sent.nonce.to()).collect();
    assert_eq!(nonces, [0, 1, 2], "ours, theirs, ours");
    assert_eq!(system.coins_paid(&[ELSEWHERE]).await?, Histogram::all_once(1));
    system.stop().await
}

async fn spend_behind_its_back(system: &System) -> Result<()> {
    let hot = system.devnet.stage.hot_wallet.address;
    system.rpc().call::<Value>("anvil_impersonateAccount", json!([hot])).await?;
    let payment = json!({ "from": hot, "to": ELSEWHERE, "value": U256::from(7), "nonce": U64::from(1) });
    system.rpc().call::<Value>("eth_sendTransaction", json!([payment])).await?;
    system.rpc().mine(1).await
}
