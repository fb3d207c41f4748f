//! One event as its user sees it.

use adit_core::{
    AWAITS_APPROVAL_TOLD, ChainKind, Event, EventKind, Failure, HELD_TOLD, Reader, Rules, Status,
};
use serde_json::{Value, json};

use crate::record::failure_sentence;
use crate::units::{rfc3339, units};
use crate::written::written;

/// `{type: "event", seq, at, event, withdrawalId, status, …}`. None for what is not in any user's
/// feed.
pub fn event_view(event: &Event, rules: &Rules, kind: ChainKind) -> Option<Value> {
    let feed = event.feed.as_ref()?;
    let (name, status, details) = said(&event.kind, rules);
    let mut view = json!({
        "type": "event",
        "seq": feed.seq,
        "at": rfc3339(event.at),
        "event": name,
        "withdrawalId": event.withdrawal,
        "status": status.map(Status::as_str),
    });
    if let (Value::Object(view), Value::Object(details)) = (&mut view, details) {
        view.extend(details);
    }
    Some(written(kind, view))
}

/// The event's name, the status that it leads to where it leads to one, and its particulars.
fn said(kind: &EventKind, rules: &Rules) -> (&'static str, Option<Status>, Value) {
    match kind {
        EventKind::UserChanged { tier } => ("user_changed", None, json!({ "tier": tier })),
        EventKind::WalletLinked { address, usable_at } => {
            ("wallet_linked", None, json!({ "address": address, "usableAt": rfc3339(*usable_at) }))
        }
        EventKind::CredentialIssued { role, label, credential, client: _ } => (
            "credential_issued",
            None,
            json!({ "role": role, "label": label, "keyId": credential }),
        ),
        EventKind::CredentialRevoked { credential, client: _, label, reason: _ } => {
            ("credential_revoked", None, json!({ "keyId": credential, "label": label }))
        }
        EventKind::Credited { credit, book, asset, amount } => (
            "credited",
            None,
            json!({ "credit": credit, "book": book, "asset": asset, "amount": units(rules, asset, *amount) }),
        ),
        EventKind::Requested { asset, amount, destination } => {
            let details = json!({ "asset": asset, "amount": units(rules, asset, *amount), "destination": destination });
            ("requested", Some(Status::Pending), details)
        }
        EventKind::Approved => ("approved", Some(Status::Approved), json!({})),
        // What nodes, journals and persons said in detail is for those who run the instance.
        EventKind::ApprovalWithdrawn { .. } => {
            ("approval_withdrawn", Some(Status::Pending), json!({ "reason": AWAITS_APPROVAL_TOLD }))
        }
        EventKind::Reserved { .. } => ("reserved", Some(Status::Processing), json!({})),
        EventKind::AttemptAdded { version, .. } => {
            ("attempt_added", Some(Status::Processing), json!({ "version": version }))
        }
        EventKind::Cosigned { complete, .. } => {
            ("cosigned", Some(Status::Processing), json!({ "complete": complete }))
        }
        EventKind::Broadcast { hash } => {
            ("broadcast", Some(Status::Processing), json!({ "txHash": hash }))
        }
        EventKind::Included { hash, block } => (
            "included",
            Some(Status::Processing),
            json!({ "txHash": hash, "blockNumber": block.height }),
        ),
        EventKind::Vanished { hash } => {
            ("vanished", Some(Status::Processing), json!({ "txHash": hash }))
        }
        EventKind::Confirmed { hash, block } => (
            "confirmed",
            Some(Status::Processing),
            json!({ "txHash": hash, "blockNumber": block.height, "confirmed": true }),
        ),
        EventKind::Completed { hash, block, .. } => (
            "completed",
            Some(Status::Completed),
            json!({ "txHash": hash, "blockNumber": block.height, "confirmed": true }),
        ),
        EventKind::Failed { failure, hash } => {
            ("failed", Some(Status::Failed), failed(failure, hash.as_ref()))
        }
        EventKind::Cancelled { reason } => {
            ("cancelled", Some(Status::Cancelled), json!({ "reason": reason }))
        }
        EventKind::CancelRequested { reason } => {
            ("cancel_requested", Some(Status::Processing), json!({ "reason": reason }))
        }
        EventKind::Requeued { .. } => ("requeued", Some(Status::Approved), json!({})),
        EventKind::Deferred { reason: _, until, cause } => (
            "deferred",
            Some(Status::Approved),
            json!({ "reason": cause.told(), "until": rfc3339(*until) }),
        ),
        EventKind::Retried => ("retried", None, json!({})),
        EventKind::HeldForInspection { finding: _, hash } => (
            "held_for_inspection",
            Some(Status::HeldForInspection),
            json!({ "reason": HELD_TOLD, "txHash": hash }),
        ),
        EventKind::Inspected { paid, .. } => ("inspected", None, json!({ "paid": paid })),
        EventKind::Suspended { scope, reason } => {
            ("suspended", None, json!({ "scope": scope.to_string(), "reason": reason }))
        }
        EventKind::Resumed { scope } => ("resumed", None, json!({ "scope": scope.to_string() })),
        EventKind::ClockAccepted { .. } => ("clock_accepted", None, json!({})),
        EventKind::LaneLeased { .. } => ("lane_leased", None, json!({})),
        EventKind::LaneStarted { .. } => ("lane_started", None, json!({})),
        EventKind::LaneHalted { .. } => ("lane_halted", None, json!({})),
        EventKind::LaneResumed { .. } => ("lane_resumed", None, json!({})),
        EventKind::LaneRescanned { .. } => ("lane_rescanned", None, json!({})),
        EventKind::LaneReleased { .. } => ("lane_released", None, json!({})),
        EventKind::JournalTrusted { .. } => ("journal_trusted", None, json!({})),
        EventKind::StoreWentBack { .. } => ("store_went_back", None, json!({})),
        EventKind::Reincarnated { .. } => ("reincarnated", None, json!({})),
        EventKind::LaneDoubted { .. } => ("lane_doubted", None, json!({})),
        EventKind::FeeDoubted { .. } => ("fee_doubted", None, json!({})),
        EventKind::StrayFound { .. } => ("stray_found", None, json!({})),
        EventKind::StrayExplained { .. } => ("stray_explained", None, json!({})),
        EventKind::Doubted { .. } => {
            ("doubted", Some(Status::Processing), json!({ "reason": HELD_TOLD }))
        }
        EventKind::MadeAgain { .. } => ("made_again", Some(Status::Processing), json!({})),
        EventKind::Replaced { as_withdrawal } => {
            ("replaced", Some(Status::Cancelled), json!({ "asWithdrawalId": as_withdrawal }))
        }
        // The note is for those who run the instance.
        EventKind::Matched { .. } => ("matched", Some(Status::Completed), json!({})),
        EventKind::LaneAdopted { .. } => ("lane_adopted", None, json!({})),
        EventKind::LineageAdopted { .. } => ("lineage_adopted", None, json!({})),
    }
}

fn failed(failure: &Failure, hash: Option<&adit_core::Hash32>) -> Value {
    json!({ "error": failure_sentence(failure, Reader::User), "txHash": hash })
}
