//! The rules that decisions are made by, out of the configuration.

use std::collections::BTreeMap;

use adit_core::{ChainName, ChainRules, ClaimRules, Destination, LaneId, Rules};

use super::{Chain, Claims, Config};

impl Config {
    /// `wallets`: the one that pays on each chain. The revision is given by the store.
    pub fn rules(&self, wallets: &BTreeMap<ChainName, Destination>) -> Rules {
        let chains = self.chains.values().filter_map(|chain| {
            let lane =
                LaneId { chain: chain.name.clone(), wallet: wallets.get(&chain.name)?.clone() };
            Some((chain.name.clone(), chain_rules(chain, lane)))
        });
        Rules {
            revision: 0,
            assets: self.assets.clone(),
            chains: chains.collect(),
            claims: self.claims.as_ref().map(claim_rules),
            wallet_cooling: self.people.wallet_cooling,
            cancels_per_day_max: self.people.cancels_per_day_max,
        }
    }
}

fn chain_rules(chain: &Chain, lane: LaneId) -> ChainRules {
    ChainRules {
        name: chain.name.clone(),
        kind: chain.kind(),
        native: chain.native.clone(),
        lane,
        confirmations: chain.confirmations,
        finality: chain.finality,
        trust: chain.trust,
        in_flight_max: chain.in_flight_max,
        slow_start: chain.slow_start,
        attempts_max: chain.attempts_max,
        bump_after: chain.bump_after,
        rebroadcast_after: chain.rebroadcast_after,
        offer_max: chain.offer_max,
        fee_share_max: chain.fee_share_max,
        patience: chain.patience,
        batching: chain.batching,
        consolidation: chain.consolidation,
        fee_per_transaction_max: chain.fee_per_transaction_max,
        precheck_tries_max: chain.precheck_tries_max,
        head_age_max: chain.head_age_max,
        blocks_on_demand: chain.blocks_on_demand,
        precheck_backoff: chain.precheck_backoff,
    }
}

fn claim_rules(claims: &Claims) -> ClaimRules {
    ClaimRules {
        points: claims.points.clone(),
        book: claims.book.clone(),
        asset: claims.asset.clone(),
        rate: claims.rate,
        deadline_ahead_max: claims.deadline_ahead_max,
    }
}
