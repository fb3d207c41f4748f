//! The demo: claims of points as tokens, and payouts in bitcoin where there is a bitcoind; then
//! what the chains and the API say of each.

mod claims;
mod payouts;
mod row;

use std::process::ExitCode;

use adit_devnet::devnet::Devnet;
use adit_devnet::options::Options;
use anyhow::{Result, ensure};

use crate::attend::{self, Interrupt};
use row::Row;

/// Chen asks for more than the limit of a day, and must own it: his balance is looked at before his
/// limit.
const XP_MIN: u64 = 100_001;

/// Starts a devnet, plays every act, prints the table; then runs on, or exits when `once`.
///
/// # Errors
/// When the system does not start, cannot be reached, or does not stop. A row that is not as
/// expected is no error: it is shown, and the exit code says so.
pub async fn run(options: &Options, once: bool) -> Result<ExitCode> {
    ensure!(
        options.xp >= XP_MIN,
        "XP={} is too little for the demo; allowed: {XP_MIN} or more",
        options.xp
    );
    let mut interrupt = Interrupt::listen()?;
    let Some(devnet) = attend::start(options, &mut interrupt).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let rows = tokio::select! {
        rows = play(&devnet) => rows?,
        () = interrupt.came() => return devnet.stop().await.map(|()| ExitCode::FAILURE),
    };
    let all_well = row::show(&rows, acts(&devnet));
    match once {
        true => devnet.stop().await?,
        false => attend::attend(devnet, &mut interrupt).await?,
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(devnet: &Devnet) -> Result<Vec<Row>> {
    let mut rows = claims::play(devnet).await?;
    if let Some(bitcoin) = devnet.bitcoin() {
        rows.extend(payouts::play(devnet, bitcoin).await?);
    }
    Ok(rows)
}

fn acts(devnet: &Devnet) -> usize {
    claims::COUNT + devnet.bitcoin().map_or(0, |_| payouts::COUNT)
}
