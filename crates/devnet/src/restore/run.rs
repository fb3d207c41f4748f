//! One run of the drill: payments, backup, more payments, the restore, and the verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::backup::Backup;
use crate::chance::Chance;
use crate::chaos::journal::Journal;
use crate::chaos::ledger::{Ledger, Source};
use crate::chaos::payees::{self, Payee};
use crate::failover::eye::Eye;
use crate::failover::node;
use crate::options::StoreKind;
use crate::progress;
use crate::seed;
use crate::wait;

use super::after::{self, Answers};
use super::announced::Announced;
use super::book::Book;
use super::cast::Cast;
use super::comeback::{self, Comeback};
use super::money;
use super::scenario::{AIM, Scenario};
use super::verdict::Verdict;
use super::world::{World, XP};

const SETTLE_BOUND: Duration = Duration::from_secs(180);
const MINED_BOUND: Duration = Duration::from_secs(240);
const COMMAND_BOUND: Duration = Duration::from_secs(120);
const LOOK_PAUSE: Duration = Duration::from_millis(300);
const BACKUP_LATER_MILLIS_MAX: u64 = 1_500;
/// Those who ask again while the server comes back.
const IMPATIENT_MAX: usize = 10;

/// What one run found.
pub struct Outcome {
    pub scenario: Scenario,
    /// How many payees were paid 0, 1, 2 … times, of those who are to be paid once.
    pub paid: BTreeMap<usize, usize>,
    /// Withdrawals that the backup had never seen, and that are there again with everything that
    /// they had.
    pub made_again: usize,
    pub announced: Announced,
    pub comeback: Comeback,
    pub answers: Answers,
    pub debts: usize,
    /// From the start of the restored server until the chain had made everything final.
    pub settled: Duration,
    pub findings: Vec<String>,
    pub took: Duration,
}

impl Outcome {
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The database before the restore, and after its backup was put back.
pub(super) struct Lost {
    pub book: Book,
    pub ledger: Ledger,
    pub backup: Book,
    pub ledger_of_backup: Ledger,
}

/// Runs a scenario. Logs and configuration stay in `directory`.
///
/// # Errors
/// Fails if a part does not come up, or cannot be read. A bad verdict is no error.
pub async fn run(scenario: &Scenario, mut chance: Chance, directory: &Path) -> Result<Outcome> {
    let started = Instant::now();
    let mut world = World::start(scenario, scenario.in_flight_max(), directory).await?;
    let mut cast = Cast::draw(scenario, &world.devnet.players, &mut chance)?;
    let mut findings = Vec::new();
    until_backup(&mut world, &mut cast).await?;
    // Sooner or later, more or fewer of the known are reserved, signed and sent.
    tokio::time::sleep(Duration::from_millis(chance.up_to(BACKUP_LATER_MILLIS_MAX))).await;
    let backup = Backup::take(&world.devnet, world.directory.join("backup")).await?;
    since_backup(&mut world, &mut cast).await?;
    world.an_hour_passes().await?;
    let (lost, announced) = restore(&mut world, scenario, &backup, &mut findings).await?;
    let began = Instant::now();
    let impatient = scenario.unknown().saturating_sub(scenario.by_newcomers()).min(IMPATIENT_MAX);
    let impatient = &mut cast.unknown[..impatient];
    let comeback = comeback::follow(&mut world, impatient, &mut findings).await?;
    if comeback.lanes > AIM {
        findings.push(format!(
            "{} s until the lanes run, the aim is {}",
            comeback.lanes.as_secs(),
            AIM.as_secs()
        ));
    }
    let made_again = is_back(&world, &lost, &mut findings).await?;
    let debts = after::credit_again(&world, &mut cast, &lost, &mut findings).await?;
    let answers = after::ask_again(&world, &mut cast, &mut findings).await?;
    after::go_on(&world, &mut cast, &mut findings).await?;
    if !world.settle(SETTLE_BOUND).await? {
        findings.push("something is still open".to_owned());
    }
    let settled = began.elapsed();
    let paid = verdict(&mut world, &cast, &lost, &mut findings).await?;
    world.devnet.stop().await?;
    let (scenario, took) = (*scenario, started.elapsed());
    Ok(Outcome {
        scenario,
        paid,
        made_again,
        announced,
        comeback,
        answers,
        debts,
        settled,
        findings,
        took,
    })
}

/// Some are paid, some wait for a person, and most have been accepted and are in no block.
///
/// # Errors
/// Fails if somebody is not accepted or not paid.
pub(super) async fn until_backup(world: &mut World, cast: &mut Cast) -> Result<()> {
    let admin = world.devnet.admin()?;
    if world.devnet.bitcoin().is_none() {
        // What the chain knows of them is in no database.
        world.devnet.stage.lock.grant(&world.devnet.deployer(), &cast.newcomer_wallets()).await?;
    }
    payees::endow(&admin, &cast.credited(false)).await?;
    progress::step(format!("{} are paid before the backup", cast.ahead.len()));
    world.must_ask(&mut cast.ahead).await?;
    ensure!(world.settle(SETTLE_BOUND).await?, "nothing is paid even before anything happens");
    for request in [&mut cast.approved, &mut cast.given_back, &mut cast.waiting] {
        world.must_ask(std::slice::from_mut(request)).await?;
    }
    progress::step(format!("{} are accepted before the backup, and not paid", cast.known.len()));
    node::stop_mining(&mut world.devnet, world.chain).await?;
    world.must_ask(&mut cast.known).await
}

/// Everybody is paid, those included whom the backup has never seen.
async fn since_backup(world: &mut World, cast: &mut Cast) -> Result<()> {
    let admin = world.devnet.admin()?;
    world.others_join().await?;
    node::resume_mining(&mut world.devnet, world.chain).await?;
    let seeded = seed::seed(&admin, cast.newcomers.clone(), XP).await?;
    cast.enrol(&seeded);
    payees::endow(&admin, &cast.credited(true)).await?;
    let (approved, given_back) = (&cast.approved.ids[0], &cast.given_back.ids[0]);
    admin
        .post(&format!("/api/admin/withdrawals/{approved}/approve"), &json!({}))
        .await?
        .expect_success("approving")?;
    let reason = json!({ "reason": "given back since the backup" });
    admin
        .post(&format!("/api/admin/withdrawals/{given_back}/cancel"), &reason)
        .await?
        .expect_success("cancelling")?;
    progress::step(format!("{} are accepted since the backup; all are paid", cast.unknown.len()));
    world.must_ask(&mut cast.unknown).await?;
    let mut eye = Eye::on(&world.devnet, world.chain)?;
    let lists = [&cast.known, &cast.unknown].into_iter().flatten();
    let paid: Vec<Payee> =
        lists.chain([&cast.approved]).map(|request| request.payee.clone()).collect();
    wait::until("all of them to be in a block", MINED_BOUND, LOOK_PAUSE, async || {
        eye.look().await?;
        Ok(eye.has_paid(&paid, true).then_some(()))
    })
    .await
}

/// Stops the servers, puts the backup back, and says `adit restore`.
async fn restore(
    world: &mut World,
    scenario: &Scenario,
    backup: &Backup,
    findings: &mut Vec<String>,
) -> Result<(Lost, Announced)> {
    world.stop_servers().await?;
    progress::step("the servers have ended; the backup becomes the database");
    let (book, ledger) = (Book::read(&world.source()).await?, Ledger::read(&world.source()).await?);
    let file = backup.file();
    let source = match scenario.store {
        StoreKind::Sqlite => Source::Sqlite(&file),
        StoreKind::Postgres => {
            backup.put_back(&world.devnet, &world.directory).await?;
            world.source()
        }
    };
    let (of_backup, ledger_of_backup) = (Book::read(&source).await?, Ledger::read(&source).await?);
    let database = file.display().to_string();
    let words: &[&str] = match scenario.store {
        StoreKind::Sqlite => &["--json", "restore", "--database", &database],
        // The signer that both servers share has heard them just now; that both have ended is known
        // here.
        StoreKind::Postgres => &["--json", "restore", "--declared", "--take-over"],
    };
    let said = world.devnet.command(words).run(COMMAND_BOUND).await?;
    std::fs::write(world.directory.join("restore.json"), &said)?;
    let announced = Announced::read(&said)?;
    let expected = Announced::expected(&Journal::read(&world.journal())?, &of_backup);
    if announced != expected {
        findings.push(format!(
            "`adit restore` announced {announced:?}, and the journal has {expected:?}"
        ));
    }
    if announced.made_again != scenario.unknown() as u64 {
        findings.push(format!(
            "`adit restore` announced {announced:?} of {} unknown",
            scenario.unknown()
        ));
    }
    Ok((Lost { book, ledger, backup: of_backup, ledger_of_backup }, announced))
}

/// Compares the running database with what was lost. Gives how many of the unknown are there again.
async fn is_back(world: &World, lost: &Lost, findings: &mut Vec<String>) -> Result<usize> {
    let now = Book::read(&world.source()).await?;
    findings.extend(lost.book.differences(&now));
    let unknown: Vec<&String> = lost
        .book
        .withdrawals
        .keys()
        .filter(|id| !lost.backup.withdrawals.contains_key(*id))
        .collect();
    let same = |id: &&&String| now.withdrawals.get(**id) == lost.book.withdrawals.get(**id);
    Ok(unknown.iter().filter(same).count())
}

/// Read when all servers have ended.
async fn verdict(
    world: &mut World,
    cast: &Cast,
    lost: &Lost,
    findings: &mut Vec<String>,
) -> Result<BTreeMap<usize, usize>> {
    world.stop_servers().await?;
    if let Some(signer) = world.devnet.signer() {
        signer.stop().await?;
    }
    let ledger = Ledger::read(&world.source()).await?;
    let mut spendable = money::available(&lost.ledger);
    money::spend(&mut spendable, cast.fresh.iter().map(|request| &request.payee))?;
    findings.extend(money::differences(
        "what can be spent",
        &spendable,
        &money::available(&ledger),
    ));
    let verdict = Verdict::of(world, cast, &ledger).await?;
    findings.extend(verdict.findings);
    Ok(verdict.paid)
}
