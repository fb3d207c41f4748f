//! The rules of the world: a token and the coin that pays for its transactions, without limits.

use std::collections::BTreeMap;

use adit_core::*;
use adit_devnet::primitives::Address;
use adit_evm::canonical;

use super::{asset, chain_name, units};

pub(super) fn rules(lane: &LaneId, token: Address) -> Rules {
    let chain = chain_name();
    let policy = Policy {
        minimum: Amount::new(1),
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows: Vec::new(),
        approve_above: None,
    };
    let entry = |id: &str, form: AssetForm| {
        (
            asset(id),
            AssetRules {
                asset: Asset { id: asset(id), decimals: 18, form },
                policy: policy.clone(),
                tiers: BTreeMap::new(),
            },
        )
    };
    let contract = canonical(token).as_str().to_owned();
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            entry("DG", AssetForm::Token { chain: chain.clone(), contract }),
            entry("ETH", AssetForm::Native { chain: chain.clone() }),
        ]),
        chains: BTreeMap::from([(
            chain.clone(),
            ChainRules {
                name: chain,
                native: asset("ETH"),
                lane: lane.clone(),
                confirmations: 2,
                finality: Finality::Depth { blocks: 4 },
                trust: Trust::Single,
                kind: adit_core::ChainKind::Evm,
                slow_start: false,
                in_flight_max: 64,
                attempts_max: 8,
                bump_after: Span::from_seconds(2),
                rebroadcast_after: Span::from_seconds(1),
                offer_max: 1_000_000_000_000,
                fee_share_max: None,
                patience: None,
                batching: None,
                fee_per_transaction_max: units(1),
                head_age_max: None,
                blocks_on_demand: false,
                precheck_tries_max: 3,
                consolidation: None,
                precheck_backoff: Span::from_millis(200),
            },
        )]),
        claims: None,
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 10,
    }
}
