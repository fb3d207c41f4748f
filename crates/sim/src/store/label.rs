//! Names a commit after the most telling thing that it does.

use adit_core::{Batch, Lineage, Stage, Status};

/// What a commit is for.
pub fn label(batch: &Batch) -> &'static str {
    if let Some(row) = batch.lineages.first() {
        return of_lineage(&row.row);
    }
    if let Some(row) = batch.withdrawals.first() {
        return match row.row.state.status() {
            Status::Pending => "commit request",
            Status::Approved if row.version == 0 => "commit request",
            Status::Approved => "commit defer or approve",
            Status::Processing => "commit progress",
            Status::Completed | Status::Failed | Status::Cancelled => "commit end",
            Status::HeldForInspection => "commit suspicion",
        };
    }
    if !batch.appended.credits.is_empty() {
        return "commit credit";
    }
    if !batch.lanes.is_empty() { "commit lane" } else { "commit other" }
}

fn of_lineage(lineage: &Lineage) -> &'static str {
    if !lineage.is_live() {
        return "commit settle";
    }
    let latest = lineage.latest();
    match (&latest.stage, lineage.attempts.len()) {
        (Stage::Reserved, 1) => "commit reserve",
        (Stage::Reserved, _) => "commit bump",
        (Stage::Signed { knowledge: adit_core::Knowledge::Signed, .. }, _) => "commit record",
        (Stage::Signed { .. }, _) => "commit sent or seen",
    }
}
