//! `/api/admin/psbts`: versions that others have to sign besides us. Whoever is given one may
//! finish it and send it himself; it is watched by its hash from the beginning.

use adit_chain::Signatures;
use adit_core::{Amount, AttemptId, ChainKind, Draft, Purpose};
use adit_engine::{CosignError, CosignedVersion};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Admin;
use crate::codes;
use crate::docs::shapes::Id;
use crate::extract::{AttemptPath, Body, no_psbt};
use crate::problem::Problem;
use crate::refused::{not_read, not_written};
use crate::state::ApiState;
use crate::units::{rfc3339, units};

type Answered = Result<Json<Value>, Problem>;

#[derive(Debug, Serialize, ToSchema)]
pub struct PsbtList {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PsbtBody {
    /// The file that came back, in base64 (BIP-174); at most 8,000,000 bytes in binary.
    #[schema(min_length = 1)]
    psbt: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BroughtView {
    #[schema(value_type = Id)]
    id: String,
    /// Signatures that were not known before.
    added: usize,
    /// Of the input that has the fewest; null where it was complete before.
    have: Option<usize>,
    needed: Option<usize>,
    /// It has enough, and is sent by the lane's next round. With `have` null it had them before,
    /// and the file was not read.
    complete: bool,
}

/// Versions that wait for the signatures of others. Admin keys only
#[utoipa::path(get, path = "/api/admin/psbts", tag = "Admin", responses((status = 200, body = PsbtList), (status = 403, description = "FORBIDDEN")))]
pub async fn psbts(
    State(state): State<ApiState>,
    Admin(_caller): Admin,
) -> Result<Json<PsbtList>, Problem> {
    let waiting = state.engine().waiting_for_cosigners().await?;
    let item = |(version, signatures): &(CosignedVersion, Result<Signatures, String>)| {
        let mut item = view(&state, version, signatures.as_ref().ok());
        item["error"] = json!(signatures.as_ref().err());
        item
    };
    Ok(Json(PsbtList { items: waiting.iter().map(item).collect() }))
}

/// One of them as a PSBT, with the signatures so far and everything that a signing program or
/// device wants to see. Admin keys only
#[utoipa::path(get, path = "/api/admin/psbts/{id}", tag = "Admin", params(("id" = Id, Path)),
    responses((status = 200, description = "`psbt` in base64, what it is, and in `missing` the \
        transactions that made spent coins and that no source gave just now", body = Object),
        (status = 403, description = "FORBIDDEN"), (status = 404, description = "PSBT_NOT_FOUND"), (status = 422, description = "PSBT_REFUSED: it is complete, or is being cancelled")))]
pub async fn export(
    State(state): State<ApiState>,
    Admin(_caller): Admin,
    AttemptPath(id): AttemptPath,
) -> Answered {
    let (version, handout) = state
        .engine()
        .hand_out(id)
        .await
        .map_err(|error| refused(error, &state, "It is not handed out"))?;
    let mut body = view(&state, &version, Some(&handout.signatures));
    body["psbt"] = json!(handout.psbt);
    body["missing"] = json!(handout.missing);
    Ok(Json(body))
}

/// Brings signatures back. Nothing but signatures is taken over; each is verified. When they are
/// enough, it is sent. Admin keys only
#[utoipa::path(post, path = "/api/admin/psbts/{id}", operation_id = "import_psbt", tag = "Admin", params(("id" = Id, Path)), request_body = PsbtBody,
    responses((status = 200, body = BroughtView), (status = 403, description = "FORBIDDEN"), (status = 404, description = "PSBT_NOT_FOUND"),
        (status = 409, description = "BAD_ATTEMPT: it is being cancelled. CHANGED_MEANWHILE"), (status = 422, description = "PSBT_REFUSED: what in it differs from what was handed out, or which signature is wrong; nothing of it was taken over"),
        (status = 503, description = "OUTCOME_UNKNOWN")))]
pub async fn import(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    AttemptPath(id): AttemptPath,
    Body(body): Body<PsbtBody>,
) -> Result<Json<BroughtView>, Problem> {
    let nothing = "Nothing of the file was taken over";
    let brought = state.engine().bring_back(&caller.actor, id, body.psbt.as_bytes()).await;
    let brought = brought.map_err(|error| refused(error, &state, nothing))?;
    let signatures = brought.signatures;
    Ok(Json(BroughtView {
        id: id.to_string(),
        added: brought.added,
        have: signatures.map(|signatures| signatures.have),
        needed: signatures.map(|signatures| signatures.needed),
        complete: brought.complete,
    }))
}

/// `what` did not happen, as the beginning of a sentence.
fn refused(error: CosignError, state: &ApiState, what: &str) -> Problem {
    match error {
        CosignError::Unknown => no_psbt(),
        CosignError::Refused(detail) => {
            Problem::new(&codes::PSBT_REFUSED, format!("{what}: {detail}."))
        }
        CosignError::Store(fault) => not_read(&fault),
        CosignError::Write(error) => not_written(&error, state.rules()),
    }
}

fn view(state: &ApiState, version: &CosignedVersion, signatures: Option<&Signatures>) -> Value {
    let (lineage, attempt) = (&version.lineage, version.attempt());
    let id: AttemptId = attempt.id;
    let legs: Vec<_> = lineage.legs.iter().filter(|leg| attempt.pays(leg)).collect();
    let paid = legs
        .iter()
        .fold(Amount::ZERO, |sum, leg| sum.checked_add(leg.amount).unwrap_or(Amount::MAX));
    let asset = legs.first().map(|leg| &leg.asset);
    let mut view = json!({
        "id": id,
        "lineage": lineage.id,
        "chain": lineage.lane.chain,
        "wallet": lineage.lane.wallet,
        "version": attempt.version,
        "purpose": match attempt.purpose { Purpose::Pay => "pay", Purpose::Cancel => "cancel" },
        "txid": attempt.signed().map(|signed| ChainKind::Bitcoin.shown(signed.hash)),
        "createdAt": rfc3339(attempt.created_at),
        "withdrawals": legs.iter().map(|leg| leg.withdrawal).collect::<Vec<_>>(),
        "asset": asset,
        "amount": asset.map(|asset| units(state.rules(), asset, paid)),
        "have": signatures.map(|signatures| signatures.have),
        "needed": signatures.map(|signatures| signatures.needed),
    });
    if let Draft::Bitcoin(draft) = &attempt.draft {
        view["feerateSatPerVb"] = json!(draft.feerate.sat_per_vb());
        view["feeSat"] = json!(draft.fee().map(|fee| fee.to_string()));
    }
    view
}
