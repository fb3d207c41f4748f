//! Somebody else uses the key (window F22): the lane stops, says why and what to do, and goes on
//! when a person has explained it.

use adit_devnet::primitives::{Address, U64, U256};
use adit_tests::people::endow;
use adit_tests::settings::Settings;
use adit_tests::system::System;
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
        let lanes =
            system.admin()?.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
        Ok((lanes["items"][0]["state"] == "halted").then_some(lanes))
    };
    system.until("the lane to halt", halted).await?;
    let second = ada.withdrawn("ETH", "1", FRIEND).await?;
    let why = ada.why(&second).await?;
    assert_eq!(
        (&why["code"], &why["halt"]["halt"]),
        (&json!("LANE_HALTED"), &json!("foreign_use")),
        "{why}"
    );
    assert!(
        !why.to_string().contains("adit keys adopt"),
        "what to do is for those who run it: {why}"
    );
    let operators = system.why(&second).await?;
    let sentence = operators["sentence"].as_str().context("a sentence")?;
    assert!(
        sentence.contains("dedicated key") && sentence.contains("adit keys adopt"),
        "{sentence}"
    );

    system.devnet.server(0).stop().await?;
    let nonce = decided(&system).await?;
    system.adopt(nonce).await?;
    system.devnet.server(0).start_again().await?;
    assert_eq!(system.until_over(&ada, &second).await?["status"], "completed");
    assert_eq!(system.balance(None, FRIEND).await?, adit_devnet::claim::base_units("2"));
    let sent = system.sent_by_hot_wallet().await?;
    let nonces: Vec<u64> = sent.iter().map(|sent| sent.nonce.to()).collect();
    assert_eq!(nonces, [0, 1, 2, 3], "ours, theirs twice, ours");
    assert_eq!(
        system.balance(None, ELSEWHERE).await?,
        U256::from(14),
        "theirs, and nothing of ours"
    );
    system.stop().await
}

/// What waits in a pool, or may still leave its block, is not adopted yet (F91). Answers the one
/// right nonce.
async fn decided(system: &System) -> Result<u64> {
    system.stop_mining().await?;
    let refused = async |nonce: u64, word: &str| {
        let said = format!("{:#}", system.adopt(nonce).await.expect_err("it is refused"));
        anyhow::ensure!(said.contains(word), "{said}");
        Ok(())
    };
    send_behind_its_back(system, 2).await?;
    refused(2, "counts 3 transactions").await?;
    system.rpc().mine(1).await?;
    refused(2, "allowed is 3").await?;
    refused(3, "is not final yet").await?;
    system.rpc().mine(200).await?;
    system.resume_mining().await?;
    Ok(3)
}

async fn spend_behind_its_back(system: &System) -> Result<()> {
    send_behind_its_back(system, 1).await?;
    system.rpc().mine(1).await
}

async fn send_behind_its_back(system: &System, nonce: u64) -> Result<()> {
    let hot = system.devnet.stage.hot_wallet.address;
    system.rpc().call::<Value>("anvil_impersonateAccount", json!([hot])).await?;
    let payment =
        json!({ "from": hot, "to": ELSEWHERE, "value": U256::from(7), "nonce": U64::from(nonce) });
    system.rpc().call::<Value>("eth_sendTransaction", json!([payment])).await.map(drop)
}
