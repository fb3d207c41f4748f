//! What must never change about a chain: its first block, the code of the wallet, and code and
//! decimals of each token (windows F23, F41, F51). It is compared when a lane starts, and while it
//! runs. A change halts the lane until a person has looked, so it is believed only when it is said
//! twice in a row.

use adit_chain::{Fault, Identity};
use adit_core::{HaltReason, Lane, LaneState, changed_pin};

use super::observe::Looked;
use super::{LaneTask, RoundError};

/// What became of the comparison.
pub(super) enum Compared {
    Same(Identity),
    /// Something else was said, for the first time.
    Unsure,
    Changed(HaltReason),
}

impl LaneTask {
    /// Asks the chain now. `known` is the lane as it was pinned; none where it never was.
    pub(super) async fn compare_pins(&self, known: Option<&Lane>) -> Result<Compared, RoundError> {
        let contrary = match self.chain().identity(self.id()).await {
            Ok(identity) if identity.wallet_has_code => HaltReason::WalletHasCode,
            Ok(identity) => match known.and_then(|lane| changed_pin(lane, &identity.pins)) {
                Some(reason) => reason,
                None => {
                    *self.contrary.lock().expect("no holder of this lock panics") = None;
                    return Ok(Compared::Same(identity));
                }
            },
            Err(Fault::Misconfigured { subject, configured, seen, .. }) => {
                HaltReason::PinChanged { fact: subject, pinned: configured, seen }
            }
            Err(fault) => return Err(fault.into()),
        };
        let before =
            self.contrary.lock().expect("no holder of this lock panics").replace(contrary.clone());
        if before.as_ref() == Some(&contrary) {
            return Ok(Compared::Changed(contrary));
        }
        tracing::warn!(
            lane = %self.id(),
            sentence = %contrary.sentence(),
            "the chain is asked once more before that is believed"
        );
        Ok(Compared::Unsure)
    }

    /// Compares them now and then while the lane runs. Returns whether the lane was halted.
    pub(super) async fn pins_changed(
        &self,
        lane: &Lane,
        looked: &mut Looked,
    ) -> Result<bool, RoundError> {
        let uptime = self.engine.ports.clock.uptime();
        let fresh = looked.pins_at.is_some_and(|at| uptime < at.plus(self.settings.identity_beat));
        if fresh || lane.state != LaneState::Running {
            return Ok(false);
        }
        looked.pins_at = Some(uptime);
        match self.compare_pins(Some(lane)).await? {
            Compared::Same(_) => Ok(false),
            Compared::Unsure => {
                looked.pins_at = None;
                Ok(false)
            }
            Compared::Changed(reason) => self.halt(reason).await.map(|()| true),
        }
    }
}
