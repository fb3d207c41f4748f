//! Who may have been paid already is not planned: what was made again from the journal, or found in
//! blocks, can come between a request and its plan, and a request that was approved before is held
//! against it here (cases F91, F95).

use adit_core::{
    Actor, Command, Epoch, Incarnation, Mistake, Payment, State, Twin, Wanted, Withdrawal, planted,
};

use super::{LaneTask, RoundError};
use crate::Clock as _;

impl LaneTask {
    /// Leaves those out that equal a payment which nobody has explained, or which their user got
    /// lately: a person decides about them.
    pub(super) async fn unrepeated<'a>(
        &self,
        epoch: Epoch,
        chosen: &[&'a Withdrawal],
    ) -> Result<Vec<&'a Withdrawal>, RoundError> {
        let known = self.remembered().await?;
        let (mut standing, mut commands) = (Vec::with_capacity(chosen.len()), Vec::new());
        for withdrawal in chosen.iter().copied() {
            let Some(twin) = known.as_ref().and_then(|known| self.twin_of(known, withdrawal))
            else {
                standing.push(withdrawal);
                continue;
            };
            tracing::warn!(
                withdrawal = %withdrawal.id,
                %twin,
                "it may have been paid already, and waits for a person"
            );
            let (lane, owner, leg) = (self.id().clone(), self.engine.replica, withdrawal.leg());
            let stray = known.as_ref().and_then(|known| payment_of(known, &twin));
            commands.push(match stray {
                Some(payment) => {
                    Command::Suspect { lane, owner, epoch, leg, payment, finding: twin.to_string() }
                }
                None => Command::Reapprove { lane, owner, epoch, leg, reason: twin.to_string() },
            });
        }
        self.commit(commands).await?;
        Ok(standing)
    }

    /// What there is to be held against; none where nothing was ever forgotten.
    pub(super) async fn remembered(&self) -> Result<Option<Incarnation>, RoundError> {
        if planted(Mistake::StraysForgotten) {
            return Ok(None);
        }
        let known = self.engine.store().incarnation().await?;
        Ok(known.filter(|known| !known.unmatched.is_empty() || !known.strays.is_empty()))
    }

    /// A payment that may have been this one. What a person approved stands, and what was in a
    /// lineage before was looked at when that ended.
    pub(super) fn twin_of(&self, known: &Incarnation, withdrawal: &Withdrawal) -> Option<Twin> {
        let by_policy =
            matches!(&withdrawal.state, State::Approved { by: Actor::Engine, after: None, .. });
        let Withdrawal { asset, destination, amount, .. } = withdrawal;
        let wanted = Wanted { asset, destination, amount: *amount, kind: self.rules().kind };
        known
            .twin_of_request(&withdrawal.user, &wanted, self.engine.ports.clock.now())
            .filter(|_| by_policy)
    }
}

/// Where the payment of the same stands; none where the journal alone knows it.
fn payment_of(known: &Incarnation, twin: &Twin) -> Option<Payment> {
    let Twin::Stray { hash } = twin else { return None };
    known.strays.iter().find(|stray| stray.payment.hash == *hash).map(|stray| stray.payment.clone())
}
