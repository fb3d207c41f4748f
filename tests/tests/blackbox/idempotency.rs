//! A request that is sent twice (abuse cases 2 and 3).

use adit_devnet::primitives::Address;
use adit_tests::people::{PURSE, endow, id_of, order, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::Result;
use serde_json::json;

const FRIEND: Address = Address::repeat_byte(0xfd);

#[tokio::test]
async fn a_key_stands_for_one_request_for_ever_on_sqlite() -> Result<()> {
    a_key_stands_for_one_request_for_ever("idempotency-sqlite", Settings::sqlite()).await
}

#[tokio::test]
async fn a_key_stands_for_one_request_for_ever_on_postgres() -> Result<()> {
    a_key_stands_for_one_request_for_ever("idempotency-postgres", Settings::postgres()).await
}

async fn a_key_stands_for_one_request_for_ever(topic: &str, settings: Settings) -> Result<()> {
    let mut system = System::start(topic, settings).await?;
    let (ada, bruno, admin) = (system.person(0)?, system.person(1)?, system.admin()?);
    endow(&admin, "ada", &ada.player.id, "ETH", "10").await?;
    endow(&admin, "bruno", &bruno.player.id, "ETH", "10").await?;
    let key = [("Idempotency-Key", "order-7")];
    let (body, path) = (order("ETH", "1", FRIEND), "/api/withdrawals");

    // A refusal is not kept: the key is free for the request that is good.
    let too_much = order("ETH", "11", FRIEND);
    refused(&ada.api.post_with(path, &too_much, &key).await?, "INSUFFICIENT_BALANCE")?;
    let first = id_of(ada.api.post_with(path, &body, &key).await?, "id")?;
    assert_eq!(id_of(ada.api.post_with(path, &body, &key).await?, "id")?, first);
    for other in
        [order("ETH", "2", FRIEND), order("ETH", "1", Address::repeat_byte(0xfe)), too_much]
    {
        let answer =
            refused(&ada.api.post_with(path, &other, &key).await?, "IDEMPOTENCY_MISMATCH")?;
        assert_eq!(answer["withdrawalId"], first.as_str());
    }
    let of_bruno = id_of(bruno.api.post_with(path, &body, &key).await?, "id")?;
    assert_ne!(of_bruno, first, "the same key of somebody else is another key");
    let for_ada = json!({ "asset": "ETH", "amount": "1", "destination": FRIEND.to_checksum(None), "book": PURSE, "userId": ada.player.id });
    let of_service = id_of(admin.post_with(path, &for_ada, &key).await?, "id")?;
    assert_ne!(of_service, first, "and so is that of a service");

    for (person, id) in [(&ada, &first), (&bruno, &of_bruno), (&ada, &of_service)] {
        assert_eq!(system.until_over(person, id).await?["status"], "completed");
    }
    system.crash_and_restart().await?;
    let answer = ada.api.post_with(path, &body, &key).await?;
    assert_eq!(
        (answer.body["id"].as_str(), &answer.body["status"]),
        (Some(first.as_str()), &json!("completed")),
        "for ever, and as it is now"
    );
    assert_eq!(ada.available("ETH").await?, "8");
    for bad in ["", "two words", &"k".repeat(129)] {
        refused(
            &ada.api.post_with(path, &body, &[("Idempotency-Key", bad)]).await?,
            "INVALID_HEADER",
        )?;
    }
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 3);
    system.stop().await
}
