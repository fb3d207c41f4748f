//! From the start of the restored server until its lanes run: what is measured, and who asks
//! meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;
use crate::failover::request::Request;
use crate::wait;

use super::world::World;

const BACK_BOUND: Duration = Duration::from_secs(180);
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// What was measured, from the start of the server.
#[derive(Debug, Clone, Copy)]
pub struct Comeback {
    /// Every lane has read the journal, and runs.
    pub lanes: Duration,
    /// `adit restore --wait` has ended, and said so.
    pub waited: Option<Duration>,
}

/// Starts the servers, with `adit restore --wait` and these people beside them.
///
/// # Errors
/// Fails if the lanes do not run in time. That the command fails is a finding.
pub async fn follow(
    world: &mut World,
    impatient: &mut [Request],
    findings: &mut Vec<String>,
) -> Result<Comeback> {
    let began = Instant::now();
    let waiting = world.devnet.command(&["--json", "restore", "--wait"]);
    let waiting = tokio::spawn(async move { (waiting.run(BACK_BOUND).await, began.elapsed()) });
    let (apis, domain) = ([world.api(0)?, world.api(1)?], world.devnet.domain());
    let asking =
        futures::future::join_all(impatient.iter_mut().enumerate().map(|(place, request)| {
            let (api, domain) = (&apis[place % apis.len()], &domain);
            async move { request.counts = request.insist(api, domain).await }
        }));
    let coming = async {
        world.start_servers().await?;
        lanes_run(&world.devnet.admin()?).await?;
        anyhow::Ok(began.elapsed())
    };
    let (lanes, _) = futures::join!(coming, asking);
    let lanes = lanes?;
    let waited = match waiting.await? {
        (Ok(said), waited) if said.contains("\"restored\":true") => Some(waited),
        (Ok(said), _) => {
            findings.push(format!("`adit restore --wait` said {said:?}"));
            None
        }
        (Err(problem), _) => {
            findings.push(format!("{problem:#}"));
            None
        }
    };
    Ok(Comeback { lanes, waited })
}

async fn lanes_run(admin: &Api) -> Result<()> {
    let mut last = Value::Null;
    let runs = wait::until("every lane to run", BACK_BOUND, LOOK_PAUSE, async || {
        let answer = admin.get("/api/admin/lanes").await?;
        last = answer.body;
        let lanes = last["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let runs = |lane: &Value| lane["state"] == "running" && lane["journalRead"] == true;
        let found = last["store"]["finding"].is_null();
        Ok((found && !lanes.is_empty() && lanes.iter().all(runs)).then_some(()))
    });
    runs.await.with_context(|| format!("the lanes: {last}"))
}
