//! `POST /api/admin/strays/{hash}/explain`: a person says what a transaction was that neither the
//! database nor the journal remembers.

use adit_core::{Command, Stray};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::matching::note;
use crate::auth::Admin;
use crate::docs::shapes::{AssetName, Hash, Remark, Units};
use crate::extract::{Body, HashPath};
use crate::problem::Problem;
use crate::refused::not_written;
use crate::state::ApiState;
use crate::units::units;

/// A payment out of one of our wallets that a block holds and nobody here remembers. Until it is
/// explained, whoever asks for exactly this waits for a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrayPayment {
    #[schema(value_type = Hash)]
    tx_hash: String,
    block_number: u64,
    /// The wallet that paid it.
    lane: String,
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    amount: String,
    to_address: String,
    /// A person has said what it was.
    explained: bool,
    next_step: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExplainBody {
    /// What it was, for whoever reads the record later; up to 500 characters.
    #[schema(value_type = Remark)]
    note: String,
}

/// Says what a transaction was that nobody here remembered: nobody waits because of it any more.
/// Admin keys only
#[utoipa::path(post, path = "/api/admin/strays/{hash}/explain", operation_id = "explain_stray", tag = "Admin", params(("hash" = Hash, Path)), request_body = ExplainBody,
    responses(
        (status = 200, description = "What the transaction paid. Asked again, it answers the same", body = Vec<StrayPayment>),
        (status = 403, description = "FORBIDDEN"),
        (status = 404, description = "STRAY_NOT_FOUND"),
        (status = 422, description = "INVALID_BODY"),
    ))]
pub async fn explain(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    HashPath(hash): HashPath,
    Body(body): Body<ExplainBody>,
) -> Result<Json<Vec<StrayPayment>>, Problem> {
    let command = Command::ExplainStray { hash, note: note(&body.note)? };
    state
        .engine()
        .writer
        .submit(caller.actor, command)
        .await
        .map_err(|error| not_written(&error, state.rules()))?;
    let known = state.store().incarnation().await?.map(|known| known.strays).unwrap_or_default();
    Ok(Json(
        known
            .iter()
            .filter(|stray| stray.payment.hash == hash)
            .map(|stray| shown(&state, stray))
            .collect(),
    ))
}

pub(super) fn shown(state: &ApiState, stray: &Stray) -> StrayPayment {
    let hash = written(state, stray);
    StrayPayment {
        block_number: stray.payment.block.height,
        lane: stray.lane.to_string(),
        asset: stray.asset.to_string(),
        amount: units(state.rules(), &stray.asset, stray.amount),
        to_address: stray.destination.to_string(),
        explained: stray.explained,
        next_step: match stray.explained {
            true => "Nothing: a person has said what it was.".to_owned(),
            false => format!(
                "Find out whose it was. Where a withdrawal is held for inspection because of it, give the verdict on that one; \
                 else book it, then `adit lanes explain --transaction {hash} --note NOTE`."
            ),
        },
        tx_hash: hash,
    }
}

fn written(state: &ApiState, stray: &Stray) -> String {
    let kind = state
        .rules()
        .chains
        .get(&stray.lane.chain)
        .map_or(adit_core::ChainKind::Evm, |chain| chain.kind);
    kind.shown(stray.payment.hash)
}
