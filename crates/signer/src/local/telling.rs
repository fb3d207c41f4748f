//! Tells what the journal knows.

use adit_core::{LaneId, PayoutId};

use super::{Inner, State, unwritten};
use crate::journal::{Journal, Place, Record};
use crate::{JournalEntry, LaneStanding, PayoutStanding, SignerFault};

impl Inner {
    pub(super) fn entries(&self, lane: &LaneId, from_nonce: u64, limit: usize) -> Result<Vec<JournalEntry>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, .. } = &mut *state;
        let places = facts.signed_from(lane, from_nonce, limit);
        places.into_iter().map(|place| entry(journal, place)).collect()
    }

    pub(super) fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        let state = self.lock()?;
        Ok(payouts.iter().map(|payout| state.facts.standing(*payout)).collect())
    }

    pub(super) fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        Ok(self.lock()?.facts.lanes())
    }
}

pub(super) fn entry(journal: &mut Journal, place: Place) -> Result<JournalEntry, SignerFault> {
    match journal.read(place).map_err(unwritten)? {
        Record::Signed { entry, .. } => Ok(entry),
        Record::Superseded { .. } | Record::Epoch { .. } | Record::Lease { .. } | Record::Retired { .. } | Record::Format { .. } => {
            Err(SignerFault::Journal { detail: "a line of it changed on disk".to_owned() })
        }
    }
}
