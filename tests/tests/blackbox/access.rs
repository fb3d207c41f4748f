//! Who may see and do what (abuse case 8): another user's withdrawal does not exist, and roles are
//! what they say.

use adit_devnet::api::Api;
use adit_devnet::port;
use adit_devnet::primitives::Address;
use adit_tests::people::{PURSE, endow, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use serde_json::{Value, json};

const FRIEND: Address = Address::repeat_byte(0xc2);

#[tokio::test]
async fn what_belongs_to_another_user_does_not_exist() -> Result<()> {
    let system = System::start("access", Settings::sqlite()).await?;
    let (ada, bruno, admin) = (system.person(0)?, system.person(1)?, system.admin()?);
    endow(&admin, "purse", &ada.player.id, "ETH", "1").await?;
    let id = ada.withdrawn("ETH", "0.25", FRIEND).await?;
    let claim = ada.claimed("3000").await?;
    let nobodys = "01890a5d-ac96-774b-bcce-b302099a8057";

    for path in [
        format!("/api/withdrawals/{id}"),
        format!("/api/withdrawals/{id}/why"),
        format!("/api/token/withdrawals/{claim}"),
    ] {
        let hidden = refused(&bruno.api.get(&path).await?, "WITHDRAWAL_NOT_FOUND")?;
        let missing =
            bruno.api.get(&path.replace(&id, nobodys).replace(&claim, nobodys)).await?.body;
        assert_eq!(hidden, missing, "no oracle: both read the same");
        ada.api.get(&path).await?.expect_success("the owner reads it")?;
        admin.get(&path).await?.expect_success("a service reads it")?;
    }
    refused(
        &bruno.api.post(&format!("/api/withdrawals/{id}/cancel"), &json!({})).await?,
        "WITHDRAWAL_NOT_FOUND",
    )?;
    refused(&bruno.api.get("/api/withdrawals/no-id-at-all").await?, "WITHDRAWAL_NOT_FOUND")?;
    for list in ["/api/withdrawals", "/api/token/withdrawals"] {
        let items = bruno.api.get(list).await?.expect_success("listing")?;
        assert_eq!(items["items"], json!([]), "{list}");
    }
    users_do_not_administer(&system, &id).await?;
    system.stop().await
}

async fn users_do_not_administer(system: &System, id: &str) -> Result<()> {
    let (bruno, admin) = (system.person(1)?, system.admin()?);
    let credit =
        json!({ "id": "gift", "userId": "bruno", "book": PURSE, "asset": "ETH", "amount": "1" });
    let calls: [(String, Value); 7] = [
        ("/api/admin/credits".to_owned(), credit),
        ("/api/admin/suspensions".to_owned(), json!({ "scope": "all" })),
        (
            "/api/admin/users/bruno/wallets".to_owned(),
            json!({ "address": FRIEND.to_checksum(None) }),
        ),
        ("/api/admin/users/bruno/keys".to_owned(), json!({ "role": "admin" })),
        (format!("/api/admin/withdrawals/{id}/cancel"), json!({})),
        (format!("/api/admin/withdrawals/{id}/retry"), json!({})),
        (
            format!("/api/admin/withdrawals/{id}/match"),
            json!({ "userId": "bruno", "note": "mine" }),
        ),
    ];
    let anybody = system.devnet.api()?;
    for (path, body) in calls {
        refused(&bruno.api.post(&path, &body).await?, "FORBIDDEN").with_context(|| path.clone())?;
        refused(&anybody.post(&path, &body).await?, "UNAUTHENTICATED")
            .with_context(|| path.clone())?;
        refused(&anybody.with_token("adit_guess").post(&path, &body).await?, "UNAUTHENTICATED")
            .with_context(|| path.clone())?;
    }
    refused(&bruno.api.get("/api/admin/coverage").await?, "FORBIDDEN")?;
    refused(
        &bruno.api.put("/api/admin/users/bruno", &json!({ "tier": "vip" })).await?,
        "FORBIDDEN",
    )?;
    let for_ada = json!({ "asset": "ETH", "amount": "0.1", "destination": FRIEND.to_checksum(None), "book": PURSE, "userId": "ada" });
    refused(&bruno.api.post("/api/withdrawals", &for_ada).await?, "FORBIDDEN")?;
    admin.post("/api/withdrawals", &for_ada).await?.expect_success("a service names a user")?;

    let keys = "/api/admin/users/ada/keys";
    let service = admin
        .post(keys, &json!({ "role": "service" }))
        .await?
        .expect_success("an admin makes a service key")?;
    let service = anybody.with_token(service["token"].as_str().context("a token")?);
    refused(&service.post(keys, &json!({ "role": "admin" })).await?, "FORBIDDEN")?;
    service
        .post(keys, &json!({ "role": "user" }))
        .await?
        .expect_success("a service makes a user's key")?;
    refused(
        &admin.post("/api/admin/users/nobody-here/keys", &json!({ "role": "user" })).await?,
        "USER_UNKNOWN",
    )
    .map(drop)
}

/// The routes of the contract, as the server describes itself.
const ROUTES: [(&str, &str); 28] = [
    ("get", "/api/token/withdraw/nonce"),
    ("post", "/api/token/withdraw"),
    ("get", "/api/token/withdrawals"),
    ("get", "/api/token/withdrawals/{id}"),
    ("get", "/api/me"),
    ("post", "/api/withdrawals"),
    ("get", "/api/withdrawals"),
    ("get", "/api/withdrawals/{id}"),
    ("get", "/api/withdrawals/{id}/why"),
    ("post", "/api/withdrawals/{id}/cancel"),
    ("put", "/api/admin/users/{userId}"),
    ("post", "/api/admin/users/{userId}/wallets"),
    ("post", "/api/admin/users/{userId}/keys"),
    ("get", "/api/admin/api-keys"),
    ("post", "/api/admin/api-keys"),
    ("delete", "/api/admin/api-keys/{keyId}"),
    ("post", "/api/admin/credits"),
    ("post", "/api/admin/suspensions"),
    ("delete", "/api/admin/suspensions"),
    ("post", "/api/admin/withdrawals/{id}/retry"),
    ("post", "/api/admin/withdrawals/{id}/cancel"),
    ("post", "/api/admin/withdrawals/{id}/match"),
    ("get", "/api/admin/unmatched"),
    ("get", "/api/admin/coverage"),
    ("get", "/api/live"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/api/openapi.json"),
];

#[tokio::test]
async fn the_server_describes_itself_and_has_no_other_doors() -> Result<()> {
    let metrics = port::free()?;
    let system = System::start("doors", Settings::sqlite().metrics(metrics)).await?;
    let anybody = system.devnet.api()?;
    let described = anybody.get("/api/openapi.json").await?.expect_success("the description")?;
    for (method, path) in ROUTES {
        // The description need not describe itself.
        if path != "/api/openapi.json" {
            assert!(described["paths"][path][method].is_object(), "{method} {path}");
        }
    }
    for path in ["/healthz", "/readyz", "/api/docs"] {
        assert_eq!(anybody.get(path).await?.status.as_u16(), 200, "{path}");
    }
    refused(&anybody.get("/api/nothing-here").await?, "ROUTE_NOT_FOUND")?;
    refused(&anybody.get("/metrics").await?, "ROUTE_NOT_FOUND")?;
    let beside = Api::new(format!("http://127.0.0.1:{metrics}"))?;
    assert_eq!(
        beside.get("/metrics").await?.status.as_u16(),
        200,
        "metrics have an address of their own"
    );
    refused(&beside.get("/api/openapi.json").await?, "ROUTE_NOT_FOUND")?;
    refused(&anybody.delete("/api/withdrawals").await?, "METHOD_NOT_ALLOWED")?;
    let short = refused(&anybody.get("/api/token/nothing-here").await?, "ROUTE_NOT_FOUND")?;
    assert_eq!(short["success"], false);
    system.stop().await
}
