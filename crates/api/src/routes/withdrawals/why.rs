//! `GET /api/withdrawals/{id}/why`: where it stands, what is waited for and what happens next: for
//! a user, for the application that speaks for its users, and for those who run the instance, who
//! are shown the evidence, too (abuse case +31).

use adit_core::{
    Attempt, Button, ChainKind, Draft, Knowledge, Lineage, LineageState, ObservationRecord,
    Purpose, Reader, Said, Stage, Status, SubmissionAnswer, Trust, Why, Withdrawal,
};
use adit_store::StoreFault;
use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::find;
use crate::auth::{Caller, Principal};
use crate::camel::camel;
use crate::docs::shapes::Id;
use crate::extract::WithdrawalPath;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::units::rfc3339;
use crate::written::written;

/// Parameters that a user is told, and those that a host application is told besides.
const USERS: [&str; 10] = [
    "code",
    "nextAct",
    "nextAt",
    "trust",
    "attempts",
    "confirmations",
    "confirmed",
    "block",
    "ahead",
    "cause",
];
const HOSTS_TOO: [&str; 4] = ["tries", "suspended", "inFlight", "most"];
/// Newest observations that are shown of each attempt.
const OBSERVATIONS_MAX: usize = 20;

/// Why it stands where it stands: what is waited for, the next act, and what the caller may safely
/// do; for admins the evidence as well
#[utoipa::path(get, path = "/api/withdrawals/{id}/why", tag = "Withdrawals", params(("id" = Id, Path)),
    responses(
        (status = 200, description = "code and its parameters, a sentence, nextAct and nextAt, \
            buttons, trust, and effects: the transactions that pay it. Admins are shown every \
            parameter, and the lineages with their attempts and what each endpoint said", body = Object),
        (status = 404, description = "WITHDRAWAL_NOT_FOUND, also for another user's"),
    ))]
pub async fn why(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    WithdrawalPath(id): WithdrawalPath,
) -> Result<Json<Value>, Problem> {
    let found = find(&state, &caller, id).await?;
    let reader = caller.reader();
    let (why, own) = state.engine().why(&found).await?;
    let lineages: Vec<Lineage> = match reader {
        Reader::User | Reader::Host => own.into_iter().collect(),
        Reader::Operator => state.store().lineages_of(found.id).await?,
    };
    let kind = state.rules().chain_of(&found.asset).map_or(ChainKind::Evm, |chain| chain.kind);
    let mut body = match reader {
        Reader::User | Reader::Host => told(&why, reader),
        Reader::Operator => explained(&why),
    };
    body["withdrawalId"] = json!(found.id);
    body["status"] = json!(found.state.status().as_str());
    body["buttons"] = json!(buttons(&why, &caller, found.state.status()));
    body["effects"] = lineages.iter().flat_map(|lineage| effects(lineage, &found, kind)).collect();
    body["lineages"] = match reader {
        Reader::User | Reader::Host => json!([]),
        Reader::Operator => Value::Array(
            try_join_all(lineages.iter().map(|lineage| lineage_view(&state, lineage))).await?,
        ),
    };
    Ok(Json(written(kind, body)))
}

/// The transactions that pay this withdrawal, and nothing of those who are paid beside it.
fn effects(lineage: &Lineage, withdrawal: &Withdrawal, kind: ChainKind) -> Vec<Value> {
    let leg = withdrawal.leg();
    let pays = |attempt: &&Attempt| attempt.purpose == Purpose::Pay && attempt.pays(&leg);
    let sent = |attempt: &Attempt| {
        let signed = attempt.signed().filter(|signed| !signed.lacks_signatures())?;
        let block = attempt.block();
        let state = match &attempt.stage {
            Stage::Reserved => return None,
            Stage::Signed { knowledge, .. } => match knowledge {
                Knowledge::Signed => "signed",
                Knowledge::MaybeSent { .. } => "sent",
                Knowledge::Included { .. } => "included",
                Knowledge::Finalized { .. } => "final",
                Knowledge::Conflicted { .. } => return None,
            },
        };
        Some(
            json!({ "txHash": kind.shown(signed.hash), "state": state, "blockNumber": block.map(|block| block.height) }),
        )
    };
    lineage.attempts.iter().filter(pays).filter_map(sent).collect()
}

/// What a user or the host application is told: their own state, and numbers that are nobody
/// else's.
fn told(why: &Why, reader: Reader) -> Value {
    let whole = explained(why);
    let besides = match reader {
        Reader::User => &[][..],
        Reader::Host | Reader::Operator => &HOSTS_TOO[..],
    };
    let shown = USERS
        .iter()
        .chain(besides)
        .filter_map(|name| Some(((*name).to_owned(), whole.get(name)?.clone())));
    let mut body = Value::Object(shown.collect());
    body["sentence"] = json!(why.told);
    // Of a halt the kind, never its words.
    if let Some(halt) = whole["halt"]["halt"].as_str() {
        body["halt"] = json!({ "halt": halt });
    }
    body
}

/// The reason's own parameters stand beside its code.
fn explained(why: &Why) -> Value {
    let mut body = camel(serde_json::to_value(&why.reason).unwrap_or_default());
    body["code"] = json!(body["code"].as_str().unwrap_or_default().to_ascii_uppercase());
    body["sentence"] = json!(why.sentence);
    body["nextAct"] = json!(why.next_act);
    body["nextAt"] = json!(why.next_at.map(rfc3339));
    body["trust"] = json!(match why.trust {
        Trust::Quorum => "quorum",
        Trust::Single => "single",
    });
    body
}

/// A user is shown what they may do themselves.
fn buttons(why: &Why, caller: &Principal, status: Status) -> Vec<Button> {
    let own = |button: &&Button| **button == Button::Cancel && status == Status::Pending;
    match caller.own() {
        Some(_) => why.buttons.iter().filter(own).copied().collect(),
        None => why.buttons.clone(),
    }
}

async fn lineage_view(state: &ApiState, lineage: &Lineage) -> Result<Value, StoreFault> {
    let kind =
        state.rules().chain_of_lane(&lineage.lane).map_or(ChainKind::Evm, |chain| chain.kind);
    let attempts =
        try_join_all(lineage.attempts.iter().map(|attempt| attempt_view(state, attempt, kind)))
            .await?;
    let (standing, evidence) = match &lineage.state {
        LineageState::Live => ("live", None),
        LineageState::Final { attempt, .. } => ("final", Some(attempt.to_string())),
        LineageState::Conflicted { by, .. } => ("conflicted", Some(kind.shown(*by))),
        LineageState::Closed { .. } => ("closed", None),
    };
    let view = json!({
        "id": lineage.id,
        "state": standing,
        "endedBy": evidence,
        "wallet": lineage.lane.wallet,
        "anchors": lineage.anchors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "createdAt": rfc3339(lineage.created_at),
        "cancelWished": lineage.cancel.as_ref().map(|wish| &wish.reason),
        "attempts": attempts,
    });
    Ok(written(kind, view))
}

async fn attempt_view(
    state: &ApiState,
    attempt: &Attempt,
    kind: ChainKind,
) -> Result<Value, StoreFault> {
    let observations = state.store().observations(attempt.id, OBSERVATIONS_MAX).await?;
    let purpose = match attempt.purpose {
        Purpose::Pay => "pay",
        Purpose::Cancel => "cancel",
    };
    let mut view = json!({
        "id": attempt.id,
        "version": attempt.version,
        "purpose": purpose,
        "createdAt": rfc3339(attempt.created_at),
        "hash": attempt.signed().map(|signed| kind.shown(signed.hash)),
        "knowledge": knowledge(&attempt.stage),
        "block": attempt.block(),
        "observations": observations.iter().flat_map(observed).collect::<Vec<_>>(),
    });
    add_draft(&mut view, &attempt.draft);
    Ok(view)
}

/// What a version offers, in its chain's own words.
fn add_draft(view: &mut Value, draft: &Draft) {
    match draft {
        Draft::Evm(draft) => {
            view["maxFeePerGasWei"] = json!(draft.fees.max_fee_per_gas.to_string());
            view["maxPriorityFeePerGasWei"] =
                json!(draft.fees.max_priority_fee_per_gas.to_string());
            view["gasLimit"] = json!(draft.gas_limit);
        }
        Draft::Bitcoin(draft) => {
            view["feerateSatPerVb"] = json!(draft.feerate.sat_per_vb());
            view["feeSat"] = json!(draft.fee().map(|fee| fee.to_string()));
            view["vbytes"] = json!(draft.vbytes);
            view["inputs"] = draft.outpoints().map(|outpoint| json!(outpoint)).collect();
            view["payees"] = json!(draft.payouts().count());
        }
    }
}

fn knowledge(stage: &Stage) -> &'static str {
    match stage {
        Stage::Reserved => "reserved",
        Stage::Signed { signed, knowledge } => match knowledge {
            Knowledge::Signed if signed.lacks_signatures() => "awaits_cosigners",
            Knowledge::Signed => "signed",
            Knowledge::MaybeSent { .. } => "maybe_sent",
            Knowledge::Included { .. } => "included",
            Knowledge::Finalized { .. } => "finalized",
            Knowledge::Conflicted { .. } => "conflicted",
        },
    }
}

/// Who said what, and when: one entry per endpoint.
fn observed(record: &ObservationRecord) -> Vec<Value> {
    let at = rfc3339(record.at);
    match &record.said {
        Said::Submission { submission } => {
            let (said, text) = match &submission.answer {
                SubmissionAnswer::Accepted => ("accepted", None),
                SubmissionAnswer::AlreadyKnown => ("already_known", None),
                SubmissionAnswer::Refused { text } => ("refused", Some(text)),
                SubmissionAnswer::Unclear { text } => ("unclear", Some(text)),
            };
            vec![
                json!({ "at": at, "endpoint": submission.endpoint, "act": "send", "said": said, "text": text }),
            ]
        }
        Said::Sighting { sighting } => {
            let fact = camel(serde_json::to_value(&sighting.fact).unwrap_or_default());
            let said = |endpoint| json!({ "at": at, "endpoint": endpoint, "act": "observe", "said": fact["fact"], "fact": fact });
            sighting.witnesses.iter().map(said).collect()
        }
    }
}
