//! For host applications and operators.

use std::sync::Arc;

use adit_core::{Batch, GroupId};
use adit_store::{CommitFate, CommitFault, CommitHook};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn users_see_no_admin_route() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    for (method, path) in [
        ("PUT", "/api/admin/users/x"),
        ("POST", "/api/admin/users/x/wallets"),
        ("POST", "/api/admin/users/x/keys"),
        ("POST", "/api/admin/credits"),
        ("POST", "/api/admin/suspensions"),
        ("DELETE", "/api/admin/suspensions"),
        ("GET", "/api/admin/suspensions"),
        ("GET", "/api/admin/coverage"),
        ("GET", "/api/admin/lanes"),
        ("POST", "/api/admin/lanes/devnet/halt"),
        ("POST", "/api/admin/lanes/devnet/resume"),
        ("POST", "/api/admin/lanes/devnet/rescan"),
        ("GET", "/api/admin/alerts"),
        ("GET", "/api/admin/unmatched"),
        ("GET", "/api/admin/psbts"),
        ("GET", "/api/admin/psbts/01890a5d-ac96-774b-bcce-b302099a8057"),
        ("POST", "/api/admin/psbts/01890a5d-ac96-774b-bcce-b302099a8057"),
    ] {
        assert_eq!(
            world.call(method, path, &ada.token, None).await.is(),
            (403, "FORBIDDEN"),
            "{method} {path}"
        );
        assert_eq!(
            world.call(method, path, "", None).await.is(),
            (401, "UNAUTHENTICATED"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_service_creates_user_keys_only() {
    let world = World::new().await;
    let service = world.service().await;
    assert_eq!(
        world
            .call("PUT", "/api/admin/users/carol", &service, Some(&json!({ "tier": "gold" })))
            .await
            .body,
        json!({ "userId": "carol", "tier": "gold" })
    );
    let keys = "/api/admin/users/carol/keys";
    for role in ["service", "admin"] {
        assert_eq!(
            world.post(keys, &service, &json!({ "role": role })).await.is(),
            (403, "FORBIDDEN")
        );
        assert_eq!(world.post(keys, &world.admin, &json!({ "role": role })).await.status, 201);
    }
    assert_eq!(
        world.post(keys, &service, &json!({ "role": "root" })).await.is(),
        (422, "INVALID_BODY")
    );
    let key = world.post(keys, &service, &json!({ "role": "user", "label": "app" })).await;
    let token = key.body["token"].as_str().expect("a token");
    assert!(token.starts_with("adit_") && token.len() == 69);
    let me = world.get("/api/me", token).await.body;
    assert_eq!((&me["userId"], &me["tier"]), (&json!("carol"), &json!("gold")));
    assert_eq!(
        world.post("/api/admin/users/nobody/keys", &service, &json!({ "role": "user" })).await.is(),
        (404, "USER_UNKNOWN")
    );
    assert_eq!(
        world.call("PUT", "/api/admin/users/a%2Fb", &service, None).await.is(),
        (422, "INVALID_NAME")
    );
}

#[tokio::test]
async fn a_wallet_belongs_to_one_user() {
    let world = World::new().await;
    let (ada, bruno) = (world.player("ada", 0).await, world.player("bruno", 0).await);
    let link = async |user: &str, address: &str| {
        world
            .post(
                &format!("/api/admin/users/{user}/wallets"),
                &world.admin,
                &json!({ "address": address }),
            )
            .await
    };
    let own = ada.wallet.address.to_checksum(None);
    assert_eq!(link("ada", &own).await.status, 200);
    assert_eq!(link("bruno", &own).await.is(), (409, "WALLET_TAKEN"));
    assert_eq!(link("bruno", &own.to_lowercase()).await.is(), (422, "INVALID_ADDRESS"));
    assert_eq!(link("bruno", crate::world::TOKEN).await.is(), (422, "FORBIDDEN_DESTINATION"));
    let second = adit_devnet::player::Wallet::named("second").address.to_checksum(None);
    let linked = link("bruno", &second).await;
    assert!(
        linked.body["usableAt"].as_str() > linked.body["linkedAt"].as_str(),
        "another wallet waits: {}",
        linked.text
    );
    assert_eq!(
        world.get("/api/me", &bruno.token).await.body["wallets"].as_array().map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn credits_are_booked_once() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let credit = |id: &str, amount: &str| json!({ "id": id, "userId": "ada", "book": "xp", "asset": "XP", "amount": amount });
    let many = json!({ "credits": [credit("a", "5"), credit("b", "7"), credit("a", "5")] });
    let first = world.post("/api/admin/credits", &world.admin, &many).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!((&first.body["credited"], &first.body["unchanged"]), (&json!(2), &json!(1)));
    let again = world.post("/api/admin/credits", &world.admin, &many).await;
    assert_eq!((again.status.as_u16(), &again.body["unchanged"]), (200, &json!(3)));
    assert_eq!(world.available(&ada, "XP").await, "12");

    assert_eq!(
        world.post("/api/admin/credits", &world.admin, &credit("a", "6")).await.is(),
        (409, "CREDIT_MISMATCH")
    );
    let mixed = json!({ "credits": [credit("c", "1"), credit("d", "-1"), { "id": "e" }, { "id": "f", "userId": "nobody", "book": "xp", "asset": "XP", "amount": "1" }] });
    let answer = world.post("/api/admin/credits", &world.admin, &mixed).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["credited"], &answer.body["refused"]),
        (207, &json!(1), &json!(3))
    );
    let codes: Vec<&Value> =
        answer.body["items"].as_array().expect("items").iter().map(|item| &item["code"]).collect();
    assert_eq!(
        codes,
        [&Value::Null, &json!("INVALID_AMOUNT"), &json!("INVALID_BODY"), &json!("USER_UNKNOWN")]
    );
    let too_many = json!({ "credits": vec![credit("x", "1"); 1_001] }).to_string();
    let refused =
        world.call_with("POST", "/api/admin/credits", &world.admin, Some(too_many), &[]).await;
    assert_eq!(refused.is(), (422, "INVALID_BODY"));
    assert_eq!(world.available(&ada, "XP").await, "13");
}

#[tokio::test]
async fn an_import_names_its_bad_lines() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    let import = async |kind: &str, body: &str| {
        world
            .call_with(
                "POST",
                "/api/admin/credits",
                &world.admin,
                Some(body.to_owned()),
                &[("content-type", kind)],
            )
            .await
    };
    let csv = "id,userId,book,asset,amount\r\n1,ada,xp,XP,10\r\n\r\n\"2\",ada,xp,XP,20\r\n3,ada,xp,XP\r\n4,ada,xp,XP,1e5\r\n";
    let answer = import("text/csv; charset=utf-8", csv).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["credited"], &answer.body["refused"]),
        (207, &json!(2), &json!(2))
    );
    let lines: Vec<&Value> = answer.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| &error["line"])
        .collect();
    assert_eq!(lines, [&json!(5), &json!(6)]);
    let lines = "{\"id\":\"1\",\"userId\":\"ada\",\"book\":\"xp\",\"asset\":\"XP\",\"amount\":\"10\"}\nnonsense\n";
    let answer = import("application/x-ndjson", lines).await;
    assert_eq!(
        (&answer.body["unchanged"], &answer.body["errors"][0]["code"]),
        (&json!(1), &json!("MALFORMED_JSON"))
    );
    assert_eq!(import("text/csv", "a,b\n1,2\n").await.is(), (422, "INVALID_BODY"));
    assert_eq!(import("text/csv", "").await.is(), (422, "INVALID_BODY"));
    assert_eq!(world.available(&ada, "XP").await, "30");

    // As Windows calls it, with the rows that a table keeps when its cells were cleared.
    let cleared = "id,userId,book,asset,amount\r\n5,ada,xp,XP,10\r\n,,,,\r\n,,, ,\"\"\r\n\r\n";
    for kind in ["application/vnd.ms-excel", "Application/CSV; header=present", "text/csv"] {
        let answer = import(kind, cleared).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["lines"], &answer.body["refused"]),
            (200, &json!(1), &json!(0)),
            "{kind}: {}",
            answer.text
        );
    }
    assert_eq!(
        import("text/csv", "id,userId,book,asset,amount\n,,,\n,ada,xp,XP,1\n").await.body["refused"],
        1,
        "a row without an id is one"
    );
    let semicolons = import("text/csv", "id;userId;book;asset;amount\n1;ada;xp;XP;1\n").await;
    assert!(
        semicolons.text.contains("separated by ';'") && semicolons.status == 422,
        "{}",
        semicolons.text
    );
    let workbook = import("application/vnd.ms-excel", "PK\u{3}\u{4}rest").await;
    assert!(
        workbook.text.contains("Save it as CSV") && workbook.status == 422,
        "{}",
        workbook.text
    );
    let form = import("application/x-www-form-urlencoded", cleared).await;
    assert!(
        form.is() == (415, "UNSUPPORTED_MEDIA_TYPE") && form.text.contains("text/csv"),
        "{}",
        form.text
    );
    assert_eq!(world.available(&ada, "XP").await, "40");

    let many: String = (0..5_000).map(|number| format!("m{number},ada,xp,XP,1\n")).collect();
    let answer = import("text/csv", &format!("id,userId,book,asset,amount\n{many}")).await;
    assert_eq!((answer.status.as_u16(), &answer.body["credited"]), (200, &json!(5_000)));
    assert_eq!(world.available(&ada, "XP").await, "5040");
}

#[tokio::test]
async fn a_suspension_stops_and_ends() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    world.credit("ada", "main", "ETH", "5").await;
    let ask = json!({ "asset": "ETH", "amount": "0.1", "destination": ada.wallet.address.to_checksum(None), "book": "main" });
    for scope in [
        json!({ "scope": "all" }),
        json!({ "scope": "asset", "asset": "ETH" }),
        json!({ "scope": "user", "userId": "ada" }),
    ] {
        let mut body = scope.clone();
        body["reason"] = json!("a drill");
        let suspended = world.post("/api/admin/suspensions", &world.admin, &body).await;
        assert_eq!(
            (suspended.status.as_u16(), &suspended.body["reason"]),
            (200, &json!("a drill")),
            "{}",
            suspended.text
        );
        let refused = world.post("/api/withdrawals", &ada.token, &ask).await;
        assert_eq!(
            (refused.is(), &refused.body["reason"]),
            ((503, "SUSPENDED"), &json!("a drill"))
        );
        assert_eq!(
            world.get("/api/admin/suspensions", &world.admin).await.body["items"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        let resumed =
            world.call("DELETE", "/api/admin/suspensions", &world.admin, Some(&scope)).await;
        assert_eq!((resumed.status.as_u16(), &resumed.body["suspended"]), (200, &json!(false)));
        assert_eq!(world.post("/api/withdrawals", &ada.token, &ask).await.status, 201);
    }
    assert_eq!(
        world
            .call("DELETE", "/api/admin/suspensions?scope=user&userId=ada", &world.admin, None)
            .await
            .status,
        200
    );
    for wrong in [
        json!({ "scope": "some" }),
        json!({ "scope": "asset" }),
        json!({ "scope": "all", "asset": "ETH" }),
        json!({}),
    ] {
        assert_eq!(
            world.post("/api/admin/suspensions", &world.admin, &wrong).await.is(),
            (422, "INVALID_BODY"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn coverage_knows_what_it_does_not_know() {
    let world = World::new().await;
    let ada = world.player("ada", 7_000).await;
    let claim = crate::world::as_json(&world.claim(&ada, "3000", |_| {}).await);
    assert_eq!(world.withdraw(&ada.token, &claim).await.status, 202);
    let coverage = world.get("/api/admin/coverage", &world.admin).await.body;
    let of = |asset: &str| {
        coverage["items"]
            .as_array()
            .expect("items")
            .iter()
            .find(|item| item["asset"] == asset)
            .cloned()
            .expect("the asset")
    };
    let (xp, dg) = (of("XP"), of("DG"));
    assert_eq!(
        (&xp["owed"], &xp["onHold"], &xp["paidAs"]),
        (&json!("7000"), &json!("3000"), &json!("DG"))
    );
    assert_eq!((&dg["owed"], &dg["owedAsPoints"]), (&json!("0"), &json!("7000")));
    assert_eq!((&dg["held"], &dg["covered"]), (&Value::Null, &Value::Null), "unknown is not zero");
    let lanes = world.get("/api/admin/lanes", &world.admin).await.body;
    assert_eq!(
        (&lanes["items"][0]["chain"], &lanes["items"][0]["tip"]),
        (&json!("devnet"), &Value::Null)
    );
    assert!(world.get("/api/admin/alerts", &world.admin).await.body["items"].is_array());
}

#[tokio::test]
async fn a_lane_that_never_started_cannot_be_stopped() {
    let world = World::without_signer().await;
    let service = world.service().await;
    for act in ["halt", "resume"] {
        let path = format!("/api/admin/lanes/devnet/{act}");
        assert_eq!(world.call("POST", &path, &service, None).await.is(), (403, "FORBIDDEN"));
        assert_eq!(
            world.call("POST", &path, &world.admin, None).await.is(),
            (404, "LANE_NOT_FOUND")
        );
        let nowhere = format!("/api/admin/lanes/nowhere/{act}");
        assert_eq!(
            world.call("POST", &nowhere, &world.admin, None).await.is(),
            (404, "LANE_NOT_FOUND")
        );
    }
}

/// A store that cannot hold one order, as Postgres cannot hold a NUL.
struct Poisoned;

impl CommitHook for Poisoned {
    fn fate(&self, _: GroupId, batch: &Batch) -> CommitFate {
        match batch.appended.credits.iter().any(|credit| credit.id.as_str() == "poison") {
            true => CommitFate::Refuse(CommitFault::Unwritable { detail: "a NUL".to_owned() }),
            false => CommitFate::Commit,
        }
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_written_harms_nobody_else() {
    let world = World::new().await;
    world.player("ada", 0).await;
    world.store.set_commit_hook(Some(Arc::new(Poisoned)));
    let credit =
        |id: &str| json!({ "id": id, "userId": "ada", "book": "xp", "asset": "XP", "amount": "5" });
    let ids = ["a", "b", "poison", "c", "d"];
    let body = json!({ "credits": ids.map(credit) });
    let answer = world.post("/api/admin/credits", &world.admin, &body).await;
    let became: Vec<&str> = answer.body["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["status"].as_str())
        .collect();
    assert_eq!(
        became,
        ["credited", "credited", "refused", "credited", "credited"],
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn slips_in_an_emergency_are_seen_and_text_is_plain() {
    let world = World::new().await;
    world.player("ada", 0).await;
    let unknown = json!({ "scope": "user", "userId": "adda", "reason": "a drill" });
    assert_eq!(
        world.post("/api/admin/suspensions", &world.admin, &unknown).await.is(),
        (404, "USER_UNKNOWN")
    );
    for odd in ["a\u{0}b", "\u{1b}[2J", "two\nlines"] {
        let body = json!({ "scope": "user", "userId": "ada", "reason": odd });
        assert_eq!(
            world.post("/api/admin/suspensions", &world.admin, &body).await.is(),
            (422, "INVALID_BODY"),
            "{odd:?}"
        );
        let body = json!({ "role": "user", "label": odd });
        assert_eq!(
            world.post("/api/admin/users/ada/keys", &world.admin, &body).await.is(),
            (422, "INVALID_BODY"),
            "{odd:?}"
        );
    }
}

#[tokio::test]
async fn a_credit_that_names_a_field_twice_or_is_absurd_is_refused() {
    let world = World::new().await;
    world.player("ada", 0).await;
    let headers = [("content-type", "application/json")];
    let twice = r#"{"credits":[{"id":"x","userId":"ada","book":"xp","asset":"XP","amount":"1","amount":"5"}]}"#.to_owned();
    let answer =
        world.call_with("POST", "/api/admin/credits", &world.admin, Some(twice), &headers).await;
    assert_eq!(answer.status.as_u16() / 100, 4, "{}", answer.text);
    let absurd = json!({ "id": "y", "userId": "ada", "book": "xp", "asset": "XP", "amount": u128::MAX.to_string() });
    assert_eq!(
        world.post("/api/admin/credits", &world.admin, &absurd).await.is(),
        (422, "INVALID_AMOUNT")
    );
    world.credit("ada", "xp", "XP", "5").await;
}
