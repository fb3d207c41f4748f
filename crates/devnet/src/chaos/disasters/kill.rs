//! SIGKILL in the moment in which a node took a transaction: before the server is told, or a little
//! after (windows F2 to F5).

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::oneshot;

use crate::chance::Chance;
use crate::chaos::disasters::Tally;
use crate::chaos::plan::Kind;
use crate::chaos::world::World;

/// One kill in so many takes all servers and their signer, as a power cut does.
const POWER_CUT_ONE_IN: u64 = 4;
const AFTER_MILLIS_MAX: u64 = 40;
/// When nothing was sent for so long, nothing is left to be sent.
const SILENCE_BOUND: Duration = Duration::from_secs(45);

/// # Errors
/// When the server does not come up again.
pub async fn strike(
    world: &mut World,
    at: u64,
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<bool> {
    let at = at.max(world.sends().accepted() + 1);
    let before_the_answer = chance.up_to(1) == 0;
    let delay = Duration::from_millis(chance.up_to(AFTER_MILLIS_MAX));
    let power_cut = chance.up_to(POWER_CUT_ONE_IN - 1) == 0;
    let (told, mut killed) = oneshot::channel();
    let (pids, servers) = (world.pids.clone(), world.servers());
    let kill = move |sender: usize| {
        let victims: Vec<usize> =
            (0..servers).filter(|server| power_cut || *server == sender).collect();
        victims.iter().for_each(|server| pids.kill(*server));
        // Nobody listens any more when the run has ended.
        let _ = told.send(victims);
    };
    world.sends().trap(
        at,
        match before_the_answer {
            true => Box::new(kill),
            false => Box::new(move |sender| {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    kill(sender);
                });
            }),
        },
    );
    let victims = match tokio::time::timeout(SILENCE_BOUND, &mut killed).await {
        Ok(victims) => victims?,
        Err(_) if world.sends().disarm() => return Ok(false),
        Err(_) => killed.await?,
    };
    if power_cut && let Some(signer) = world.devnet.signer() {
        signer.kill().await?;
    }
    // A supervisor sees that they are gone.
    for server in victims {
        world.devnet.server(server).kill().await?;
    }
    tally.kills_amid_a_bump += usize::from(world.has_bump_in_flight().await?);
    let ended = Instant::now();
    world.revive().await?;
    // Only now: what the dead had sent before is still on its way to the pool, and is no progress.
    world.recoveries.begin(Kind::Kill, ended);
    Ok(true)
}
