//! One route, one file. A route of the API cannot exist outside the OpenAPI document: both are made
//! from the same annotation.

mod admin;
mod health;
mod me;
pub mod token;
mod withdrawals;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub use health::LaneReadiness;

/// Everything that needs a credential, or counts who asks.
pub fn api() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(token::nonce::next_nonce))
        .routes(routes!(token::withdraw::withdraw))
        .routes(routes!(token::list::claims))
        .routes(routes!(token::one::claim))
        .routes(routes!(me::me))
        .routes(routes!(withdrawals::create::request, withdrawals::list::withdrawals))
        .routes(routes!(withdrawals::one::withdrawal))
        .routes(routes!(withdrawals::why::why))
        .routes(routes!(withdrawals::cancel::cancel))
        .routes(routes!(admin::users::put_user))
        .routes(routes!(admin::wallets::link_wallet))
        .routes(routes!(admin::keys::issue_key))
        .routes(routes!(admin::api_keys::list::keys, admin::api_keys::issue::issue))
        .routes(routes!(admin::api_keys::revoke::revoke))
        .routes(routes!(admin::clock::shown))
        .routes(routes!(admin::clock::accept))
        .routes(routes!(
            admin::suspensions::list,
            admin::suspensions::suspend,
            admin::suspensions::resume
        ))
        .routes(routes!(admin::withdrawals::retry))
        .routes(routes!(admin::withdrawals::cancel))
        .routes(routes!(admin::withdrawals::approve))
        .routes(routes!(admin::withdrawals::inspect))
        .routes(routes!(admin::matching::match_payment))
        .routes(routes!(admin::unmatched::unmatched))
        .routes(routes!(admin::stray::explain))
        .routes(routes!(admin::coverage::coverage))
        .routes(routes!(admin::lanes::lanes))
        .routes(routes!(admin::lane::halt))
        .routes(routes!(admin::lane::resume))
        .routes(routes!(admin::lane::rescan))
        .routes(routes!(admin::release::waiting, admin::release::release))
        .routes(routes!(admin::psbts::psbts))
        .routes(routes!(admin::alerts::alerts))
        .routes(routes!(crate::live::live))
}

/// Bodies of these routes may be long.
pub fn imports() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(admin::credits::credit))
        .routes(routes!(admin::psbts::export, admin::psbts::import))
}

/// For those who watch the process: no credential, not counted.
pub fn probes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(health::healthz)).routes(routes!(health::readyz))
}

/// What is served on an address of its own. It is not of the API, so it stands in no document.
pub fn numbers() -> Router<ApiState> {
    Router::new().route("/metrics", get(health::metrics))
}
