//! How far the lanes are after both were restored.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;
use crate::wait;

/// Shorter than what a test may take: a lane that does not come so far is shown.
const BOUND: Duration = Duration::from_secs(120);
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Waits until a lane sweeps. False if all were swept before one was seen.
///
/// # Errors
/// Fails if no lane comes so far.
pub async fn until_sweeping(admin: &Api) -> Result<bool> {
    let seen =
        until(admin, "a lane to sweep", |said| said.any(is_sweeping) || said.all(is_unreleased))
            .await?;
    Ok(seen.any(is_sweeping))
}

/// Waits until every lane waits for its release.
///
/// # Errors
/// Fails if a lane does not come so far.
pub async fn until_unreleased(admin: &Api) -> Result<()> {
    until(admin, "every lane to wait for its release", |said| said.all(is_unreleased))
        .await
        .map(drop)
}

/// Waits until every lane runs, and the signer has taken the store's incarnation.
///
/// # Errors
/// Fails if a lane does not run.
pub async fn until_running(admin: &Api) -> Result<()> {
    until(admin, "every lane to run", |said| {
        said.all(is_running) && said.0["store"]["finding"].is_null()
    })
    .await
    .map(drop)
}

/// What `GET /api/admin/lanes` says.
struct Said(Value);

impl Said {
    fn lanes(&self) -> &[Value] {
        self.0["items"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn any(&self, fits: fn(&Value) -> bool) -> bool {
        self.lanes().iter().any(fits)
    }

    fn all(&self, fits: fn(&Value) -> bool) -> bool {
        !self.lanes().is_empty() && self.lanes().iter().all(fits)
    }
}

async fn until(admin: &Api, what: &str, fits: impl Fn(&Said) -> bool) -> Result<Said> {
    let mut last = Value::Null;
    let found = wait::until(what, BOUND, LOOK_PAUSE, async || {
        let said = Said(admin.get("/api/admin/lanes").await?.body);
        last.clone_from(&said.0);
        Ok(fits(&said).then_some(said))
    });
    found.await.with_context(|| format!("the lanes: {last}"))
}

fn is_sweeping(lane: &Value) -> bool {
    lane["state"] == "sweeping"
}

fn is_unreleased(lane: &Value) -> bool {
    lane["state"] == "halted" && lane["halted"]["reason"] == "unreleased"
}

fn is_running(lane: &Value) -> bool {
    lane["state"] == "running" && lane["journalRead"] == true
}
