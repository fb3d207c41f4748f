//! Amounts, addresses and bodies that are none (abuse cases 4, 5, 6, 9): a 4xx that says what is
//! allowed, never a 500.

use adit_devnet::primitives::Address;
use adit_tests::people::{PURSE, Person, endow, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xc1);

#[tokio::test]
async fn what_is_no_amount_address_or_body_is_refused_and_changes_nothing() -> Result<()> {
    let system = System::start("amounts", Settings::sqlite()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    amounts(&system, &ada).await?;
    addresses(&system, &ada).await?;
    bodies(&ada).await?;
    assert_eq!(ada.available("ETH").await?, "1");
    assert_eq!(ada.api.points_available().await?, "200000");
    assert!(system.sent_by_hot_wallet().await?.is_empty());
    system.stop().await
}

fn no_amounts() -> Vec<Value> {
    let two_to_256 =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let texts = [
        "-1",
        "0",
        "0.0",
        "1e18",
        "0x10",
        "１",
        "+1",
        "01",
        "1.",
        ".5",
        " 1",
        "1 ",
        "",
        "1.0000000000000000001",
        "NaN",
        two_to_256,
    ];
    let mut values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    values.extend([
        json!("9".repeat(79)),
        json!(3000),
        json!(9_007_199_254_740_993_u64),
        json!(0.5),
        json!(null),
        json!(["1"]),
        json!({}),
    ]);
    values
}

async fn amounts(system: &System, ada: &Person) -> Result<()> {
    let signed = serde_json::to_value(ada.sign("3000").await?)?;
    for amount in no_amounts() {
        let mut order = ada_order();
        order["amount"] = amount.clone();
        let answer = refused(&ada.api.post("/api/withdrawals", &order).await?, "INVALID_AMOUNT")
            .with_context(|| amount.to_string())?;
        assert!(answer["allowed"].is_string(), "{answer}");

        let mut claim = signed.clone();
        claim["amount"] = amount.clone();
        let answer = refused(&ada.api.post("/api/token/withdraw", &claim).await?, "INVALID_AMOUNT")
            .with_context(|| amount.to_string())?;
        assert_eq!(answer["success"], false);

        let credit = json!({ "id": "bad", "userId": "ada", "book": PURSE, "asset": "ETH", "amount": amount });
        refused(&system.admin()?.post("/api/admin/credits", &credit).await?, "INVALID_AMOUNT")
            .with_context(|| amount.to_string())?;
    }
    Ok(())
}

fn ada_order() -> Value {
    json!({ "asset": "ETH", "amount": "0.5", "destination": FRIEND.to_checksum(None), "book": PURSE })
}

async fn addresses(system: &System, ada: &Person) -> Result<()> {
    let checksummed = Address::repeat_byte(0xab).to_checksum(None);
    let swapped: String = checksummed
        .chars()
        .map(|letter| {
            if letter == 'A' {
                'a'
            } else if letter == 'a' {
                'A'
            } else {
                letter
            }
        })
        .collect();
    let invalid = [
        swapped,
        checksummed.to_lowercase(),
        "vitalik.eth".to_owned(),
        "0x1234".to_owned(),
        String::new(),
        format!("{checksummed}0"),
        format!("ethereum:{checksummed}"),
    ];
    let forbidden = [
        Address::ZERO,
        system.devnet.stage.token,
        system.devnet.stage.hot_wallet.address,
        Address::with_last_byte(1),
    ];
    let forbidden = forbidden.map(|address| address.to_checksum(None));
    for (code, destination) in invalid
        .iter()
        .map(|text| ("INVALID_ADDRESS", text))
        .chain(forbidden.iter().map(|text| ("FORBIDDEN_DESTINATION", text)))
    {
        let mut order = ada_order();
        order["destination"] = json!(destination);
        refused(&ada.api.post("/api/withdrawals", &order).await?, code)
            .with_context(|| destination.clone())?;
    }
    Ok(())
}

async fn bodies(ada: &Person) -> Result<()> {
    for (field, value) in [
        ("state", json!("approved")),
        ("status", json!("completed")),
        ("fee", json!("0")),
        ("user_id", json!("bruno")),
        ("id", json!("x")),
    ] {
        let mut order = ada_order();
        order[field] = value.clone();
        refused(&ada.api.post("/api/withdrawals", &order).await?, "INVALID_BODY")
            .with_context(|| field.to_owned())?;
        let mut claim = serde_json::to_value(ada.sign("3000").await?)?;
        claim[field] = value;
        refused(&ada.api.post("/api/token/withdraw", &claim).await?, "INVALID_BODY")
            .with_context(|| field.to_owned())?;
    }
    for body in [json!(null), json!([]), json!("x"), json!({})] {
        refused(&ada.api.post("/api/withdrawals", &body).await?, "INVALID_BODY")?;
    }
    let mut order = ada_order();
    order["asset"] = json!("DOGE");
    let answer = refused(&ada.api.post("/api/withdrawals", &order).await?, "ASSET_UNKNOWN")?;
    assert!(answer["allowed"].is_array(), "{answer}");
    order["asset"] = json!("XP");
    order["amount"] = json!("5");
    refused(&ada.api.post("/api/withdrawals", &order).await?, "ASSET_NOT_WITHDRAWABLE")?;
    let huge = json!({ "asset": "E".repeat(100_000) });
    let answer = ada.api.post("/api/withdrawals", &huge).await?;
    assert_eq!(answer.status.as_u16(), 413, "{}", answer.body);
    Ok(())
}
