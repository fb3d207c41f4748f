//! The claims of the demo: seven of five players, one good and six refused.

mod cast;
mod verdict;

use std::time::{Duration, Instant};

use adit_devnet::api::{Answer, Api};
use adit_devnet::claim::{Claim, Domain, SignedClaim, base_units};
use adit_devnet::devnet::Devnet;
use adit_devnet::seed::SeededPlayer;
use adit_devnet::{progress, wait};
use anyhow::{Context, Result};
use serde_json::Value;

use super::row::Row;
use cast::{ACTS, Act, Expected, Twist};
use verdict::Outcome;

pub const COUNT: usize = ACTS.len();
const CONFIRMED_WAIT_SECONDS: u32 = 25;
const FINAL_BOUND: Duration = Duration::from_secs(120);
const FINAL_PAUSE: Duration = Duration::from_millis(200);
const EXPIRED_SECONDS: u64 = 60;

/// Plays each, and says what came of it.
///
/// # Errors
/// When the server or the chain cannot be asked.
pub async fn play(devnet: &Devnet) -> Result<Vec<Row>> {
    verdict::judge(devnet, &perform_all(devnet).await?).await
}

async fn perform_all(devnet: &Devnet) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        let player = devnet.players.get(act.player).context("the cast is seeded")?;
        progress::step(format!(
            "claim {} of {}: {}, {}",
            number + 1,
            ACTS.len(),
            player.player.id,
            act.title
        ));
        let earlier = outcomes.iter().rev().find(|outcome| outcome.act.player == act.player);
        let outcome = perform(devnet, act, player, earlier.map(|outcome| &outcome.sent)).await?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn perform(
    devnet: &Devnet,
    act: &'static Act,
    player: &SeededPlayer,
    earlier: Option<&SignedClaim>,
) -> Result<Outcome> {
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
    let claim = Claim {
        wallet: wallet.address,
        amount: base_units(act.amount),
        nonce: next.nonce,
        deadline,
    };
    Ok(claim.sign(&domain, wallet))
}

/// Follows an accepted claim until its record says that it is over; `None` when it was not
/// accepted.
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
