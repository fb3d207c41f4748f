//! Payments that the pool keeps waiting: a base fee that jumps (F28, F32), and a person who gives
//! up (F30).

use adit_devnet::primitives::{Address, U256};
use adit_devnet::proxy::Fault;
use adit_tests::people::{Person, endow, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::Result;
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xf9);
const GWEI: u64 = 1_000_000_000;

async fn system(topic: &str) -> Result<(System, Person)> {
    let settings =
        Settings::sqlite().chain("bump_after_seconds", 1).chain("rebroadcast_after_seconds", 1);
    let system = System::start(topic, settings).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "3").await?;
    Ok((system, ada))
}

/// The next block, at this base fee. After it the fee falls by an eighth with every empty block
/// (EIP-1559).
async fn mine_at(system: &System, gwei: u64) -> Result<()> {
    let fee = U256::from(gwei) * U256::from(GWEI);
    system.rpc().call::<Value>("anvil_setNextBlockBaseFeePerGas", json!([fee])).await?;
    system.rpc().mine(1).await
}

#[tokio::test]
async fn f28_a_payment_that_became_too_cheap_is_bumped_and_paid_once() -> Result<()> {
    let (system, ada) = system("fees-spike").await?;
    system.stop_mining().await?;
    let ids = [
        ada.withdrawn("ETH", "1", FRIEND).await?,
        ada.withdrawn("ETH", "1", Address::repeat_byte(0xfa)).await?,
    ];
    system.until_pooled(2).await?;
    let first = ada.withdrawal(&ids[0]).await?["txHash"].clone();
    mine_at(&system, 60).await?;
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::of([0]), "too cheap for this block");

    let bumped =
        async || Ok((ada.why(&ids[0]).await?["attempts"].as_u64() > Some(1)).then_some(()));
    system.until("a better offer", bumped).await?;
    for id in &ids {
        let record = system.until_over(&ada, id).await?;
        assert_eq!(record["status"], "completed", "{record}");
    }
    assert_ne!(ada.withdrawal(&ids[0]).await?["txHash"], first, "the better offer was taken");
    assert_eq!(
        system.coins_paid(&[FRIEND, Address::repeat_byte(0xfa)]).await?,
        Histogram::all_once(2)
    );
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 2, "no nonce more than needed");
    system.stop().await
}

#[tokio::test]
async fn f32_a_network_that_is_too_dear_is_waited_for() -> Result<()> {
    let (system, ada) = system("fees-dear").await?;
    system.stop_mining().await?;
    mine_at(&system, 900).await?;
    let seen = async || {
        let lanes =
            system.admin()?.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
        let fee = lanes["items"][0]["tip"]["baseFeePerGasWei"]
            .as_str()
            .and_then(|text| text.parse::<u64>().ok());
        Ok((fee > Some(300 * GWEI)).then_some(()))
    };
    system.until("the lane to see the fee", seen).await?;
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    let why = system.until("a why", async || Ok(Some(ada.why(&id).await?))).await?;
    assert_eq!(
        (&why["code"], &why["status"]),
        (&json!("AWAITS_LOWER_FEE"), &json!("approved")),
        "{why}"
    );
    mine_at(&system, 2).await?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    system.stop().await
}

/// F104: no node takes the payment, and the market is flat. Its versions are not used up within
/// seconds, and the cancel that an operator asks for is made and mined.
#[tokio::test]
async fn f104_a_payment_that_no_node_takes_can_still_be_cancelled() -> Result<()> {
    let settings =
        Settings::sqlite().proxied().chain("bump_after_seconds", 1).chain("attempts_max", 4);
    let system =
        System::start("fees-used-up", settings.chain("rebroadcast_after_seconds", 1)).await?;
    let (ada, admin) = (system.person(0)?, system.admin()?);
    endow(&admin, "purse", &ada.player.id, "ETH", "3").await?;
    let full = Fault::Refused { code: -32_000, message: "txpool is full".to_owned() };
    system.proxy().always(Some("eth_sendRawTransaction"), full);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    let used_up = async || Ok((ada.why(&id).await?["code"] == "ATTEMPTS_USED_UP").then_some(()));
    system.until("the versions of a payment to be made", used_up).await?;
    assert_eq!(ada.why(&id).await?["attempts"], 2, "two of four are kept");

    let path = format!("/api/admin/withdrawals/{id}/cancel");
    admin.post(&path, &json!({ "reason": "asked" })).await?.expect_success("cancelling")?;
    system.proxy().heal();
    assert_eq!(system.until_over(&ada, &id).await?["status"], "cancelled");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::of([0]));
    system.stop().await
}

#[tokio::test]
async fn f30_a_stuck_payment_that_an_operator_cancels_is_given_back_once() -> Result<()> {
    let (mut system, ada) = system("fees-cancel").await?;
    let admin = system.admin()?;
    system.stop_mining().await?;
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    system.until_pooled(1).await?;
    refused(
        &ada.api.post(&format!("/api/withdrawals/{id}/cancel"), &json!({})).await?,
        "NOT_CANCELLABLE",
    )?;
    let path = format!("/api/admin/withdrawals/{id}/cancel");
    let asked = admin
        .post(&path, &json!({ "reason": "the recipient asked for it" }))
        .await?
        .expect_success("cancelling")?;
    assert_eq!(asked["status"], "processing", "only the chain can cancel now: {asked}");
    assert_eq!(ada.available("ETH").await?, "2", "nothing is given back on a wish");
    system.crash_and_restart().await?;

    // Mined only after the cancelling transaction has replaced the payment.
    let hash = ada.withdrawal(&id).await?["txHash"].clone();
    system
        .until("the payment to leave the pool", async || {
            let found: Value = system.rpc().call("eth_getTransactionByHash", json!([hash])).await?;
            Ok(found.is_null().then_some(()))
        })
        .await?;
    let record = system.until_over(&ada, &id).await?;
    assert_eq!(
        (&record["status"], &record["reason"]),
        (&json!("cancelled"), &json!("the recipient asked for it")),
        "{record}"
    );
    assert_eq!(ada.available("ETH").await?, "3", "given back once");
    refused(
        &admin.post(&format!("/api/admin/withdrawals/{id}/retry"), &json!({})).await?,
        "NOT_RETRYABLE",
    )?;
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::of([0]), "never paid");
    assert_eq!(
        system.sent_by_hot_wallet().await?.len(),
        1,
        "the nonce is used by the cancelling transaction"
    );

    system.resume_mining().await?;
    let next = ada.withdrawn("ETH", "1", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &next).await?["status"], "completed", "the lane goes on");
    system.stop().await
}
