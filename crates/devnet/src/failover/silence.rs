//! The database's host disappears without a reset, for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use tokio::task::JoinSet;

use crate::forwarder::Moment;

use super::course::Course;
use super::eye::Eye;
use super::readiness::Readiness;
use super::request::Request;
use super::scenario::Back;
use super::world::World;

/// Under load somebody asks every so often, from so long before the silence to so long after it.
const LOAD_EVERY: Duration = Duration::from_millis(700);
const LOAD_BEFORE: Duration = Duration::from_secs(2);
const LOAD_AFTER: Duration = Duration::from_secs(3);
/// Nobody insists for longer than this after the host is back.
const RETURN_BOUND: Duration = Duration::from_secs(30);
/// Who ask when the host is back.
const NEW: usize = 3;

/// Runs it to the moment in which everybody has been answered.
///
/// # Errors
/// Fails if the servers cannot be asked at all.
pub async fn run(world: &mut World, lasts: Duration, load: bool, back: Back) -> Result<Course> {
    let mut new = world.take(NEW, |_| true)?;
    let askers = if load { load_for(lasts + LOAD_BEFORE + LOAD_AFTER)? } else { 0 };
    let (over, asking) = (Arc::<AtomicBool>::default(), world.take(askers, |_| true)?);
    let loading = tokio::spawn(load_on(world, asking, lasts + RETURN_BOUND, &over)?);
    if load {
        tokio::time::sleep(LOAD_BEFORE).await;
    }
    let watched = world.devnet.addresses().map(str::to_owned).collect();
    let readiness = Readiness::watch(watched)?;
    let moment = if world.chance.up_to(1) == 0 { Moment::Request } else { Moment::Answer };
    readiness.writer_stands(Instant::now());
    world.cluster.be_silent(moment, lasts, back).await;
    let returned = Instant::now();
    readiness.writer_stands(returned);
    let mut eye = Eye::on(&world.devnet, world.chain)?;
    eye.look().await?;
    let progress = tokio::spawn(eye.first_new(returned, Vec::new()));
    let domain = world.domain();
    let mut asking = Vec::new();
    for request in &mut new {
        asking.push((request, world.any_api()?));
    }
    let first = join_all(asking.into_iter().map(|(request, api)| {
        let (domain, readiness) = (&domain, &readiness);
        async move {
            request.counts = request.insist_for(RETURN_BOUND, &api, domain).await;
            if request.counts {
                readiness.writer_works();
            }
        }
    }));
    first.await;
    tokio::time::sleep(if load { LOAD_AFTER } else { Duration::ZERO }).await;
    over.store(true, Ordering::Relaxed);
    let requests: Vec<Request> = loading.await?.into_iter().chain(new).collect();
    Ok(Course {
        requests,
        progress,
        lost_for: Duration::ZERO,
        cancels: Vec::new(),
        findings: readiness.findings(),
    })
}

fn load_for(time: Duration) -> Result<usize> {
    Ok(usize::try_from(time.as_millis() / LOAD_EVERY.as_millis())?)
}

/// Each asks in its turn, whatever became of the others, until it is accepted or `bound` has
/// passed.
fn load_on(
    world: &mut World,
    requests: Vec<Request>,
    bound: Duration,
    over: &Arc<AtomicBool>,
) -> Result<impl Future<Output = Vec<Request>> + use<>> {
    let mut planned = Vec::new();
    for request in requests {
        planned.push((request, world.any_api()?));
    }
    let (domain, over) = (world.domain(), Arc::clone(over));
    Ok(async move {
        let mut asking = JoinSet::new();
        for (mut request, api) in planned {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let domain = domain.clone();
            asking.spawn(async move {
                request.counts = request.insist_for(bound, &api, &domain).await;
                request
            });
            tokio::time::sleep(LOAD_EVERY).await;
        }
        asking.join_all().await
    })
}

/// Payees whom a scenario of this length asks for.
pub fn payees(lasts: Duration, load: bool) -> usize {
    let asking = if load { load_for(lasts + LOAD_BEFORE + LOAD_AFTER).unwrap_or(0) } else { 0 };
    NEW + asking
}
