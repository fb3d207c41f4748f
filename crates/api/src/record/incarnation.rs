//! What the store says about itself: which life of it this is, and whether it went back.

use adit_core::{Incarnation, WentBack};
use serde::Serialize;
use utoipa::ToSchema;

use crate::docs::shapes::{Id, Time};
use crate::units::rfc3339;

/// One life of the database.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreRecord {
    /// Null before the first lease.
    #[schema(value_type = Option<Id>)]
    incarnation: Option<String>,
    #[schema(value_type = Option<Time>)]
    since: Option<String>,
    /// The database went back, and its next life has not begun.
    pub finding: Option<FindingRecord>,
    /// Lanes that have not read the signer's journal in this life.
    pub unread: Vec<String>,
    /// Payments whose user nobody knows: `GET /api/admin/unmatched`.
    unmatched: usize,
    /// Another state of the database has taken its place: this server pays and accepts nothing.
    pub superseded: bool,
}

/// The proof that the database went back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingRecord {
    /// `epoch_behind`, `counter_behind`, `group_missing`, `other_timeline` or `declared`.
    reason: &'static str,
    because: String,
    #[schema(value_type = Time)]
    at: String,
    /// The life that follows.
    #[schema(value_type = Id)]
    next: String,
    /// An admin said that no process serves an older state.
    take_over: bool,
}

impl StoreRecord {
    pub fn new(known: Option<&Incarnation>, superseded: bool) -> Self {
        let Some(known) = known else { return Self { superseded, ..Self::default() } };
        let finding = known.finding.as_ref().map(|finding| FindingRecord {
            reason: name(&finding.because),
            because: finding.because.to_string(),
            at: rfc3339(finding.at),
            next: finding.next.to_string(),
            take_over: finding.take_over,
        });
        Self {
            incarnation: Some(known.id.to_string()),
            since: Some(rfc3339(known.since)),
            finding,
            unread: known.unread.iter().map(|unread| unread.lane.to_string()).collect(),
            unmatched: known.nobodys().count(),
            superseded,
        }
    }
}

fn name(because: &WentBack) -> &'static str {
    match because {
        WentBack::EpochBehind { .. } => "epoch_behind",
        WentBack::CounterBehind { .. } => "counter_behind",
        WentBack::WitnessAhead { .. } => "witness_ahead",
        WentBack::GroupMissing { .. } => "group_missing",
        WentBack::OtherTimeline { .. } => "other_timeline",
        WentBack::Declared { .. } => "declared",
        WentBack::BothDeclared { .. } => "both_declared",
    }
}
