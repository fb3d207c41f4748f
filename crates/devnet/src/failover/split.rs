//! A split brain: the database fails over, and the old primary comes back with a server on it. One
//! signer serves both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::{join, join_all, join3};

use crate::chaos::payees::Way;

use super::course::Course;
use super::eye::Eye;
use super::request::Request;
use super::scenario::{Fate, Wakes};
use super::world::World;
use super::{loss, node};

const CUT: Duration = Duration::from_millis(400);
/// The server that goes on with the promoted database, and the one that stays behind.
const HERE: usize = 0;
const THERE: usize = 1;
/// Those who ask on the old side are not answered for longer.
const THERE_BOUND: Duration = Duration::from_secs(15);
/// Longer than the signer's minute: until it is over, the right side accepts nobody.
const PROGRESS_BOUND: Duration = Duration::from_secs(90);
const LOST: usize = 1;
const BOTH: usize = 2;
const ONE_SIDE: usize = 3;

/// Runs it to the moment in which everybody has been answered.
///
/// # Errors
/// Fails if a part does not do what it is told.
pub async fn run(world: &mut World, wakes: Wakes, fate: Fate) -> Result<Course> {
    // A claim names a nonce of its user, which both sides would give out: that is another matter.
    let mut drawn =
        world.take(LOST + BOTH + 2 * ONE_SIDE, |payee| payee.way != Way::Claim)?.into_iter();
    let mut draw = |count: usize| drawn.by_ref().take(count).collect::<Vec<Request>>();
    let (mut lost, mut both, mut here, mut there) =
        (draw(LOST), draw(BOTH), draw(ONE_SIDE), draw(ONE_SIDE));
    let mut eye = Eye::on(&world.devnet, world.chain)?;
    if fate != Fate::Mined {
        node::stop_mining(&mut world.devnet, world.chain).await?;
    }
    let (api, domain) = (world.api(HERE)?, world.domain());
    world.devnet.postgres().context("it is on Postgres")?.is_followed().await?;
    world.cluster.stop_following();
    let began = Instant::now();
    loss::ask_all(&mut lost, &api, &domain).await?;
    loss::until_sent(world, &mut eye, &lost, fate).await?;
    tokio::time::sleep(CUT.saturating_sub(began.elapsed())).await;
    let lost_for = began.elapsed();
    let promoted = world.fail_over(&[HERE], async |_| Ok(())).await?;
    eye.look().await?;
    let payees = here.iter().map(|request| request.payee.clone()).collect();
    let progress = tokio::spawn(eye.first_new(promoted, payees));
    // One of those on the right side asks before the others, so that there is something to be paid
    // in either case.
    let (first, others) = here.split_at_mut(1);
    first[0].counts = first[0].insist_for(PROGRESS_BOUND, &api, &domain).await;
    if wakes == Wakes::Later {
        let paid = async {
            while !progress.is_finished() {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
        };
        // Where it never pays, the old one comes back all the same.
        let _ = tokio::time::timeout(PROGRESS_BOUND, paid).await;
    }
    world.devnet.postgres_mut().context("it is on Postgres")?.start_again().await?;
    let old = world.api(THERE)?;
    let on_both = join_all(both.iter_mut().map(|request| async {
        let mut twin = Request::new(request.payee.clone());
        let (counts, _) =
            join(request.insist(&api, &domain), twin.insist_for(THERE_BOUND, &old, &domain)).await;
        request.counts = counts;
    }));
    let on_new = join_all(
        others
            .iter_mut()
            .chain(&mut lost)
            .map(|request| async { request.counts = request.insist(&api, &domain).await }),
    );
    let on_old =
        join_all(there.iter_mut().map(|request| request.insist_for(THERE_BOUND, &old, &domain)));
    let away = loss::blocks_away(world);
    let blocks = loss::resume_mining_after(away, world);
    let (_, resumed) = join(join3(on_both, on_new, on_old), blocks).await;
    resumed?;
    let requests = [lost, both, here, there].into_iter().flatten().collect();
    Ok(Course { requests, progress, lost_for, cancels: Vec::new(), findings: Vec::new() })
}
