//! The payouts of the demo in bitcoin: alone, in a batch, through a fee spike, signed by others as
//! well, and two that are refused.

mod cast;
mod cosign;
mod spike;
mod verdict;

use std::time::{Duration, Instant};

use adit_devnet::api::{Answer, Api, Credit, Order};
use adit_devnet::bitcoin::stage::BitcoinStage;
use adit_devnet::config::{BTC, BTC_MULTISIG, MAIN};
use adit_devnet::devnet::Devnet;
use adit_devnet::seed::SeededPlayer;
use adit_devnet::{progress, wait};
use anyhow::{Context, Result};
use bitcoin::{Amount, Denomination};
use futures::future::try_join_all;
use serde_json::Value;

use super::row::Row;
use cast::{ACTS, Act, CREDIT, Destination, MAINNET_ADDRESS, Scene};
use verdict::{Asked, Outcome};

pub const COUNT: usize = ACTS.len();
/// A spike needs the estimates to be asked for again, and six confirmations.
const FINAL_BOUND: Duration = Duration::from_secs(120);
const FINAL_PAUSE: Duration = Duration::from_millis(200);

/// Plays each, and says what came of it.
///
/// # Errors
/// When the server or the chain cannot be asked.
pub async fn play(devnet: &Devnet, bitcoin: &BitcoinStage) -> Result<Vec<Row>> {
    let credits =
        devnet.players.iter().take(ACTS.iter().map(|act| act.players.end).max().unwrap_or(0));
    let both = |player: &str| {
        [BTC, BTC_MULTISIG]
            .map(|asset| Credit::main(asset, format!("demo-{asset}-{player}"), player, CREDIT))
    };
    let credits: Vec<Credit> = credits.flat_map(|seeded| both(&seeded.player.id)).collect();
    devnet.admin()?.credit(&credits).await?;
    let mut outcomes = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        progress::step(format!("payout {} of {COUNT} in bitcoin: {}", number + 1, act.title));
        outcomes.push(perform(devnet, bitcoin, act).await?);
    }
    verdict::judge(bitcoin, &outcomes).await
}

async fn perform(devnet: &Devnet, bitcoin: &BitcoinStage, act: &'static Act) -> Result<Outcome> {
    let players =
        devnet.players.get(act.players.clone()).context("so many players are not seeded")?;
    let api = devnet.api()?;
    let apis: Vec<Api> = players.iter().map(|player| api.with_token(&player.token)).collect();
    let before = available(&apis, act.asset()).await?;
    let began = Instant::now();
    if act.scene == Scene::Outbid {
        spike::begin(bitcoin);
    }
    let asked =
        try_join_all(apis.iter().zip(players).map(|(api, player)| ask(api, player, act))).await?;
    let outbid = match act.scene {
        Scene::Outbid => Some(spike::outbid(bitcoin, &asked[0].address).await?),
        Scene::Paid | Scene::Cosigned | Scene::Refused { .. } => None,
    };
    let cosigned = match act.scene {
        Scene::Cosigned => Some(cosign::sign(devnet, bitcoin).await?),
        Scene::Paid | Scene::Outbid | Scene::Refused { .. } => None,
    };
    let records = over(&apis, &asked).await?;
    if act.scene == Scene::Outbid {
        spike::end(bitcoin);
    }
    let after = available(&apis, act.asset()).await?;
    Ok(Outcome { act, asked, records, outbid, cosigned, took: began.elapsed(), before, after })
}

async fn ask(api: &Api, seeded: &SeededPlayer, act: &Act) -> Result<Asked> {
    let address = seeded.player.wallet.bitcoin_address();
    let destination = match act.scene {
        Scene::Refused { destination: Destination::Elsewhere, .. } => MAINNET_ADDRESS.to_owned(),
        Scene::Paid
        | Scene::Outbid
        | Scene::Cosigned
        | Scene::Refused { destination: Destination::Own, .. } => address.to_string(),
    };
    let answer = api
        .withdraw(&Order {
            asset: act.asset(),
            book: MAIN,
            amount: act.amount.to_owned(),
            destination,
        })
        .await?;
    Ok(Asked { player: seeded.player.id.clone(), address, answer })
}

/// Follows those that were accepted until their records say that they are over; `None` for one that
/// was not.
async fn over(apis: &[Api], asked: &[Asked]) -> Result<Vec<Option<Value>>> {
    wait::until("the payouts to be final", FINAL_BOUND, FINAL_PAUSE, async || {
        let records = try_join_all(
            apis.iter().zip(asked).map(async |(api, asked)| record(api, &asked.answer).await),
        )
        .await?;
        let goes_on = |record: &Value| {
            ["pending", "approved", "processing"].iter().any(|status| record["status"] == *status)
        };
        Ok((!records.iter().flatten().any(goes_on)).then_some(records))
    })
    .await
}

async fn record(api: &Api, answer: &Answer) -> Result<Option<Value>> {
    match answer.body["id"].as_str() {
        Some(id) => api.withdrawal(id).await.map(Some),
        None => Ok(None),
    }
}

/// What each of them may withdraw.
async fn available(apis: &[Api], asset: &str) -> Result<Vec<Amount>> {
    try_join_all(apis.iter().map(async |api| {
        let text = api.available(MAIN, asset).await?;
        Amount::from_str_in(&text, Denomination::Bitcoin)
            .with_context(|| format!("{text} is no amount of {asset}"))
    }))
    .await
}
