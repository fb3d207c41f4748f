//! Tells what the journal knows.

use adit_core::{Hash32, JournalTip, LaneId, PayoutId, UserId};

use super::{Inner, State, unwritten};
use crate::contexts::SealedContext;
use crate::journal::{Journal, Place, Record};
use crate::page::json_bytes;
use crate::{
    EntryCursor, EntryPage, JournalAt, JournalEntry, LaneStanding, PayoutStanding, SignerFault,
};

impl Inner {
    pub(super) fn journal_at(&self, records: u64) -> Result<JournalAt, SignerFault> {
        let mut state = self.lock()?;
        let chain = state.journal.chain_after(records).map_err(unwritten)?.map(Hash32);
        let tip = state.journal.tip();
        Ok(JournalAt { tip: JournalTip { records: tip.records, chain: Hash32(tip.chain) }, chain })
    }

    pub(super) fn entries(
        &self,
        lane: &LaneId,
        from: EntryCursor,
        limit: usize,
    ) -> Result<EntryPage, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, contexts, .. } = &mut *state;
        let (mut entries, mut bytes, mut at) = (Vec::new(), 0, from);
        for (number, place) in facts.signed_from(lane, from) {
            let next = Some(at.on(number));
            if !entries.is_empty() && entries.len() >= limit {
                return Ok(EntryPage { entries, next });
            }
            let (mut entry, sealed) = entry(journal, place)?;
            entry.request.contexts = contexts.unseal(&sealed);
            bytes += json_bytes(&entry);
            if !entries.is_empty() && bytes > self.page_bytes {
                return Ok(EntryPage { entries, next });
            }
            entries.push(entry);
            at = at.past(number);
        }
        Ok(EntryPage { entries, next: None })
    }

    pub(super) fn standing(
        &self,
        payouts: &[PayoutId],
    ) -> Result<Vec<PayoutStanding>, SignerFault> {
        let state = self.lock()?;
        Ok(payouts.iter().map(|payout| state.facts.standing(*payout)).collect())
    }

    pub(super) fn forget_user(&self, user: &UserId) -> Result<bool, SignerFault> {
        self.lock()?.contexts.forget(user).map_err(unwritten)
    }

    pub(super) fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        Ok(self.lock()?.facts.lanes())
    }
}

/// What was signed there, and its contexts as they are sealed.
pub(super) fn entry(
    journal: &mut Journal,
    place: Place,
) -> Result<(JournalEntry, Vec<SealedContext>), SignerFault> {
    match journal.read(place).map_err(unwritten)? {
        Record::Signed { entry, sealed, .. } => Ok((entry, sealed)),
        Record::Superseded { .. }
        | Record::Epoch { .. }
        | Record::Lease { .. }
        | Record::Opened { .. }
        | Record::Retired { .. }
        | Record::Format { .. } => {
            Err(SignerFault::Journal { detail: "a line of it changed on disk".to_owned() })
        }
    }
}
