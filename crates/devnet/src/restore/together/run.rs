//! One run of this part: payments, snapshot, more payments without blocks, the restore of both, the
//! sweep, the release, and the verdict.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::both::lost::{self, Signed};
use crate::both::operator::{Operator, Payments, times};
use crate::both::{Adversary, Snapshot, lanes};
use crate::chance::Chance;
use crate::chaos::chain;
use crate::chaos::journal::Journal;
use crate::chaos::ledger::Ledger;
use crate::chaos::payees::Payee;
use crate::failover::node;
use crate::progress;

use super::super::run::until_backup;
use super::super::world::World;
use super::announced::Announced;
use super::people::People;
use super::scenario::{Pool, Scenario};
use super::verdict::{Known, Verdict};
use super::{chains, release, sweep};

const SETTLE_BOUND: Duration = Duration::from_secs(120);
const SNAPSHOT_LATER_MILLIS_MAX: u64 = 1_500;
/// How often somebody asks anew whom a verdict has given back.
const NEW_KEYS_MAX: usize = 3;

/// What one run found.
pub struct Outcome {
    pub scenario: Scenario,
    /// Transactions that were signed since the snapshot, and are in neither store.
    pub lost: usize,
    /// Payments that only these make.
    pub payments: usize,
    /// Of these, signed once more because blocks or pools showed them.
    pub taken_back: usize,
    pub held: usize,
    /// Payments of nobody's that a person gave to their users.
    pub matched: usize,
    /// Self-transfers, or in bitcoin coins.
    pub swept: usize,
    pub twice: usize,
    pub not_paid: usize,
    pub cancel_was_late: bool,
    /// From the start of the restored servers until every lane waited for its release.
    pub unreleased: Duration,
    /// From the same start until everything was final.
    pub settled: Duration,
    pub findings: Vec<String>,
    pub took: Duration,
}

impl Outcome {
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Runs a scenario. Logs and configuration stay in `directory`.
///
/// # Errors
/// Fails if a part does not come up, or cannot be read. A bad verdict is no error.
pub async fn run(scenario: &Scenario, mut chance: Chance, directory: &Path) -> Result<Outcome> {
    let started = Instant::now();
    let mut world = World::start(&scenario.alone(), scenario.in_flight_max(), directory).await?;
    let mut people = People::draw(scenario, &world.devnet.players, &mut chance)?;
    let mut findings = Vec::new();
    until_backup(&mut world, &mut people.cast).await?;
    // Sooner or later, more or fewer of the known are reserved, signed and sent.
    tokio::time::sleep(Duration::from_millis(chance.up_to(SNAPSHOT_LATER_MILLIS_MAX))).await;
    let snapshot = Snapshot::take(&world.devnet, &world.directory, &world.directory).await?;
    progress::step("the snapshot is taken; the others are accepted, and no block comes");
    people.go_on(&world).await?;
    crash(&mut world).await?;
    let lost = lost::read(&world.journal(), &snapshot.journal())?;
    if !lost.iter().any(|signed| signed.since) {
        findings.push("nothing was signed since the snapshot: this run shows nothing".to_owned());
    }
    if scenario.pool == Pool::Hidden {
        node::forget(&world.devnet, world.chain).await?;
    }
    let announced = restore(&mut world, scenario, &snapshot, &mut findings).await?;
    let began = Instant::now();
    let hidden = (scenario.pool == Pool::Hidden).then_some(&lost[..]);
    let adversary = hidden
        .map(|lost| Adversary::start(&world.devnet, world.chain, lost, chance.branch()))
        .transpose()?;
    let unreleased = sweep::follow(&mut world, hidden, &mut chance, &mut findings).await?;
    progress::step(format!(
        "every lane waits for its release, after {:.1} s",
        unreleased.as_secs_f64()
    ));
    let operator = go_on(&mut world, &mut people, &mut findings).await?;
    if let Some(adversary) = adversary {
        let taken = adversary.stop().await?;
        progress::step(format!("the node took lost bytes {taken} times"));
        node::mine(&world.devnet, world.chain).await?;
    }
    if !world.settle(SETTLE_BOUND).await? {
        findings.push("something is still open".to_owned());
    }
    findings.extend(operator.unexplained().await?);
    let settled = began.elapsed();
    let end = end(&mut world, &people, &lost, &announced, &mut findings).await?;
    world.devnet.stop().await?;
    let since = lost.iter().filter(|signed| signed.since).count();
    let Verdict { twice, not_paid, cancel_was_late, .. } = end.verdict;
    let (End { taken_back, swept, .. }, held, matched) =
        (end, operator.held.len(), operator.matched);
    let (payments, lost) = (lost::payments(&lost), since);
    let (scenario, took) = (*scenario, started.elapsed());
    Ok(Outcome {
        scenario,
        lost,
        payments,
        taken_back,
        held,
        matched,
        swept,
        twice,
        not_paid,
        cancel_was_late,
        unreleased,
        settled,
        findings,
        took,
    })
}

/// kill -9, the signer included.
async fn crash(world: &mut World) -> Result<()> {
    for server in 0..world.devnet.addresses().count() {
        world.devnet.server(server).kill().await?;
    }
    match world.devnet.signer() {
        Some(signer) => signer.kill().await,
        None => Ok(()),
    }
}

async fn restore(
    world: &mut World,
    scenario: &Scenario,
    snapshot: &Snapshot,
    findings: &mut Vec<String>,
) -> Result<Announced> {
    progress::step(
        "all processes are killed; database and journal of the snapshot take their places",
    );
    let consumed = world.devnet.rpc().nonce(world.devnet.stage.hot_wallet.address).await?;
    let (said, ledger) = snapshot.restore(&mut world.devnet, &world.directory).await?;
    std::fs::write(world.directory.join("restore.json"), &said)?;
    let announced = Announced::read(&said)?;
    findings.extend(announced.differences(world, scenario.in_flight_max(), consumed, &ledger));
    Ok(announced)
}

/// From the release on: what application, users and operator do.
async fn go_on(
    world: &mut World,
    people: &mut People,
    findings: &mut Vec<String>,
) -> Result<Operator> {
    let mut operator = Operator::new(world.devnet.admin()?);
    let admin = world.devnet.admin()?;
    people.credit_again(&admin).await?;
    release::release(world, people, findings).await?;
    lanes::until_running(&admin).await?;
    // Before a payment is matched: until then whoever asks for it again waits.
    let first_was_paid = operator.settled(&people.recalled().payee).await? > 0;
    people.ask_again(world, !first_was_paid, findings).await?;
    people.others_ask(world, findings).await?;
    for _ in 0..NEW_KEYS_MAX {
        let payees = people.payees();
        let payments = Payments { devnet: &world.devnet, chain: world.chain, payees: &payees };
        if !operator.until_all_is_over(payments, findings).await? {
            findings.push("a withdrawal is not over".to_owned());
            break;
        }
        let mined = chain::mined(&world.devnet, world.chain).await?;
        let recalled = &people.recalled().payee;
        if times(recalled, &mined) > operator.settled(recalled).await? {
            people.ask_anew(world, findings).await?;
            continue;
        }
        let unpaid: Vec<Payee> =
            people.owed().filter(|payee| times(payee, &mined) == 0).cloned().collect();
        if unpaid.is_empty() {
            break;
        }
        people.ask_with_new_keys(world, unpaid, findings).await?;
    }
    Ok(operator)
}

struct End {
    verdict: Verdict,
    taken_back: usize,
    swept: usize,
}

/// Read when all servers have ended.
async fn end(
    world: &mut World,
    people: &People,
    lost: &[Signed],
    announced: &Announced,
    findings: &mut Vec<String>,
) -> Result<End> {
    world.stop_servers().await?;
    if let Some(signer) = world.devnet.signer() {
        signer.stop().await?;
    }
    let ledger = Ledger::read(&world.source()).await?;
    let mined = chain::mined(&world.devnet, world.chain).await?;
    let world = &*world;
    let known = Known { world, people, mined: &mined, ledger: &ledger, lost };
    let mut verdict = Verdict::of(&known).await?;
    findings.append(&mut verdict.findings);
    findings.extend(announced.dearer(world.chain, &mined));
    let journal = Journal::read(&world.journal())?;
    let taken_back =
        lost.iter().filter(|signed| signed.since && journal.hashes.contains(&signed.hash)).count();
    Ok(End { verdict, taken_back, swept: chains::swept(world, &mined, lost).await? })
}
