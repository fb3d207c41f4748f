//! One run of the drill: the world, what happens, calm, and the verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::chance::Chance;
use crate::chaos::chain;
use crate::chaos::forgotten::Forgotten;
use crate::chaos::journal::Journal;
use crate::chaos::ledger::{Ledger, Source};
use crate::chaos::verdict::Evidence;
use crate::progress;

use super::course::Course;
use super::request::Request;
use super::scenario::{Event, Scenario};
use super::verdict::Verdict;
use super::world::World;
use super::{loss, silence, split};

/// For everything to be settled when everybody has been answered.
const SETTLE_BOUND: Duration = Duration::from_secs(60);
/// The signer listens to a new history only when it has not heard another one for a minute.
const SETTLE_SPLIT_BOUND: Duration = Duration::from_secs(150);
/// Of how many it is told why they wait.
const WHYS_TOLD_MAX: usize = 3;
/// Those who are paid before anything happens.
const WARM: usize = 2;

/// What one run found.
pub struct Outcome {
    pub scenario: Scenario,
    pub paid: BTreeMap<usize, usize>,
    pub findings: Vec<String>,
    pub lost_for: Duration,
    /// None where nothing new was ever sent.
    pub progress: Option<Duration>,
    pub cancels: Vec<String>,
    /// The state of the lane that pays.
    pub lane: String,
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
pub async fn run(scenario: &Scenario, chance: Chance, directory: &Path) -> Result<Outcome> {
    let started = Instant::now();
    let mut world = World::start(scenario, chance, directory).await?;
    let warm = warm(&mut world).await?;
    world.signer_knows_who_is_there().await;
    let mut course = match &scenario.event {
        Event::Loss { cut, fate, then } => loss::run(&mut world, *cut, *fate, *then).await?,
        Event::SplitBrain { wakes, fate } => split::run(&mut world, *wakes, *fate).await?,
        Event::Silence { lasts, load, back } => {
            silence::run(&mut world, *lasts, *load, *back).await?
        }
    };
    course.requests.extend(warm);
    let bound = if matches!(scenario.event, Event::SplitBrain { .. }) {
        SETTLE_SPLIT_BOUND
    } else {
        SETTLE_BOUND
    };
    if !world.settle(bound).await? {
        tell_why(&world, &course).await;
    }
    let lane = lane(&world).await;
    if lane != "running" {
        course.findings.push(format!("the lane is {lane}"));
    }
    let progress = measured(&mut course, scenario.progress_aim()).await;
    let Course { requests, lost_for, cancels, mut findings, .. } = course;
    findings.extend(world.ended.iter().map(|name| format!("{name} ended by itself")));
    let verdict = verdict(&mut world, &requests).await?;
    findings.extend(verdict.findings);
    world.devnet.stop().await?;
    let (scenario, took) = (scenario.clone(), started.elapsed());
    Ok(Outcome { scenario, paid: verdict.paid, findings, lost_for, progress, cancels, lane, took })
}

/// A lane that has paid: its first numbers are in no doubt.
async fn warm(world: &mut World) -> Result<Vec<Request>> {
    let mut requests = world.take(WARM, |payee| !super::world::needs_approval(payee))?;
    let (api, domain) = (world.api(0)?, world.domain());
    loss::ask_all(&mut requests, &api, &domain).await?;
    anyhow::ensure!(
        world.settle(SETTLE_BOUND).await?,
        "nothing is paid even before anything happens"
    );
    requests.iter_mut().for_each(|request| request.counts = true);
    Ok(requests)
}

/// Where there was progress, how soon.
async fn measured(course: &mut Course, aim: Duration) -> Option<Duration> {
    let progress = match course.progress.is_finished() {
        true => (&mut course.progress).await.ok(),
        false => None,
    };
    course.progress.abort();
    match progress {
        None => course.findings.push("nothing new was ever sent".to_owned()),
        Some(after) if after > aim => {
            course.findings.push(format!(
                "progress after {:.1} s, the aim is {} s",
                after.as_secs_f64(),
                aim.as_secs()
            ));
        }
        Some(_) => {}
    }
    progress
}

/// Why those wait who are not paid: evidence for whoever reads this.
async fn tell_why(world: &World, course: &Course) {
    let Ok(admin) = world.devnet.admin() else { return };
    let mut told = 0;
    for id in course.requests.iter().flat_map(|request| &request.ids) {
        let Ok(answer) = admin.get(&format!("/api/withdrawals/{id}/why")).await else { continue };
        let open = answer.status.is_success()
            && !["completed", "failed", "cancelled"]
                .iter()
                .any(|end| answer.body["status"] == *end);
        if open && told < WHYS_TOLD_MAX {
            told += 1;
            progress::step(format!("{id} waits: {}", answer.body));
        }
    }
}

/// The state of the lane that pays, with what stopped it.
async fn lane(world: &World) -> String {
    let Ok(admin) = world.devnet.admin() else { return "unknown".to_owned() };
    let Ok(answer) = admin.get("/api/admin/lanes").await else {
        return "not told: no answer".to_owned();
    };
    let name = world.chain.lane_chain();
    let mut lanes = answer.body["items"].as_array().into_iter().flatten();
    let Some(lane) = lanes.find(|lane| lane["chain"] == name) else {
        return format!("not told: {} {}", answer.status, answer.body);
    };
    let state = lane["state"].as_str().unwrap_or("unknown");
    if lane["halted"] == Value::Null {
        state.to_owned()
    } else {
        format!("{state}: {}", lane["halted"])
    }
}

/// Read when all servers have ended.
async fn verdict(world: &mut World, requests: &[Request]) -> Result<Verdict> {
    for index in 0..world.devnet.addresses().count() {
        world.devnet.server(index).stop().await?;
    }
    if let Some(signer) = world.devnet.signer() {
        signer.stop().await?;
    }
    let ledger = Ledger::read(&Source::Postgres(world.database()?)).await?;
    let journal = Journal::read(&world.journal())?;
    let mined = chain::mined(&world.devnet, world.chain).await?;
    let closing = chain::holdings(&world.devnet, world.chain).await?;
    let (opening, accepted) = (&world.opening, &[]);
    let (elsewhere, forgotten) = (&[][..], &Forgotten::default());
    let (mined, ledger, journal, closing) = (&mined[..], &ledger, &journal, &closing[..]);
    let evidence =
        Evidence { accepted, mined, elsewhere, ledger, journal, opening, closing, forgotten };
    Ok(Verdict::of(requests, &evidence))
}
