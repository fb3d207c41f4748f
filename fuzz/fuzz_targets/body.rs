//! Bodies of requests, sent through the whole router: every refusal has its code and changes
//! nothing, no body is a 5xx, and what was accepted is refused as soon as a field stands twice or
//! is unknown.
//!
//! The first byte chooses the route, the second who asks; the rest is the body.
#![no_main]

use std::cell::Cell;

use adit_api::codes;
use axum::http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::Runtime;

#[path = "body/world.rs"]
mod world;

use world::{Answer, World};

const JSON: &str = "application/json";
const ROUTES: [(&str, &str, &str); 18] = [
    ("POST", "/api/token/withdraw", JSON),
    ("POST", "/api/withdrawals", JSON),
    ("POST", "/api/admin/credits", JSON),
    ("POST", "/api/admin/credits", "text/csv"),
    ("POST", "/api/admin/credits", "application/x-ndjson"),
    ("PUT", "/api/admin/users/ada", JSON),
    ("POST", "/api/admin/users/ada/wallets", JSON),
    ("POST", "/api/admin/users/ada/keys", JSON),
    ("POST", "/api/admin/suspensions", JSON),
    ("DELETE", "/api/admin/suspensions", JSON),
    ("POST", "/api/admin/lanes/devnet/halt", JSON),
    ("POST", "/api/admin/lanes/devnet/resume", JSON),
    ("POST", "/api/withdrawals/00000000-0000-7000-8000-000000000001/cancel", JSON),
    ("POST", "/api/admin/withdrawals/00000000-0000-7000-8000-000000000001/cancel", JSON),
    ("POST", "/api/admin/withdrawals/00000000-0000-7000-8000-000000000001/inspect", JSON),
    ("POST", "/api/admin/withdrawals/00000000-0000-7000-8000-000000000001/approve", JSON),
    ("POST", "/api/admin/withdrawals/00000000-0000-7000-8000-000000000001/retry", JSON),
    ("POST", "/api/admin/withdrawals/00000000-0000-7000-8000-000000000001/match", JSON),
];

/// One request of the fuzzer's.
struct Case<'a> {
    route: (&'static str, &'static str, &'static str),
    by: u8,
    body: &'a [u8],
}

fuzz_target!(|data: &[u8]| {
    let [route, by, body @ ..] = data else { return };
    let case = Case { route: ROUTES[usize::from(*route) % ROUTES.len()], by: *by, body };
    let (runtime, world) = STAGE.take().unwrap_or_else(stage);
    // What was refused changed nothing, so the world can be used again: making one takes longer
    // than a request.
    if runtime.block_on(case.holds(&world)) {
        STAGE.set(Some((runtime, world)));
    }
});

thread_local! {
    static STAGE: Cell<Option<(Runtime, World)>> = const { Cell::new(None) };
}

/// A runtime for each world: with it end the world's tasks.
fn stage() -> (Runtime, World) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let world = runtime.block_on(World::new());
    (runtime, world)
}

impl Case<'_> {
    /// Whether the world is as it was.
    async fn holds(&self, world: &World) -> bool {
        let before = world.balances().await;
        let answer = self.send(world, self.body).await;
        assert!(
            !answer.status.is_server_error(),
            "{} {}: {}",
            self.route.0,
            self.route.1,
            answer.text
        );
        if !answer.status.is_client_error() {
            self.is_strict().await;
            return false;
        }
        refused_by_the_table(&answer);
        assert_eq!(world.balances().await, before, "a refusal moved money: {}", answer.text);
        true
    }

    /// A field that stands twice, or that nobody asked for, spoils what would have been accepted.
    async fn is_strict(&self) {
        let Ok(Value::Object(fields)) = serde_json::from_slice(self.body) else { return };
        // Lines are judged one by one, and approving and retrying read no body.
        if self.route.2 != JSON
            || self.route.1.ends_with("/approve")
            || self.route.1.ends_with("/retry")
        {
            return;
        }
        let world = World::new().await;
        let open = self.body.iter().position(|byte| *byte == b'{').expect("an object opens");
        let twice = fields
            .iter()
            .next()
            .map(|(name, value)| format!("{}:{value},", Value::from(name.as_str())));
        let unknown = if fields.is_empty() { "\"zz\":1" } else { "\"zz\":1," };
        for more in twice.iter().map(String::as_str).chain([unknown]) {
            let spoilt = [&self.body[..=open], more.as_bytes(), &self.body[open + 1..]].concat();
            let answer = self.send(&world, &spoilt).await;
            assert!(
                answer.status.is_client_error(),
                "{} was {}",
                String::from_utf8_lossy(&spoilt),
                answer.status
            );
        }
    }

    async fn send(&self, world: &World, body: &[u8]) -> Answer {
        let (method, path, kind) = self.route;
        let token = &world.tokens[usize::from(self.by) % world.tokens.len()];
        world.send(method, path, kind, token, body.to_vec()).await
    }
}

/// The code is in the table, with this status; a bulk request names one for each line instead.
fn refused_by_the_table(answer: &Answer) {
    let known =
        |code: &str| codes::ALL.iter().find(|known| known.name == code).map(|known| known.status);
    if let Some(code) = answer.body["code"].as_str() {
        return assert_eq!(known(code), Some(answer.status.as_u16()), "{}", answer.text);
    }
    assert!(answer.status != StatusCode::BAD_REQUEST, "{}", answer.text);
    let each = answer.body["items"]
        .as_array()
        .or(answer.body["errors"].as_array())
        .expect("a code, or one for each line");
    assert!(
        each.iter().all(|item| known(item["code"].as_str().unwrap_or_default()).is_some()),
        "{}",
        answer.text
    );
}
