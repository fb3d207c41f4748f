//! The demo: seven claims of five players, one good and six refused, and what the chain and the API say afterwards.

mod cast;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use adit_devnet::api::{Answer, Api};
use adit_devnet::claim::{Claim, Domain, SignedClaim, base_units};
use adit_devnet::devnet::Devnet;
use adit_devnet::options::Options;
use adit_devnet::seed::SeededPlayer;
use adit_devnet::{progress, wait};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::attend::{self, Interrupt};
use cast::{ACTS, Act, Expected, Twist};
use verdict::Outcome;

/// Chen asks for more than the limit of a day, and must own it: his balance is looked at before his limit.
const XP_MIN: u64 = 100_001;
const CONFIRMED_WAIT_SECONDS: u32 = 25;
const FINAL_BOUND: Duration = Duration::from_secs(120);
const FINAL_PAUSE: Duration = Duration::from_millis(200);
const EXPIRED_SECONDS: u64 = 60;

/// Starts a devnet, plays every act, prints the table; then runs on, or exits when `once`.
///
/// # Errors
/// When the system does not start, cannot be reached, or does not stop. A row that is not as expected is no error: it
/// is shown, and the exit code says so.
pub async fn run(options: &Options, once: bool) -> Result<ExitCode> {
    ensure!(options.xp >= XP_MIN, "XP={} is too little for the demo; allowed: {XP_MIN} or more", options.xp);
    let mut interrupt = Interrupt::listen()?;
    let Some(devnet) = attend::start(options, &mut interrupt).await? else { return Ok(ExitCode::FAILURE) };
    let outcomes = tokio::select! {
        outcomes = play(&devnet) => outcomes?,
        () = interrupt.came() => return devnet.stop().await.map(|()| ExitCode::FAILURE),
    };
    let all_well = verdict::show(&devnet, &outcomes).await?;
    match once {
        true => devnet.stop().await?,
        false => attend::attend(devnet, &mut interrupt).await?,
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(devnet: &Devnet) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        let player = devnet.players.get(act.player).context("the cast is seeded")?;
        progress::step(format!("claim {} of {}: {}, {}", number + 1, ACTS.len(), player.player.id, act.title));
        let earlier = outcomes.iter().rev().find(|outcome| outcome.act.player == act.player);
        let outcome = perform(devnet, act, player, earlier.map(|outcome| &outcome.sent)).await?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn perform(devnet: &Devnet, act: &'static Act, player: &SeededPlayer, earlier: Option<&SignedClaim>) -> Result<Outcome> {
    let api = devnet.api()?.with_token(&player.token);
    let xp_before = api.points_available().await?;
    let sent = match act.twist {
        Twist::Replay => earlier.context("somebody who replays has claimed before")?.clone(),
        Twist::None | Twist::Expired | Twist::OtherChain => sign(devnet, act, player, &api).await?,
    };
    let asked = Instant::now();
    let answer = api.claim(&sent, CONFIRMED_WAIT_SECONDS).await?;
    let told_after = asked.elapsed();
    let settled = match act.expected {
        Expected::Completed => settle(&api, &answer).await?,
        Expected::Refused(_) => None,
    };
    let settled_after = asked.elapsed();
    let xp_after = api.points_available().await?;
    Ok(Outcome { act, sent, answer, told_after, settled, settled_after, xp_before, xp_after })
}

async fn sign(devnet: &Devnet, act: &Act, player: &SeededPlayer, api: &Api) -> Result<SignedClaim> {
    let next = api.next_nonce().await?;
    let deadline = match act.twist {
        Twist::Expired => now_seconds() - EXPIRED_SECONDS,
        Twist::None | Twist::OtherChain | Twist::Replay => next.deadline,
    };
    let domain = match act.twist {
        Twist::OtherChain => Domain { chain_id: cast::BASE_CHAIN_ID, ..devnet.domain() },
        Twist::None | Twist::Expired | Twist::Replay => devnet.domain(),
    };
    let wallet = &player.player.wallet;
    let claim = Claim { wallet: wallet.address, amount: base_units(act.amount), nonce: next.nonce, deadline };
    Ok(claim.sign(&domain, wallet))
}

/// Follows an accepted claim until its record says that it is over; `None` when it was not accepted.
async fn settle(api: &Api, answer: &Answer) -> Result<Option<Value>> {
    let Some(id) = answer.body["withdrawalId"].as_str() else { return Ok(None) };
    progress::step(format!("accepted as {id}; {}", told(answer)));
    let what = format!("claim {id} to be final");
    let record = wait::until(&what, FINAL_BOUND, FINAL_PAUSE, async || {
        let record = api.claim_record(id).await?;
        Ok((record["status"] != "pending").then_some(record))
    });
    record.await.map(Some)
}

fn told(answer: &Answer) -> String {
    match answer.body["blockNumber"].as_u64() {
        Some(block) => format!("confirmed, in block {block}; waiting for finality"),
        None => "not confirmed yet".to_owned(),
    }
}

fn now_seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("the clock stands after 1970")
}
