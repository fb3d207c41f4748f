//! `[assets.NAME]` with `.policy` and `.tiers.NAME`: what can be owed and paid, and how much of it.

use std::collections::BTreeMap;

use adit_core::{
    Amount, Asset, AssetForm, AssetId, AssetRules, ChainName, DECIMALS_MAX, Fee, Policy, Span,
    Tier, Window, WindowLimit,
};

use super::Chain;
use super::address::{ADDRESS_FORM, address};
use super::section::Section;

/// A year.
const SECONDS_MAX: u64 = 31_536_000;
/// The zones of the world: UTC-12 to UTC+14.
const OFFSET_MINUTES: std::ops::RangeInclusive<i64> = -720..=840;
/// 100 %.
const BASIS_POINTS_MAX: u64 = 10_000;

/// None where something was noted that leaves nothing to go on with.
pub fn read(name: &str, section: Section<'_>) -> Option<AssetRules> {
    let id = AssetId::new(name)
        .map_err(|error| section.wrong("", format_args!("is named {name:?}"), error))
        .ok();
    section.require("chain", "the name of the chain that pays it");
    let chain: Option<ChainName> = section.typed("chain", "a chain's name");
    let token = section.read("token", ADDRESS_FORM, |value| address(value.as_str()?));
    section.require(
        "decimals",
        "the number of digits after the point, like 18; for a token its contract says it",
    );
    let decimals: u8 = section.number("decimals", 0..=u64::from(DECIMALS_MAX)).unwrap_or(18);
    let policy = section
        .section("policy")
        .map_or_else(unlimited, |inner| read_policy(inner, decimals, unlimited()));
    let tiers = read_tiers(&section, decimals, &policy);
    section.finish();
    let chain = chain?;
    let form = match token {
        Some(contract) => AssetForm::Token { chain, contract: contract.to_string() },
        None => AssetForm::Native { chain },
    };
    Some(AssetRules { asset: Asset { id: id?, decimals, form }, policy, tiers })
}

/// The asset that is kept in the ledger only.
pub fn points(id: AssetId, decimals: u8) -> AssetRules {
    AssetRules {
        asset: Asset { id, decimals, form: AssetForm::Points },
        policy: unlimited(),
        tiers: BTreeMap::new(),
    }
}

/// The coin that fees are paid in, where the file does not say more about it.
pub fn native(chain: &Chain) -> AssetRules {
    let (id, decimals, form) = (
        chain.native.clone(),
        chain.native_decimals(),
        AssetForm::Native { chain: chain.name.clone() },
    );
    let policy = Policy { minimum: chain.withdrawal_min(), ..unlimited() };
    AssetRules { asset: Asset { id, decimals, form }, policy, tiers: BTreeMap::new() }
}

fn unlimited() -> Policy {
    let fee = Fee { flat: Amount::ZERO, basis_points: 0, from_amount: false };
    Policy {
        minimum: Amount::ZERO,
        maximum: None,
        fee,
        cooldown: None,
        windows: Vec::new(),
        approve_above: None,
    }
}

/// What a tier does not say, it has from the asset's own policy.
fn read_tiers(section: &Section<'_>, decimals: u8, policy: &Policy) -> BTreeMap<Tier, Policy> {
    let named = section.sections("tiers").into_iter().filter_map(|(name, inner)| {
        let tier = Tier::new(name)
            .map_err(|error| inner.wrong("", format_args!("is named {name:?}"), error))
            .ok();
        let limits = read_policy(inner, decimals, policy.clone());
        Some((tier?, limits))
    });
    named.collect()
}

fn read_policy(section: Section<'_>, decimals: u8, default: Policy) -> Policy {
    let fee = Fee {
        flat: section.amount("fee_flat", decimals).unwrap_or(default.fee.flat),
        basis_points: section
            .number("fee_basis_points", 0..=BASIS_POINTS_MAX)
            .unwrap_or(default.fee.basis_points),
        from_amount: section.flag("fee_from_amount").unwrap_or(default.fee.from_amount),
    };
    let policy = Policy {
        minimum: section.amount("minimum", decimals).unwrap_or(default.minimum),
        maximum: limit(&section, "maximum", decimals, default.maximum),
        fee,
        cooldown: section
            .seconds("cooldown_seconds", 0..=SECONDS_MAX)
            .or(default.cooldown)
            .filter(|span| *span > Span::default()),
        windows: read_windows(&section, decimals, &default.windows),
        approve_above: limit(&section, "approve_above", decimals, default.approve_above),
    };
    contradictions(&section, &policy, decimals);
    section.finish();
    policy
}

fn read_windows(section: &Section<'_>, decimals: u8, default: &[WindowLimit]) -> Vec<WindowLimit> {
    let of =
        |wanted: Window| default.iter().find(|limit| limit.window == wanted).map(|limit| limit.max);
    let calendar = default.iter().find_map(|limit| match limit.window {
        Window::CalendarDay { offset_minutes } => Some((offset_minutes, limit.max)),
        Window::Rolling24h | Window::Rolling7d | Window::Rolling30d => None,
    });
    let allowed = format!(
        "whole minutes east of UTC, from {} to {}",
        OFFSET_MINUTES.start(),
        OFFSET_MINUTES.end()
    );
    let offset = section.read("calendar_offset_minutes", allowed, |value| {
        value
            .as_integer()
            .filter(|minutes| OFFSET_MINUTES.contains(minutes))
            .and_then(|minutes| i32::try_from(minutes).ok())
    });
    let offset_minutes = offset.or(calendar.map(|(minutes, _)| minutes)).unwrap_or(0);
    let maxima = [
        (Window::Rolling24h, limit(section, "rolling_24h_max", decimals, of(Window::Rolling24h))),
        (Window::Rolling7d, limit(section, "rolling_7d_max", decimals, of(Window::Rolling7d))),
        (Window::Rolling30d, limit(section, "rolling_30d_max", decimals, of(Window::Rolling30d))),
        (
            Window::CalendarDay { offset_minutes },
            limit(section, "calendar_day_max", decimals, calendar.map(|(_, max)| max)),
        ),
    ];
    maxima.into_iter().filter_map(|(window, max)| Some(WindowLimit { window, max: max? })).collect()
}

/// What is written, `"none"` included, before what would hold without it.
fn limit(
    section: &Section<'_>,
    key: &'static str,
    decimals: u8,
    default: Option<Amount>,
) -> Option<Amount> {
    if section.has(key) { section.limit(key, decimals) } else { default }
}

/// A policy under which nothing could ever be withdrawn is a mistake.
fn contradictions(section: &Section<'_>, policy: &Policy, decimals: u8) {
    let maxima = policy.maximum.iter().map(|max| ("maximum", *max));
    let windows = policy.windows.iter().map(|limit| (key_of(limit.window), limit.max));
    for (key, max) in maxima.chain(windows).filter(|(_, max)| *max < policy.minimum) {
        let wrong = format!(
            "is {:?}, below the minimum of {:?}",
            max.to_units(decimals),
            policy.minimum.to_units(decimals)
        );
        section.wrong(key, wrong, "allowed is the minimum or more, or \"none\"");
    }
}

fn key_of(window: Window) -> &'static str {
    match window {
        Window::Rolling24h => "rolling_24h_max",
        Window::Rolling7d => "rolling_7d_max",
        Window::Rolling30d => "rolling_30d_max",
        Window::CalendarDay { .. } => "calendar_day_max",
    }
}
