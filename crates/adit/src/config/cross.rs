//! What one table means for another.

use std::collections::BTreeMap;

use adit_core::{AssetForm, AssetId, AssetRules, ChainName, Policy};

use super::chain::WITHDRAWAL_MIN;
use super::problem::Notes;
use super::{Chain, Claims, Config, Membership, Of, asset};

/// Adds the assets that follow from other tables: the coins that fees are paid in, and the points.
pub fn complete(
    assets: &mut BTreeMap<AssetId, AssetRules>,
    chains: &BTreeMap<ChainName, Chain>,
    claims: Option<&Claims>,
    notes: &Notes,
) {
    for chain in chains.values() {
        let native = assets.entry(chain.native.clone()).or_insert_with(|| asset::native(chain));
        if native.asset.form != (AssetForm::Native { chain: chain.name.clone() }) {
            let wrong = format!(
                "is \"{}\", and assets.{} is not the coin of this chain",
                chain.native, chain.native
            );
            notes.problem(
                format!("chains.{}.native", chain.name),
                wrong,
                "name an asset with this chain and without a token; two chains have two",
            );
        }
    }
    let Some(claims) = claims else { return };
    if assets.contains_key(&claims.points) {
        let wrong = format!("is \"{}\", which is also under [assets]", claims.points);
        notes.problem(
            "claims.points",
            wrong,
            "points live in the ledger only: choose another name, or remove that asset",
        );
        return;
    }
    assets.insert(
        claims.points.clone(),
        asset::points(claims.points.clone(), claims.points_decimals),
    );
}

/// Judges the whole.
pub fn check(config: &Config, notes: &Notes) {
    if config.chains.is_empty() {
        notes.problem(
            "chains",
            "is missing",
            "set network = \"base\" or \"base-sepolia\" (or ADIT_NETWORK), or write [chains.NAME]",
        );
    }
    config.assets.values().for_each(|rules| check_asset(rules, &config.chains, notes));
    match &config.claims {
        Some(claims) => check_claims(config, claims, notes),
        None if config.membership != Membership::Open => {
            notes.problem(
                "membership.mode",
                "needs [claims]",
                "write [claims] with the asset that members claim, or say mode = \"open\"",
            );
        }
        None => {}
    }
}

fn check_asset(rules: &AssetRules, chains: &BTreeMap<ChainName, Chain>, notes: &Notes) {
    let id = &rules.asset.id;
    let Some(name) = rules.asset.chain() else { return };
    let Some(chain) = chains.get(name) else {
        let known: Vec<&str> = chains.keys().map(ChainName::as_str).collect();
        return notes.problem(
            format!("assets.{id}.chain"),
            format!("is \"{name}\""),
            format!("allowed are the chains configured: {}", known.join(", ")),
        );
    };
    if let Of::Bitcoin(_) = &chain.of {
        return check_bitcoin(rules, chain, notes);
    }
    let is_native = matches!(rules.asset.form, AssetForm::Native { .. });
    if is_native && chain.native != *id {
        let variable = match chain.chain_id() {
            Some(8_453) => " (or NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET)",
            Some(84_532) => " (or NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_SEPOLIA)",
            Some(_) | None => "",
        };
        let give = format!(
            "give the address of its contract{variable}; the coin of {name} itself is {}",
            chain.native
        );
        notes.problem(format!("assets.{id}.token"), "is missing", give);
    }
}

/// Bitcoin has one asset, of eight digits; and what is withdrawn must be worth spending.
fn check_bitcoin(rules: &AssetRules, chain: &Chain, notes: &Notes) {
    let (id, decimals) = (&rules.asset.id, chain.native_decimals());
    if let AssetForm::Token { .. } = rules.asset.form {
        return notes.problem(
            format!("assets.{id}.token"),
            "is given",
            format!("{} has no tokens; its coin is {}", chain.name, chain.native),
        );
    }
    if chain.native != *id {
        let allowed = format!(
            "the coin of {} is {}; say so in chains.{}.native, or name this asset so",
            chain.name, chain.native, chain.name
        );
        notes.problem(format!("assets.{id}.chain"), format!("is \"{}\"", chain.name), allowed);
    }
    if rules.asset.decimals != decimals {
        let wrong = format!("is {}", rules.asset.decimals);
        notes.problem(
            format!("assets.{id}.decimals"),
            wrong,
            format!("allowed is {decimals}: a satoshi is the smallest unit"),
        );
    }
    let least = WITHDRAWAL_MIN;
    for (key, policy) in policies(rules).filter(|(_, policy)| policy.minimum < least) {
        let (wrong, least) =
            (format!("is {:?}", policy.minimum.to_units(decimals)), least.to_units(decimals));
        notes.problem(
            format!("assets.{id}.{key}.minimum"),
            wrong,
            format!("allowed is \"{least}\" or more: ten times what nodes call dust"),
        );
    }
}

fn policies(rules: &AssetRules) -> impl Iterator<Item = (String, &Policy)> {
    let tiers = rules.tiers.iter().map(|(tier, policy)| (format!("tiers.{tier}"), policy));
    [("policy".to_owned(), &rules.policy)].into_iter().chain(tiers)
}

fn check_claims(config: &Config, claims: &Claims, notes: &Notes) {
    let Some(claimed) = config.assets.get(&claims.asset) else {
        let known: Vec<&str> =
            config.assets.keys().filter(|id| **id != claims.points).map(AssetId::as_str).collect();
        return notes.problem(
            "claims.asset",
            format!("is \"{}\"", claims.asset),
            format!("allowed are the assets configured: {}", known.join(", ")),
        );
    };
    let native_by_choice = matches!(&claimed.asset.form, AssetForm::Native { chain } if config.chains.get(chain).is_some_and(|chain| chain.native == claims.asset));
    if native_by_choice || claimed.asset.form == AssetForm::Points {
        notes.problem(
            "claims.asset",
            format!("is \"{}\"", claims.asset),
            "allowed is a token: its contract is what a claim is signed for",
        );
    }
    for (key, _) in policies(claimed).filter(|(_, policy)| policy.fee.from_amount) {
        let key = format!("assets.{}.{key}.fee_from_amount", claims.asset);
        notes.problem(
            key,
            "is true",
            "claims sign what is paid: allowed is false, the fee is taken in points on top",
        );
    }
    if let Membership::Tiered { tier, .. } = &config.membership
        && !claimed.tiers.contains_key(tier)
    {
        let key = format!("assets.{}.tiers.{tier}", claims.asset);
        notes.problem(
            key,
            "is missing",
            "write the limits that members have, or say membership.mode = \"open\"",
        );
    }
}
