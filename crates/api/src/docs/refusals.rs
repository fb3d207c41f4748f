//! Completes the document: which refusals each operation has, in which form, with exactly which
//! codes.
//!
//! A route names the codes of its own rules in the description of their status. What stands around
//! every handler (who asks, bounds, the reading of paths, queries and bodies, the store) is added
//! here. The schema of a refusal then allows the codes that its description names and no other, so
//! whoever holds answers against the document holds their codes against it too.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::codes::{self, Code};
use crate::problem::TOKEN_ROUTES;

/// Routes below this have a credential, bounds and a store around them.
const GUARDED_ROUTES: &str = "/api/";
const ANY: [&Code; 6] = [
    &codes::UNAUTHENTICATED,
    &codes::URI_TOO_LONG,
    &codes::HEADERS_TOO_LARGE,
    &codes::RATE_LIMITED,
    &codes::STORE_UNAVAILABLE,
    &codes::SIGN_IN_UNAVAILABLE,
];
const WITH_BODY: [&Code; 6] = [
    &codes::MALFORMED_JSON,
    &codes::BAD_REQUEST,
    &codes::INVALID_BODY,
    &codes::UNSUPPORTED_MEDIA_TYPE,
    &codes::BODY_TOO_LARGE,
    &codes::REQUEST_TIMEOUT,
];

/// Adds what the annotations of the routes leave out.
pub fn complete(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    schemas["Problem"] = problem();
    schemas["TokenProblem"] = token_problem();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let around = if path.starts_with(GUARDED_ROUTES) {
                around(method, operation)
            } else {
                Vec::new()
            };
            omit_null_body(operation);
            let Some(responses) = operation["responses"].as_object_mut() else { continue };
            for code in around {
                name(responses, code);
            }
            for (status, response) in responses {
                describe(path, status, response);
            }
        }
    }
}

/// The codes of whatever stands around the handler.
fn around(method: &str, operation: &Value) -> Vec<&'static Code> {
    let parameters: Vec<&Value> =
        operation["parameters"].as_array().into_iter().flatten().collect();
    let has = |place: &str, name: Option<&str>| {
        parameters.iter().any(|parameter| {
            parameter["in"] == place && name.is_none_or(|name| parameter["name"] == name)
        })
    };
    let mut codes = ANY.to_vec();
    if operation["requestBody"].is_object() {
        codes.extend(WITH_BODY);
    }
    if has("query", None) {
        codes.push(&codes::INVALID_QUERY);
    }
    if has("query", Some("userId")) {
        codes.extend([&codes::FORBIDDEN, &codes::INVALID_NAME]);
    }
    if operation["tags"][0] == "Admin" {
        codes.push(&codes::FORBIDDEN);
    }
    if has("path", Some("userId")) || has("path", Some("chain")) {
        codes.push(&codes::INVALID_NAME);
    }
    if has("path", Some("keyId")) {
        codes.push(&codes::API_KEY_NOT_FOUND);
    }
    if has("path", Some("id")) {
        codes.push(&codes::WITHDRAWAL_NOT_FOUND);
    }
    if method != "get" {
        codes.push(&codes::OUTCOME_UNKNOWN);
    }
    codes
}

/// Names a code in the description of its status.
fn name(responses: &mut Map<String, Value>, code: &'static Code) {
    let response = responses.entry(code.status.to_string()).or_insert_with(|| json!({}));
    let said = response["description"].as_str().unwrap_or_default();
    if named(said).contains(&code) {
        return;
    }
    response["description"] = json!(if said.is_empty() {
        code.name.to_owned()
    } else {
        format!("{said}; {}", code.name)
    });
}

/// The codes that a description names, in its order.
fn named(description: &str) -> Vec<&'static Code> {
    let words = description.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
    words.filter_map(|word| codes::ALL.iter().copied().find(|code| code.name == word)).collect()
}

/// Form and headers of one response.
fn describe(path: &str, status: &str, response: &mut Value) {
    let number = status.parse().ok().and_then(|number| StatusCode::from_u16(number).ok());
    if response["description"].as_str().is_none_or(str::is_empty) {
        response["description"] =
            json!(number.and_then(|number| number.canonical_reason()).unwrap_or(status));
    }
    let refusal = number.is_some_and(|number| number.is_client_error() || number.is_server_error());
    let codes: Vec<&str> = named(response["description"].as_str().unwrap_or_default())
        .iter()
        .map(|code| code.name)
        .collect();
    if !refusal || codes.is_empty() {
        return;
    }
    let (kind, form) = match path.starts_with(TOKEN_ROUTES) {
        true => ("application/json", "#/components/schemas/TokenProblem"),
        false => ("application/problem+json", "#/components/schemas/Problem"),
    };
    let mut own = json!({ "code": { "enum": codes } });
    if kind == "application/problem+json" {
        own["status"] = json!({ "const": number.map(|number| number.as_u16()) });
    }
    response["content"][kind] =
        json!({ "schema": { "allOf": [{ "$ref": form }], "properties": own } });
    let header = |required: bool, kind: &str, meaning: &str| json!({ "description": meaning, "required": required, "schema": { "type": kind } });
    match number {
        Some(StatusCode::UNAUTHORIZED) => {
            response["headers"]["WWW-Authenticate"] = header(true, "string", "`Bearer`")
        }
        Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
            response["headers"]["Retry-After"] = header(false, "integer", "Seconds");
        }
        _no_header => {}
    }
}

/// A body that may be left out is left out; `null` is not an object.
fn omit_null_body(operation: &mut Value) {
    for (_, content) in operation
        .pointer_mut("/requestBody/content")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        let own = content["schema"]["oneOf"]
            .as_array()
            .and_then(|options| options.iter().find(|option| option["type"] != "null"))
            .cloned();
        if let Some(own) = own.filter(|own| {
            own["$ref"].is_string()
                && content["schema"]["oneOf"].as_array().map(Vec::len) == Some(2)
        }) {
            content["schema"] = own;
        }
    }
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457). Parameters of its code stand beside these fields.",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "The contract: compare this" },
            "detail": { "type": "string", "description": "For people, in English" },
        },
    })
}

fn token_problem() -> Value {
    json!({
        "type": "object",
        "description": "A refusal on `/api/token/*`. Parameters of its code stand beside these \
            fields.",
        "required": ["success", "error", "code"],
        "properties": {
            "success": { "const": false },
            "error": { "type": "string", "description": "For people, in English" },
            "code": { "type": "string", "description": "The contract: compare this" },
        },
    })
}
