//! The database as a witness of the signer's journal: a journal that lacks what the lane's row has
//! seen of it went back alone, and nothing is signed with it (cases F91, F96).

use adit_core::{Granted, HaltReason, JournalTip, Lane};

use super::{LaneTask, RoundError};

impl LaneTask {
    /// Returns how far the journal goes, to be noted in the lane's row. None where it does not go
    /// on from what the row has seen: what was seen is never replaced by that.
    pub(super) async fn journal_tip(
        &self,
        lane: Option<&Lane>,
    ) -> Result<Option<JournalTip>, RoundError> {
        let seen = lane.and_then(|lane| lane.witness);
        let at = self.engine.ports.signer.journal_at(seen.map_or(0, |seen| seen.records)).await?;
        let missing = seen.and_then(|seen| seen.missing_from(at.tip, at.chain));
        if let Some(detail) = &missing {
            tracing::error!(
                lane = %self.id(),
                detail,
                "the signer's journal went back; it is compared with the database at the next lease"
            );
        }
        Ok(missing.is_none().then_some(at.tip))
    }

    /// Compares the journal with what the row has seen of it, before the signer is told of a lease.
    /// Stops the lane where the journal went back, and then returns false.
    pub(super) async fn journal_goes_on(&self, granted: &Granted) -> Result<bool, RoundError> {
        let Some(seen) = granted.witness else { return Ok(true) };
        let at = self.engine.ports.signer.journal_at(seen.records).await?;
        let Some(detail) = seen.missing_from(at.tip, at.chain) else { return Ok(true) };
        let reason = HaltReason::JournalWentBack { detail };
        self.engine.hub.signer_refused(
            self.id(),
            &reason.sentence(),
            self.engine.ports.clock.uptime(),
        );
        self.halt(reason).await.map(|()| false)
    }
}
