//! Taking back what was reserved and never signed, where that needs no transaction (case F92).

use adit_core::{Actor, Command, HaltReason, Lane, Lineage, LineageId, Refusal};

use super::journal::Reading;
use super::{Held, LaneTask, RoundError};
use crate::WriteError;

impl LaneTask {
    /// Ends these lineages. Gives how many ended.
    pub(super) async fn close(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
        due: &[LineageId],
    ) -> Result<usize, RoundError> {
        let mut ended = 0;
        for lineage in live.iter().filter(|lineage| due.contains(&lineage.id)) {
            ended += usize::from(self.close_one(lane, lease, lineage).await?);
        }
        Ok(ended)
    }

    async fn close_one(
        &self,
        lane: &Lane,
        lease: Held,
        lineage: &Lineage,
    ) -> Result<bool, RoundError> {
        match self.engine.submit(Actor::Engine, self.closing(lease, lineage)).await {
            Ok(_) => Ok(true),
            Err(WriteError::Refused(Refusal::PaymentSigned { .. })) => {
                self.signed_after_all(lane, lease).await.map(|()| false)
            }
            Err(WriteError::Refused(refusal)) => {
                tracing::debug!(
                    lineage = %lineage.id,
                    ?refusal,
                    "it cannot be taken back; the next round looks again"
                );
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The signer signed, and its answer never came: the journal brings the signature, and the
    /// chain decides between the versions.
    async fn signed_after_all(&self, lane: &Lane, lease: Held) -> Result<(), RoundError> {
        match self.adopt_from_journal(lane, lease.epoch).await? {
            Reading::Placed | Reading::NotOurs => Ok(()),
            Reading::Left(reasons) => {
                self.halt(HaltReason::JournalAhead { detail: reasons.join("; ") }).await
            }
        }
    }

    pub(super) fn closing(&self, lease: Held, lineage: &Lineage) -> Command {
        let (lane, owner, epoch) = (self.id().clone(), self.engine.replica, lease.epoch);
        Command::CloseLineage {
            lane,
            owner,
            epoch,
            lineage: lineage.id,
            legs: lineage.legs.clone(),
        }
    }
}
