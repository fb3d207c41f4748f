//! What happens in the world is checked where it happens: at each commit, each signature, each send
//! and each block.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use adit_core::{
    Batch, Cause, Draft, EventKind, GroupId, HaltReason, Hash32, Lane, LaneState, LineageId,
    PayoutId, Purpose, Stage, State, Timestamp, TransferKind, WithdrawalId,
};
use adit_signer::{LeaseClaim, Presence, Refused, Retire, SignRequest, Signature};

use super::World;
use crate::check::{Broken, must};
use crate::crash::Process;
use crate::executor::Instant;
use crate::ports;
use crate::store::Disk;

/// Further than any witness lets a clock be: blocks of Bitcoin are believed within three hours.
const CLOCKS_APART_MICROS: i64 = 4 * 3_600 * 1_000_000;

/// A process that read a payment just before its cancel was committed may still be about to send
/// it.
const GRACE_MICROS: u64 = 60 * 1_000_000;

impl World {
    /// A commit has just happened on this server of the database.
    pub fn committed(&self, disk: &Arc<Disk>, id: GroupId, batch: Batch) {
        self.tell_events(&batch);
        batch.lanes.iter().for_each(|row| self.check(self.halted(&row.row)));
        let attempts = batch.lineages.iter().flat_map(|row| &row.row.attempts);
        for hash in attempts.filter_map(|attempt| attempt.signed()).map(|signed| signed.hash) {
            self.truth().recorded(hash);
            self.coin_truth().recorded(hash);
        }
        for event in batch
            .appended
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Requested { .. }))
        {
            self.check(self.dated(event.at, "accepted"));
        }
        for row in batch.lineages.iter().filter(|row| {
            row.version == 0
                && !row.row.legs.is_empty()
                && row.row.latest().stage == Stage::Reserved
        }) {
            self.check(self.dated(row.row.created_at, "planned"));
        }
        for row in batch
            .lineages
            .iter()
            .filter(|row| row.version == 0 && row.row.latest().stage == Stage::Reserved)
        {
            let attempt = row.row.latest();
            let checked = self.notary().reserved(attempt.id, &attempt.draft);
            self.check(checked);
            self.reserved.fetch_add(1, Ordering::Relaxed);
        }
        for row in batch.withdrawals.iter().filter(|row| row.row.state.status().is_end()) {
            let by_person = judged(&batch, row.row.id)
                || matches!(row.row.state, State::Cancelled { .. }) && row.version == 0;
            let (id, payout, status) = (row.row.id, row.row.payout, row.row.state.status());
            let checked = match self.setup.is_bitcoin(&row.row.asset) {
                true => self.coin_truth().ended(id, payout, status, &self.utxo(), by_person),
                false => self.truth().ended(id, payout, status, &self.evm(), by_person),
            };
            self.check(checked);
        }
        given_back(&batch)
            .filter(|id| !judged(&batch, *id))
            .for_each(|id| self.given_back(PayoutId(id.0)));
        self.check(disk.committed(id, batch, self.now()));
    }

    /// Nothing is accepted, planned or signed for the first time by a clock that is wrong: limits,
    /// deadlines and days count by it (case F97).
    fn dated(&self, at: Timestamp, what: &str) -> Result<(), Broken> {
        let off = at.micros() - ports::now(&self.handle).micros();
        must(off.abs() <= CLOCKS_APART_MICROS, "dated right", || {
            format!("something is {what} by a clock that is {} s off", off / 1_000_000)
        })
    }

    /// A hold was given back: the signer has noted that its payout is never signed again, and no
    /// chain ever pays it.
    fn given_back(&self, payout: PayoutId) {
        self.truth().given_back(payout, self.now());
        self.coin_truth().given_back(payout, self.now());
        let retired = self.notary().is_retired(payout);
        self.check(must(retired, "given back when retired", || {
            format!("{payout} is given back, and the signer may still sign it")
        }));
    }

    /// A lane blames nobody else for what our own signer signed.
    fn halted(&self, lane: &Lane) -> Result<(), Broken> {
        let LaneState::Halted { reason: HaltReason::ForeignUse { hash: Some(hash), .. }, .. } =
            &lane.state
        else {
            return Ok(());
        };
        let ours = self.truth().is_ours(*hash) || self.coin_truth().is_ours(*hash);
        must(!ours, "ours is ours", || {
            format!("{} stands because of {hash}, which our own signer signed", lane.id)
        })
    }

    fn tell_events(&self, batch: &Batch) {
        if self.story.is_told() {
            for event in &batch.appended.events {
                let of = event.withdrawal.map(|id| format!(" of {id}")).unwrap_or_default();
                self.story.tell("database", || format!("{:?}{of}", event.kind));
            }
        }
    }

    /// The signer has answered who is there.
    pub fn attended(&self, process: &Process, presence: &Presence, answer: &Result<(), Refused>) {
        let superseded = self.notary().is_superseded(presence.incarnation);
        self.check(must(answer.is_err() || !superseded, "superseded for good", || {
            format!("{} may stay, though {} was superseded", process.name, presence.incarnation)
        }));
    }

    pub fn leased(&self, process: &Process, claim: &LeaseClaim, answer: &Result<(), Refused>) {
        if answer.is_ok() {
            self.story.tell(&process.name, || {
                format!("has leased {} under epoch {}", claim.lane, claim.epoch.0)
            });
            let checked = self.notary().leased(claim, self.now());
            self.check(checked);
        }
    }

    pub fn retired(&self, retire: &Retire, answer: &Result<(), Refused>) {
        if answer.is_ok() {
            self.notary().retired(retire.retirement.payout, self.now());
        }
    }

    /// The signer has answered what it would sign.
    pub fn tried(&self, requests: &[SignRequest], answers: &[Result<(), Refused>]) {
        self.check(told_first(answers));
        let would = requests.iter().zip(answers).filter(|(_, answer)| answer.is_ok());
        would.for_each(|(request, _)| self.notary().would_sign(request));
    }

    /// The signer has answered.
    pub fn signed(
        &self,
        process: &Process,
        requests: &[SignRequest],
        answers: &[Result<Signature, Refused>],
    ) {
        self.check(self.signer.has_synced());
        self.check(told_first(answers));
        for (request, answer) in requests.iter().zip(answers) {
            match answer {
                Ok(signature) => {
                    self.story.tell(&process.name, || {
                        format!(
                            "has {:?} of lineage {} signed: {}",
                            request.purpose, request.lineage, signature.signed.hash
                        )
                    });
                    self.check_signed(process, request, signature);
                }
                Err(refused) => {
                    self.story.tell(&process.name, || format!("is refused a signature: {refused}"))
                }
            }
        }
    }

    fn check_signed(&self, process: &Process, request: &SignRequest, signature: &Signature) {
        let first = self.notary().is_unsigned(request.lineage);
        if first && request.purpose == Purpose::Pay {
            self.check(self.obeyed(process, request.lineage, "signed"));
            self.check(self.dated(self.signer.believes(), "signed"));
        }
        let checked = self.notary().signed(request, self.now());
        self.check(checked);
        let checked = match &request.draft {
            Draft::Evm(_) => self.truth().signed(request, signature, &self.evm(), self.now()),
            Draft::Bitcoin(_) => {
                self.coin_truth().signed(request, signature, &self.utxo(), self.now())
            }
        };
        self.check(checked);
    }

    /// Bytes leave: of a payment whose cancel was wished before it was ever sent, none do.
    pub fn sends(&self, process: &Process, hash: Hash32) {
        let Some(lineage) = self.disk_of(process.slot).read(|books| books.paid_by(hash)) else {
            return;
        };
        let first = self.notary().sends(lineage, self.now());
        if first {
            self.check(self.obeyed(process, lineage, "sent"));
        }
    }

    fn obeyed(&self, process: &Process, lineage: LineageId, what: &str) -> Result<(), Broken> {
        let Some(wished) = self.disk_of(process.slot).read(|books| books.cancel_wished_at(lineage))
        else {
            return Ok(());
        };
        must(self.now() < self.grace(process, wished), "cancel obeyed", || {
            format!(
                "lineage {lineage} is {what} for the first time by {}, though somebody wished it \
                 undone before",
                process.name
            )
        })
    }

    /// Until then a process may not have seen what was committed at that moment: not one that began
    /// later.
    fn grace(&self, process: &Process, at: Instant) -> Instant {
        if self.began_at(process.id).is_some_and(|began| began > at) {
            return at;
        }
        at.max(self.woken_at(process.id).unwrap_or(0)) + GRACE_MICROS
    }

    /// Blocks may have become final.
    pub fn look(&self) {
        let evm = self.truth().look(&self.evm());
        self.check(evm);
        let utxo = self.coin_truth().look(&self.utxo());
        self.check(utxo);
    }
}

/// Withdrawals whose holds this commit gives back.
fn given_back(batch: &Batch) -> impl Iterator<Item = WithdrawalId> {
    let released = batch
        .appended
        .transfers
        .iter()
        .filter(|transfer| matches!(transfer.kind, TransferKind::Release { .. }));
    released.filter_map(|transfer| match transfer.cause {
        Cause::Withdrawal { id } => Some(id),
        Cause::Credit { .. } | Cause::NetworkFee { .. } | Cause::Funding { .. } => None,
    })
}

/// Whether a person judged what became of it.
fn judged(batch: &Batch, id: WithdrawalId) -> bool {
    let of = |event: &adit_core::Event| {
        event.withdrawal == Some(id)
            && matches!(event.kind, EventKind::Inspected { .. } | EventKind::Matched { .. })
    };
    batch.appended.events.iter().any(of)
}

/// A lease is told to the signer when it is taken, so that nothing is asked under one that it never
/// heard of (case F101).
fn told_first<T>(answers: &[Result<T, Refused>]) -> Result<(), Broken> {
    let unknown = answers.iter().find_map(|answer| match answer {
        Err(Refused::NotLeased { lane }) => Some(lane),
        Ok(_) | Err(_) => None,
    });
    must(unknown.is_none(), "told first", || {
        format!("the signer is asked under a lease of {unknown:?} that it was not told")
    })
}
