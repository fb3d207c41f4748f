//! Teaches a signer's journal that was lost, or set back, what the database recorded: every signed
//! attempt, and every payout whose hold was given back (case F96). It only adds restrictions, and
//! may be repeated.
//!
//! That a payout left a lineage is taught where the journal asks for it: the signer refuses a
//! payment as living in another lineage, and is shown the final transaction that ended that one, as
//! the database has it.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    Actor, AssetId, DeadLineage, JournalTip, LaneId, Leg, Lineage, LineageId, PayoutContext,
    PayoutId, Retirement, Signed, State, Status, Withdrawal, WithdrawalId,
};
use adit_signer::{
    Approved, JournalEntry, Learned, Lesson, Refused, SignRequest, Signer, SignerFault, Stamp,
    Supersede,
};
use adit_store::{LineageCursor, Store, StoreFault, WithdrawalFilter};

/// Lineages, or withdrawals, that are read at once.
const PAGE_ROWS_MAX: usize = 200;
/// Lessons of one call: a batch that pays hundreds has some hundred kilobytes, and a call of a
/// socket 16 megabytes.
const LESSONS_PER_CALL_MAX: usize = 64;
/// How often one lesson is repeated, each time with one more lineage that its payouts left, or
/// whose coin it spends.
const REPEATS_MAX: usize = 1_000;
/// Contradictions that are told one by one.
const TOLD_MAX: usize = 20;

/// What a journal was taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taught {
    /// Signed attempts.
    pub attempts: Lessons,
    /// Payouts that are never signed again.
    pub retirements: Lessons,
    /// Lineages that ended, and that a payout left or whose coins another one spends.
    pub endings: Lessons,
    /// The journal's end with all of it.
    pub tip: JournalTip,
}

/// How many lessons of one kind there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lessons {
    /// Written by this teaching.
    pub taught: u64,
    /// In the journal before.
    pub known: u64,
}

/// Why a journal cannot be trusted by what was taught. What was written stays: it only restricts,
/// and teaching may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TeachError {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Signer(#[from] SignerFault),
    #[error("the journal contradicts the database in {count} places: {}; it is no older copy of this installation's journal, or the database \
             is older than it: look for another copy, or another backup", told.join("; "))]
    Contradicted { count: usize, told: Vec<String> },
}

/// Teaches everything that the database recorded of these lanes, and what it has given back of any.
/// Nothing else may use the signer meanwhile.
///
/// # Errors
/// [`TeachError`].
pub async fn teach(
    store: &dyn Store,
    signer: &dyn Signer,
    lanes: &[LaneId],
) -> Result<Taught, TeachError> {
    let mut school = School {
        store,
        signer,
        lessons: BTreeMap::new(),
        refused: Vec::new(),
        lane_of: BTreeMap::new(),
    };
    for lane in lanes {
        school.teach_lane(lane).await?;
    }
    for status in [Status::Cancelled, Status::Failed] {
        school.teach_given_back(status, lanes).await?;
    }
    let tip = signer.journal_at(0).await?.tip;
    let School { lessons, mut refused, .. } = school;
    let count = refused.len();
    if count > 0 {
        refused.truncate(TOLD_MAX);
        return Err(TeachError::Contradicted { count, told: refused });
    }
    let of = |kind| lessons.get(&kind).copied().unwrap_or_default();
    Ok(Taught {
        attempts: of(Kind::Attempt),
        retirements: of(Kind::Retirement),
        endings: of(Kind::Ending),
        tip,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Attempt,
    Retirement,
    Ending,
}

struct School<'a> {
    store: &'a dyn Store,
    signer: &'a dyn Signer,
    lessons: BTreeMap<Kind, Lessons>,
    refused: Vec<String>,
    /// Whose wallet paid each asset, as far as one did.
    lane_of: BTreeMap<AssetId, LaneId>,
}

impl School<'_> {
    async fn teach_lane(&mut self, lane: &LaneId) -> Result<(), TeachError> {
        let mut after = None;
        loop {
            let page = self.store.lineages_on(lane, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(LineageCursor::of(last));
            let contexts = self.contexts(&page).await?;
            page.iter().flat_map(|lineage| &lineage.legs).for_each(|leg| {
                self.lane_of.entry(leg.asset.clone()).or_insert_with(|| lane.clone());
            });
            let lessons: Vec<Lesson> =
                page.iter().flat_map(|lineage| signed(lineage, &contexts)).collect();
            self.teach_all(lessons).await?;
        }
    }

    async fn contexts(
        &self,
        page: &[Lineage],
    ) -> Result<BTreeMap<PayoutId, PayoutContext>, TeachError> {
        let ids: BTreeSet<WithdrawalId> =
            page.iter().flat_map(|lineage| &lineage.legs).map(|leg| leg.withdrawal).collect();
        let found = self.store.withdrawals_by_id(&ids).await?;
        Ok(found
            .iter()
            .map(|withdrawal| (withdrawal.payout, PayoutContext::of(withdrawal)))
            .collect())
    }

    async fn teach_given_back(
        &mut self,
        status: Status,
        lanes: &[LaneId],
    ) -> Result<(), TeachError> {
        let filter = WithdrawalFilter { status: Some(status), ..WithdrawalFilter::default() };
        let mut after = None;
        loop {
            let page = self.store.withdrawals(&filter, after, PAGE_ROWS_MAX).await?;
            let lesson = |withdrawal: &Withdrawal| {
                let lane = self.lane_of.get(&withdrawal.asset).or(lanes.first())?;
                Some(Lesson::Retired { retirement: given_back(withdrawal, lane.clone())? })
            };
            let lessons: Vec<Lesson> = page.items.iter().filter_map(lesson).collect();
            self.teach_all(lessons).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn teach_all(&mut self, lessons: Vec<Lesson>) -> Result<(), TeachError> {
        for part in lessons.chunks(LESSONS_PER_CALL_MAX) {
            let answers = self.signer.teach(part).await?;
            for (lesson, answer) in part.iter().zip(answers) {
                match answer {
                    Ok(learned) => self.count(lesson, learned),
                    Err(refused) => self.teach_again(lesson.clone(), refused).await?,
                }
            }
        }
        Ok(())
    }

    /// The journal may lack only that a lineage ended, which the database knows: that is taught
    /// first.
    async fn teach_again(
        &mut self,
        mut lesson: Lesson,
        mut refused: Refused,
    ) -> Result<(), TeachError> {
        for _ in 0..REPEATS_MAX {
            let Some(before) = self.ending(&mut lesson, &refused).await? else { break };
            let lessons: Vec<Lesson> = before.into_iter().chain([lesson.clone()]).collect();
            let answers = self.signer.teach(&lessons).await?;
            let mut left = None;
            for (lesson, answer) in lessons.iter().zip(answers) {
                match answer {
                    Ok(learned) => self.count(lesson, learned),
                    Err(again) => left = left.or(Some(again)),
                }
            }
            match left {
                None => return Ok(()),
                Some(again) if again == refused => break,
                Some(again) => refused = again,
            }
        }
        self.refused.push(format!("{}: {refused}", named(&lesson)));
        Ok(())
    }

    /// Returns what is to be taught before the lesson: nothing where the lesson itself names the
    /// end now. None where the database knows no end that would lift the refusal.
    async fn ending(
        &self,
        lesson: &mut Lesson,
        refused: &Refused,
    ) -> Result<Option<Option<Lesson>>, TeachError> {
        let (old, payout) = match refused {
            Refused::Equivocation { payout, live } => (*live, Some(*payout)),
            Refused::AnchorTaken { lineage, anchor: adit_core::Anchor::Outpoint { .. } } => {
                (*lineage, None)
            }
            _ => return Ok(None),
        };
        let Some((lane, evidence)) = self.ended(old).await? else { return Ok(None) };
        if let Lesson::Retired { retirement } = lesson {
            retirement.ended = Some(DeadLineage { lineage: old, evidence });
            return Ok(Some(None));
        }
        let (epoch, stamp) = (adit_core::Epoch(0), Stamp::default());
        Ok(Some(Some(Lesson::Left {
            supersede: Supersede { lane, epoch, stamp, payout, old, evidence, raw: None },
        })))
    }

    async fn ended(
        &self,
        id: LineageId,
    ) -> Result<Option<(LaneId, adit_core::Hash32)>, TeachError> {
        let found = self.store.lineage(id).await?;
        Ok(found.and_then(|lineage| lineage.ended_by().map(|evidence| (lineage.lane, evidence))))
    }

    fn count(&mut self, lesson: &Lesson, learned: Learned) {
        let kind = match lesson {
            Lesson::Signed { .. } => Kind::Attempt,
            Lesson::Retired { .. } => Kind::Retirement,
            Lesson::Left { .. } => Kind::Ending,
        };
        let counted = self.lessons.entry(kind).or_default();
        match learned {
            Learned::Taught => counted.taught += 1,
            Learned::Known => counted.known += 1,
        }
    }
}

/// Every signed version of a lineage, oldest first, as the signer was asked for it.
fn signed(lineage: &Lineage, contexts: &BTreeMap<PayoutId, PayoutContext>) -> Vec<Lesson> {
    let versions = lineage.attempts.iter().filter_map(|attempt| Some((attempt, attempt.signed()?)));
    let lesson = |(attempt, signed): (&adit_core::Attempt, &Signed)| {
        let paid: Vec<&Leg> = lineage.legs.iter().filter(|leg| attempt.pays(leg)).collect();
        let approved = |leg: &&Leg| {
            let (asset, destination) = (leg.asset.clone(), leg.destination.clone());
            Approved { payout: leg.payout, asset, amount: leg.amount, destination }
        };
        let request = SignRequest {
            lane: lineage.lane.clone(),
            epoch: attempt.epoch,
            stamp: Stamp::default(),
            previous: None,
            lineage: lineage.id,
            attempt: attempt.id,
            purpose: attempt.purpose,
            approved: paid.iter().map(approved).collect(),
            contexts: paid
                .iter()
                .filter_map(|leg| Some((leg.payout, contexts.get(&leg.payout)?.clone())))
                .collect(),
            draft: attempt.draft.clone(),
        };
        Lesson::Signed {
            at: attempt.created_at,
            entry: JournalEntry { request, signed: signed.clone() },
        }
    };
    versions.map(lesson).collect()
}

/// Who gave it back, and why, as far as its row says.
fn given_back(withdrawal: &Withdrawal, lane: LaneId) -> Option<Retirement> {
    let (by, reason) = match &withdrawal.state {
        State::Cancelled { by, reason, .. } => (by.clone(), reason.clone()),
        State::Failed { failure, .. } => (Actor::Engine, format!("it failed: {failure:?}")),
        State::Pending
        | State::Approved { .. }
        | State::Processing { .. }
        | State::Completed { .. }
        | State::HeldForInspection { .. } => {
            return None;
        }
    };
    Some(Retirement {
        payout: withdrawal.payout,
        lane,
        by: by.client().to_string(),
        reason,
        ended: None,
    })
}

fn named(lesson: &Lesson) -> String {
    match lesson {
        Lesson::Signed { entry, .. } => {
            format!("attempt {} of lineage {}", entry.request.attempt, entry.request.lineage)
        }
        Lesson::Left { supersede } => format!("the end of lineage {}", supersede.old),
        Lesson::Retired { retirement } => {
            format!("payout {}, which was given back", retirement.payout)
        }
    }
}
