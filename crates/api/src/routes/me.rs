//! `GET /api/me`: what a user has, and what he may take.

use adit_core::{Account, Balance, Policy, Refusal, UserId, WalletLink, WindowUse};
use adit_store::{StoreFault, UserSheet};
use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::docs::shapes::{
    AssetName, BookName, EvmAddress, TierName, Time, Units, UserName, WindowName,
};
use crate::extract::name;
use crate::problem::Problem;
use crate::query::Params;
use crate::refused::{refused, window_name};
use crate::state::ApiState;
use crate::units::{rfc3339, units};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MeQuery {
    /// For service keys: the user.
    #[param(value_type = Option<UserName>)]
    user_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    #[schema(value_type = UserName)]
    user_id: String,
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
    /// What the next claim must carry.
    next_nonce: u64,
    wallets: Vec<Wallet>,
    balances: Vec<OwnBalance>,
    /// What the user was paid beyond what they are owed; the next credits pay it off. Mostly empty.
    debts: Vec<OwnDebt>,
    limits: Vec<AssetLimits>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wallet {
    #[schema(value_type = EvmAddress)]
    pub address: String,
    #[schema(value_type = Time)]
    pub linked_at: String,
    /// Claims are accepted from then on.
    #[schema(value_type = Time)]
    pub usable_at: String,
}

/// In whole units: `owed` is everything, `held` what unfinished withdrawals hold of it, `available`
/// the rest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnBalance {
    #[schema(value_type = BookName)]
    book: String,
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    owed: String,
    #[schema(value_type = Units)]
    held: String,
    #[schema(value_type = Units)]
    available: String,
}

/// After the database went back to an earlier state, a payment was found that cost more than the
/// user has.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnDebt {
    #[schema(value_type = BookName)]
    book: String,
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    amount: String,
}

/// What may be withdrawn of one asset, in whole units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetLimits {
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    minimum: String,
    #[schema(value_type = Option<Units>)]
    maximum: Option<String>,
    /// The flat part of the fee.
    #[schema(value_type = Units)]
    fee_flat: String,
    /// Its share of the amount, in hundredths of a percent.
    fee_basis_points: u32,
    /// Whether the fee is taken from the amount; else it is on top of it.
    fee_from_amount: bool,
    windows: Vec<WindowLeft>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowLeft {
    /// `rolling24h`, `rolling7d`, `rolling30d` or `calendarDay`.
    #[schema(value_type = WindowName)]
    window: &'static str,
    #[schema(value_type = Units)]
    max: String,
    #[schema(value_type = Units)]
    used: String,
    #[schema(value_type = Units)]
    left: String,
    /// When some of what is used stops counting.
    #[schema(value_type = Option<Time>)]
    more_at: Option<String>,
}

/// Balances, limits left, tier and wallets of the user
#[utoipa::path(get, path = "/api/me", tag = "User", params(MeQuery),
    responses((status = 200, body = Me), (status = 401, description = "UNAUTHENTICATED"), (status = 404, description = "USER_UNKNOWN")))]
pub async fn me(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    Params(query): Params<MeQuery>,
) -> Result<Json<Me>, Problem> {
    let user = caller.in_query(query.user_id.as_deref().map(name).transpose()?)?;
    let sheet = state.store().user(&user).await?;
    let sheet = sheet
        .ok_or_else(|| refused(&Refusal::UnknownUser { user: user.clone() }, state.rules()))?;
    let limits = limits(&state, &user, &sheet).await?;
    Ok(Json(Me {
        user_id: user.to_string(),
        tier: sheet.user.tier.as_ref().map(ToString::to_string),
        next_nonce: sheet.user.claim_nonce,
        wallets: sheet.wallets.iter().map(wallet).collect(),
        balances: sheet
            .balances
            .iter()
            .filter_map(|(account, balance)| own_balance(&state, account, *balance))
            .collect(),
        debts: sheet
            .balances
            .iter()
            .filter_map(|(account, balance)| own_debt(&state, account, *balance))
            .collect(),
        limits,
    }))
}

pub fn wallet(link: &WalletLink) -> Wallet {
    Wallet {
        address: link.address.to_string(),
        linked_at: rfc3339(link.linked_at),
        usable_at: rfc3339(link.usable_at),
    }
}

fn own_balance(state: &ApiState, account: &Account, balance: Balance) -> Option<OwnBalance> {
    let Account::User { book, asset, .. } = account else { return None };
    let show = |amount| units(state.rules(), asset, amount);
    Some(OwnBalance {
        book: book.to_string(),
        asset: asset.to_string(),
        owed: show(balance.owed()),
        held: show(balance.held),
        available: show(balance.available()),
    })
}

/// A debt that is paid off is not shown.
fn own_debt(state: &ApiState, account: &Account, balance: Balance) -> Option<OwnDebt> {
    let Account::Debt { book, asset, .. } = account else { return None };
    let owing = balance.lent();
    let shown = || OwnDebt {
        book: book.to_string(),
        asset: asset.to_string(),
        amount: units(state.rules(), asset, owing),
    };
    (!owing.is_zero()).then(shown)
}

/// Of every asset that a chain pays.
async fn limits(
    state: &ApiState,
    user: &UserId,
    sheet: &UserSheet,
) -> Result<Vec<AssetLimits>, StoreFault> {
    let paid = state.rules().assets.values().filter(|rules| rules.asset.chain().is_some());
    let of_asset = paid.map(async |rules| {
        let policy = rules.policy_for(sheet.user.tier.as_ref());
        let asset = &rules.asset.id;
        let windows: Vec<_> = policy.windows.iter().map(|limit| limit.window).collect();
        let limit = state.store().limit(user, asset, &windows, state.now()).await?;
        let uses: Vec<WindowUse> = policy
            .windows
            .iter()
            .map(|window| limit.window_use(window.window, window.max))
            .collect();
        Ok(asset_limits(state, asset, policy, &uses))
    });
    try_join_all(of_asset).await
}

fn asset_limits(
    state: &ApiState,
    asset: &adit_core::AssetId,
    policy: &Policy,
    uses: &[WindowUse],
) -> AssetLimits {
    let show = |amount| units(state.rules(), asset, amount);
    let window = |used: &WindowUse| WindowLeft {
        window: window_name(used.window),
        max: show(used.max),
        used: show(used.used),
        left: show(used.left),
        more_at: used.more_at.map(rfc3339),
    };
    AssetLimits {
        asset: asset.to_string(),
        minimum: show(policy.minimum),
        maximum: policy.maximum.map(show),
        fee_flat: show(policy.fee.flat),
        fee_basis_points: policy.fee.basis_points,
        fee_from_amount: policy.fee.from_amount,
        windows: uses.iter().map(window).collect(),
    }
}
