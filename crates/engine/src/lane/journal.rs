//! The signer's journal, read to its end under each new lease before anything else (rule R7): what
//! the store lost is taken back, and whole withdrawals are made again with their users (case F95).
//!
//! What can be placed is placed first, so that no row that exists is lost behind one that does not.
//! What cannot be placed halts the lane.

use std::collections::BTreeSet;

use adit_core::{
    Actor, Command, Epoch, HaltReason, Lane, LaneId, LaneState, Leg, Lineage, LineageId, Lost,
    Mistake, Refusal, Span, Timestamp, WithdrawalId, planted,
};
use adit_signer::{EntryCursor, PayoutStanding};

use super::reconcile::Found;
use super::unremembered::Recalled;
use super::{Held, LaneTask, RoundError};
use crate::{LIVE_LINEAGES_MAX, WriteError};

/// Journal entries that are read at once.
pub(super) const ENTRIES_PER_PAGE_MAX: usize = 1_000;
/// Payouts that the signer is asked about at once.
const PAYOUTS_PER_QUESTION_MAX: usize = 500;
/// Withdrawals that may have consumed a key or claim of one that is made again: one by key, one by
/// claim, for each of a batch.
const RIVALS_MAX: usize = 1_000;
/// A halted lane reads a journal that it could not place again after so long.
const READ_AGAIN_AFTER: Span = Span::from_seconds(10);

/// When a journal is read again that could not be placed, or that pools have to be waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadsAgain {
    /// An uptime.
    at: Timestamp,
    /// Whether the lane stood when this was noted.
    halted: bool,
}

/// What became of reading a journal.
pub(super) enum Reading {
    /// All of it stands in the store.
    Placed,
    /// The lease was lost on the way.
    NotOurs,
    /// These could not be placed, each with its reason.
    Left(Vec<String>),
}

impl LaneTask {
    /// Whether it is time to read the journal: at once where the lane was stopped or let go since
    /// it last had to wait.
    pub(super) fn may_read_journal(&self, lane: &Lane) -> bool {
        let again = self.reads_again.lock().expect("no holder of this lock panics");
        again.is_none_or(|again| {
            again.halted != is_halted(lane) || self.engine.ports.clock.uptime() >= again.at
        })
    }

    /// Reads the journal under this lease, and says so in the store once all of it stands there.
    pub(super) async fn read_journal(&self, lane: &Lane, lease: Held) -> Result<(), RoundError> {
        let reads = !planted(Mistake::NoReconcile) && !planted(Mistake::SignerForgets);
        let reading =
            if reads { self.adopt_all(lane, lease.epoch).await? } else { Reading::Placed };
        match reading {
            Reading::Placed => {
                match self.recall(lane, lease).await? {
                    Recalled::Known => {}
                    Recalled::Suspected => return Ok(()),
                    Recalled::Waits => {
                        let halted = self.lane().await?.as_ref().is_some_and(is_halted);
                        self.read_later(halted);
                        return Ok(());
                    }
                    Recalled::Left(detail) => {
                        self.read_later(true);
                        return self.halt(HaltReason::BothWentBack { detail }).await;
                    }
                }
                let (lane, owner, epoch) = (self.id().clone(), self.engine.replica, lease.epoch);
                self.commit(vec![Command::JournalRead { lane, owner, epoch }]).await?;
                self.finish_give_backs(lease).await
            }
            Reading::NotOurs => Ok(()),
            Reading::Left(reasons) => {
                self.read_later(true);
                self.halt(HaltReason::JournalAhead { detail: reasons.join("; ") }).await
            }
        }
    }

    /// Reads the journal again later. `halted` is whether the lane stands until then.
    fn read_later(&self, halted: bool) {
        let at = self.engine.ports.clock.uptime().plus(READ_AGAIN_AFTER);
        *self.reads_again.lock().expect("no holder of this lock panics") =
            Some(ReadsAgain { at, halted });
    }

    /// This lane's payments, and those of wallets of its chain that are no longer configured:
    /// nobody leases those, and what they signed stands in the store all the same before anything
    /// is given back.
    async fn adopt_all(&self, lane: &Lane, epoch: Epoch) -> Result<Reading, RoundError> {
        let configured: BTreeSet<&LaneId> =
            self.engine.rules.chains.values().map(|chain| &chain.lane).collect();
        let former = self.engine.ports.signer.lanes().await?.into_iter().map(|known| known.lane);
        let former: Vec<LaneId> = former
            .filter(|known| known.chain == self.name && !configured.contains(known))
            .collect();
        let mut reading = self.adopt_from_journal(lane, epoch).await?;
        for id in former {
            let others = match self.engine.store().lane(&id).await? {
                Some(row) => self.adopt_from_journal(&row, row.epoch).await?,
                None => Reading::Left(vec![format!(
                    "the wallet {id}, which this store has no row of, cannot be read"
                )]),
            };
            reading = match (reading, others) {
                (Reading::Left(mut left), Reading::Left(more)) => {
                    left.extend(more);
                    Reading::Left(left)
                }
                (worse @ (Reading::Left(_) | Reading::NotOurs), _) => worse,
                (Reading::Placed, others) => others,
            };
        }
        Ok(reading)
    }

    /// Every signature of a lane since the oldest number that is still open, or that a store which
    /// went back has to read from.
    pub(super) async fn adopt_from_journal(
        &self,
        lane: &Lane,
        epoch: Epoch,
    ) -> Result<Reading, RoundError> {
        let live = self.engine.store().live_lineages(&lane.id, LIVE_LINEAGES_MAX).await?;
        let unread =
            self.engine.store().incarnation().await?.and_then(|known| known.unread_from(&lane.id));
        let open = live.iter().map(Lineage::number).min();
        let first = lane.next_nonce.min(open.unwrap_or(u64::MAX)).min(unread.unwrap_or(u64::MAX));
        let mut from = EntryCursor::at(first);
        // Once: nothing is reserved while the journal is read, and as many lineages may be open as
        // are read.
        let unsigned = unsigned(live);
        let (mut left, mut read) = (Vec::new(), Vec::new());
        loop {
            let page =
                self.engine.ports.signer.entries(&lane.id, from, ENTRIES_PER_PAGE_MAX).await?;
            // A lineage is placed with all its versions: the number at which a page ends waits for
            // the next one.
            let goes_on = page.next.map_or(u64::MAX, |next| next.number);
            read.extend(page.entries);
            let rest = read
                .split_off(read.partition_point(|entry| entry.request.draft.number() < goes_on));
            for found in self.lineages(&lane.id, std::mem::replace(&mut read, rest)).await? {
                match self.adopt(epoch, &found, &unsigned).await {
                    Ok(()) => {}
                    // The lease ran out on the way, or another replica has it: whoever leases next
                    // places what the journal holds.
                    Err(RoundError::Write(WriteError::Refused(
                        Refusal::NotLeased { .. } | Refusal::StoreWentBack { .. },
                    ))) => {
                        return Ok(Reading::NotOurs);
                    }
                    Err(RoundError::Write(WriteError::Refused(refusal))) => {
                        left.push(unplaced(&found.lineage, &refusal))
                    }
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => from = next,
                None if left.is_empty() => return Ok(Reading::Placed),
                None => return Ok(Reading::Left(left)),
            }
        }
    }

    /// Where it is refused, what the chain has made final meanwhile is settled first, and it is
    /// tried once more: the change of an older version belongs to a payment that is under way as
    /// long as the database does not know that this one is over (case F73).
    ///
    /// `unsigned` are the lineages of this store that nothing is signed of.
    pub(super) async fn adopt(
        &self,
        epoch: Epoch,
        found: &Found,
        unsigned: &[Lineage],
    ) -> Result<(), RoundError> {
        if !found.lost.is_empty() && planted(Mistake::LostNotMadeAgain) {
            return Ok(());
        }
        match self.adopt_once(epoch, found, unsigned).await {
            Err(RoundError::Write(WriteError::Refused(refusal)))
                if !matches!(
                    refusal,
                    Refusal::NotLeased { .. } | Refusal::StoreWentBack { .. }
                ) =>
            {
                self.settle_meanwhile().await?;
                self.adopt_once(epoch, found, unsigned).await
            }
            other => other,
        }
    }

    /// Whoever asked again meanwhile with the same key or claim comes to the command, and is given
    /// back in the same commit.
    async fn adopt_once(
        &self,
        epoch: Epoch,
        found: &Found,
        unsigned: &[Lineage],
    ) -> Result<(), RoundError> {
        let mut rivals: Vec<Leg> = Vec::new();
        let displaced = displaced(&found.lineage, unsigned);
        loop {
            let (lane, lineage) = (found.lineage.lane.clone(), found.lineage.clone());
            let (lost, rivals_known, displaced) =
                (found.lost.clone(), rivals.clone(), displaced.clone());
            let command = Command::AdoptLineage {
                lane,
                epoch,
                lineage,
                lost,
                rivals: rivals_known,
                displaced,
            };
            match self.engine.submit(Actor::Engine, command).await {
                Err(WriteError::Refused(Refusal::Rival { withdrawal }))
                    if rivals.len() < RIVALS_MAX =>
                {
                    let Some(rival) = self.engine.store().withdrawal(withdrawal).await? else {
                        return Err(WriteError::Refused(Refusal::Rival { withdrawal }).into());
                    };
                    rivals.push(rival.leg());
                }
                done => return Ok(done.map(drop)?),
            }
        }
    }

    /// What this store has reserved, with nothing signed.
    pub(super) async fn unsigned(&self) -> Result<Vec<Lineage>, RoundError> {
        Ok(unsigned(self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?))
    }

    /// What the signer has retired is given back, where this store shows it as waiting still (case
    /// F93).
    async fn finish_give_backs(&self, lease: Held) -> Result<(), RoundError> {
        for waiting in self.waiting().await?.chunks(PAYOUTS_PER_QUESTION_MAX) {
            let payouts: Vec<_> = waiting.iter().map(|withdrawal| withdrawal.payout).collect();
            let standing = self.engine.ports.signer.standing(&payouts).await?;
            for (withdrawal, known) in waiting.iter().zip(standing) {
                if let PayoutStanding::Retired { by, reason } = known {
                    self.finish_give_back(lease.epoch, Some(withdrawal.leg()), &by, &reason)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

fn is_halted(lane: &Lane) -> bool {
    matches!(lane.state, LaneState::Halted { .. })
}

fn unsigned(live: Vec<Lineage>) -> Vec<Lineage> {
    live.into_iter()
        .filter(|lineage| lineage.attempts.iter().all(|attempt| attempt.signed().is_none()))
        .collect()
}

/// What this store reserved at an anchor, or for a payout, that the journal gives to another
/// lineage. The rules look at the rows once more: those of before may have ended meanwhile.
fn displaced(journalled: &Lineage, unsigned: &[Lineage]) -> Vec<(LineageId, Vec<Leg>)> {
    let paid = |leg: &Leg| journalled.legs.iter().any(|other| other.payout == leg.payout);
    let shares = |other: &Lineage| {
        other.anchors.iter().any(|anchor| journalled.anchors.contains(anchor))
            || other.legs.iter().any(paid)
    };
    let displaced = unsigned.iter().filter(|other| other.id != journalled.id && shares(other));
    displaced.map(|other| (other.id, other.legs.clone())).collect()
}

pub(super) fn unplaced(lineage: &Lineage, refusal: &Refusal) -> String {
    tracing::error!(
        lineage = %lineage.id,
        number = lineage.number(),
        ?refusal,
        "the journal knows a payment that cannot be placed"
    );
    format!(
        "lineage {} at number {} cannot be placed ({})",
        lineage.id,
        lineage.number(),
        refusal.code()
    )
}

/// Returns a withdrawal that the store does not have, with what the journal remembers of it.
pub(super) fn lost(leg: Leg, context: Option<adit_core::PayoutContext>) -> Lost {
    let requested_at = asked_at(leg.withdrawal);
    Lost { leg, context, requested_at }
}

/// The time in a UUIDv7 (RFC 9562): its first 48 bits are milliseconds since 1970.
fn asked_at(id: WithdrawalId) -> Timestamp {
    let millis = i64::try_from(id.0.as_u128() >> 80).expect("48 bits");
    Timestamp::from_micros(millis.saturating_mul(1_000))
}
