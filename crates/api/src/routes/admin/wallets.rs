//! `POST /api/admin/users/{userId}/wallets`: says that a wallet is this user's, so that he can
//! claim with it.

use adit_core::{Answer, Command};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::amounts::destination;
use crate::auth::Service;
use crate::codes;
use crate::docs::shapes::{PastedAddress, UserName};
use crate::extract::{Body, UserPath};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::routes::me::{Wallet, wallet};
use crate::state::ApiState;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WalletBody {
    /// With its checksum (EIP-55).
    #[schema(value_type = PastedAddress)]
    address: String,
}

/// Links a wallet to a user
#[utoipa::path(post, path = "/api/admin/users/{userId}/wallets", tag = "Admin", params(("userId" = UserName, Path)), request_body = WalletBody,
    responses(
        (status = 200, description = "Linked, now or before; `usableAt` says from when on he can \
            claim with it", body = Wallet),
        (status = 404, description = "USER_UNKNOWN, CLAIMS_NOT_CONFIGURED"),
        (status = 409, description = "WALLET_TAKEN"),
        (status = 422, description = "INVALID_ADDRESS, FORBIDDEN_DESTINATION, \
            ASSET_NOT_WITHDRAWABLE"),
    ))]
pub async fn link_wallet(
    State(state): State<ApiState>,
    Service(caller): Service,
    UserPath(user): UserPath,
    Body(body): Body<WalletBody>,
) -> Result<Json<Wallet>, Problem> {
    let asset = state.wallet_asset().ok_or_else(|| {
        Problem::new(
            &codes::CLAIMS_NOT_CONFIGURED,
            "No chain is configured, so no wallet can be linked.",
        )
    })?;
    let address = destination(&state, asset, &body.address, "address")?;
    let written =
        state.engine().writer.submit(caller.actor, Command::LinkWallet { user, address }).await;
    match written.map_err(|error| not_written(&error, state.rules()))? {
        Answer::Wallet(link) => Ok(Json(wallet(&link))),
        Answer::Done
        | Answer::Unchanged
        | Answer::Accepted(_)
        | Answer::Replayed(_)
        | Answer::Leased(_) => {
            Err(Problem::new(&codes::INTERNAL, "The link got an answer of another kind."))
        }
    }
}
