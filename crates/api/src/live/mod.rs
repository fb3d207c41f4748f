//! `GET /api/live`: a user's own events over WebSocket, in order, from wherever he was.
//!
//! The store is the truth and the hub a hint: what is sent is read from the user's feed, whose
//! numbers have no gaps, so a client that reconnects with `?after=` misses nothing. The token
//! travels in the `Authorization` header, in a subprotocol or in the first message; never in the
//! address, where logs would keep it.

mod seats;
mod session;
mod view;

pub use seats::{Seat, Seats};

use adit_core::UserId;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Principal, authenticate};
use crate::codes;
use crate::docs::shapes::UserName;
use crate::extract::name;
use crate::problem::Problem;
use crate::query::{Params, whole};
use crate::rate::Counted;
use crate::state::ApiState;
use session::Session;

/// What both sides speak.
const PROTOCOL: &str = "adit";
/// A subprotocol that carries a token: `adit, bearer.<token>`. Browsers cannot set headers.
const TOKEN_PROTOCOL: &str = "bearer.";
/// Longest message of a client.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Bytes that may wait for a slow client.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// The last `seq` that was seen; without it, events from now on.
    #[param(value_type = Option<u64>)]
    pub after: Option<String>,
    /// For service keys: whose events.
    #[param(value_type = Option<UserName>)]
    pub user_id: Option<String>,
}

/// The user's own events, live, from the last one seen
#[utoipa::path(get, path = "/api/live", tag = "User", params(LiveQuery), security(("bearer" = []), ()),
    responses(
        (status = 101, description = "WebSocket. Messages: {type: \"ready\", seq}, then {type: \
            \"event\", seq, at, event, withdrawalId, status, …}"),
        (status = 401, description = "UNAUTHENTICATED"),
        (status = 426, description = "UPGRADE_REQUIRED"),
        (status = 503, description = "TOO_MANY_CONNECTIONS"),
    ))]
pub async fn live(
    State(state): State<ApiState>,
    principal: Option<Extension<Principal>>,
    address: Option<Extension<Counted>>,
    Params(query): Params<LiveQuery>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            &codes::UPGRADE_REQUIRED,
            "This route speaks WebSocket; connect with ws:// or wss://.",
        )
    })?;
    let address = address.map_or(Counted::Unknown, |address| address.0);
    let principal = match (principal, token_of_protocol(&headers)) {
        (Some(principal), _) => Some(principal.0),
        (None, Some(token)) => Some(authenticate(&state, &token, &address).await?),
        (None, None) => None,
    };
    let named: Option<UserId> = query.user_id.as_deref().map(name).transpose()?;
    let user = principal.as_ref().map(|principal| principal.in_query(named.clone())).transpose()?;
    let after = query.after.as_deref().map(|text| whole("after", text, 0, u64::MAX)).transpose()?;
    let seat = state.seats().take(user.as_ref())?;
    let known = principal.zip(user);
    let session = Session { state, known, named, after, address, seat };
    let bounded = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .max_write_buffer_size(UNSENT_BYTES_MAX);
    Ok(bounded.protocols([PROTOCOL]).on_upgrade(|socket| session.run(socket)))
}

fn token_of_protocol(headers: &HeaderMap) -> Option<String> {
    let offered =
        headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut tokens = offered
        .flat_map(|value| value.split(','))
        .filter_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL));
    tokens.next().map(str::to_owned)
}
