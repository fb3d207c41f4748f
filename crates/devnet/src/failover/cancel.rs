//! Users and operators cancel what they see after a failover.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use serde_json::json;

use crate::api::{Answer, Api};

use super::node;
use super::request::Request;
use super::scenario::When;
use super::world::{World, needs_approval};

/// How long a cancel is repeated that is not answered.
const CANCEL_BOUND: Duration = Duration::from_secs(20);
/// With the node down nobody waits longer.
const DOWN_BOUND: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// An operator lets those be paid that need it.
///
/// # Errors
/// Fails if it is refused.
pub async fn approve(world: &World, requests: &[Request]) -> Result<()> {
    let admin = world.devnet.admin()?;
    for request in requests.iter().filter(|request| needs_approval(&request.payee)) {
        for id in &request.ids {
            admin
                .post(&format!("/api/admin/withdrawals/{id}/approve"), &json!({}))
                .await?
                .expect_success("approving")?;
        }
    }
    Ok(())
}

/// Each is cancelled by its owner where an operator had to approve it, because the approval is what
/// was lost, and by an operator elsewhere. Gives what each was answered.
///
/// # Errors
/// Fails if the servers do not start again, or the node cannot be stopped.
pub async fn all(world: &mut World, requests: &[Request], when: When) -> Result<Vec<String>> {
    match when {
        When::AtOnce => tries(world, requests, CANCEL_BOUND).await,
        When::AfterRestart => {
            restart(world).await?;
            tries(world, requests, CANCEL_BOUND).await
        }
        When::NodeDown => {
            node::freeze(&world.devnet, world.chain)?;
            let answers = tries(world, requests, DOWN_BOUND).await;
            node::thaw(&world.devnet, world.chain)?;
            answers
        }
    }
}

async fn restart(world: &mut World) -> Result<()> {
    for server in 0..world.devnet.addresses().count() {
        world.devnet.server(server).kill().await?;
    }
    for server in 0..world.devnet.addresses().count() {
        world.devnet.server(server).start_again().await?;
    }
    Ok(())
}

async fn tries(world: &mut World, requests: &[Request], bound: Duration) -> Result<Vec<String>> {
    let admin = world.devnet.admin()?;
    let mut cancelling = Vec::new();
    for request in requests {
        let by_owner = needs_approval(&request.payee);
        let (api, area) = match by_owner {
            true => (world.any_api()?.with_token(&request.payee.asker.token), "/api/withdrawals"),
            false => (admin.clone(), "/api/admin/withdrawals"),
        };
        cancelling.extend(
            request.ids.iter().map(|id| cancel(api.clone(), format!("{area}/{id}/cancel"), bound)),
        );
    }
    Ok(join_all(cancelling).await)
}

/// Repeated until there is an answer that says yes or no.
async fn cancel(api: Api, path: String, bound: Duration) -> String {
    let began = Instant::now();
    let mut last = "not answered".to_owned();
    while let Some(left) = bound.checked_sub(began.elapsed()) {
        match tokio::time::timeout(
            left,
            api.post(&path, &json!({ "reason": "seen after a failover" })),
        )
        .await
        {
            Err(_) => break,
            Ok(Err(problem)) => last = format!("{problem:#}"),
            Ok(Ok(answer)) if answer.status.is_server_error() => last = told(&answer),
            Ok(Ok(answer)) => return told(&answer),
        }
        tokio::time::sleep(PAUSE).await;
    }
    last
}

fn told(answer: &Answer) -> String {
    match answer.status.is_success() {
        true => answer.body["status"].as_str().unwrap_or("cancelled").to_owned(),
        false => format!("{} {}", answer.status.as_u16(), answer.code()),
    }
}
