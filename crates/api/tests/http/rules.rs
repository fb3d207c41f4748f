//! The rules of the tests: those of the demo, and a coin that a person approves above 1.

use std::collections::BTreeMap;

use adit_core::*;
use adit_devnet::player::Wallet;

use crate::world::TOKEN;

fn whole(units: u128) -> Amount {
    Amount::new(units * 10u128.pow(18))
}

pub fn lane() -> LaneId {
    LaneId {
        chain: "devnet".parse().expect("a chain"),
        wallet: Wallet::named("hot").address.to_checksum(None).parse().expect("an address"),
    }
}

fn policy(minimum: Amount, windows: Vec<WindowLimit>, approve_above: Option<Amount>) -> Policy {
    Policy { minimum, maximum: None, fee: Fee::default(), cooldown: None, windows, approve_above }
}

pub fn rules() -> Rules {
    let asset = |name: &str, decimals, form, policy: Policy| {
        let id: AssetId = name.parse().expect("an asset");
        let tiers = BTreeMap::from([(
            "gold".parse().expect("a tier"),
            Policy { windows: Vec::new(), ..policy.clone() },
        )]);
        (id.clone(), AssetRules { asset: Asset { id, decimals, form }, policy, tiers })
    };
    let chain: ChainName = "devnet".parse().expect("a chain");
    let day = |max| vec![WindowLimit { window: Window::Rolling24h, max: whole(max) }];
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            asset("XP", 0, AssetForm::Points, policy(Amount::ZERO, Vec::new(), None)),
            asset(
                "DG",
                18,
                AssetForm::Token { chain: chain.clone(), contract: TOKEN.to_owned() },
                policy(whole(3_000), day(100_000), None),
            ),
            asset(
                "ETH",
                18,
                AssetForm::Native { chain: chain.clone() },
                policy(Amount::new(1), Vec::new(), Some(whole(1))),
            ),
        ]),
        chains: BTreeMap::from([(
            chain.clone(),
            ChainRules {
                name: chain,
                native: "ETH".parse().expect("an asset"),
                lane: lane(),
                confirmations: 2,
                finality: Finality::Tag,
                trust: Trust::Single,
                kind: adit_core::ChainKind::Evm,
                slow_start: false,
                in_flight_max: 16,
                attempts_max: 8,
                bump_after: Span::from_seconds(30),
                rebroadcast_after: Span::from_seconds(15),
                offer_max: 1_000_000_000_000,
                fee_share_max: None,
                patience: None,
                batching: None,
                fee_per_transaction_max: whole(1),
                head_age_max: None,
                blocks_on_demand: false,
                precheck_tries_max: 3,
                consolidation: None,
                precheck_backoff: Span::from_seconds(1),
            },
        )]),
        claims: Some(ClaimRules {
            points: "XP".parse().expect("an asset"),
            book: "xp".parse().expect("a book"),
            asset: "DG".parse().expect("an asset"),
            rate: Rate::ONE,
            deadline_ahead_max: Span::from_seconds(900),
        }),
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 3,
    }
}
