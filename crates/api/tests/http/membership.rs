//! Who may claim: members, everybody, and services for their users.

use std::sync::atomic::Ordering;

use adit_api::{ApiSettings, Membership};
use serde_json::json;

use crate::world::{World, as_json, settings};

#[tokio::test]
async fn membership_that_cannot_be_read_is_neither_yes_nor_no() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    world.gate.unreadable.store(true, Ordering::Relaxed);
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    let answer = world.withdraw(&ada.token, &claim).await;
    assert_eq!(answer.is(), (503, "MEMBERSHIP_UNREADABLE"));
    assert!(!answer.header("retry-after").is_empty());
    world.gate.unreadable.store(false, Ordering::Relaxed);
    assert_eq!(world.withdraw(&ada.token, &claim).await.status, 202);
}

#[tokio::test]
async fn members_of_a_tiered_instance_have_higher_limits() {
    let tier = "gold".parse().expect("a tier");
    let world =
        World::with(ApiSettings { membership: Membership::Tiered { tier }, ..settings() }).await;
    let (ada, emil) = (world.player("ada", 200_000).await, world.player("emil", 200_000).await);
    world.gate.outsiders.lock().expect("fine").push(emil.wallet.address.to_checksum(None));
    let member = as_json(&world.claim(&ada, "150000", |_| {}).await);
    assert_eq!(world.withdraw(&ada.token, &member).await.status, 202);
    let outsider = as_json(&world.claim(&emil, "150000", |_| {}).await);
    assert_eq!(world.withdraw(&emil.token, &outsider).await.is(), (422, "DAILY_LIMIT_EXCEEDED"));
    let less = as_json(&world.claim(&emil, "5000", |_| {}).await);
    assert_eq!(world.withdraw(&emil.token, &less).await.status, 202);
}

#[tokio::test]
async fn an_open_instance_asks_no_lock() {
    let world = World::with(ApiSettings { membership: Membership::Open, ..settings() }).await;
    let ada = world.player("ada", 5_000).await;
    world.gate.unreadable.store(true, Ordering::Relaxed);
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    assert_eq!(world.withdraw(&ada.token, &claim).await.status, 202);
}

#[tokio::test]
async fn only_a_service_names_a_user() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let service = world.service().await;
    let mut claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    claim["userId"] = json!("ada");
    assert_eq!(world.withdraw(&ada.token, &claim).await.is(), (403, "FORBIDDEN"));
    assert_eq!(world.withdraw(&service, &claim).await.status, 202);
    claim.as_object_mut().expect("an object").remove("userId");
    assert_eq!(world.withdraw(&service, &claim).await.is(), (422, "INVALID_BODY"));
    assert_eq!(world.get("/api/token/withdraw/nonce", &service).await.is(), (422, "INVALID_QUERY"));
    assert_eq!(world.get("/api/token/withdraw/nonce?userId=ada", &service).await.body["nonce"], 1);
    assert_eq!(
        world.get("/api/token/withdraw/nonce?userId=ada", &ada.token).await.is(),
        (403, "FORBIDDEN")
    );
}
