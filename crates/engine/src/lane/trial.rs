//! The signer's dry run: whether it would sign what is about to be reserved (rule R9).

use std::collections::BTreeMap;

use adit_chain::Ready;
use adit_core::{
    AttemptId, ChainKind, Command, DeferralCause, Epoch, Lane, Leg, LineageId, Mistake,
    PayoutContext, PayoutId, Purpose, planted,
};
use adit_signer::{About, Refused, SignRequest};

use super::request::{Chained, Fresh};
use super::{Held, LaneTask, RoundError};

/// A transaction on its way into a lineage.
pub(super) struct Candidate {
    pub ready: Ready,
    pub lineage: LineageId,
    pub attempt: AttemptId,
}

/// A payout that is not reserved now: why, in words and by its kind.
pub(super) type NotNow = (Leg, String, DeferralCause);

/// What the signer said to a round's candidates.
pub(super) enum Tried {
    Judged {
        accepted: Vec<Candidate>,
        refused: Vec<NotNow>,
    },
    /// It knows more than the book: nothing is reserved in this round.
    Behind {
        doubt: String,
    },
}

impl LaneTask {
    /// Asks the signer before anything is reserved, at the very numbers that will be used: where it
    /// would not sign one, those behind it move up and are asked anew (case F101).
    pub(super) async fn dry_run(
        &self,
        lane: &Lane,
        lease: Held,
        ready: Vec<Ready>,
        contexts: &BTreeMap<PayoutId, PayoutContext>,
    ) -> Result<Tried, RoundError> {
        let fresh = |ready: Ready| {
            let (lineage, attempt) =
                (LineageId(self.engine.ports.uuid()), AttemptId(self.engine.ports.uuid()));
            Candidate { ready, lineage, attempt }
        };
        let mut candidates: Vec<Candidate> = ready.into_iter().map(fresh).collect();
        let mut refused = Vec::new();
        while !candidates.is_empty() {
            self.number(lane, &mut candidates);
            let answers = self.ask(lane, lease, &candidates, contexts).await?;
            if let Some(doubt) = answers
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .find(|refused| is_doubt(refused))
            {
                return Ok(Tried::Behind { doubt: doubt.to_string() });
            }
            if answers.iter().all(Result::is_ok) {
                break;
            }
            let judged: Vec<_> = candidates.into_iter().zip(answers).collect();
            candidates = self.judged(lease, judged, &mut refused).await?;
            if planted(Mistake::RenumberedAfterDryRun) {
                self.number(lane, &mut candidates);
                break;
            }
        }
        Ok(Tried::Judged { accepted: candidates, refused })
    }

    /// Gives the candidates the next numbers of the line, in their order.
    fn number(&self, lane: &Lane, candidates: &mut [Candidate]) {
        for (candidate, number) in candidates.iter_mut().zip(lane.next_nonce..) {
            candidate.ready.draft =
                self.chain().renumbered(self.id(), &candidate.ready.draft, number);
        }
    }

    /// Fails where the signer does not know the lease any more.
    async fn ask(
        &self,
        lane: &Lane,
        lease: Held,
        candidates: &[Candidate],
        contexts: &BTreeMap<PayoutId, PayoutContext>,
    ) -> Result<Vec<Result<(), Refused>>, RoundError> {
        let Chained { last } = self.chained(lane).await?;
        let in_line = self.rules().kind == ChainKind::Evm;
        let before = std::iter::once(last)
            .chain(candidates.iter().map(|candidate| Some(candidate.lineage).filter(|_| in_line)));
        let requests: Vec<SignRequest> = candidates
            .iter()
            .zip(before)
            .map(|(candidate, previous)| {
                let purpose =
                    if candidate.ready.legs.is_empty() { Purpose::Cancel } else { Purpose::Pay };
                let Candidate { ready: Ready { legs, draft }, lineage, attempt } = candidate;
                self.trial(
                    lane,
                    lease,
                    &Fresh { lineage: *lineage, attempt: *attempt, purpose, legs, draft, previous },
                    contexts,
                )
            })
            .collect();
        let mut answers = self.engine.ports.signer.dry_run(&requests).await?;
        if self.freed_any(lease, &answers).await? {
            answers = self.engine.ports.signer.dry_run(&requests).await?;
        }
        self.note(&answers);
        match answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .find(|refused| refused.about() == About::Lease)
        {
            Some(refused) => Err(RoundError::LeaseLost { refused: refused.clone() }),
            None => Ok(answers),
        }
    }

    /// Keeps those that the signer would sign. What it has retired is given back; what has to wait
    /// for the number before waits.
    async fn judged(
        &self,
        lease: Held,
        judged: Vec<(Candidate, Result<(), Refused>)>,
        refused: &mut Vec<NotNow>,
    ) -> Result<Vec<Candidate>, RoundError> {
        let mut kept = Vec::with_capacity(judged.len());
        for (candidate, answer) in judged {
            match answer {
                Ok(()) => kept.push(candidate),
                Err(Refused::NotInOrder { .. }) => return Ok(kept),
                Err(Refused::Retired { payout, by, reason }) => {
                    let retired = candidate.ready.legs.into_iter().find(|leg| leg.payout == payout);
                    self.finish_give_back(lease.epoch, retired, &by, &reason).await?;
                }
                Err(reason) if candidate.ready.legs.is_empty() => {
                    tracing::warn!(
                        chain = %self.name,
                        %reason,
                        "the signer would not sign a transaction that pays nobody"
                    );
                }
                Err(reason) => {
                    // One payment must not keep the others of its batch back: half of them wait,
                    // the rest is tried again without them.
                    let legs = candidate.ready.legs;
                    let tried = legs.len() / 2;
                    let reason = self.in_words(&reason);
                    refused.extend(
                        legs.into_iter()
                            .skip(tried)
                            .map(|leg| (leg, reason.clone(), DeferralCause::SignerRefuses)),
                    );
                }
            }
        }
        Ok(kept)
    }

    /// The signer's journal says that a hold was given back, or was about to be: it is given back
    /// now (case F93).
    pub(super) async fn finish_give_back(
        &self,
        epoch: Epoch,
        leg: Option<Leg>,
        by: &str,
        reason: &str,
    ) -> Result<(), RoundError> {
        let Some(leg) = leg else { return Ok(()) };
        let (lane, owner, by, reason) =
            (self.id().clone(), self.engine.replica, by.to_owned(), reason.to_owned());
        self.commit(vec![Command::FinishGiveBack { lane, owner, epoch, leg, by, reason }]).await?;
        Ok(())
    }
}

/// Returns whether nothing may be reserved now, because the signer knows more than the book.
fn is_doubt(refused: &Refused) -> bool {
    refused.about() == About::Book && !planted(Mistake::LostNonceBlamed)
}

#[cfg(test)]
mod tests {
    use adit_core::{Anchor, LaneId};
    use uuid::Uuid;

    use super::*;

    /// F101: what proves that the book is behind is never one payment's fault. Nothing is reserved
    /// in its round, and the lane reads the journal anew; what is wrong with a payment itself keeps
    /// the others back no longer than it must.
    #[test]
    fn f101_a_refusal_that_shows_a_lost_commit_blames_no_payment() {
        let lane: LaneId =
            "sim:0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("a lane");
        let (lineage, payout) = (LineageId(Uuid::from_u128(1)), PayoutId(Uuid::from_u128(2)));
        let lost = [
            Refused::AnchorTaken {
                anchor: Anchor::Nonce { lane: lane.clone(), nonce: 7 },
                lineage,
            },
            Refused::Equivocation { payout, live: lineage },
            Refused::NotNext { number: 8, known: lineage, named: None },
        ];
        assert!(lost.iter().all(is_doubt));
        let own = [
            Refused::NotInOrder { number: 8, named: lineage },
            Refused::Retired { payout, by: "an operator".to_owned(), reason: "asked".to_owned() },
            Refused::Mismatch { detail: "another amount".to_owned() },
            Refused::UnknownKey { lane },
        ];
        assert!(!own.iter().any(is_doubt));
    }
}
