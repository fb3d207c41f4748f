//! `/api/withdrawals`: any asset, by the same rules.

use serde_json::{Value, json};

use crate::world::{Player, World};

fn ask(player: &Player, amount: &str) -> Value {
    json!({ "asset": "ETH", "amount": amount, "destination": player.wallet.address.to_checksum(None), "book": "main" })
}

async fn owner(world: &World, name: &str) -> Player {
    let player = world.player(name, 0).await;
    world.credit(name, "main", "ETH", "10").await;
    player
}

#[tokio::test]
async fn a_withdrawal_has_its_record() {
    let world = World::new().await;
    let ada = owner(&world, "ada").await;
    let made = world.post("/api/withdrawals", &ada.token, &ask(&ada, "0.5")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let record = &made.body;
    assert_eq!(
        (&record["userId"], &record["tokenType"], &record["amount"]),
        (&json!("ada"), &json!("ETH"), &json!("0.5"))
    );
    assert_eq!(
        (&record["status"], &record["approvedBy"], &record["pool"]),
        (&json!("approved"), &json!("policy"), &json!("main"))
    );
    assert_eq!(
        (&record["txHash"], &record["completedAt"], &record["confirmed"]),
        (&Value::Null, &Value::Null, &json!(false))
    );
    for field in ["id", "toAddress", "createdAt", "fee", "reason", "error", "confirmations"] {
        assert!(record.get(field).is_some(), "{field}");
    }
    let id = record["id"].as_str().expect("an id");
    assert_eq!(&world.get(&format!("/api/withdrawals/{id}"), &ada.token).await.body, record);
}

#[tokio::test]
async fn the_owner_takes_back_what_is_pending() {
    let world = World::new().await;
    let ada = owner(&world, "ada").await;
    let pending = world.post("/api/withdrawals", &ada.token, &ask(&ada, "2")).await.body;
    assert_eq!((&pending["status"], &pending["approvedBy"]), (&json!("pending"), &Value::Null));
    assert_eq!(world.available(&ada, "ETH").await, "8");
    let cancel = format!("/api/withdrawals/{}/cancel", pending["id"].as_str().expect("an id"));
    let cancelled = world.call("POST", &cancel, &ada.token, None).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["status"]), (200, &json!("cancelled")));
    assert!(cancelled.body["reason"].is_string() && cancelled.body["completedAt"].is_string());
    assert_eq!(world.available(&ada, "ETH").await, "10");

    let approved = world.post("/api/withdrawals", &ada.token, &ask(&ada, "1")).await.body;
    let cancel = format!("/api/withdrawals/{}/cancel", approved["id"].as_str().expect("an id"));
    let refused = world.post(&cancel, &ada.token, &json!({ "reason": "too late" })).await;
    assert_eq!(refused.is(), (409, "NOT_CANCELLABLE"));
    assert_eq!(refused.body["withdrawalStatus"], "approved");
}

#[tokio::test]
async fn approval_and_cancel_by_people() {
    let world = World::new().await;
    let (ada, service) = (owner(&world, "ada").await, world.service().await);
    let id = world.post("/api/withdrawals", &ada.token, &ask(&ada, "2")).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let at = |act: &str| format!("/api/admin/withdrawals/{id}/{act}");
    for token in [&ada.token, &service] {
        assert_eq!(world.call("POST", &at("approve"), token, None).await.is(), (403, "FORBIDDEN"));
    }
    let approved = world.call("POST", &at("approve"), &world.admin, None).await;
    assert_eq!(approved.body["status"], "approved");
    assert!(
        approved.body["approvedBy"].as_str().is_some_and(|by| by.starts_with("admin/")),
        "{}",
        approved.text
    );
    assert_eq!(
        world.call("POST", &at("approve"), &world.admin, None).await.is(),
        (409, "NOT_APPROVABLE")
    );
    assert_eq!(world.call("POST", &at("retry"), &service, None).await.body["retryCount"], 1);
    assert_eq!(
        world
            .post(&at("inspect"), &world.admin, &json!({ "paid": true, "note": "looked" }))
            .await
            .is(),
        (409, "NOT_UNDER_INSPECTION")
    );
    assert_eq!(world.call("POST", &at("cancel"), &ada.token, None).await.is(), (403, "FORBIDDEN"));
    assert_eq!(world.call("POST", &at("cancel"), &service, None).await.body["status"], "cancelled");
    assert_eq!(world.call("POST", &at("retry"), &service, None).await.is(), (409, "NOT_RETRYABLE"));
}

/// Once its state says something else, who approved it is read from its history.
#[tokio::test]
async fn who_approved_is_said_after_it_has_ended() {
    let world = World::new().await;
    let ada = owner(&world, "ada").await;
    let mut ids = Vec::new();
    for amount in ["2", "0.5", "3"] {
        let made = world.post("/api/withdrawals", &ada.token, &ask(&ada, amount)).await;
        ids.push(made.body["id"].as_str().expect("an id").to_owned());
    }
    let approved = world
        .call("POST", &format!("/api/admin/withdrawals/{}/approve", ids[0]), &world.admin, None)
        .await;
    let by = approved.body["approvedBy"].as_str().expect("somebody").to_owned();
    assert!(by.starts_with("admin/"), "{by}");
    let cancelled =
        world.call("POST", &format!("/api/withdrawals/{}/cancel", ids[2]), &ada.token, None).await;
    assert_eq!(
        (&cancelled.body["status"], &cancelled.body["approvedBy"]),
        (&json!("cancelled"), &Value::Null)
    );
    for (id, who) in [(&ids[0], by.as_str()), (&ids[1], "policy")] {
        let state = adit_core::State::Failed {
            at: crate::world::now(),
            failure: adit_core::Failure::Reverted,
            payment: Some(crate::world::payment()),
        };
        world.becomes(id, state).await;
        let record = world.get(&format!("/api/withdrawals/{id}"), &ada.token).await.body;
        assert_eq!((&record["status"], &record["approvedBy"]), (&json!("failed"), &json!(who)));
    }
}

/// Abuse case 8: what belongs to somebody else does not exist.
#[tokio::test]
async fn another_users_withdrawal_is_not_found() {
    let world = World::new().await;
    let (ada, bruno) = (owner(&world, "ada").await, owner(&world, "bruno").await);
    let id = world.post("/api/withdrawals", &ada.token, &ask(&ada, "2")).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let nobody = "018f0000-0000-7000-8000-000000000000";
    for (method, path) in [("GET", ""), ("GET", "/why"), ("POST", "/cancel")] {
        let others =
            world.call(method, &format!("/api/withdrawals/{id}{path}"), &bruno.token, None).await;
        let none = world
            .call(method, &format!("/api/withdrawals/{nobody}{path}"), &bruno.token, None)
            .await;
        assert_eq!(others.is(), (404, "WITHDRAWAL_NOT_FOUND"), "{path}");
        assert_eq!(others.text, none.text, "both read the same");
    }
    assert_eq!(
        world.get(&format!("/api/token/withdrawals/{id}"), &bruno.token).await.is(),
        (404, "WITHDRAWAL_NOT_FOUND")
    );
    assert_eq!(world.get("/api/withdrawals", &bruno.token).await.body["items"], json!([]));
    assert_eq!(
        world.get("/api/withdrawals?userId=ada", &bruno.token).await.is(),
        (403, "FORBIDDEN")
    );
    assert_eq!(world.get("/api/me?userId=ada", &bruno.token).await.is(), (403, "FORBIDDEN"));
    assert_eq!(
        world.get(&format!("/api/withdrawals/{id}"), &ada.token).await.body["status"],
        "pending"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let world = World::new().await;
    let (ada, bruno) = (owner(&world, "ada").await, owner(&world, "bruno").await);
    for number in 1..=5 {
        world.post("/api/withdrawals", &ada.token, &ask(&ada, &format!("0.{number}"))).await;
    }
    world.post("/api/withdrawals", &bruno.token, &ask(&bruno, "2")).await;
    let mut seen = Vec::new();
    let mut path = "/api/withdrawals?limit=2".to_owned();
    loop {
        let page = world.get(&path, &ada.token).await.body;
        seen.extend(
            page["items"].as_array().expect("items").iter().map(|item| item["amount"].clone()),
        );
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("/api/withdrawals?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["0.5", "0.4", "0.3", "0.2", "0.1"].map(Value::from));
    let count = async |query: &str| {
        world.get(&format!("/api/withdrawals?{query}"), &world.admin).await.body["items"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count("").await, Some(6));
    assert_eq!(count("userId=bruno").await, Some(1));
    assert_eq!(count("status=pending").await, Some(1));
    assert_eq!(count("asset=DG").await, Some(0));
    assert_eq!(count("from=2100-01-01T00:00:00Z").await, Some(0));
    assert_eq!(
        count("to=2100-01-01T00:00:00Z&userId=ada&status=approved&asset=ETH").await,
        Some(5)
    );
}

/// Abuse cases 2 and 3.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_used_once_and_for_one_body() {
    let world = World::new().await;
    let (ada, bruno) = (owner(&world, "ada").await, owner(&world, "bruno").await);
    let keyed = async |player: &Player, body: &Value, key: &str| {
        world
            .call_with(
                "POST",
                "/api/withdrawals",
                &player.token,
                Some(body.to_string()),
                &[("idempotency-key", key)],
            )
            .await
    };
    let body = ask(&ada, "2");
    let answers = futures::future::join_all((0..1_000).map(|_| keyed(&ada, &body, "k"))).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body));
    assert_eq!(
        answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count(),
        1
    );
    assert_eq!(world.available(&ada, "ETH").await, "8");
    let other = keyed(&ada, &ask(&ada, "3"), "k").await;
    assert_eq!(other.is(), (422, "IDEMPOTENCY_MISMATCH"));
    assert_eq!(other.body["withdrawalId"], answers[0].body["id"]);
    assert_eq!(keyed(&ada, &ask(&bruno, "2"), "k").await.is(), (422, "IDEMPOTENCY_MISMATCH"));
    assert_eq!(keyed(&bruno, &ask(&bruno, "2"), "k").await.status, 201);
    assert_eq!(keyed(&ada, &body, &"k".repeat(129)).await.is(), (422, "INVALID_HEADER"));
    // A refusal is not remembered: the key is still free for what can be paid.
    assert_eq!(keyed(&ada, &ask(&ada, "100"), "fresh").await.is(), (422, "INSUFFICIENT_BALANCE"));
    assert_eq!(keyed(&ada, &ask(&ada, "1"), "fresh").await.status, 201);
}

/// Abuse case 1.
#[tokio::test(flavor = "multi_thread")]
async fn one_balance_is_held_once() {
    let world = World::new().await;
    let ada = owner(&world, "ada").await;
    let body = ask(&ada, "10");
    let answers = futures::future::join_all(
        (0..1_000).map(|_| world.post("/api/withdrawals", &ada.token, &body)),
    )
    .await;
    let accepted = answers.iter().filter(|answer| answer.status == 201).count();
    let refused =
        answers.iter().filter(|answer| answer.is() == (422, "INSUFFICIENT_BALANCE")).count();
    assert_eq!((accepted, refused, world.available(&ada, "ETH").await.as_str()), (1, 999, "0"));
}

#[tokio::test]
async fn why_explains_and_shows_only_safe_buttons() {
    let world = World::new().await;
    let ada = owner(&world, "ada").await;
    let id = world.post("/api/withdrawals", &ada.token, &ask(&ada, "2")).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let why = world.get(&format!("/api/withdrawals/{id}/why"), &ada.token).await;
    assert_eq!(why.status, 200, "{}", why.text);
    assert_eq!(
        (&why.body["code"], &why.body["status"], &why.body["trust"]),
        (&json!("AWAITS_APPROVAL"), &json!("pending"), &json!("single"))
    );
    assert_eq!((&why.body["buttons"], &why.body["lineages"]), (&json!(["cancel"]), &json!([])));
    assert!(why.body["sentence"].as_str().is_some_and(|sentence| !sentence.is_empty()));
    let operators = world.get(&format!("/api/withdrawals/{id}/why"), &world.admin).await;
    assert_eq!(operators.body["buttons"], json!(["approve", "cancel"]));
}

#[tokio::test]
async fn what_cannot_be_withdrawn() {
    let world = World::new().await;
    let ada = world.player("ada", 5_000).await;
    let with = |asset: &str, book: &str| json!({ "asset": asset, "amount": "1", "destination": ada.wallet.address.to_checksum(None), "book": book });
    assert_eq!(
        world.post("/api/withdrawals", &ada.token, &with("XP", "xp")).await.is(),
        (422, "ASSET_NOT_WITHDRAWABLE")
    );
    let unknown = world.post("/api/withdrawals", &ada.token, &with("DOGE", "xp")).await;
    assert_eq!(
        (unknown.is(), &unknown.body["allowed"]),
        ((422, "ASSET_UNKNOWN"), &json!(["DG", "ETH", "XP"]))
    );
    assert_eq!(
        world.post("/api/withdrawals", &ada.token, &with("ETH", "Main Book")).await.is(),
        (422, "INVALID_NAME")
    );
    assert_eq!(
        world.post("/api/withdrawals", &ada.token, &with("ETH", "other")).await.is(),
        (422, "INSUFFICIENT_BALANCE")
    );
}
