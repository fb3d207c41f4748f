//! One run on one store: disasters in their order, askers beside them, then calm, then the verdict.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::chance::Chance;
use crate::options::StoreKind;
use crate::progress;
use crate::wait;

use super::chain;
use super::disasters::{self, Tally};
use super::fees;
use super::journal::Journal;
use super::ledger::{Ledger, Source};
use super::payees::{self, Payee};
use super::plan::{Kind, Plan};
use super::recovery::Recovery;
use super::requests::Accepted;
use super::verdict::{Evidence, Verdict};
use super::world::{LOOK_PAUSE, Opening, World};

/// A step waits no longer than this for its moment: the system stands still.
const STEP_BOUND: Duration = Duration::from_secs(180);
/// After the last disaster, for everything to be settled.
const CALM_BOUND: Duration = Duration::from_secs(240);
const REPORT_PAUSE: Duration = Duration::from_secs(3);
/// What the fee falls to when the storm is over.
const CALM_GWEI: u64 = 1;

/// What one run found.
pub struct Outcome {
    pub store: StoreKind,
    pub verdict: Verdict,
    pub tally: Tally,
    pub recoveries: Vec<Recovery>,
    pub accepted_by_pool: u64,
    pub dropped: u64,
    pub disk: &'static str,
    pub took: Duration,
}

/// Runs the plan. Logs and configuration stay in `directory`.
///
/// # Errors
/// When the system does not come up, does not go on, or cannot be read. A bad verdict is no error.
pub async fn run(plan: &Plan, directory: &Path) -> Result<Outcome> {
    let started = Instant::now();
    let mut world = World::start(plan, directory).await?;
    let mut chance = plan.chance.clone();
    let payees = Payee::crowd(plan.payees, &world.devnet.players);
    payees::endow(&world.devnet.admin()?, &payees).await?;
    let mut beside = JoinSet::new();
    beside.spawn(fees::blow(world.devnet.rpc().url().to_owned(), chance.branch()));
    let asking = beside_us(world.desk()?.ask_all(payees));
    let (tally, accepted) = tokio::try_join!(storm(plan, &mut world, &mut chance), asking)?;
    beside.abort_all();
    calm(&mut world, &accepted).await?;
    let verdict = verdict(&mut world, plan.store, &accepted).await?;
    let outcome = Outcome {
        store: plan.store,
        verdict,
        tally,
        recoveries: world.recoveries.sorted(),
        accepted_by_pool: world.pool.accepted(),
        dropped: world.dropped(),
        disk: world.disk.manner(),
        took: started.elapsed(),
    };
    world.devnet.stop().await?;
    Ok(outcome)
}

/// In a task of its own, so that askers go on whatever the storm waits for.
async fn beside_us(asking: impl Future<Output = Result<Vec<Accepted>>> + Send + 'static) -> Result<Vec<Accepted>> {
    tokio::spawn(asking).await.context("the askers ended early")?
}

/// Every step at its moment.
async fn storm(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut reported = Instant::now();
    for step in &plan.steps {
        // A kill waits for its own moment, to the transaction.
        let before = if step.kind == Kind::Kill { step.at.saturating_sub(1) } else { step.at };
        let mut accepted = world.pool.watch();
        let moment = async { accepted.wait_for(|now| *now >= before).await.map(drop) };
        tokio::time::timeout(STEP_BOUND, moment).await.with_context(|| format!("nothing is sent any more, before {step:?}"))??;
        if disasters::strike(world, *step, chance, &tally).await.with_context(|| format!("{step:?}"))? {
            *tally.entry(step.kind).or_default() += 1;
        }
        if reported.elapsed() >= REPORT_PAUSE {
            reported = Instant::now();
            report(plan, world, &tally).await;
        }
    }
    report(plan, world, &tally).await;
    Ok(tally)
}

async fn report(plan: &Plan, world: &World, tally: &Tally) {
    let struck = |kind: &Kind| {
        let planned = plan.planned(*kind);
        (planned > 0).then(|| format!("{} {}/{planned}", kind.name(), tally.get(kind).unwrap_or(&0)))
    };
    let struck: Vec<String> = Kind::ALL.iter().filter_map(struck).collect();
    let mined = world.mined().await.map_or_else(|_| "?".to_owned(), |mined| mined.to_string());
    progress::step(format!("{:?}: {} sent, {mined} of {} mined; {}", plan.store, world.pool.accepted(), plan.payees, struck.join(", ")));
}

/// Waits until everything is settled; blocks come sooner meanwhile.
async fn calm(world: &mut World, accepted: &[Accepted]) -> Result<()> {
    progress::step("the storm is over; waiting for everything to be settled");
    world.revive().await?;
    fees::set(world.devnet.rpc(), CALM_GWEI).await?;
    let api = world.devnet.api()?;
    let mut open: Vec<&Accepted> = accepted.iter().collect();
    // One after the other: asking for all of them again and again would only keep the server from settling them.
    let settled = wait::until("all payments to be settled", CALM_BOUND, LOOK_PAUSE * 3, async || {
        while let Some(last) = open.last() {
            if !is_over(&api, last).await? {
                world.devnet.rpc().mine(1).await?;
                return Ok(None);
            }
            open.pop();
        }
        Ok(Some(()))
    });
    if let Err(problem) = settled.await {
        // Who waits, and for what, is evidence; the verdict names the rest.
        for accepted in open.iter().take(5) {
            let why = api.with_token(&accepted.payee.asker.token).get(&format!("/api/withdrawals/{}/why", accepted.id)).await;
            progress::step(format!(
                "payee {} waits: {}",
                accepted.payee.number,
                why.map_or_else(|error| error.to_string(), |why| why.body.to_string())
            ));
        }
        progress::step(format!("{problem:#}: {} of {} are open", open.len(), accepted.len()));
    }
    Ok(())
}

async fn is_over(api: &Api, accepted: &Accepted) -> Result<bool> {
    let answer = api.with_token(&accepted.payee.asker.token).get(&format!("/api/withdrawals/{}", accepted.id)).await;
    Ok(answer.is_ok_and(|answer| ["completed", "failed", "cancelled"].iter().any(|end| answer.body["status"] == *end)))
}

async fn verdict(world: &mut World, store: StoreKind, accepted: &[Accepted]) -> Result<Verdict> {
    for index in 0..world.servers() {
        world.devnet.server(index).stop().await?;
    }
    if let Some(signer) = world.devnet.signer() {
        signer.stop().await?;
    }
    let file = world.disk.root().join("adit.db");
    let source = match (store, world.devnet.postgres()) {
        (StoreKind::Postgres, Some(postgres)) => Source::Postgres(postgres),
        (StoreKind::Postgres | StoreKind::Sqlite, _) => Source::Sqlite(&file),
    };
    let ledger = Ledger::read(&source).await?;
    let journal = Journal::read(&world.disk.root().join("signer.journal"))?;
    let mined = chain::mined(&world.devnet).await?;
    let hot = world.devnet.stage.hot_wallet.address;
    let closing = Opening { coins: world.devnet.rpc().native_balance(hot).await?, tokens: chain::tokens_of(&world.devnet, hot).await? };
    Ok(Verdict::of(&Evidence {
        accepted,
        mined: &mined,
        ledger: &ledger,
        journal: &journal,
        token: world.devnet.stage.token,
        opening: world.opening,
        closing,
    }))
}
