//! What a careless engine does with a lineage that it believes to be over. Reached by planted
//! mistakes alone (see `planted`).

use crate::{
    Answer, Change, Decision, Failure, Hash32, Knowledge, Lineage, LineageState, Mistake, Refusal,
    State, Submission, SubmissionAnswer, planted,
};

use super::{Drafting, settle};

/// What it believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belief {
    PlanAnew,
    GiveBack,
}

/// What it concludes from what nodes answered.
pub(super) fn concluded(lineage: &Lineage, submissions: &[Submission]) -> Option<Belief> {
    let any = |wanted: fn(&SubmissionAnswer) -> bool| {
        submissions.iter().any(|submission| wanted(&submission.answer))
    };
    let refused = any(|answer| matches!(answer, SubmissionAnswer::Refused { .. }));
    let sends = match lineage.latest().stage {
        crate::Stage::Signed { knowledge: Knowledge::MaybeSent { sends, .. }, .. } => sends,
        crate::Stage::Signed { .. } | crate::Stage::Reserved => 0,
    };
    if planted(Mistake::ReplanAfterTimeout)
        && any(|answer| matches!(answer, SubmissionAnswer::Unclear { .. }))
    {
        return Some(Belief::PlanAnew);
    }
    if planted(Mistake::GiveBackOnErrorText) && refused {
        return Some(Belief::GiveBack);
    }
    if planted(Mistake::AlreadyKnownIsFailure)
        && any(|answer| matches!(answer, SubmissionAnswer::AlreadyKnown))
    {
        return Some(Belief::GiveBack);
    }
    let said = |words: &str| any_text(submissions, words);
    if planted(Mistake::MissingInputsIsDead) && said("missingorspent") {
        return Some(Belief::GiveBack);
    }
    if planted(Mistake::PoolRefusalPlansAnew) && said("min fee not met") {
        return Some(Belief::PlanAnew);
    }
    if planted(Mistake::OneAttemptDeadFreesAll) && refused && lineage.attempts.len() > 1 {
        return Some(Belief::PlanAnew);
    }
    (planted(Mistake::NotFoundIsDead) && sends >= 3).then_some(Belief::PlanAnew)
}

fn any_text(submissions: &[Submission], words: &str) -> bool {
    submissions.iter().any(|submission| matches!(&submission.answer, SubmissionAnswer::Refused { text } if text.contains(words)))
}

/// Ends the lineage without any proof.
pub(super) fn leave(
    mut draft: Drafting,
    mut lineage: Lineage,
    belief: Belief,
) -> Result<Decision, Refusal> {
    let at = draft.now();
    lineage.state = LineageState::Conflicted { by: Hash32([0; 32]), at };
    for leg in &lineage.legs {
        let mut withdrawal = draft.withdrawal(leg.withdrawal)?.clone();
        if !matches!(withdrawal.state, State::Processing { .. }) {
            continue;
        }
        withdrawal.state = match belief {
            Belief::PlanAnew => {
                State::Approved { by: crate::Actor::Engine, at, deferred: None, after: None }
            }
            Belief::GiveBack => {
                let give_back = settle::GiveBack {
                    by: &crate::Actor::Engine,
                    reason: "a careless belief",
                    ended: None,
                };
                settle::release(&mut draft, &withdrawal, give_back);
                State::Failed { at, failure: Failure::Reverted, payment: None }
            }
        };
        draft.change(Change::Withdrawal(withdrawal));
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}
