//! What everybody may read: the document, the page, the probes.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn the_document_describes_every_route() {
    let world = World::new().await;
    let document = world.get("/api/openapi.json", "").await.body;
    let paths: Vec<&str> =
        document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    for path in [
        "/api/token/withdraw/nonce",
        "/api/token/withdraw",
        "/api/token/withdrawals",
        "/api/token/withdrawals/{id}",
        "/api/me",
        "/api/withdrawals",
        "/api/withdrawals/{id}",
        "/api/withdrawals/{id}/why",
        "/api/withdrawals/{id}/cancel",
        "/api/admin/users/{userId}",
        "/api/admin/users/{userId}/wallets",
        "/api/admin/users/{userId}/keys",
        "/api/admin/credits",
        "/api/admin/suspensions",
        "/api/admin/withdrawals/{id}/retry",
        "/api/admin/withdrawals/{id}/cancel",
        "/api/admin/withdrawals/{id}/approve",
        "/api/admin/withdrawals/{id}/inspect",
        "/api/admin/withdrawals/{id}/match",
        "/api/admin/unmatched",
        "/api/admin/coverage",
        "/api/admin/lanes",
        "/api/admin/alerts",
        "/api/live",
        "/healthz",
        "/readyz",
    ] {
        assert!(paths.contains(&path), "{path} is not described");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert!(
        document["components"]["schemas"]["ClaimBody"]["properties"]["walletAddress"].is_object()
    );
    let page = world.get("/api/docs", "").await;
    assert!(page.text.contains("/api/token/withdraw") && page.text.contains("id=\"NONCE_USED\""));
    assert!(
        !page.text.contains("<script")
            && !page.text.contains("http://")
            && !page.text.contains("src="),
        "it loads nothing"
    );
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn the_probes_answer_without_a_credential() {
    let world = World::new().await;
    assert_eq!(world.get("/healthz", "").await.body, json!({ "status": "ok" }));
    let ready = world.get("/readyz", "").await;
    assert_eq!((ready.status.as_u16(), &ready.body["store"]), (200, &json!("ok")));
    let ada = world.player("ada", 10).await;
    assert_eq!(world.get("/api/nothing", &ada.token).await.status, 404);
    let metrics = world.metrics().await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "route=\"/api/admin/users/{userId}/keys\"",
        "adit_refusals_total{code=\"ROUTE_NOT_FOUND\"} 1",
        "adit_store_up 1",
        "# EOF",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("ada"), "no user's name in metrics");
}

#[tokio::test]
async fn answers_are_not_kept() {
    let world = World::new().await;
    let ada = world.player("ada", 10).await;
    let me = world.get("/api/me", &ada.token).await;
    assert_eq!(
        (me.header("cache-control"), me.header("x-content-type-options")),
        ("no-store", "nosniff")
    );
    assert_eq!(
        me.body["balances"][0],
        json!({ "book": "xp", "asset": "XP", "owed": "10", "held": "0", "available": "10" })
    );
    assert_eq!(me.body["debts"], json!([]), "none is shown where there is none");
    assert_eq!(me.body["wallets"][0]["address"], Value::from(ada.wallet.address.to_checksum(None)));
}
