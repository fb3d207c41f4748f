//! What happens in the world is checked where it happens: at each commit, each signature and each block.

use adit_core::{Batch, Draft, EventKind, GroupId, HaltReason, LaneState, State};
use adit_signer::{Refused, SignRequest, Signature};

use super::{World, lock};
use crate::crash::Process;

impl World {
    /// A commit has just happened.
    pub fn committed(&self, id: GroupId, batch: Batch) {
        self.tell_events(&batch);
        for row in &batch.lanes {
            let ahead = matches!(&row.row.state, LaneState::Halted { reason: HaltReason::JournalAhead { .. }, .. });
            let mut known = lock(&self.journal_ahead);
            if ahead {
                known.insert(row.row.id.clone())
            } else {
                known.remove(&row.row.id)
            };
        }
        for row in &batch.lineages {
            let (mut truth, mut coin_truth) = (self.truth(), self.coin_truth());
            for hash in row.row.attempts.iter().filter_map(|attempt| attempt.signed()).map(|signed| signed.hash) {
                truth.recorded(hash);
                coin_truth.recorded(hash);
            }
        }
        for row in batch.withdrawals.iter().filter(|row| row.row.state.status().is_end()) {
            let by_person = inspected(&batch, row.row.id) || matches!(row.row.state, State::Cancelled { .. }) && row.version == 0;
            let (id, payout, status) = (row.row.id, row.row.payout, row.row.state.status());
            let checked = match self.setup.is_bitcoin(&row.row.asset) {
                true => self.coin_truth().ended(id, payout, status, &self.utxo(), by_person),
                false => self.truth().ended(id, payout, status, &self.evm(), by_person),
            };
            self.check(checked);
        }
        self.check(self.disk.committed(id, batch));
    }

    fn tell_events(&self, batch: &Batch) {
        if self.story.is_told() {
            for event in &batch.appended.events {
                let of = event.withdrawal.map(|id| format!(" of {id}")).unwrap_or_default();
                self.story.tell("database", || format!("{:?}{of}", event.kind));
            }
        }
    }

    /// The signer has answered.
    pub fn signed(&self, process: &Process, requests: &[SignRequest], answers: &[Result<Signature, Refused>]) {
        self.check(self.signer.has_synced());
        for (request, answer) in requests.iter().zip(answers) {
            match answer {
                Ok(signature) => {
                    self.story.tell(&process.name, || {
                        format!("has {:?} of lineage {} signed: {}", request.purpose, request.lineage, signature.signed.hash)
                    });
                    let checked = match &request.draft {
                        Draft::Evm(_) => self.truth().signed(request, signature, &self.evm(), self.now()),
                        Draft::Bitcoin(_) => self.coin_truth().signed(request, signature, &self.utxo(), self.now()),
                    };
                    self.check(checked);
                }
                Err(refused) => self.story.tell(&process.name, || format!("is refused a signature: {refused}")),
            }
        }
    }

    /// Blocks may have become final.
    pub fn look(&self) {
        let evm = self.disk.read(|books| self.truth().look(&self.evm(), books));
        self.check(evm);
        let utxo = self.disk.read(|books| self.coin_truth().look(&self.utxo(), books));
        self.check(utxo);
    }
}

fn inspected(batch: &Batch, id: adit_core::WithdrawalId) -> bool {
    let of = |event: &adit_core::Event| event.withdrawal == Some(id) && matches!(event.kind, EventKind::Inspected { .. });
    batch.appended.events.iter().any(of)
}
