//! `adit keys adopt`: from which number on a key is Adit's alone.

use std::collections::BTreeSet;
use std::ops::Range;

use adit_chain::{Chain, Foreign, Watch};
use adit_core::{ChainKind, ChainName, Command as Order, Lane, LaneId};
use adit_store::Store;
use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::chains::Chains;
use crate::config::Config;
use crate::database::Database;
use crate::direct;
use crate::output::Output;
use crate::wallets::Wallets;

const UNREAD: &str =
    "the wallet's past cannot be read, so nothing was changed; mend the endpoints first";

/// Looks at the wallet's past; each explains several numbers, or reads further back for one.
const LOOKS_MAX: usize = 1_000;

/// Works on the store itself: a halted lane is nobody's, and whoever says this has stopped
/// everything else that has the key.
///
/// # Errors
/// When it is not the one right number, or something of the wallet waits or is not final yet: what
/// becomes of that is not decided.
pub async fn adopt(config: &Config, chain: &str, nonce: u64, output: Output) -> Result<()> {
    let wallets = Wallets::of(config)?;
    let known: Vec<&str> = wallets.addresses.keys().map(ChainName::as_str).collect();
    let lane = chain.parse().ok().and_then(|name| wallets.lane(&name));
    let Some(lane) = lane else { bail!("--chain is {chain:?}; allowed are {}", known.join(", ")) };
    let database = Database::open(&config.store).await?;
    let row = database.store.lane(&lane).await?;
    let chains = Chains::open(config, &wallets)?.ports();
    let Some(chain) = chains.get(&lane.chain) else {
        bail!("chain {} is not configured", lane.chain)
    };
    let given_out = row.as_ref().map_or(0, |known| known.next_nonce);
    let mined = chain.consumed(&lane, 0).await;
    let mined = mined.context(
        "the nonce cannot be compared with the chain, so nothing was changed; mend the endpoints \
         first",
    )?;
    compare(&lane, nonce, given_out, mined)?;
    let rules = config.rules(&wallets.addresses);
    let kind = rules.chains.get(&lane.chain).context("a configured chain has rules")?.kind;
    decided(chain.as_ref(), database.store.as_ref(), &lane, row.as_ref(), nonce, kind).await?;
    direct::submit(
        database.store.as_ref(),
        &rules,
        Order::AdoptKey { lane: lane.clone(), from_nonce: nonce },
    )
    .await?;
    let text = format!(
        "{lane}: from nonce {nonce} on the key is Adit's alone; the lane reconciles when the \
         server runs"
    );
    output.result(&json!({ "lane": lane.to_string(), "adoptedFrom": nonce }), &text)
}

/// There is one right nonce: the first that neither the chain has seen nor we have given out. Below
/// it the lane would halt again at once; above it nothing would ever be mined, and there is no way
/// back.
fn compare(lane: &LaneId, nonce: u64, given_out: u64, mined: u64) -> Result<()> {
    let right = given_out.max(mined);
    if nonce != right {
        bail!(
            "--nonce is {nonce}, and allowed is {right}: the chain has mined {mined} transactions of {}, and {given_out} nonces were given out \
             here. If others of the wallet still wait in the pool, wait until they are mined",
            lane.wallet
        );
    }
    Ok(())
}

/// Nothing of the wallet beyond the book waits in a pool, and what blocks hold of it can no longer
/// change (case F91).
async fn decided(
    chain: &dyn Chain,
    store: &dyn Store,
    lane: &LaneId,
    row: Option<&Lane>,
    nonce: u64,
    kind: ChainKind,
) -> Result<()> {
    let given_out = row.map_or(0, |known| known.next_nonce);
    let pool = chain
        .pool(lane, nonce)
        .await
        .context("the pools cannot be asked, so nothing was changed; mend the endpoints first")?;
    if let Some(ahead) = pool.ahead.first() {
        bail!(
            "{} counts {} transactions of {}, and allowed is none above {nonce}: what waits in a \
             pool may still be mined at a nonce that would be Adit's. Wait until it is mined and \
             final, and give the nonce above it",
            ahead.endpoint,
            ahead.next,
            lane.wallet
        );
    }
    let look = Watch {
        lane: lane.clone(),
        next_nonce: given_out,
        adopted_from: given_out,
        confirmations: 1,
        trail: row.map(|known| known.trail.clone()).unwrap_or_default(),
        lineages: Vec::new(),
    };
    let outgoing = unknown(store, chain.outgoing(&look).await.context(UNREAD)?).await?;
    let waiting = outgoing.iter().find(|found| found.block.is_none());
    if let Some(found) = waiting {
        bail!(
            "{} waits in a pool: {}. Wait until it is mined and final",
            name(found),
            found.decoded
        );
    }
    // A lane without a row starts for the first time, and takes over its whole past.
    if row.is_none() {
        return Ok(());
    }
    let final_height = chain.tip().await.context(UNREAD)?.final_height;
    let mut seen = outgoing;
    seen.extend(match kind {
        ChainKind::Evm => explained(chain, &look, given_out..nonce).await?,
        // Numbers are addresses of change there: not each of them is used by somebody.
        ChainKind::Bitcoin => chain.watch(&look).await.context(UNREAD)?.foreign,
    });
    let young = |found: &&Foreign| found.block.is_some_and(|block| block.height > final_height);
    match seen.iter().find(young) {
        None => Ok(()),
        Some(found) => bail!(
            "{} ({}) is not final yet: it is in block {}, and final is {}. What a block holds may \
             still be another transaction tomorrow: wait, then say it again",
            name(found),
            found.decoded,
            found.block.map_or(0, |block| block.height),
            final_height
        ),
    }
}

/// Returns what used each of these numbers.
///
/// # Errors
/// When that is not known of one of them: equal withdrawals could not be held against it (case
/// F91).
async fn explained(chain: &dyn Chain, look: &Watch, numbers: Range<u64>) -> Result<Vec<Foreign>> {
    let (mut seen, mut from, mut trail) = (Vec::new(), numbers.start, look.trail.clone());
    for _ in 0..LOOKS_MAX {
        if from >= numbers.end {
            return Ok(seen);
        }
        let one =
            Watch { next_nonce: from, adopted_from: from, trail: trail.clone(), ..look.clone() };
        let mut looked = chain.watch(&one).await.context(UNREAD)?;
        let (placed, others): (Vec<Foreign>, Vec<Foreign>) =
            looked.foreign.drain(..).partition(Foreign::is_placed);
        let known: BTreeSet<u64> = placed.iter().map(|found| found.nonce).collect();
        let more = (from..numbers.end).take_while(|number| known.contains(number)).count() as u64;
        seen.extend(placed.into_iter().filter(|found| found.nonce >= from));
        from += more;
        let reached = looked.trail.last() == Some(&looked.tip.head);
        if more == 0 && reached && !looked.searching {
            let words =
                others.into_iter().find(|found| found.nonce == from).map(|found| found.decoded);
            bail!(
                "{}; nothing was changed",
                words.unwrap_or_else(|| format!("nobody shows what used nonce {from}"))
            );
        }
        trail = looked.trail;
    }
    bail!(
        "nobody shows what used nonce {from} after {LOOKS_MAX} looks at the wallet's past; nothing \
         was changed"
    )
}

/// Those that are none of our payments.
async fn unknown(store: &dyn Store, outgoing: Vec<Foreign>) -> Result<Vec<Foreign>> {
    let mut unknown = Vec::new();
    for found in outgoing {
        let known = match found.hash {
            Some(hash) => store.lineage_with(hash).await?.is_some(),
            None => false,
        };
        if !known {
            unknown.push(found);
        }
    }
    Ok(unknown)
}

fn name(found: &Foreign) -> String {
    found.hash.map_or_else(|| format!("what used nonce {}", found.nonce), |hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our own payments may still wait in the pool when somebody else uses the key.
    #[test]
    fn the_right_nonce_is_above_what_is_mined_and_what_is_ours() {
        let lane: LaneId =
            "base:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("a lane");
        for (given_out, mined, right) in [(0, 10, 10), (20, 16, 20), (5, 5, 5)] {
            assert!(compare(&lane, right, given_out, mined).is_ok());
            for wrong in [right - 1, right + 1] {
                let said =
                    compare(&lane, wrong, given_out, mined).expect_err("refused").to_string();
                assert!(
                    said.contains(&format!("--nonce is {wrong}, and allowed is {right}")),
                    "{said}"
                );
            }
        }
    }
}
