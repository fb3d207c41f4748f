//! The database fails over to a standby that misses the last commits, and people do something at
//! once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::join_all;

use crate::api::Api;
use crate::chaos::payees::{Payee, Way};
use crate::claim::Domain;
use crate::wait;

use super::cancel;
use super::course::Course;
use super::eye::Eye;
use super::node;
use super::request::Request;
use super::scenario::{Fate, Then};
use super::world::{World, needs_approval};

const SENT_BOUND: Duration = Duration::from_secs(20);
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Of a longer cut, somebody asks every so often.
const ASKED_EVERY: Duration = Duration::from_millis(700);
/// At the end of a cut nobody asks whose payment might not be sent before it is over.
const LAST_MOMENT: Duration = Duration::from_millis(300);
/// How long blocks may stay away after the failover, where they stood still.
const BLOCKS_AWAY_MILLIS_MAX: u64 = 3_000;

/// Who plays a part in it.
struct Cast {
    /// Accepted before the cut: the standby has their rows, and not their payments.
    kept: Vec<Request>,
    /// Accepted during the cut: the standby knows nothing of them.
    lost: Vec<Request>,
    /// Who ask for the first time after the failover.
    new: Vec<Request>,
}

impl Cast {
    /// More new ones than numbers were lost, so that a round after the failover reaches past the
    /// lost ones.
    fn draw(world: &mut World, cut: Duration, then: Then) -> Result<Self> {
        let coins_and_tokens = |payee: &Payee| payee.way != Way::Claim && !needs_approval(payee);
        let kept = match then {
            Then::AskAgain => {
                let count = usize::try_from(world.chance.up_to(2))?;
                world.take(count, |payee| payee.way != Way::Claim)?
            }
            Then::Cancel(_) => {
                let pending = world.take(2, needs_approval)?;
                pending.into_iter().chain(world.take(2, coins_and_tokens)?).collect()
            }
        };
        let fits = |payee: &Payee| then == Then::AskAgain || !needs_approval(payee);
        let at_once = 1 + usize::try_from(world.chance.up_to(1))?;
        let lost = world.take(at_once + later_ones(cut)?, fits)?;
        let new = world.take(kept.len() + lost.len() + 2, fits)?;
        Ok(Self { kept, lost, new })
    }
}

/// Runs it to the moment in which everybody has been answered.
///
/// # Errors
/// Fails if a part does not do what it is told; not because of what the server does after the
/// failover.
pub async fn run(world: &mut World, cut: Duration, fate: Fate, then: Then) -> Result<Course> {
    let mut cast = Cast::draw(world, cut, then)?;
    let mut eye = Eye::on(&world.devnet, world.chain)?;
    if fate != Fate::Mined {
        node::stop_mining(&mut world.devnet, world.chain).await?;
    }
    let began = lose(world, &mut cast, &mut eye, (cut, fate, then)).await?;
    let chain = world.chain;
    let servers: Vec<usize> = (0..world.devnet.addresses().count()).collect();
    let lost_for = began.elapsed();
    let promoted = world
        .fail_over(&servers, async |devnet| match fate {
            Fate::Forgotten => node::forget(devnet, chain).await,
            Fate::Mined | Fate::Pooled => Ok(()),
        })
        .await?;
    eye.look().await?;
    let progress = tokio::spawn(eye.first_new(promoted, Vec::new()));
    let cancels = match then {
        Then::AskAgain => Vec::new(),
        Then::Cancel(when) => cancel::all(world, &cast.kept, when).await?,
    };
    ask_again(world, &mut cast).await?;
    let requests = [cast.kept, cast.lost, cast.new].into_iter().flatten().collect();
    Ok(Course { requests, progress, lost_for, cancels, findings: Vec::new() })
}

/// What the standby misses: payments of those who were accepted before, and everything of others.
/// Gives the moment of the cut; returns when it has lasted long enough and what was to be sent is
/// where it is to be.
async fn lose(
    world: &mut World,
    cast: &mut Cast,
    eye: &mut Eye,
    (cut, fate, then): (Duration, Fate, Then),
) -> Result<Instant> {
    let (api, domain, chain) = (world.api(0)?, world.domain(), world.chain);
    // With the node standing still nothing is planned: what is accepted now is paid after the cut.
    node::freeze(&world.devnet, chain)?;
    ask_all(&mut cast.kept, &api, &domain).await?;
    world.devnet.postgres().context("it is on Postgres")?.is_followed().await?;
    world.cluster.stop_following();
    let began = Instant::now();
    node::thaw(&world.devnet, chain)?;
    if matches!(then, Then::Cancel(_)) {
        // This is among what is lost.
        cancel::approve(world, &cast.kept).await?;
    }
    let at_once = cast.lost.len() - later_ones(cut)?;
    let (first, later) = cast.lost.split_at_mut(at_once);
    ask_all(first, &api, &domain).await?;
    until_sent(world, eye, cast.kept.iter().chain(first.iter()), fate).await?;
    for (place, request) in (1..).zip(later) {
        tokio::time::sleep((ASKED_EVERY * place).saturating_sub(began.elapsed())).await;
        // A busy machine is late: the cut stays as long as it is called, and those ask after it for
        // the first time.
        if began.elapsed() >= cut {
            break;
        }
        ask_all(std::slice::from_mut(request), &api, &domain).await?;
        until_sent(world, eye, [&*request], fate).await?;
    }
    tokio::time::sleep(cut.saturating_sub(began.elapsed())).await;
    Ok(began)
}

/// How many ask during a cut, after the first ones and before its last moment.
fn later_ones(cut: Duration) -> Result<usize> {
    Ok(usize::try_from(cut.saturating_sub(LAST_MOMENT).as_millis() / ASKED_EVERY.as_millis())?)
}

pub(super) async fn ask_all(requests: &mut [Request], api: &Api, domain: &Domain) -> Result<()> {
    let accepted = join_all(requests.iter_mut().map(|request| request.insist(api, domain))).await;
    anyhow::ensure!(
        accepted.iter().all(|accepted| *accepted),
        "before the failover everybody is accepted"
    );
    Ok(())
}

/// Waits until the node has the payments of all of these; in a block where they are to be mined.
pub(super) async fn until_sent<'a>(
    world: &World,
    eye: &mut Eye,
    requests: impl IntoIterator<Item = &'a Request>,
    fate: Fate,
) -> Result<()> {
    let payees: Vec<Payee> = requests.into_iter().map(|request| request.payee.clone()).collect();
    wait::until("the payments to be sent", SENT_BOUND, LOOK_PAUSE, async || {
        eye.look().await?;
        if fate == Fate::Mined && eye.has_paid(&payees, false) && !eye.has_paid(&payees, true) {
            node::mine(&world.devnet, world.chain).await?;
            eye.look().await?;
        }
        Ok(eye.has_paid(&payees, fate == Fate::Mined).then_some(()))
    })
    .await
}

/// At once and together: those of the lost ones who draw it, with the key or claim of before; those
/// who were accepted before, who want to know; and the new ones. Blocks come back a little later,
/// where they stood still.
async fn ask_again(world: &mut World, cast: &mut Cast) -> Result<()> {
    let domain = world.domain();
    let again = usize::try_from(world.chance.up_to(u64::try_from(cast.lost.len())? - 1))? + 1;
    let away = blocks_away(world);
    let mut asking = Vec::new();
    for request in cast.lost.iter_mut().take(again).chain(&mut cast.kept).chain(&mut cast.new) {
        asking.push((request, world.any_api()?));
    }
    let asked = async {
        join_all(asking.into_iter().map(|(request, api)| {
            let domain = &domain;
            async move { request.counts = request.insist(&api, domain).await }
        }))
        .await;
        Ok(())
    };
    tokio::try_join!(asked, resume_mining_after(away, world)).map(drop)
}

/// How long blocks stay away after the failover.
pub(super) fn blocks_away(world: &mut World) -> Duration {
    Duration::from_millis(world.chance.up_to(BLOCKS_AWAY_MILLIS_MAX))
}

pub(super) async fn resume_mining_after(away: Duration, world: &mut World) -> Result<()> {
    tokio::time::sleep(away).await;
    node::resume_mining(&mut world.devnet, world.chain).await
}
