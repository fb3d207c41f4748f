//! Rules for unit tests.

use std::collections::BTreeMap;

use adit_core::{Amount, Asset, AssetForm, AssetId, AssetRules, Fee, Policy, Rules, Span};

/// Returns rules that know one asset, of six decimals.
pub(crate) fn rules(id: &AssetId) -> Rules {
    let policy = Policy {
        minimum: Amount::ZERO,
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows: vec![],
        approve_above: None,
    };
    let asset = Asset { id: id.clone(), decimals: 6, form: AssetForm::Points };
    Rules {
        revision: 1,
        assets: BTreeMap::from([(
            id.clone(),
            AssetRules { asset, policy, tiers: BTreeMap::new() },
        )]),
        chains: BTreeMap::new(),
        claims: None,
        wallet_cooling: Span::from_hours(0),
        cancels_per_day_max: 1,
    }
}
