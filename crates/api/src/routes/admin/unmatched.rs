//! `GET /api/admin/unmatched`: what the signer's journal knows and the database cannot explain, and
//! what to do about it.

use adit_core::{ChainKind, HaltReason, Lane, LaneState, State as Stands, Unmatched, Withdrawal};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::stray::{self, StrayPayment};
use crate::auth::Service;
use crate::docs::shapes::{AssetName, Hash, Id, Status as StatusName, Time, Units};
use crate::problem::Problem;
use crate::record::state_name;
use crate::state::ApiState;
use crate::units::{rfc3339, units};

#[derive(Debug, Serialize, ToSchema)]
pub struct Unexplained {
    lanes: Vec<LaneReading>,
    /// Payments whose user nobody knows.
    items: Vec<UnmatchedPayment>,
    /// Payments that blocks hold, and that neither the database nor the journal remembers.
    strays: Vec<StrayPayment>,
}

/// How far a lane is with the signer's journal.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneReading {
    lane: String,
    /// `reconciling`, `sweeping`, `running` or `halted`.
    state: &'static str,
    /// Whether all that the journal knows stands in the database, under the lane's present epoch.
    journal_read: bool,
    /// What of the journal the database cannot place.
    unplaced: Option<String>,
    next_step: String,
}

/// A payment that the journal knows without its user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedPayment {
    #[schema(value_type = Id)]
    withdrawal_id: String,
    #[schema(value_type = AssetName)]
    asset: String,
    #[schema(value_type = Units)]
    amount: String,
    to_address: String,
    /// The wallet that pays it.
    lane: Option<String>,
    #[schema(value_type = StatusName)]
    status: &'static str,
    #[schema(value_type = Option<Hash>)]
    tx_hash: Option<String>,
    #[schema(value_type = Time)]
    created_at: String,
    /// Whether it can be matched now.
    matchable: bool,
    next_step: String,
}

/// What the journal knows and the database cannot explain
#[utoipa::path(get, path = "/api/admin/unmatched", tag = "Admin", responses((status = 200, body = Unexplained)))]
pub async fn unmatched(
    State(state): State<ApiState>,
    Service(_caller): Service,
) -> Result<Json<Unexplained>, Problem> {
    let known = state.store().incarnation().await?;
    // What was read in the life before a restore says nothing of the next one.
    let present = known.as_ref().is_none_or(|known| known.finding.is_none());
    let mut lanes = Vec::new();
    for chain in state.rules().chains.values() {
        let row = state.store().lane(&chain.lane).await?;
        let row = row.unwrap_or_else(|| Lane::new(chain.lane.clone()));
        lanes.push(reading(&row, chain.kind, present && row.has_read_journal()));
    }
    let (unmatched, strays) = known
        .map(|known| (known.nobodys().cloned().collect::<Vec<_>>(), known.strays))
        .unwrap_or_default();
    let ids = unmatched.iter().map(|payment| payment.withdrawal).collect();
    let rows = state.store().withdrawals_by_id(&ids).await?;
    let of = |payment: &Unmatched| rows.iter().find(|row| row.id == payment.withdrawal);
    let items = unmatched.iter().filter_map(of).map(|row| payment(&state, row)).collect();
    let strays = strays.iter().map(|known| stray::shown(&state, known)).collect();
    Ok(Json(Unexplained { lanes, items, strays }))
}

fn reading(lane: &Lane, kind: ChainKind, journal_read: bool) -> LaneReading {
    let unplaced = match &lane.state {
        LaneState::Halted { reason: HaltReason::JournalAhead { detail }, .. } => {
            Some(kind.written(detail))
        }
        LaneState::Halted { .. }
        | LaneState::Reconciling
        | LaneState::Sweeping
        | LaneState::Running => None,
    };
    let next_step = match (&lane.state, &unplaced, journal_read) {
        (_, Some(_), _) => {
            "The lane reads the journal again every few seconds and goes on by itself once everything can be placed. \
             Restore a newer state of the database where there is one, then `adit restore`; else see docs/operations.md, journal_ahead."
        }
        (_, None, true) => "Nothing: all that the journal knows stands in the database.",
        (LaneState::Halted { reason: HaltReason::JournalWentBack { .. }, .. }, None, false) => {
            "Put the signer's newest journal back, or run `adit restore --journal FILE` where it \
             is lost. The lane goes on by itself then."
        }
        (LaneState::Halted { .. }, None, false) => {
            "The lane is halted for another reason (GET /api/admin/lanes); it reads the journal \
             once a server has its lease."
        }
        (LaneState::Reconciling | LaneState::Sweeping | LaneState::Running, None, false) => {
            "Wait: the lane reads the journal before anything else. If that does not end, the \
             server's log says why."
        }
    };
    LaneReading {
        lane: lane.id.to_string(),
        state: state_name(&lane.state),
        journal_read,
        unplaced,
        next_step: next_step.to_owned(),
    }
}

fn payment(state: &ApiState, row: &Withdrawal) -> UnmatchedPayment {
    let chain = state.rules().chain_of(&row.asset);
    let kind = chain.map_or(ChainKind::Evm, |chain| chain.kind);
    let (matchable, next_step) = next_step(row);
    UnmatchedPayment {
        withdrawal_id: row.id.to_string(),
        asset: row.asset.to_string(),
        amount: units(state.rules(), &row.asset, row.amount),
        to_address: row.destination.to_string(),
        lane: chain.map(|chain| chain.lane.to_string()),
        status: row.state.status().as_str(),
        tx_hash: row.state.hash().map(|hash| kind.shown(hash)),
        created_at: rfc3339(row.created_at),
        matchable,
        next_step,
    }
}

fn next_step(row: &Withdrawal) -> (bool, String) {
    let id = row.id;
    match &row.state {
        Stands::HeldForInspection { pays: false, .. } => (
            false,
            "The chain does not show that it was paid. Look at its transaction and give your verdict (POST /api/admin/withdrawals/ID/inspect): \
             nobody is charged for it."
                .to_owned(),
        ),
        Stands::HeldForInspection { .. } => (
            true,
            format!(
                "It is final. Find out whose it was by asset, amount, recipient and time; then \
                 `adit withdrawals match {id} --user USER --note NOTE`, or --withdrawal ID where one that is held for inspection asks for the same."
            ),
        ),
        Stands::Processing { .. } => (false, "Wait: it can be matched once its transaction is \
            final.".to_owned()),
        Stands::Pending | Stands::Approved { .. } | Stands::Completed { .. } | Stands::Failed { .. } | Stands::Cancelled { .. } => {
            (false, "Nothing: it ended without a payment to be matched.".to_owned())
        }
    }
}
