//! A good claim, from the signature to the settled hold, as the player, the operator and the chain
//! see it.

use adit_devnet::config::DG;
use adit_tests::live::{Live, kinds, numbers};
use adit_tests::people::Person;
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use serde_json::{Value, json};

#[tokio::test]
async fn a_good_claim_is_paid_once_and_told_at_every_step_on_sqlite() -> Result<()> {
    a_good_claim("claims-sqlite", Settings::sqlite()).await
}

#[tokio::test]
async fn a_good_claim_is_paid_once_and_told_at_every_step_on_postgres() -> Result<()> {
    a_good_claim("claims-postgres", Settings::postgres()).await
}

async fn a_good_claim(topic: &str, settings: Settings) -> Result<()> {
    let system = System::start(topic, settings).await?;
    let ada = system.person(0)?;
    let mut live = Live::connect(&ada.api, &ada.token, None).await?;
    let signed = ada.sign("5000").await?;

    let answer = ada.api.claim(&signed, 25).await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
    let body = &answer.body;
    assert_eq!(
        (&body["success"], &body["amountWithdrawn"], &body["newXPBalance"]),
        (&json!(true), &json!("5000"), &json!(195_000))
    );
    assert!(body["blockNumber"].is_u64() && body["final"].is_boolean(), "{body}");
    let id = body["withdrawalId"].as_str().context("an id")?;

    let general = system.until_over(&ada, id).await?;
    assert_eq!(general["status"], "completed", "{general}");
    let record = ada.api.claim_record(id).await?;
    let expected = json!({
        "id": id, "user_id": "ada", "wallet_address": signed.wallet_address, "amount_requested": "5000", "xp_deducted": "5000",
        "xp_balance_before": "200000", "xp_balance_after": "195000", "signature": signed.signature, "nonce": signed.nonce,
        "deadline": signed.deadline, "transaction_hash": body["transactionHash"], "block_number": body["blockNumber"],
        "status": "completed", "error_message": null, "retry_count": 0,
    });
    assert_fields(&record, &expected);
    for time in ["created_at", "completed_at"] {
        assert!(record[time].is_string(), "{time} in {record}");
    }

    the_chain_agrees(&system, &ada, body).await?;
    the_books_agree(&system, &ada).await?;
    the_feed_is_whole(&mut live, &ada).await?;
    system.stop().await
}

async fn the_chain_agrees(system: &System, ada: &Person, answer: &Value) -> Result<()> {
    let paid = system.token_payments(system.devnet.stage.token, ada.address()).await?;
    assert_eq!(paid.len(), 1, "paid exactly once");
    assert_eq!(
        paid[0].transaction_hash.map(|hash| hash.to_string()).as_deref(),
        answer["transactionHash"].as_str()
    );
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 1, "nothing else left the wallet");
    Ok(())
}

/// 20 players with 200,000 points each and a spare million were minted; 5,000 of them left. The
/// wallet is read every few seconds.
async fn the_books_agree(system: &System, ada: &Person) -> Result<()> {
    assert_eq!(ada.api.points_available().await?, "195000");
    let balances = ada.me().await?["balances"].clone();
    assert_eq!(
        balances,
        json!([{ "book": "xp", "asset": "XP", "owed": "195000", "held": "0", "available": "195000" }])
    );
    let admin = system.admin()?;
    let covered = async || {
        let coverage =
            admin.get("/api/admin/coverage").await?.expect_success("reading coverage")?;
        let rows = coverage["items"].as_array().context("rows of assets")?;
        let dg = rows
            .iter()
            .find(|row| row["asset"] == DG)
            .with_context(|| format!("a row of {DG} in {coverage}"))?;
        Ok((dg["held"] == "4995000").then(|| dg.clone()))
    };
    let dg = system.until("the coverage to show what left", covered).await?;
    assert_eq!(
        (&dg["owedAsPoints"], &dg["onHold"], &dg["covered"]),
        (&json!("3995000"), &json!("0"), &json!(true)),
        "{dg}"
    );
    Ok(())
}

/// Every event once, in order, without a gap; and whoever comes back gets exactly what he has not
/// seen.
async fn the_feed_is_whole(live: &mut Live, ada: &Person) -> Result<()> {
    let events = live.until("completed").await?;
    let seen = numbers(&events);
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "gaps in {seen:?}");
    let steps =
        ["requested", "approved", "reserved", "broadcast", "included", "confirmed", "completed"];
    let told: Vec<&str> = kinds(&events).into_iter().filter(|kind| steps.contains(kind)).collect();
    assert_eq!(told, steps);

    let included =
        events.iter().position(|event| event["event"] == "included").context("it was included")?;
    let mut again = Live::connect(&ada.api, &ada.token, Some(seen[included])).await?;
    let rest = again.until("completed").await?;
    assert_eq!(rest, events[included + 1..]);
    Ok(())
}

fn assert_fields(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}
