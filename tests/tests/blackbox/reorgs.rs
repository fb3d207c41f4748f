//! Blocks that are taken back before they are final (window F37, abuse case 21).

use adit_tests::live::{Live, kinds};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Final only 16 blocks later, so there is something to take back.
const SLOTS: u64 = 8;

/// A system whose own beginnings are final.
async fn system(topic: &str) -> Result<System> {
    let system = System::start(
        topic,
        Settings::sqlite().slots_in_epoch(SLOTS).chain("rebroadcast_after_seconds", 1),
    )
    .await?;
    system.rpc().mine(4 * SLOTS).await?;
    Ok(system)
}

#[tokio::test]
async fn f37_a_reorganisation_before_finality_pays_once() -> Result<()> {
    let system = system("reorgs").await?;
    let people = [system.person(0)?, system.person(1)?, system.person(2)?];
    let mut live = Live::connect(&people[0].api, &people[0].token, None).await?;
    let mut asked = Vec::new();
    for (person, depth) in people.iter().zip([3_u64, 6, 9]) {
        let body = person.claim("3000", 25).await?.expect_success("claiming")?;
        assert_eq!(body["final"], false, "{body}");
        let head = system.rpc().block_number().await?;
        let block = body["blockNumber"].as_u64().context("a block")?;
        assert!(head - block < depth, "block {block} is taken back from {head}");
        system.rpc().call::<Value>("anvil_reorg", json!([depth, []])).await?;
        asked.push(body["withdrawalId"].as_str().context("an id")?.to_owned());
    }
    for (person, id) in people.iter().zip(&asked) {
        let record = system.until_over(person, id).await?;
        assert_eq!(record["status"], "completed", "{record}");
        let paid = system.token_payments(system.devnet.stage.token, person.address()).await?;
        assert_eq!(paid.len(), 1);
        assert_eq!(
            paid[0].transaction_hash.map(|hash| hash.to_string()).as_deref(),
            record["txHash"].as_str()
        );
        let receipt = system
            .rpc()
            .receipt(paid[0].transaction_hash.context("mined")?)
            .await?
            .context("a receipt")?;
        assert_eq!(
            record["blockNumber"],
            json!(receipt.block_number.to::<u64>()),
            "the block that counts, not the one that is gone"
        );
        assert_eq!(person.api.points_available().await?, "197000");
    }
    let addresses = people.each_ref().map(|person| person.address());
    assert_eq!(system.claims_paid(&addresses).await?, Histogram::all_once(3));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 3);
    let told = live.until("completed").await?;
    assert!(kinds(&told).contains(&"vanished"), "the user saw his block go: {:?}", kinds(&told));
    system.stop().await
}

/// The chain forks while the server is dead.
#[tokio::test]
async fn f37_a_reorganisation_while_the_server_is_dead_pays_once() -> Result<()> {
    let mut system = system("reorgs-dead").await?;
    let ada = system.person(0)?;
    let body = ada.claim("3000", 25).await?.expect_success("claiming")?;
    system.devnet.server(0).kill().await?;
    system.rpc().call::<Value>("anvil_reorg", json!([5, []])).await?;
    assert_eq!(
        system.claims_paid(&[ada.address()]).await?,
        Histogram::of([0]),
        "the fork does not hold the payment"
    );
    system.devnet.server(0).start_again().await?;
    assert_eq!(
        system.until_over(&ada, body["withdrawalId"].as_str().context("an id")?).await?["status"],
        "completed"
    );
    assert_eq!(system.claims_paid(&[ada.address()]).await?, Histogram::all_once(1));
    system.stop().await
}
