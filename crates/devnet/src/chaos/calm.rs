//! After the storm: everything is settled, and an operator judges what restores of both have left.

use std::time::Duration;

use anyhow::Result;

use crate::api::Api;
use crate::both::Operator;
use crate::both::operator::{Payments, times};
use crate::progress;
use crate::wait;

use super::chain;
use super::fees;
use super::payees::Payee;
use super::requests::Accepted;
use super::world::{LOOK_PAUSE, World};

/// After the last disaster, for everything to be settled.
const BOUND: Duration = Duration::from_secs(240);
/// How often somebody asks with a new key whom a verdict has given back.
const NEW_KEYS_MAX: usize = 3;
/// What their numbers, and so their keys, differ by.
const NEW_KEY: usize = 100_000;

/// Waits until everything is settled; blocks come sooner meanwhile. Where both stores went back, an
/// operator explains and judges before, and whoever was given back asks anew.
///
/// # Errors
/// When a part does not come up, or the chain cannot be read. That something stays open is none:
/// the verdict says so.
pub async fn calm(
    world: &mut World,
    accepted: &mut [Accepted],
    both_went_back: bool,
) -> Result<()> {
    progress::step("the storm is over; waiting for everything to be settled");
    world.revive().await?;
    fees::calm(&world.devnet, world.chain).await?;
    let mut bound = BOUND;
    if both_went_back {
        let mut operator = Operator::new(world.devnet.admin()?);
        for _ in 0..NEW_KEYS_MAX {
            if !judge(world, accepted, &mut operator).await? {
                // It was waited for long enough.
                bound = Duration::ZERO;
                break;
            }
            if !ask_anew(world, accepted, &operator).await? {
                break;
            }
        }
        let left = operator.unexplained().await?;
        let Operator { held, matched, given_back, nobodys, .. } = operator;
        let forgotten = &mut world.forgotten;
        (forgotten.held, forgotten.matched, forgotten.given_back, forgotten.nobodys) =
            (held.len(), matched, given_back, nobodys);
        forgotten.findings.extend(left);
    }
    settle(world, accepted, bound).await
}

/// Until every withdrawal is over; false if one is not in time. What the server refuses is tried
/// again; what it refuses at last is a finding.
async fn judge(world: &mut World, accepted: &[Accepted], operator: &mut Operator) -> Result<bool> {
    let payees: Vec<&Payee> = accepted.iter().map(|accepted| &accepted.payee).collect();
    let (mut findings, mut refused) = (Vec::new(), None);
    let payments = Payments { devnet: &world.devnet, chain: world.chain, payees: &payees };
    let over =
        wait::until("an operator to have judged everything", BOUND, LOOK_PAUSE * 3, async || {
            world.mine().await?;
            match operator.look(payments, &mut findings).await {
                Ok(over) => Ok(over.then_some(())),
                Err(problem) => {
                    refused = Some(format!("{problem:#}"));
                    Ok(None)
                }
            }
        });
    let over = over.await.is_ok();
    if !over {
        findings.push(format!("an operator has not judged everything: {refused:?}"));
    }
    findings.dedup();
    world.forgotten.findings.extend(findings);
    Ok(over)
}

/// Whoever was given back, and is not paid by anything else, asks with a new key. True if somebody
/// did.
async fn ask_anew(world: &World, accepted: &mut [Accepted], operator: &Operator) -> Result<bool> {
    let mined = chain::mined(&world.devnet, world.chain).await?;
    let (desk, mut asked) = (world.desk()?, false);
    for one in accepted.iter_mut().filter(|one| operator.given_back.contains(&one.id)) {
        if times(&one.payee, &mined) == 0 {
            let number = one.payee.number + NEW_KEY;
            *one = desk.ask(Payee { number, ..one.payee.clone() }).await?;
            asked = true;
        }
    }
    Ok(asked)
}

async fn settle(world: &World, accepted: &[Accepted], bound: Duration) -> Result<()> {
    let api = world.devnet.api()?;
    let mut open: Vec<&Accepted> = accepted.iter().collect();
    // One after the other: asking for all of them again and again would only keep the server from
    // settling them.
    let settled = wait::until("all payments to be settled", bound, LOOK_PAUSE * 3, async || {
        while let Some(last) = open.last() {
            if !is_over(&api, last).await? {
                world.mine().await?;
                return Ok(None);
            }
            open.pop();
        }
        Ok(Some(()))
    });
    if let Err(problem) = settled.await {
        // Who waits, and for what, is evidence; the verdict names the rest. The last one is known
        // to wait.
        for accepted in open.iter().rev().take(2) {
            let why = api
                .with_token(&accepted.payee.asker.token)
                .get(&format!("/api/withdrawals/{}/why", accepted.id))
                .await;
            let why = why.map_or_else(|error| error.to_string(), |why| why.body.to_string());
            progress::step(format!("payee {} waits: {why}", accepted.payee.number));
        }
        progress::step(format!("{problem:#}: {} of {} are open", open.len(), accepted.len()));
    }
    Ok(())
}

async fn is_over(api: &Api, accepted: &Accepted) -> Result<bool> {
    let answer = api
        .with_token(&accepted.payee.asker.token)
        .get(&format!("/api/withdrawals/{}", accepted.id))
        .await;
    Ok(answer.is_ok_and(|answer| {
        ["completed", "failed", "cancelled"].iter().any(|end| answer.body["status"] == *end)
    }))
}
