//! The report after a restore of database and journal together: what chains and pools show, the
//! sweep, and the withdrawals that wait.

use adit_api::units;
use adit_chain::Watch;
use adit_core::{
    AssetId, ChainKind, ChainRules, Finality, Lane, Rules, State, Status, Timestamp, Withdrawal,
};
use adit_engine::LIVE_LINEAGES_MAX;
use adit_store::{QueueFilter, Store, WithdrawalFilter};
use anyhow::Result;
use serde::Serialize;

use crate::chains::Chains;
use crate::config::Config;
use crate::wallets::Wallets;

/// Withdrawals that are looked at.
const WAITING_MAX: usize = 20_000;

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ahead {
    pub lanes: Vec<LaneAhead>,
    /// Pending, approved or merely reserved: they may have been paid or given back since.
    pub waiting: Vec<Waiting>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LaneAhead {
    pub lane: String,
    /// A sentence for each transaction that chain and pools show beyond the database. None if
    /// nobody could be asked; `unasked` has the reason.
    pub shown: Option<Vec<String>>,
    pub unasked: Option<String>,
    pub sweep: Sweep,
}

/// The most that a sweep does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// EVM: the first number, and the first one that is not used up. None on Bitcoin, and where the
    /// chain could not be asked.
    pub numbers: Option<(u64, u64)>,
    /// Base units of the chain's coin for each transaction; the signer never signs a dearer one.
    pub fee_cap: String,
    pub sentence: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    pub withdrawal_id: String,
    pub user_id: String,
    pub status: &'static str,
    pub asset: String,
    /// In whole units.
    pub amount: String,
    pub to_address: String,
}

/// # Errors
/// When the store cannot be read. A chain that cannot be asked is named in the answer.
pub async fn look(
    store: &dyn Store,
    config: &Config,
    wallets: &Wallets,
    rules: &Rules,
) -> Result<Ahead> {
    let chains = Chains::open(config, wallets)?.ports();
    let mut lanes = Vec::new();
    for (name, chain) in &rules.chains {
        let row = store.lane(&chain.lane).await?.unwrap_or_else(|| Lane::new(chain.lane.clone()));
        let (latest, shown, unasked) = match chains.get(name) {
            Some(port) => match shown(store, port.as_ref(), &row, chain).await {
                Ok((latest, shown)) => (Some(latest), Some(shown), None),
                Err(fault) => (None, None, Some(format!("{fault:#}"))),
            },
            None => (None, None, None),
        };
        lanes.push(LaneAhead {
            lane: row.id.to_string(),
            shown,
            unasked,
            sweep: sweep(rules, chain, &row, latest),
        });
    }
    Ok(Ahead { lanes, waiting: waiting(store, rules).await? })
}

/// Returns the chain's count, and in words what chain and pools show beyond the database.
async fn shown(
    store: &dyn Store,
    port: &dyn adit_chain::Chain,
    row: &Lane,
    chain: &ChainRules,
) -> Result<(u64, Vec<String>)> {
    let from = row.next_nonce.max(row.adopted_from);
    let latest = port.consumed(&row.id, from).await?;
    let mut told = Vec::new();
    match chain.kind {
        ChainKind::Evm => {
            if latest > from {
                told.push(format!(
                    "blocks hold {} transactions from nonce {from} on",
                    latest - from
                ));
            }
            let pool = port.pool(&row.id, from).await?;
            told.extend(
                pool.ahead
                    .iter()
                    .map(|ahead| format!("{} counts up to nonce {}", ahead.endpoint, ahead.next)),
            );
            told.extend(
                pool.shown.iter().map(|one| format!("{} ({})", one.signed.hash, one.decoded)),
            );
        }
        ChainKind::Bitcoin => {
            let look = Watch {
                lane: row.id.clone(),
                next_nonce: row.next_nonce,
                adopted_from: row.adopted_from,
                confirmations: 1,
                trail: row.trail.clone(),
                lineages: Vec::new(),
            };
            for one in port.outgoing(&look).await? {
                let known = match one.hash {
                    Some(hash) => store.lineage_with(hash).await?.is_some(),
                    None => false,
                };
                if !known {
                    let place = one.block.map_or_else(
                        || "in a pool".to_owned(),
                        |block| format!("in block {}", block.height),
                    );
                    told.push(format!(
                        "{} {place} ({})",
                        one.hash.map_or_else(String::new, |hash| hash.hex()),
                        one.decoded
                    ));
                }
            }
        }
    }
    Ok((latest, told))
}

fn sweep(rules: &Rules, chain: &ChainRules, row: &Lane, latest: Option<u64>) -> Sweep {
    let from = row.next_nonce.max(row.adopted_from);
    let raises = chain.attempts_max.saturating_sub(1);
    let wait = match chain.finality {
        Finality::Tag => "until the chain calls their blocks final".to_owned(),
        Finality::Depth { blocks } => format!("until {blocks} blocks stand on theirs"),
    };
    let fee_cap = chain.fee_per_transaction_max;
    let most = units(rules, &chain.native, fee_cap);
    let cap = format!(
        "at most {most} {} each, raised at most {raises} times, every {} s",
        chain.native,
        chain.bump_after.seconds()
    );
    let (numbers, sentence) = match (chain.kind, latest) {
        (ChainKind::Evm, Some(latest)) => {
            let below = from.max(latest + u64::from(chain.in_flight_max));
            let sentence = format!(
                "{} transactions to the wallet itself, at nonces {} to {}: {cap}; then the lane \
                 waits {wait}",
                below - from.min(below),
                from,
                below.saturating_sub(1)
            );
            (Some((from, below)), sentence)
        }
        (ChainKind::Evm, None) => (
            None,
            format!(
                "transactions to the wallet itself at the next {} nonces: {cap}; then the lane \
                 waits {wait}",
                chain.in_flight_max
            ),
        ),
        (ChainKind::Bitcoin, _) => (
            None,
            format!(
                "every coin of the wallet is spent to the wallet itself, 100 in one transaction: \
                 {cap}; the lane waits {wait}, and goes on until every coin is swept"
            ),
        ),
    };
    Sweep { numbers, fee_cap: fee_cap.to_string(), sentence }
}

async fn waiting(store: &dyn Store, rules: &Rules) -> Result<Vec<Waiting>> {
    let assets: Vec<AssetId> = rules
        .chains
        .keys()
        .flat_map(|name| rules.assets_on(name).map(|asset| asset.id.clone()))
        .collect();
    let mut found = store
        .queue(&QueueFilter::of(assets.clone()), Timestamp::from_micros(i64::MAX), WAITING_MAX)
        .await?;
    for asset in &assets {
        let pending = WithdrawalFilter {
            asset: Some(asset.clone()),
            status: Some(Status::Pending),
            ..WithdrawalFilter::default()
        };
        found.extend(store.withdrawals(&pending, None, WAITING_MAX).await?.items);
    }
    for chain in rules.chains.values() {
        let live = store.live_lineages(&chain.lane, LIVE_LINEAGES_MAX).await?;
        let unsigned = live
            .iter()
            .filter(|lineage| lineage.attempts.iter().all(|attempt| attempt.signed().is_none()));
        for leg in unsigned.flat_map(|lineage| &lineage.legs) {
            found.extend(store.withdrawal(leg.withdrawal).await?);
        }
    }
    found.sort_by_key(|row| (row.created_at, row.id));
    Ok(found.iter().map(|row| told(rules, row)).collect())
}

fn told(rules: &Rules, row: &Withdrawal) -> Waiting {
    let status = if matches!(row.state, State::Processing { .. }) {
        "reserved"
    } else {
        row.state.status().as_str()
    };
    Waiting {
        withdrawal_id: row.id.to_string(),
        user_id: row.user.to_string(),
        status,
        asset: row.asset.to_string(),
        amount: units(rules, &row.asset, row.amount),
        to_address: row.destination.to_string(),
    }
}
