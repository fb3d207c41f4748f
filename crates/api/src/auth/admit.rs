//! The door: finds out who asks, and how often he did.

use std::net::{IpAddr, SocketAddr};

use adit_core::Role;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Principal, hash_token};
use crate::codes;
use crate::problem::Problem;
use crate::rate::Counted;
use crate::state::ApiState;

/// Longest token that is looked at. A provider's token with many linked accounts has some 4 KiB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Lets a request in with its [`Principal`], or without one where it carries no credential; a wrong
/// credential is refused here.
pub async fn admit(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let address = address(&state, &request);
    let token = match bearer(request.headers()) {
        Ok(token) => token.map(str::to_owned),
        Err(problem) => return problem.into_response(),
    };
    let admitted = match &token {
        Some(token) => authenticate(&state, token, &address).await.map(Some),
        None => state.rates().check(&address).map(|()| None),
    };
    match admitted {
        Ok(principal) => {
            if let Some(principal) = principal {
                request.extensions_mut().insert(principal);
            }
            request.extensions_mut().insert(address);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Checks one token. Whoever is not remembered is counted by address first, so that guessing tokens
/// is bounded.
///
/// # Errors
/// `UNAUTHENTICATED`, `RATE_LIMITED`, or that it cannot be checked now.
pub async fn authenticate(
    state: &ApiState,
    token: &str,
    address: &Counted,
) -> Result<Principal, Problem> {
    let (hash, now) = (hash_token(token), state.now());
    let principal = match state.keys().remembered(hash, now) {
        Some(principal) => principal,
        None => {
            state.rates().check(address)?;
            let found = match state.jwt().reads(token) {
                true => Some(state.jwt().sign_in(state, token, hash).await?),
                false => state.keys().look_up(state.store(), hash, now).await?,
            };
            found.ok_or_else(unknown_token)?
        }
    };
    state.rates().check(&Counted::Client(principal.actor.client()))?;
    debug_assert!(
        principal.role != Role::User || principal.own().is_some(),
        "a user's credential names him"
    );
    Ok(principal)
}

pub(crate) fn unknown_token() -> Problem {
    let detail = "The token is not known, or was revoked, or has expired. Ask the operator of this instance \
         for a key, or sign in again.";
    Problem::new(&codes::UNAUTHENTICATED, detail)
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let wrong = || {
        let detail = "The Authorization header cannot be read. Allowed is one: Authorization: Bearer \
             <token>.";
        Problem::new(&codes::UNAUTHENTICATED, detail)
    };
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    let token = token.trim();
    let fine = values.next().is_none()
        && scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.len() <= TOKEN_BYTES_MAX;
    if fine { Ok(Some(token)) } else { Err(wrong()) }
}

/// Behind a proxy the last entry of `X-Forwarded-For` is the one that the proxy itself wrote.
fn address(state: &ApiState, request: &Request) -> Counted {
    if state.settings().behind_proxy {
        let values = request.headers().get_all("x-forwarded-for").into_iter();
        let last = values
            .filter_map(|value| value.to_str().ok())
            .next_back()
            .and_then(|value| value.rsplit(',').next());
        if let Some(address) = last.and_then(|text| text.trim().parse::<IpAddr>().ok()) {
            return Counted::from(address);
        }
    }
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(Counted::Unknown, |connect| Counted::from(connect.0.ip()))
}
