//! Giving back: before a hold is released, the signer notes that its payout is never signed again
//! (case F93).
//!
//! The rules decide first, and name the payouts that have to be retired; the signer retires them;
//! then the same command is decided again and committed. A crash between the two leaves a payout
//! that nobody pays: the lane's next look finishes what was begun.

use std::collections::BTreeSet;

use adit_core::{Actor, Answer, Command, IncarnationId, PayoutId, Refusal, Retirement};
use adit_signer::{Refused, Retire};
use adit_store::StoreFault;

use crate::{Engine, WriteError};

impl Engine {
    /// Decides and commits one command. Payouts whose holds it gives back are retired by the signer
    /// first.
    ///
    /// # Errors
    /// [`WriteError`]; `SignerUnreachable` and `Failed` changed nothing, and trying again is safe.
    pub async fn submit(&self, actor: Actor, command: Command) -> Result<Answer, WriteError> {
        match self.writer.submit(actor.clone(), command.clone()).await {
            Err(WriteError::Refused(Refusal::NotRetired { payouts })) => {
                let retired = self.retire(payouts).await?;
                self.writer.submit_retired(actor, command, retired).await
            }
            other => other,
        }
    }

    async fn retire(&self, retirements: Vec<Retirement>) -> Result<BTreeSet<PayoutId>, WriteError> {
        let failed = |error: StoreFault| WriteError::Failed { detail: error.to_string() };
        let known = self.store().incarnation().await.map_err(failed)?;
        let Some(incarnation) = known.map(|known| known.id) else {
            return Err(WriteError::Failed { detail: "no lane was leased yet".to_owned() });
        };
        let mut retired = BTreeSet::new();
        for retirement in retirements {
            let payout = retirement.payout;
            let retire = Retire { replica: self.replica, incarnation, retirement };
            let unreachable = |fault: adit_signer::SignerFault| WriteError::SignerUnreachable {
                detail: fault.to_string(),
            };
            if let Err(refused) = self.ports.signer.retire(&retire).await.map_err(unreachable)? {
                return Err(self.not_retired(payout, &refused).await);
            }
            retired.insert(payout);
        }
        Ok(retired)
    }

    /// Returns whether the store still has the incarnation that the signer calls superseded. Where
    /// another process of the same store has begun the next one meanwhile, only this look was late.
    pub(crate) async fn is_superseded(
        &self,
        incarnation: IncarnationId,
    ) -> Result<bool, StoreFault> {
        let known = self.store().incarnation().await?;
        Ok(known.is_none_or(|known| {
            known.finding.map_or(known.id, |finding| finding.next) == incarnation
        }))
    }

    async fn not_retired(&self, payout: PayoutId, refused: &Refused) -> WriteError {
        tracing::warn!(%payout, %refused, "the signer does not let a hold be given back");
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "whatever else the signer says, nothing is given back"
        )]
        match refused {
            Refused::Equivocation { payout, live } => {
                WriteError::Refused(Refusal::PaymentSigned { payout: *payout, lineage: *live })
            }
            Refused::SupersededStore { incarnation }
                if matches!(self.is_superseded(*incarnation).await, Ok(true)) =>
            {
                self.hub.supersede(*incarnation);
                WriteError::Superseded
            }
            other => WriteError::Failed { detail: format!("the signer refuses: {other}") },
        }
    }
}
