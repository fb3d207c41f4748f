//! Requests that nobody sends by mistake. Every answer is a 4xx with a code; nothing is a 500 and
//! nothing changes.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::world::{World, as_json, settings};
use adit_api::ApiSettings;

/// Abuse cases 4 and 5.
#[tokio::test]
async fn amounts_are_plain_strings() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    world.credit("ada", "main", "ETH", "5").await;
    let two_to_256 =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let mut amounts: Vec<Value> = [
        "-1",
        "0",
        "1e18",
        "0x10",
        "１",
        "+1",
        "01",
        "1.",
        ".5",
        " 1",
        "0.0000000000000000001",
        "",
        "NaN",
        "1,5",
        two_to_256,
    ]
    .map(Value::from)
    .to_vec();
    amounts.extend([
        json!("9".repeat(79)),
        json!(5000),
        json!(9_007_199_254_740_993_u64),
        json!(1.5),
        json!(null),
        json!(true),
        json!(["5000"]),
        json!({}),
    ]);
    let wallet = ada.wallet.address.to_checksum(None);
    for amount in amounts {
        let claim = json!({ "walletAddress": wallet, "amount": amount, "signature": "0x00", "nonce": 0, "deadline": 1 });
        let refused = world.withdraw(&ada.token, &claim).await;
        assert_eq!(refused.is(), (422, "INVALID_AMOUNT"), "{amount}");
        assert!(refused.body["allowed"].is_string() && refused.body["success"] == false);
        let request =
            json!({ "asset": "ETH", "amount": amount, "destination": wallet, "book": "main" });
        assert_eq!(
            world.post("/api/withdrawals", &ada.token, &request).await.is(),
            (422, "INVALID_AMOUNT"),
            "{amount}"
        );
        let credit =
            json!({ "id": "c", "userId": "ada", "book": "xp", "asset": "XP", "amount": amount });
        assert_eq!(
            world.post("/api/admin/credits", &world.admin, &credit).await.is(),
            (422, "INVALID_AMOUNT"),
            "{amount}"
        );
    }
    assert_eq!(
        (world.available(&ada, "XP").await, world.available(&ada, "ETH").await),
        ("50000".to_owned(), "5".to_owned())
    );
}

/// Abuse case 6.
#[tokio::test]
async fn addresses_are_canonical_and_may_be_paid() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    world.credit("ada", "main", "ETH", "5").await;
    let ask = |destination: &str| json!({ "asset": "ETH", "amount": "1", "destination": destination, "book": "main" });
    let own = ada.wallet.address.to_checksum(None);
    let mut wrong = own.clone();
    wrong.replace_range(2..3, if own[2..3].chars().all(char::is_uppercase) { "a" } else { "A" });
    let swapped: String = own
        .chars()
        .map(|letter| {
            if letter.is_ascii_uppercase() {
                letter.to_ascii_lowercase()
            } else {
                letter.to_ascii_uppercase()
            }
        })
        .collect();
    for text in [
        own.to_lowercase(),
        swapped,
        "vitalik.eth".to_owned(),
        "0x".to_owned(),
        String::new(),
        "x".repeat(5_000),
        "\u{202e}0x00".to_owned(),
    ] {
        assert_eq!(
            world.post("/api/withdrawals", &ada.token, &ask(&text)).await.is(),
            (422, "INVALID_ADDRESS"),
            "{text:.60}"
        );
    }
    for text in ["0x0000000000000000000000000000000000000000", crate::world::TOKEN] {
        assert_eq!(
            world.post("/api/withdrawals", &ada.token, &ask(text)).await.is(),
            (422, "FORBIDDEN_DESTINATION"),
            "{text}"
        );
    }
}

/// What people copy: blanks come along, and wallets show payment URIs. The same payment either way,
/// also for an idempotency key.
#[tokio::test]
async fn pasted_addresses_are_trimmed_and_payment_uris_say_what_to_paste() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    world.credit("ada", "main", "ETH", "5").await;
    let own = ada.wallet.address.to_checksum(None);
    let ask = |destination: &str| json!({ "asset": "ETH", "amount": "1", "destination": destination, "book": "main" });
    let send = async |destination: &str| {
        world
            .call_with(
                "POST",
                "/api/withdrawals",
                &ada.token,
                Some(ask(destination).to_string()),
                &[("idempotency-key", "k")],
            )
            .await
    };
    let first = send(&format!(" {own}\r\n")).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["toAddress"]),
        (201, &json!(own)),
        "{}",
        first.text
    );
    assert_eq!(send(&own).await.body["id"], first.body["id"], "it is the same request");
    let uri = world
        .post(
            "/api/withdrawals",
            &ada.token,
            &ask(&format!("ethereum:{own}@{}", crate::world::CHAIN_ID)),
        )
        .await;
    assert_eq!(
        (uri.is(), &uri.body["paste"]),
        ((422, "INVALID_ADDRESS"), &json!(own)),
        "{}",
        uri.text
    );
    assert!(
        uri.body["detail"]
            .as_str()
            .is_some_and(|said| said.contains("EIP-681") && said.contains(&format!("paste {own}")))
    );
    let elsewhere =
        world.post("/api/withdrawals", &ada.token, &ask(&format!("ethereum:{own}@1"))).await;
    assert_eq!(
        (elsewhere.is(), &elsewhere.body["paste"]),
        ((422, "INVALID_ADDRESS"), &Value::Null),
        "{}",
        elsewhere.text
    );
    let lower = world.post("/api/withdrawals", &ada.token, &ask(&own.to_lowercase())).await;
    assert!(
        lower.body["detail"]
            .as_str()
            .is_some_and(|said| said.contains("no checksum") && said.contains(&own)),
        "{}",
        lower.text
    );

    let linked = world
        .post(
            "/api/admin/users/ada/wallets",
            &world.admin,
            &json!({ "address": format!("{own} ") }),
        )
        .await;
    assert_eq!(
        (linked.status.as_u16(), &linked.body["address"]),
        (200, &json!(own)),
        "{}",
        linked.text
    );
    let mut claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    claim["walletAddress"] = json!(format!("\n{own}"));
    assert_eq!(world.withdraw(&ada.token, &claim).await.status, 202);
}

/// Abuse case 9.
#[tokio::test]
async fn unknown_fields_are_refused_and_change_nothing() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    world.credit("ada", "main", "ETH", "5").await;
    let good = json!({ "asset": "ETH", "amount": "2", "destination": ada.wallet.address.to_checksum(None), "book": "main" });
    for (field, value) in [
        ("state", json!("approved")),
        ("status", json!("approved")),
        ("fee", json!("0")),
        ("user_id", json!("bruno")),
        ("id", json!("x")),
    ] {
        let mut spoiled = good.clone();
        spoiled[field] = value;
        assert_eq!(
            world.post("/api/withdrawals", &ada.token, &spoiled).await.is(),
            (422, "INVALID_BODY"),
            "{field}"
        );
        let mut claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
        claim[field] = json!("1");
        assert_eq!(world.withdraw(&ada.token, &claim).await.is(), (422, "INVALID_BODY"), "{field}");
    }
    let mut named = good.clone();
    named["userId"] = json!("bruno");
    assert_eq!(world.post("/api/withdrawals", &ada.token, &named).await.is(), (403, "FORBIDDEN"));
    assert_eq!(
        world.get("/api/withdrawals?nonsense=1", &ada.token).await.is(),
        (422, "INVALID_QUERY")
    );
    assert_eq!(
        world
            .call("PUT", "/api/admin/users/x", &world.admin, Some(&json!({ "role": "admin" })))
            .await
            .is(),
        (422, "INVALID_BODY")
    );
    assert_eq!(world.available(&ada, "ETH").await, "5");
}

#[tokio::test]
async fn bodies_that_are_none() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let long = format!("{{\"asset\":\"{}\"}}", "x".repeat(100_000));
    let deep = "[".repeat(5_000);
    let twice = r#"{"asset":"ETH","asset":"DG","amount":"1","destination":"0x","book":"main"}"#;
    for (body, status, code) in [
        ("", 400, "MALFORMED_JSON"),
        ("{", 400, "MALFORMED_JSON"),
        ("{'a':1}", 400, "MALFORMED_JSON"),
        (deep.as_str(), 400, "MALFORMED_JSON"),
        ("null", 422, "INVALID_BODY"),
        ("[]", 422, "INVALID_BODY"),
        ("{}", 422, "INVALID_BODY"),
        ("\"x\"", 422, "INVALID_BODY"),
        (twice, 422, "INVALID_BODY"),
        (long.as_str(), 413, "BODY_TOO_LARGE"),
        (r#"{"amount":1e999}"#, 400, "MALFORMED_JSON"),
    ] {
        let refused = world
            .call_with("POST", "/api/withdrawals", &ada.token, Some(body.to_owned()), &[])
            .await;
        assert_eq!(refused.is(), (status, code), "{body:.60}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        let refused = world
            .call_with("POST", "/api/token/withdraw", &ada.token, Some(body.to_owned()), &[])
            .await;
        assert_eq!(
            (refused.is(), &refused.body["success"]),
            ((status, code), &json!(false)),
            "{body:.60}"
        );
        assert_eq!(refused.header("content-type"), "application/json");
    }
    let fields_in_order =
        json!(["ETH", "1", ada.wallet.address.to_checksum(None), "main", null]).to_string();
    let refused =
        world.call_with("POST", "/api/withdrawals", &ada.token, Some(fields_in_order), &[]).await;
    assert_eq!(refused.is(), (422, "INVALID_BODY"));
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let refused = world
            .call_with(
                "POST",
                "/api/withdrawals",
                &ada.token,
                Some("{}".to_owned()),
                &[("content-type", kind)],
            )
            .await;
        assert_eq!(refused.is(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    }
    let bytes = Request::post("/api/withdrawals")
        .header("authorization", format!("Bearer {}", ada.token))
        .header("content-type", "application/json");
    let refused =
        world.send(bytes.body(Body::from(vec![0xff, 0xfe, b'{'])).expect("a request")).await;
    assert_eq!(refused.is(), (400, "MALFORMED_JSON"));
}

#[tokio::test]
async fn the_largest_allowed_body_is_read_and_one_more_byte_is_not() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let most = settings().body_bytes_max;
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    let ask = |length: usize| {
        world.call_with("POST", "/api/withdrawals", &ada.token, Some(padded(length)), &[])
    };
    assert_eq!(ask(most).await.is(), (422, "INVALID_BODY"));
    assert_eq!(ask(most + 1).await.is(), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn routes_and_methods_that_do_not_exist() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    for (method, path, status, code) in [
        ("GET", "/api/nothing", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/api/token/nothing", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/api/withdrawals/../admin/coverage", 404, "ROUTE_NOT_FOUND"),
        ("DELETE", "/api/me", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/token/withdraw", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/api/withdrawals", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/withdrawals/not-an-id", 404, "WITHDRAWAL_NOT_FOUND"),
        ("GET", "/api/withdrawals/%ff", 404, "WITHDRAWAL_NOT_FOUND"),
        (
            "GET",
            "/api/withdrawals/00000000-0000-0000-0000-000000000000",
            404,
            "WITHDRAWAL_NOT_FOUND",
        ),
        ("GET", "/api/token/withdrawals/1;DROP%20TABLE", 404, "WITHDRAWAL_NOT_FOUND"),
        ("GET", "/api/live", 426, "UPGRADE_REQUIRED"),
        ("GET", "/api/withdrawals?limit=0", 422, "INVALID_QUERY"),
        ("GET", "/api/withdrawals?limit=101", 422, "INVALID_QUERY"),
        ("GET", "/api/withdrawals?limit=-1", 422, "INVALID_QUERY"),
        ("GET", "/api/withdrawals?cursor=1", 422, "INVALID_CURSOR"),
        ("GET", "/api/withdrawals?status=paid", 422, "INVALID_QUERY"),
        ("GET", "/api/withdrawals?from=yesterday", 422, "INVALID_QUERY"),
        ("GET", "/api/withdrawals?asset=%F0%9F%92%B0", 422, "INVALID_NAME"),
    ] {
        let refused = world.call(method, path, &ada.token, None).await;
        assert_eq!(refused.is(), (status, code), "{method} {path}");
        let short = path.starts_with("/api/token/");
        assert_eq!(
            refused.header("content-type"),
            if short { "application/json" } else { "application/problem+json" },
            "{path}"
        );
        if !short {
            assert_eq!(
                (&refused.body["status"], refused.body["title"].is_string()),
                (&json!(status), true)
            );
        }
    }
    let bare = world.call("GET", "/", &ada.token, None).await;
    assert_eq!(bare.header("location"), "/api/docs", "the bare address shows something");
    assert_eq!(world.call("DELETE", "/api/me", &ada.token, None).await.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn tokens_that_are_none() {
    let world = World::new().await;
    let unknown = format!("adit_{}", "0".repeat(64));
    let long = "x".repeat(9_000);
    for token in [
        "",
        "x",
        unknown.as_str(),
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "' OR 1=1 --",
        long.as_str(),
    ] {
        for path in ["/api/me", "/api/token/withdrawals", "/api/admin/coverage"] {
            let refused = world.get(path, token).await;
            assert_eq!(refused.is(), (401, "UNAUTHENTICATED"), "{token:.40} {path}");
            assert_eq!(refused.header("www-authenticate"), "Bearer");
        }
    }
    for header in ["Basic YTpi", "Bearer", "Bearer ", "adit_00"] {
        let refused =
            world.call_with("GET", "/api/me", "", None, &[("authorization", header)]).await;
        assert_eq!(refused.is(), (401, "UNAUTHENTICATED"), "{header}");
    }
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_eq!(
        world.call_with("GET", "/api/me", "", None, &twice).await.is(),
        (401, "UNAUTHENTICATED")
    );
}

#[tokio::test]
async fn long_lines_and_headers() {
    let world = World::new().await;
    let path = format!("/api/me?userId={}", "x".repeat(5_000));
    assert_eq!(world.get(&path, "").await.is(), (414, "URI_TOO_LONG"));
    let long = "x".repeat(17_000);
    assert_eq!(
        world.call_with("GET", "/api/me", "", None, &[("x-long", &long)]).await.is(),
        (431, "HEADERS_TOO_LARGE")
    );
}

#[tokio::test]
async fn too_many_requests() {
    let world =
        World::with(ApiSettings { requests_per_second: 1, requests_burst: 30, ..settings() }).await;
    let answers = futures::future::join_all((0..40).map(|_| world.get("/api/me", "wrong"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is() == (401, "UNAUTHENTICATED")).count(), 30);
    let refused =
        answers.iter().find(|answer| answer.code() == "RATE_LIMITED").expect("some are too many");
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    assert_eq!(world.get("/healthz", "").await.status, 200);
}

#[tokio::test]
async fn only_listed_origins_may_read() {
    let world = World::new().await;
    let ask = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        world.call_with("OPTIONS", "/api/token/withdraw", "", None, &headers).await
    };
    let listed = ask("https://app.example.org").await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://app.example.org");
    assert!(listed.header("access-control-allow-headers").contains("authorization"));
    for origin in ["https://evil.example", "https://app.example.org.evil.example", "null"] {
        assert_eq!(ask(origin).await.header("access-control-allow-origin"), "", "{origin}");
    }
    let refused =
        world.call_with("GET", "/api/me", "", None, &[("origin", "https://app.example.org")]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("access-control-allow-origin")),
        (401, "https://app.example.org")
    );
}
