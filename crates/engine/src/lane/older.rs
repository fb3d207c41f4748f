//! Older versions that are sent again where nodes take the newest no more. Pure.
//!
//! A version may consume coins that no older one does. Where such a coin is gone, no pool takes the
//! version, and none holds the older ones any more, which are as good as before: they were dropped
//! for it. Sending recorded bytes again is always allowed (rule R2), so what a node answers is
//! enough to try, and proves nothing.

use std::collections::BTreeSet;

use adit_core::{Anchor, Attempt, AttemptId, Lineage, Submission, SubmissionAnswer};

/// The newest version that can be sent before `refused` that does without something which that one
/// consumes; none where all nodes have it.
pub(super) fn instead<'a>(
    lineage: &'a Lineage,
    refused: AttemptId,
    submissions: &[Submission],
) -> Option<&'a Attempt> {
    if !submissions.iter().any(|submission| is_refusal(&submission.answer)) {
        return None;
    }
    let place = lineage.attempts.iter().position(|attempt| attempt.id == refused)?;
    let needed = consumed(lineage, &lineage.attempts[place]);
    let before = lineage.attempts[..place].iter().rev();
    before
        .filter(|attempt| attempt.sendable().is_some() && !lineage.undoes(attempt))
        .find(|attempt| !needed.is_subset(&consumed(lineage, attempt)))
}

fn consumed(lineage: &Lineage, attempt: &Attempt) -> BTreeSet<Anchor> {
    attempt.draft.anchors(&lineage.lane).into_iter().collect()
}

fn is_refusal(answer: &SubmissionAnswer) -> bool {
    match answer {
        SubmissionAnswer::Refused { .. } => true,
        SubmissionAnswer::Accepted
        | SubmissionAnswer::AlreadyKnown
        | SubmissionAnswer::Unclear { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use adit_core::{
        Amount, BitcoinDraft, Bytes, Destination, Draft, DraftInput, Epoch, FeeRate, Hash32,
        Keychain, Knowledge, LaneId, LineageId, LineageState, Purpose, Signed, Stage, Timestamp,
    };
    use uuid::Uuid;

    use super::*;

    /// Versions that consume these coins, all signed.
    fn lineage(versions: &[&[&str]]) -> Lineage {
        let input = |coin: &&str| DraftInput {
            outpoint: (*coin).to_owned(),
            amount: Amount::new(9),
            keychain: Keychain::External,
            index: 0,
            confirmed: true,
        };
        let attempt = |(version, coins): (u32, &&[&str])| {
            let inputs = coins.iter().map(input).collect();
            let draft = BitcoinDraft {
                number: 1,
                inputs,
                outputs: Vec::new(),
                feerate: FeeRate::ZERO,
                vbytes: 100,
            };
            let signed = Signed { raw: Bytes(vec![1]), hash: Hash32([1; 32]) };
            let stage = Stage::Signed { signed, knowledge: Knowledge::Signed };
            let (id, created_at) =
                (AttemptId(Uuid::from_u128(u128::from(version))), Timestamp::from_micros(0));
            Attempt {
                id,
                version,
                purpose: Purpose::Pay,
                draft: Draft::Bitcoin(draft),
                epoch: Epoch(1),
                created_at,
                stage,
            }
        };
        let wallet = Destination::new("wallet").expect("a name");
        Lineage {
            id: LineageId(Uuid::nil()),
            lane: LaneId { chain: "bitcoin".parse().expect("a name"), wallet },
            anchors: Vec::new(),
            legs: Vec::new(),
            attempts: (0..).zip(versions).map(attempt).collect(),
            state: LineageState::Live,
            cancel: None,
            created_at: Timestamp::from_micros(0),
        }
    }

    fn said(answers: &[SubmissionAnswer]) -> Vec<Submission> {
        let of = |answer: &SubmissionAnswer| Submission {
            endpoint: "one".parse().expect("a name"),
            answer: answer.clone(),
        };
        answers.iter().map(of).collect()
    }

    /// The version that follows, of those that are refused from the newest on.
    fn follows(lineage: &Lineage, version: usize, answers: &[SubmissionAnswer]) -> Option<u32> {
        instead(lineage, lineage.attempts[version].id, &said(answers))
            .map(|attempt| attempt.version)
    }

    #[test]
    fn f04_what_others_have_to_sign_does_not_follow() {
        let refused =
            [SubmissionAnswer::Refused { text: "bad-txns-inputs-missingorspent".to_owned() }];
        let mut known = lineage(&[&["a:0"], &["a:0", "b:0"], &["a:0", "b:0", "c:0"]]);
        assert_eq!(follows(&known, 2, &refused), Some(1));
        let unfinished = Signed { raw: Bytes(b"psbt\xff".to_vec()), hash: Hash32([1; 32]) };
        known.attempts[1].stage =
            Stage::Signed { signed: unfinished, knowledge: Knowledge::Signed };
        assert_eq!(follows(&known, 2, &refused), Some(0), "no node takes a PSBT");
    }

    #[test]
    fn f64_who_is_refused_is_followed_by_one_that_needs_less() {
        let refused =
            || SubmissionAnswer::Refused { text: "bad-txns-inputs-missingorspent".to_owned() };
        let unclear = || SubmissionAnswer::Unclear { text: "time-out".to_owned() };
        let known = lineage(&[
            &["a:0"],
            &["a:0"],
            &["a:0", "b:0"],
            &["a:0", "b:0"],
            &["a:0", "b:0", "c:0"],
        ]);
        assert_eq!(
            follows(&known, 4, &[SubmissionAnswer::Accepted, refused()]),
            Some(3),
            "one node may lack what another has"
        );
        assert_eq!(follows(&known, 3, &[refused()]), Some(1), "version 2 needs the same");
        assert_eq!(follows(&known, 1, &[refused()]), None, "version 0 needs the same");
        assert_eq!(
            follows(
                &known,
                4,
                &[SubmissionAnswer::Accepted, SubmissionAnswer::AlreadyKnown, unclear()]
            ),
            None
        );
    }
}
