//! API keys: who sees and ends which, and what ends with them.

use std::sync::atomic::Ordering;

use adit_api::router;
use serde_json::{Value, json};

use crate::fakes::Shifted;
use crate::world::{Parts, World, now, settings};

const KEYS: &str = "/api/admin/api-keys";

async fn clocked() -> (World, Shifted) {
    let parts = Parts::new();
    let clock = parts.clock.clone();
    (World::of(parts).await, clock)
}

async fn issue(world: &World, body: &Value) -> Value {
    let made = world.post(KEYS, &world.admin, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body
}

fn token(key: &Value) -> &str {
    key["token"].as_str().expect("a token")
}

fn at(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().expect("an id"))
}

/// Abuse +30: two servers on one store; the one that did not hear of it refuses the key once it no
/// longer remembers it.
#[tokio::test]
async fn p30_a_revoked_key_is_refused_within_five_seconds() {
    let (world, clock) = clocked().await;
    let other = router(
        adit_api::ApiState::new(world.state.engine().clone(), settings(), None)
            .expect("fine settings"),
    );
    let other = World {
        router: other,
        state: world.state.clone(),
        store: world.store.clone(),
        gate: world.gate.clone(),
        admin: String::new(),
    };
    let key = issue(&world, &json!({ "role": "service", "client": "shop" })).await;
    for world in [&world, &other] {
        assert_eq!(world.get("/api/withdrawals", token(&key)).await.status, 200);
    }
    let ended =
        world.call("DELETE", &at(&key), &world.admin, Some(&json!({ "reason": "leaked" }))).await;
    assert_eq!(
        (ended.status.as_u16(), &ended.body["state"]),
        (200, &json!("revoked")),
        "{}",
        ended.text
    );
    assert_eq!(
        world.get("/api/withdrawals", token(&key)).await.is(),
        (401, "UNAUTHENTICATED"),
        "at once where it was revoked"
    );
    clock.0.fetch_add(5_000_000, Ordering::Relaxed);
    assert_eq!(
        other.get("/api/withdrawals", token(&key)).await.is(),
        (401, "UNAUTHENTICATED"),
        "after five seconds elsewhere"
    );
    let again = world.call("DELETE", &at(&key), &world.admin, None).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["revokedAt"]),
        (200, &ended.body["revokedAt"]),
        "it stays as it was"
    );
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let (world, clock) = clocked().await;
    let soon = adit_api::rfc3339(now().plus(adit_core::Span::from_seconds(60)));
    let key = issue(
        &world,
        &json!({ "role": "admin", "client": "ada", "expiresAt": soon, "label": "for an hour" }),
    )
    .await;
    assert_eq!(world.get(KEYS, token(&key)).await.status, 200);
    clock.0.fetch_add(58_000_000, Ordering::Relaxed);
    assert_eq!(world.get(KEYS, token(&key)).await.status, 200);
    clock.0.fetch_add(3_000_000, Ordering::Relaxed);
    assert_eq!(
        world.get(KEYS, token(&key)).await.is(),
        (401, "UNAUTHENTICATED"),
        "no memory outlives it"
    );
    let all = world.get(&format!("{KEYS}?state=all&client=client/ada"), &world.admin).await;
    assert_eq!(all.body["items"][0]["state"], "expired");
    let standing = world.get(&format!("{KEYS}?client=client/ada"), &world.admin).await;
    assert_eq!(standing.body["items"], json!([]));
}

/// What is shown is never enough to ask with.
#[tokio::test]
async fn no_answer_shows_a_secret() {
    let world = World::new().await;
    let key = issue(&world, &json!({ "role": "service", "client": "shop", "label": "till" })).await;
    let hash = adit_api::auth::hash_token(token(&key));
    let answers = [
        world.get(KEYS, &world.admin).await,
        world.call("DELETE", &at(&key), &world.admin, None).await,
    ];
    for answer in answers {
        assert!(
            !answer.text.contains(token(&key)) && !answer.text.contains(&hash.hex()),
            "{}",
            answer.text
        );
    }
    let listed = world.get(&format!("{KEYS}?state=all&role=service"), &world.admin).await.body;
    let shown = &listed["items"][0];
    let expected =
        [("client", "client/shop"), ("role", "service"), ("label", "till"), ("state", "revoked")];
    assert!(expected.iter().all(|(field, value)| shown[field] == *value), "{shown}");
}

#[tokio::test]
async fn a_service_sees_and_revokes_user_keys_only() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let service = world.service().await;
    let shop = issue(&world, &json!({ "role": "service", "client": "shop" })).await;
    let listed = world.get(KEYS, &service).await.body;
    let items = listed["items"].as_array().expect("a list");
    assert_eq!(items.iter().map(|key| &key["userId"]).collect::<Vec<_>>(), [&json!("ada")]);
    assert_eq!(world.get(&format!("{KEYS}?role=admin"), &service).await.body["items"], json!([]));
    assert_eq!(
        world.call("DELETE", &at(&shop), &service, None).await.is(),
        (404, "API_KEY_NOT_FOUND")
    );
    assert_eq!(world.call("DELETE", &at(&items[0]), &service, None).await.status, 200);
    assert_eq!(world.get("/api/me", &ada.token).await.is(), (401, "UNAUTHENTICATED"));
    let own = world.post(KEYS, &service, &json!({ "role": "user", "userId": "ada" })).await;
    assert_eq!(
        (own.status.as_u16(), &own.body["client"]),
        (201, &json!("user/ada")),
        "{}",
        own.text
    );
    assert_eq!(
        world.post(KEYS, &service, &json!({ "role": "admin", "client": "me" })).await.is(),
        (403, "FORBIDDEN")
    );
    for (method, path) in [("GET", KEYS), ("POST", KEYS), ("DELETE", &at(&shop))] {
        let body = (method == "POST").then(|| json!({ "role": "user", "userId": "ada" }));
        assert_eq!(
            world.call(method, path, token(&own.body), body.as_ref()).await.is(),
            (403, "FORBIDDEN"),
            "{method} by a user"
        );
    }
}

/// Abuse +35: a rotated key retries for its client; and what one key asked for no other key of that
/// client approves (+34).
#[tokio::test]
async fn p35_p34_a_rotated_key_is_the_same_client() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    world.credit("ada", "main", "ETH", "100").await;
    let [first, second] =
        ["old", "new"].map(|label| json!({ "role": "admin", "client": "shop", "label": label }));
    let (first, second) = (issue(&world, &first).await, issue(&world, &second).await);
    let wallet = ada.wallet.address.to_checksum(None);
    let body = json!({ "userId": "ada", "asset": "ETH", "amount": "50", "destination": wallet, "book": "main" }).to_string();
    let key = [("idempotency-key", "order-1")];
    let made =
        world.call_with("POST", "/api/withdrawals", token(&first), Some(body.clone()), &key).await;
    assert_eq!(made.body["status"], "pending", "{}", made.text);
    world.call("DELETE", &at(&first), &world.admin, None).await;
    let again = world.call_with("POST", "/api/withdrawals", token(&second), Some(body), &key).await;
    assert_eq!(again.body["id"], made.body["id"], "{}", again.text);
    let approve =
        format!("/api/admin/withdrawals/{}/approve", made.body["id"].as_str().expect("an id"));
    let own = world.call("POST", &approve, token(&second), None).await;
    assert_eq!(
        (own.is(), &own.body["client"]),
        ((403, "SELF_APPROVAL"), &json!("client/shop")),
        "{}",
        own.text
    );
    assert_eq!(world.call("POST", &approve, &world.admin, None).await.status, 200);
}

#[tokio::test]
async fn keys_of_one_client_share_a_rate() {
    let world = World::with(adit_api::ApiSettings {
        requests_per_second: 1,
        requests_burst: 8,
        ..settings()
    })
    .await;
    let (first, second) = (
        issue(&world, &json!({ "role": "service", "client": "shop" })).await,
        issue(&world, &json!({ "role": "service", "client": "shop" })).await,
    );
    let mut refused = 0;
    for turn in 0..10 {
        let key = if turn % 2 == 0 { &first } else { &second };
        refused +=
            u32::from(world.get("/api/withdrawals", token(key)).await.code() == "RATE_LIMITED");
    }
    assert!(refused >= 1, "ten requests of one client are more than eight");
}

/// Every field that is wrong is named, with what is allowed.
#[tokio::test]
async fn what_is_wrong_with_a_wished_key_is_named() {
    let world = World::new().await;
    world.player("ada", 0).await;
    let past = "2020-01-01T00:00:00Z";
    let wrong = [
        (json!({ "role": "service" }), "INVALID_BODY", "client is missing"),
        (json!({ "role": "service", "client": "My Shop" }), "INVALID_NAME", "1 to 32 of a-z"),
        (
            json!({ "role": "service", "client": "key/nobody" }),
            "INVALID_NAME",
            "no service or admin key",
        ),
        (
            json!({ "role": "service", "client": "user/ada" }),
            "INVALID_NAME",
            "no service or admin key",
        ),
        (
            json!({ "role": "service", "client": "shop", "userId": "ada" }),
            "INVALID_BODY",
            "leave userId out",
        ),
        (
            json!({ "role": "user", "userId": "ada", "client": "shop" }),
            "INVALID_BODY",
            "leave client out",
        ),
        (json!({ "role": "user" }), "INVALID_BODY", "userId is missing"),
        (json!({ "role": "user", "userId": "nobody" }), "USER_UNKNOWN", "nobody is not known"),
        (
            json!({ "role": "admin", "client": "ada", "expiresAt": past }),
            "INVALID_BODY",
            "after now",
        ),
        (
            json!({ "role": "admin", "client": "ada", "expiresAt": "soon" }),
            "INVALID_BODY",
            "RFC 3339",
        ),
        (json!({ "role": "root" }), "INVALID_BODY", "`user`, `service`, `admin`"),
        (
            json!({ "role": "admin", "client": "ada", "label": "x".repeat(101) }),
            "INVALID_BODY",
            "100 characters",
        ),
    ];
    for (body, code, word) in wrong {
        let refused = world.post(KEYS, &world.admin, &body).await;
        assert_eq!(refused.code(), code, "{body}: {}", refused.text);
        assert!(refused.text.contains(word), "{body}: {}", refused.text);
    }
    for path in [format!("{KEYS}/none"), format!("{KEYS}/01890a5d-ac96-774b-bcce-b302099a8057")] {
        assert_eq!(
            world.call("DELETE", &path, &world.admin, None).await.is(),
            (404, "API_KEY_NOT_FOUND"),
            "{path}"
        );
    }
    assert_eq!(
        world.get(&format!("{KEYS}?role=root"), &world.admin).await.is(),
        (422, "INVALID_QUERY")
    );
    assert_eq!(
        world.get(&format!("{KEYS}?state=some"), &world.admin).await.is(),
        (422, "INVALID_QUERY")
    );
}

/// A key of before clients is a client of its own, and can be replaced as such.
#[tokio::test]
async fn a_key_without_a_client_can_be_rotated() {
    let world = World::new().await;
    let listed = world.get(&format!("{KEYS}?role=admin"), &world.admin).await.body;
    let client = listed["items"][0]["client"].as_str().expect("a client").to_owned();
    assert!(client.starts_with("key/"), "{client}");
    let next = issue(&world, &json!({ "role": "admin", "client": client })).await;
    assert_eq!(next["client"], client.as_str());
    assert_eq!(
        world.call("DELETE", &at(&listed["items"][0]), token(&next), None).await.status,
        200
    );
    assert_eq!(world.get(KEYS, &world.admin).await.is(), (401, "UNAUTHENTICATED"));
}
