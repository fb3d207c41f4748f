//! The rules that the tests play by.

use std::collections::BTreeMap;

use adit_core::*;

use super::world::{OFFER_MAX, btc, chain_name};

pub fn rules(lane: &LaneId) -> Rules {
    let chain = chain_name();
    let policy = Policy {
        minimum: Amount::new(5_460),
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows: Vec::new(),
        approve_above: None,
    };
    let asset = Asset { id: btc(), decimals: 8, form: AssetForm::Native { chain: chain.clone() } };
    Rules {
        revision: 1,
        assets: BTreeMap::from([(btc(), AssetRules { asset, policy, tiers: BTreeMap::new() })]),
        chains: BTreeMap::from([(chain.clone(), chain_rules(chain, lane))]),
        claims: None,
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 10,
    }
}

fn chain_rules(name: ChainName, lane: &LaneId) -> ChainRules {
    ChainRules {
        name,
        kind: ChainKind::Bitcoin,
        native: btc(),
        lane: lane.clone(),
        confirmations: 2,
        finality: Finality::Depth { blocks: 5 },
        trust: Trust::Quorum,
        slow_start: false,
        in_flight_max: 20,
        attempts_max: 10,
        bump_after: Span::from_seconds(1),
        rebroadcast_after: Span::from_seconds(1),
        offer_max: OFFER_MAX,
        fee_per_transaction_max: Amount::new(100_000),
        fee_share_max: None,
        patience: None,
        batching: Some(Batching { gather: Span::from_millis(300), payouts_max: 100 }),
        head_age_max: None,
        blocks_on_demand: false,
        precheck_tries_max: 3,
        consolidation: None,
        precheck_backoff: Span::from_millis(200),
    }
}
