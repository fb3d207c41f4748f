//! What one round of a lane has to do, sorted.

use adit_core::{Act, AttemptId, LineageId, Offer, Purpose, WithdrawalId};

/// Acts of one round, by kind.
#[derive(Default)]
pub(super) struct Due {
    pub sign: Vec<(LineageId, AttemptId)>,
    pub send: Vec<(LineageId, AttemptId)>,
    pub bump: Vec<(LineageId, Purpose, Offer)>,
    pub plan: Vec<WithdrawalId>,
    pub lift: Vec<(LineageId, Offer)>,
    pub close: Vec<LineageId>,
    pub consolidate: Option<Offer>,
    /// What each offers, and how many at most.
    pub sweep: Option<(Offer, usize)>,
    pub probe: Option<Offer>,
}

impl Due {
    pub(super) fn of(acts: Vec<Act>) -> Self {
        let mut due = Self::default();
        for act in acts {
            match act {
                Act::Sign { lineage, attempt } => due.sign.push((lineage, attempt)),
                Act::Send { lineage, attempt } => due.send.push((lineage, attempt)),
                Act::Bump { lineage, purpose, offer } => due.bump.push((lineage, purpose, offer)),
                Act::Plan { withdrawal } => due.plan.push(withdrawal),
                Act::Lift { lineage, offer } => due.lift.push((lineage, offer)),
                Act::Close { lineage } => due.close.push(lineage),
                Act::Sweep { offer, most } => due.sweep = Some((offer, most)),
                Act::Probe { offer } => due.probe = Some(offer),
                Act::Consolidate { offer } => due.consolidate = Some(offer),
            }
        }
        due
    }
}
