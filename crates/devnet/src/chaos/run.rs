//! One run on one store: disasters in their order, askers beside them, then calm, then the verdict.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::options::StoreKind;
use crate::progress;

use super::calm::calm;
use super::chain;
use super::disasters::{self, Tally};
use super::fees;
use super::forgotten::Forgotten;
use super::journal::Journal;
use super::ledger::{Ledger, Source};
use super::payees::{self, Payee};
use super::plan::{ChainKind, Kind, Plan, Step};
use super::recovery::Recovery;
use super::requests::Accepted;
use super::verdict::{Evidence, Verdict};
use super::world::World;

/// A step waits no longer than this for its moment: the system stands still.
const STEP_BOUND: Duration = Duration::from_secs(180);
const REPORT_PAUSE: Duration = Duration::from_secs(3);

/// What one run found.
pub struct Outcome {
    pub chain: ChainKind,
    pub store: StoreKind,
    pub verdict: Verdict,
    pub tally: Tally,
    pub recoveries: Vec<Recovery>,
    /// Where both stores went back: what that left behind.
    pub forgotten: Forgotten,
    /// Transactions that the chain's nodes took.
    pub sent: u64,
    /// Of Bitcoin: versions that outbid another one.
    pub bumps: usize,
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
    let payees = Payee::crowd(plan.chain, plan.payees, &world.devnet.players);
    payees::endow(&world.devnet.admin()?, &payees).await?;
    let mut beside = JoinSet::new();
    fees::blow(&world.devnet, plan.chain, chance.branch(), &mut beside)?;
    let asking = beside_us(world.desk()?.ask_all(payees));
    let (tally, mut accepted) = tokio::try_join!(storm(plan, &mut world, &mut chance), asking)?;
    beside.abort_all();
    calm(&mut world, &mut accepted, tally.of(Kind::RestoreBoth) > 0).await?;
    let verdict = verdict(&mut world, plan, &accepted).await?;
    let outcome = Outcome {
        chain: plan.chain,
        store: plan.store,
        verdict,
        tally,
        recoveries: world.recoveries.sorted(),
        forgotten: std::mem::take(&mut world.forgotten),
        sent: world.sends().accepted(),
        bumps: world.bumps(),
        dropped: world.dropped(),
        disk: world.disk.manner(),
        took: started.elapsed(),
    };
    world.devnet.stop().await?;
    Ok(outcome)
}

/// In a task of its own, so that askers go on whatever the storm waits for.
async fn beside_us(
    asking: impl Future<Output = Result<Vec<Accepted>>> + Send + 'static,
) -> Result<Vec<Accepted>> {
    tokio::spawn(asking).await.context("the askers ended early")?
}

/// Every step at its moment.
async fn storm(plan: &Plan, world: &mut World, chance: &mut Chance) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut reported = Instant::now();
    for planned in &plan.steps {
        world.let_ask(planned.at);
        let step = Step { at: planned.at + world.forgotten.sends, ..*planned };
        // A kill waits for its own moment, to the transaction.
        let before = if step.kind == Kind::Kill { step.at.saturating_sub(1) } else { step.at };
        let mut accepted = world.sends().watch();
        let moment = async { accepted.wait_for(|now| *now >= before).await.map(drop) };
        tokio::time::timeout(STEP_BOUND, moment)
            .await
            .with_context(|| format!("nothing is sent any more, before {step:?}"))??;
        disasters::strike(world, step, chance, &mut tally)
            .await
            .with_context(|| format!("{step:?}"))?;
        if reported.elapsed() >= REPORT_PAUSE {
            reported = Instant::now();
            report(plan, world, &tally).await;
        }
    }
    world.let_ask(u64::MAX);
    report(plan, world, &tally).await;
    Ok(tally)
}

async fn report(plan: &Plan, world: &World, tally: &Tally) {
    let struck = |kind: &Kind| {
        let planned = plan.planned(*kind);
        (planned > 0).then(|| format!("{} {}/{planned}", kind.name(), tally.of(*kind)))
    };
    let struck: Vec<String> = Kind::ALL.iter().filter_map(struck).collect();
    let standing = world.standing().await.unwrap_or_else(|problem| problem.to_string());
    progress::step(format!(
        "{:?}: {} sent for {}, {standing}; {}",
        plan.store,
        world.sends().accepted(),
        plan.payees,
        struck.join(", ")
    ));
}

async fn verdict(world: &mut World, plan: &Plan, accepted: &[Accepted]) -> Result<Verdict> {
    for index in 0..world.servers() {
        world.devnet.server(index).stop().await?;
    }
    if let Some(signer) = world.devnet.signer() {
        signer.stop().await?;
    }
    let file = world.disk.root().join("adit.db");
    let source = match (plan.store, world.devnet.postgres()) {
        (StoreKind::Postgres, Some(postgres)) => Source::Postgres(postgres),
        (StoreKind::Postgres | StoreKind::Sqlite, _) => Source::Sqlite(&file),
    };
    let ledger = Ledger::read(&source).await?;
    let journal = Journal::read(&world.disk.root().join("signer.journal"))?;
    let mined = chain::mined(&world.devnet, plan.chain).await?;
    let elsewhere = chain::elsewhere(&world.devnet, plan.chain).await?;
    let closing = chain::holdings(&world.devnet, plan.chain).await?;
    let (opening, forgotten) = (&world.opening[..], &world.forgotten);
    let (mined, elsewhere, ledger, journal, closing) =
        (&mined[..], &elsewhere[..], &ledger, &journal, &closing[..]);
    let evidence =
        Evidence { accepted, mined, elsewhere, ledger, journal, opening, closing, forgotten };
    Ok(Verdict::of(&evidence))
}
