//! What blocks ask for per virtual byte: mostly little, sometimes so much that what waits has to be
//! outbid; and the sources' estimates, which follow with a delay.

use std::time::Duration;

use anyhow::Result;

use crate::bitcoin::Market;
use crate::chance::Chance;

const PAUSE_MILLIS_MIN: u64 = 1_000;
const PAUSE_MILLIS_MORE: u64 = 2_500;
/// Until the estimates know. What is planned meanwhile is too cheap.
const DELAY_MILLIS_MAX: u64 = 2_500;
/// Longer than an offer stands before it may be outbid.
const HALFWAY: Duration = Duration::from_secs(4);
const CHEAP_SAT_PER_VBYTE: u64 = 1;
const CHEAP_SAT_PER_VBYTE_MORE: u64 = 9;
/// One move in so many is a spike.
const SPIKE_ONE_IN: u64 = 2;
const SPIKE_SAT_PER_VBYTE: u64 = 20;
const SPIKE_SAT_PER_VBYTE_MORE: u64 = 60;

/// Moves both for ever.
pub async fn blow(market: Market, mut chance: Chance) -> Result<()> {
    loop {
        let spike = chance.up_to(SPIKE_ONE_IN - 1) == 0;
        let rate = match spike {
            true => SPIKE_SAT_PER_VBYTE + chance.up_to(SPIKE_SAT_PER_VBYTE_MORE),
            false => CHEAP_SAT_PER_VBYTE + chance.up_to(CHEAP_SAT_PER_VBYTE_MORE),
        };
        market.ask_for(rate);
        tokio::time::sleep(Duration::from_millis(chance.up_to(DELAY_MILLIS_MAX))).await;
        if spike {
            // At first they know half of it: who outbids himself by that goes on waiting.
            market.estimate(Some(rate / 2));
            tokio::time::sleep(HALFWAY).await;
        }
        market.estimate(Some(rate));
        tokio::time::sleep(Duration::from_millis(
            PAUSE_MILLIS_MIN + chance.up_to(PAUSE_MILLIS_MORE),
        ))
        .await;
    }
}

/// Whatever waits is mined.
pub fn calm(market: &Market) {
    market.ask_for(0);
    market.estimate(Some(CHEAP_SAT_PER_VBYTE));
}
