//! The rules that the tests play by: limits as in the demo.

use std::collections::BTreeMap;

use adit_core::*;

use super::{asset, book, dg, lane};

/// One chain; points, a token and the chain's own coin.
pub fn rules() -> Rules {
    let chain: ChainName = "devnet".parse().expect("a chain");
    let policy = |minimum: Amount, windows: Vec<WindowLimit>| Policy {
        minimum,
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows,
        approve_above: None,
    };
    let day = WindowLimit { window: Window::Rolling24h, max: dg(100_000) };
    let entry = |id: &str, decimals: u8, form: AssetForm, policy: Policy| {
        (
            asset(id),
            AssetRules {
                asset: Asset { id: asset(id), decimals, form },
                policy,
                tiers: BTreeMap::new(),
            },
        )
    };
    let token = AssetForm::Token {
        chain: chain.clone(),
        contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3".to_owned(),
    };
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            entry("XP", 0, AssetForm::Points, policy(Amount::ZERO, Vec::new())),
            entry("DG", 18, token, policy(dg(3_000), vec![day])),
            entry(
                "ETH",
                18,
                AssetForm::Native { chain: chain.clone() },
                policy(Amount::new(1), Vec::new()),
            ),
        ]),
        chains: BTreeMap::from([(chain.clone(), chain_rules(chain))]),
        claims: Some(ClaimRules {
            points: asset("XP"),
            book: book(),
            asset: asset("DG"),
            rate: Rate::ONE,
            deadline_ahead_max: Span::from_seconds(900),
        }),
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 3,
    }
}

fn chain_rules(name: ChainName) -> ChainRules {
    ChainRules {
        name,
        native: asset("ETH"),
        lane: lane(),
        confirmations: 2,
        finality: Finality::Tag,
        trust: Trust::Single,
        kind: adit_core::ChainKind::Evm,
        slow_start: false,
        in_flight_max: 4,
        attempts_max: 5,
        bump_after: Span::from_seconds(30),
        rebroadcast_after: Span::from_seconds(15),
        offer_max: 100_000_000_000,
        fee_share_max: None,
        patience: None,
        batching: None,
        fee_per_transaction_max: Amount::new(100_000_000_000 * 200_000),
        head_age_max: None,
        blocks_on_demand: false,
        precheck_tries_max: 3,
        consolidation: None,
        precheck_backoff: Span::from_seconds(5),
    }
}
