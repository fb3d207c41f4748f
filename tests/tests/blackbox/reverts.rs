//! Window F46: a payment that passed every check and reverts on chain all the same.

use adit_devnet::claim::whole_tokens;
use adit_devnet::primitives::{Address, U256};
use adit_devnet::rpc::Rpc;
use adit_tests::people::{Person, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The hot wallet loses its tokens between the precheck and the block, so the transfer reverts. The
/// points come back, the limit too, the gas is booked to the last wei, and the next payment is
/// made.
#[tokio::test]
async fn f46_a_reverted_payment_is_given_back_and_its_gas_booked() -> Result<()> {
    let system = System::start("reverts", Settings::postgres()).await?;
    let ada = system.person(0)?;
    let (hot, token) = (system.devnet.stage.hot_wallet.address, system.devnet.stage.token);
    let coins_before = system.balance(None, hot).await?;
    let tokens = system.balance(Some(token), hot).await?;

    system.stop_mining().await?;
    let id = ada.claimed("100000").await?;
    system.until_pooled(1).await?;
    set_tokens(system.rpc(), token, hot, U256::ZERO).await?;
    system.rpc().mine(1).await?;
    let record = system.until_over(&ada, &id).await?;
    set_tokens(system.rpc(), token, hot, tokens).await?;

    assert_eq!(record["status"], "failed", "{record}");
    assert!(record["error"].is_string() && record["txHash"].is_string(), "{record}");
    assert_eq!(ada.api.claim_record(&id).await?["status"], "reverted");
    assert_eq!(ada.api.points_available().await?, "200000");
    assert!(system.token_payments(token, ada.address()).await?.is_empty());
    the_gas_is_booked(&system, coins_before - system.balance(None, hot).await?).await?;

    system.resume_mining().await?;
    the_limit_came_back(&system, &ada).await?;
    system.stop().await
}

async fn the_gas_is_booked(system: &System, spent: U256) -> Result<()> {
    assert!(!spent.is_zero(), "a reverted transaction costs gas");
    let postgres = system.devnet.postgres().context("on Postgres")?;
    let booked = postgres
        .sql(
            "adit",
            "select credits - debits from account where path = 'expense/network/devnet/ETH'",
        )
        .await?;
    assert_eq!(
        booked.trim_start_matches('-'),
        spent.to_string(),
        "the books and the chain agree on the gas, to the wei"
    );
    Ok(())
}

async fn the_limit_came_back(system: &System, ada: &Person) -> Result<()> {
    let answer = ada.claim("100000", 25).await?;
    let body = answer.expect_success("claiming again what was given back")?;
    let id = body["withdrawalId"].as_str().context("an id")?;
    assert_eq!(system.until_over(ada, id).await?["status"], "completed");
    assert_eq!(system.token_payments(system.devnet.stage.token, ada.address()).await?.len(), 1);
    assert_eq!(
        whole_tokens(system.balance(Some(system.devnet.stage.token), ada.address()).await?),
        "100000"
    );
    refused(&ada.claim("3000", 0).await?, "DAILY_LIMIT_EXCEEDED").map(drop)
}

async fn set_tokens(rpc: &Rpc, token: Address, of: Address, amount: U256) -> Result<()> {
    rpc.call::<Value>("anvil_dealERC20", json!([of, token, amount])).await.map(drop)
}
