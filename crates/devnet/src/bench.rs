//! Measurements over the public interface: how fast claims are accepted, how soon they leave, how
//! fast they are mined.
//!
//! Nothing is taken from inside the server. Numbers depend on the machine, so its facts stand
//! beside them.

mod latency;
mod load;
mod machine;
mod payouts;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use adit_devnet::claim::base_units;
use adit_devnet::devnet::Devnet;
use adit_devnet::options::Options;
use adit_devnet::primitives::U256;
use anyhow::{Result, ensure};

use crate::attend::{self, Interrupt};

/// The demo's minimum: as many claims as possible fit below the daily limit.
const CLAIM_TOKENS: &str = "3000";
const CLAIM_XP: u64 = 3_000;
const DAILY_LIMIT_XP: u64 = 100_000;

/// Starts a devnet, measures, prints, and stops it.
///
/// # Errors
/// When the players cannot make so many claims, or the system fails under them.
pub async fn run(options: &Options, claims: usize) -> Result<ExitCode> {
    let mut interrupt = Interrupt::listen()?;
    let Some(mut devnet) = attend::start(options, &mut interrupt).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let result = tokio::select! {
        result = measure(&mut devnet, options, claims) => result.map(|()| ExitCode::SUCCESS),
        () = interrupt.came() => Ok(ExitCode::FAILURE),
    };
    devnet.stop().await?;
    result
}

async fn measure(devnet: &mut Devnet, options: &Options, claims: usize) -> Result<()> {
    let members: Vec<_> =
        devnet.players.iter().filter(|seeded| seeded.player.member).cloned().collect();
    let (probes, crowd) = members.split_at((members.len() / 4).min(latency::SAMPLES_MAX));
    let per_member = claims.div_ceil(crowd.len());
    let possible = usize::try_from(options.xp.min(DAILY_LIMIT_XP) / CLAIM_XP)?;
    ensure!(
        per_member <= possible,
        "CLAIMS={claims} needs {per_member} claims of each of {} members, who may make {possible}; \
         give more USERS or XP",
        crowd.len()
    );

    let leaving = latency::measure(devnet, probes).await?;
    let paid_before = latency::known_to_pool(devnet).await?;
    let load = load::prepare(devnet, crowd, per_member).await?;
    let accepted = load.run(devnet.address()).await?;
    let mining = payouts::drain(devnet, paid_before, accepted.claims).await?;

    println!("\n{}", machine::facts());
    println!(
        "store {:?}, {} server(s), {} s between blocks\n",
        options.store, options.replicas, options.block_time
    );
    println!(
        "request to broadcast, idle    p50 {}  p99 {}  ({} samples)",
        ms(leaving.p50),
        ms(leaving.p99),
        leaving.samples
    );
    println!(
        "claims accepted per second    {:.0}  ({} over {} connections)",
        accepted.per_second(),
        accepted.claims,
        accepted.connections
    );
    println!("answer to a claim, loaded     p50 {}  p99 {}", ms(accepted.p50), ms(accepted.p99));
    println!(
        "payouts mined per second      {:.0}  ({} from one key)",
        mining.per_second(),
        mining.payouts
    );
    if let Some(pid) = devnet.server(0).pid() {
        println!(
            "resident memory of the server {}",
            machine::resident(Path::new(&format!("/proc/{pid}/status")))
        );
    }
    Ok(())
}

/// What one claim moves.
fn claim_amount() -> U256 {
    base_units(CLAIM_TOKENS)
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}

/// The value that so many percent of the samples do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&samples, 50), Duration::from_millis(100));
        assert_eq!(percentile(&samples, 99), Duration::from_millis(198));
        assert_eq!(percentile(&samples[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
