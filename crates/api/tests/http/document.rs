//! The OpenAPI document is sound, and says of every refusal which codes it can have. `make
//! api-fuzz` holds the running server against it; what that found is kept here, one test each.

use std::collections::BTreeSet;

use adit_api::{codes, openapi};
use serde_json::{Value, json};

use crate::world::World;

/// `(method, path, operation)` of all.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let items = document["paths"].as_object().into_iter().flatten();
    items
        .flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .collect()
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Two operations were called `cancel` and two `resume`, and twenty responses had no description.
#[test]
fn operations_have_names_of_their_own_and_responses_a_description() {
    let document = openapi();
    let operations = operations(&document);
    let names: BTreeSet<&str> = operations
        .iter()
        .filter_map(|(_, _, operation)| operation["operationId"].as_str())
        .collect();
    assert_eq!(names.len(), operations.len());
    for (method, path, operation) in operations {
        assert!(
            operation.get("requestBody").is_none_or(|body| body["content"].is_object()),
            "{method} {path}"
        );
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(
                response["description"].as_str().is_some_and(|said| !said.is_empty()),
                "{method} {path} {status}"
            );
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let place = reference.strip_prefix('#').expect("it stays in the document");
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
}

/// Refusals were described without form and codes, and most not at all.
#[test]
fn every_refusal_has_a_form_and_its_codes() {
    let document = openapi();
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().expect("responses");
        let guarded = path.starts_with("/api/");
        assert_eq!(
            guarded,
            ["401", "414", "429", "431"].iter().all(|status| responses.contains_key(*status)),
            "{method} {path}"
        );
        for (status, response) in
            responses.iter().filter(|(status, _)| guarded && status.as_str() >= "400")
        {
            let kind = if path.starts_with("/api/token/") {
                "application/json"
            } else {
                "application/problem+json"
            };
            let codes = response["content"][kind]["schema"]["properties"]["code"]["enum"]
                .as_array()
                .expect("codes");
            assert!(!codes.is_empty(), "{method} {path} {status}");
            for code in codes {
                let row = codes::named(code.as_str().expect("a name"));
                assert_eq!(row.status.to_string(), *status, "{method} {path} {code}");
            }
        }
    }
}

/// The probes were described as if they needed a credential, and live events as if it had to stand
/// in a header.
#[test]
fn what_needs_no_credential_is_described_so() {
    let document = openapi();
    for (_, path, operation) in operations(&document) {
        let wanted = match path {
            "/healthz" | "/readyz" => json!([{}]),
            "/api/live" => json!([{ "bearer": [] }, {}]),
            _guarded => Value::Null,
        };
        assert_eq!(operation["security"], wanted, "{path}");
    }
}

/// They said `Failed to deserialize query string`, without the value and without what is allowed.
#[tokio::test]
async fn a_refused_query_says_what_was_wrong_and_what_is_allowed() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    for (query, parameter, got, words) in [
        ("limit=ten", "limit", "ten", "a whole number from 1 to 100"),
        ("limit=%2B5", "limit", "+5", "a whole number from 1 to 100"),
        ("limit=", "limit", "", "a whole number from 1 to 100"),
        ("status=paid", "status", "paid", "held_for_inspection"),
        ("nonsense=1", "nonsense", "1", "userId, status, asset, from, to, limit, cursor"),
        ("from=2026-11-22", "from", "2026-11-22", "2026-11-22T11:00:00Z"),
        ("to=2026-11-22T11:00:00+01:00", "to", "2026-11-22T11:00:00 01:00", "%2B"),
    ] {
        let refused = world.get(&format!("/api/withdrawals?{query}"), &ada.token).await;
        assert_eq!(refused.is(), (422, "INVALID_QUERY"), "{query}");
        let detail = refused.body["detail"].as_str().expect("a sentence");
        assert_eq!(
            (&refused.body["parameter"], &refused.body["got"]),
            (&json!(parameter), &json!(got)),
            "{query}"
        );
        assert!(detail.contains(words) && !refused.body["allowed"].is_null(), "{query}: {detail}");
    }
    let twice = world.get("/api/withdrawals?limit=1&limit=2", &ada.token).await;
    assert_eq!((twice.is(), &twice.body["parameter"]), ((422, "INVALID_QUERY"), &json!("limit")));
    let short = world.get("/api/token/withdrawals?limit=ten", &ada.token).await;
    assert_eq!((short.is(), &short.body["success"]), ((422, "INVALID_QUERY"), &json!(false)));
    let nobody = world.get("/api/me", &world.admin).await;
    assert_eq!(
        (nobody.is(), &nobody.body["parameter"]),
        ((422, "INVALID_QUERY"), &json!("userId"))
    );
}

/// A date without a time, a time without seconds, and a space for the T were taken.
#[tokio::test]
async fn times_in_queries_are_rfc_3339_and_nothing_looser() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    for fine in ["2026-11-22T11:00:00Z", "2026-11-22T11:00:00.5Z", "2026-11-22T12:00:00%2B01:00"] {
        assert_eq!(
            world.get(&format!("/api/withdrawals?from={fine}&to={fine}"), &ada.token).await.status,
            200,
            "{fine}"
        );
    }
    for loose in [
        "2026-11-22T11:00Z",
        "2026-11-22%2011:00:00Z",
        "20261122T110000Z",
        "2026-11-22T11:00:00%2B01",
        "2026-11-22T11:00:00Z[UTC]",
    ] {
        assert_eq!(
            world.get(&format!("/api/withdrawals?from={loose}"), &ada.token).await.is(),
            (422, "INVALID_QUERY"),
            "{loose}"
        );
    }
}

/// Bytes that are no text were a bare 400.
#[tokio::test]
async fn a_chain_s_name_that_is_no_text_is_refused_as_a_name() {
    let world = World::new().await;
    for act in ["halt", "resume"] {
        let path = format!("/api/admin/lanes/%FF/{act}");
        assert_eq!(
            world.call("POST", &path, &world.admin, None).await.is(),
            (422, "INVALID_NAME"),
            "{path}"
        );
    }
}
