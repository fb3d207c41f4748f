//! Payments out of our wallets that blocks or pools show and that nobody here remembers (cases F89,
//! F91). They are kept until a person says whose they were: whoever asks for exactly this waits,
//! and whoever was to be paid this is not paid it again.

use crate::{
    Answer, CancelWish, Change, Decision, EventKind, Hash32, LineageId, Refusal, Stray,
    WithdrawalId,
};

use super::Drafting;

/// Remembers what blocks hold. Seen again, nothing changes.
pub(super) fn note(mut draft: Drafting, strays: &[Stray]) -> Result<Decision, Refusal> {
    let Some(mut row) = draft.view.incarnation.row.clone() else { return draft.unchanged() };
    let news: Vec<&Stray> = strays.iter().filter(|stray| row.note_stray(stray)).collect();
    if news.is_empty() {
        return draft.unchanged();
    }
    let hashes: std::collections::BTreeSet<Hash32> =
        news.iter().map(|stray| stray.payment.hash).collect();
    for hash in hashes {
        let lane = news[0].lane.clone();
        draft.event(EventKind::StrayFound { lane, hash });
    }
    draft.change(Change::Incarnation(row));
    draft.answer(Answer::Done)
}

/// A payment of this lineage may be one that was made already. It is not repeated: the cancelling
/// attempt is the next act, and a person looks before anybody of it is planned anew.
pub(super) fn doubt(
    mut draft: Drafting,
    id: LineageId,
    because: &str,
) -> Result<Decision, Refusal> {
    let mut lineage = draft.view.lineage(id).cloned().ok_or(Refusal::UnknownWithdrawal)?;
    if !lineage.is_live() || lineage.included().is_some() {
        return draft.unchanged();
    }
    match &mut lineage.cancel {
        Some(wish) if wish.doubted => return draft.unchanged(),
        // Whom an operator named before is given back all the same.
        Some(wish) => {
            if wish.withdrawals.is_empty() {
                wish.withdrawals = lineage.legs.iter().map(|leg| leg.withdrawal).collect();
            }
            wish.doubted = true;
        }
        wish @ None => {
            let (by, withdrawals) = (draft.actor.clone(), Vec::<WithdrawalId>::new());
            *wish = Some(CancelWish { by, reason: because.to_owned(), withdrawals, doubted: true });
        }
    }
    for leg in &lineage.legs {
        draft.user_event(
            &leg.user,
            Some(leg.withdrawal),
            EventKind::Doubted { because: because.to_owned() },
        )?;
    }
    draft.change(Change::Lineage(lineage));
    draft.answer(Answer::Done)
}

/// A person says that nobody has to wait because of this transaction any more.
pub(super) fn explain(mut draft: Drafting, hash: Hash32, note: &str) -> Result<Decision, Refusal> {
    let Some(mut row) = draft.view.incarnation.row.clone() else {
        return Err(Refusal::UnknownStray { hash });
    };
    let mut found = row.strays.iter_mut().filter(|stray| stray.payment.hash == hash).peekable();
    if found.peek().is_none() {
        return Err(Refusal::UnknownStray { hash });
    }
    let before: usize =
        found.map(|stray| usize::from(!std::mem::replace(&mut stray.explained, true))).sum();
    if before == 0 {
        return draft.unchanged();
    }
    draft.event(EventKind::StrayExplained { hash, note: note.to_owned() });
    draft.change(Change::Incarnation(row));
    draft.answer(Answer::Done)
}
