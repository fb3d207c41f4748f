//! How fast accepted claims are mined, all from one key, judged by the chain alone.

use std::time::{Duration, Instant};

use adit_devnet::abi::Token;
use adit_devnet::devnet::Devnet;
use adit_devnet::{progress, wait};
use alloy::sol_types::SolEvent;
use anyhow::{Context, Result, bail, ensure};

/// Slower than this over the whole run, and the measurement ends in an error.
const PAYOUTS_PER_SECOND_MIN: u64 = 20;
const START_BOUND: Duration = Duration::from_secs(60);
const LOGS_BOUND: Duration = Duration::from_secs(10);
const POLL_PAUSE: Duration = Duration::from_millis(100);
const REPORT_EVERY: Duration = Duration::from_secs(5);

pub struct Mining {
    pub payouts: usize,
    pub elapsed: Duration,
}

impl Mining {
    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.payouts).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }
}

/// Waits until `expected` payouts are mined beyond the `before` transactions that the node knew
/// earlier, and proves that no more were made.
///
/// The rate counts from the moment this is asked: what was mined while claims were still coming in
/// shared the processor with them, and is left out.
///
/// # Errors
/// When it takes unreasonably long, or the chain shows another number of payments.
pub async fn drain(devnet: &Devnet, before: u64, expected: usize) -> Result<Mining> {
    let goal = before + u64::try_from(expected).context("a count")?;
    let (started, already) = (Instant::now(), mined(devnet).await?);
    let bound =
        START_BOUND + Duration::from_secs(goal.saturating_sub(already) / PAYOUTS_PER_SECOND_MIN);
    let mut next_report = Duration::ZERO;
    loop {
        let now = mined(devnet).await?;
        if now >= goal {
            break;
        }
        let waited = started.elapsed();
        if waited >= next_report {
            progress::step(format!("{} of {expected} payouts mined", now.saturating_sub(before)));
            next_report = waited + REPORT_EVERY;
        }
        if waited >= bound {
            bail!(
                "only {} of {expected} payouts were mined within {} s",
                now.saturating_sub(before),
                bound.as_secs()
            );
        }
        tokio::time::sleep(POLL_PAUSE).await;
    }
    let elapsed = started.elapsed();
    check_payments(devnet, goal).await?;
    Ok(Mining {
        payouts: usize::try_from(goal.saturating_sub(already)).context("a count")?,
        elapsed,
    })
}

/// Transactions of the hot wallet that are mined.
async fn mined(devnet: &Devnet) -> Result<u64> {
    devnet.rpc().nonce(devnet.stage.hot_wallet.address).await
}

/// Every transaction of the hot wallet is one payment, and there is none beside them. A busy anvil
/// counts a block's transactions before it shows their logs, so too few are looked at again for a
/// while; one too many never is.
async fn check_payments(devnet: &Devnet, transactions: u64) -> Result<()> {
    let topics =
        [Some(Token::Transfer::SIGNATURE_HASH), Some(devnet.stage.hot_wallet.address.into_word())];
    let looked = wait::until("the logs of every payment", LOGS_BOUND, POLL_PAUSE, async || {
        let paid = u64::try_from(devnet.rpc().logs(devnet.stage.token, &topics).await?.len())?;
        ensure!(paid <= transactions, "the chain shows {paid} payments, expected {transactions}");
        Ok((paid == transactions).then_some(()))
    });
    looked.await.with_context(|| {
        format!("the chain does not show the {transactions} payments that it counts")
    })
}
