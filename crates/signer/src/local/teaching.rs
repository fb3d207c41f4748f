//! Learns what a database recorded and the journal lacks (case F96). Each lesson is checked against
//! the key and the journal, and journalled as what it was, so that every later judgement sees it.

use adit_core::{IncarnationId, ReplicaId, Signed, Timestamp};
use uuid::Uuid;

use super::leases::bounded;
use super::signing::Writes;
use super::telling::entry;
use super::{Inner, State, unwritten};
use crate::facts::Overlay;
use crate::journal::Record;
use crate::judge::{check_again, judge_ended, judge_lesson, judge_unsigned, not_ours};
use crate::{
    JournalEntry, Learned, Lesson, Refused, Retire, SignRequest, SignerFault, Stamp, bitcoin,
};

impl Inner {
    /// One sync for all of them. Lessons of one call see each other.
    pub(super) fn teach(
        &self,
        lessons: &[Lesson],
    ) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, contexts, .. } = &mut *state;
        let mut known = Overlay::new(facts).doubting(self.clock_doubt());
        let now = known.moment((self.clock)());
        let mut writes = Writes { journal, contexts };
        let answers = lessons
            .iter()
            .map(|lesson| self.learn(&mut writes, &mut known, lesson, now))
            .collect::<Result<Vec<_>, _>>();
        let answers = answers
            .and_then(|answers| writes.contexts.commit().map_err(unwritten).map(|()| answers));
        let Writes { journal, contexts } = writes;
        let answers = answers.inspect_err(|_| {
            journal.discard();
            contexts.discard();
        })?;
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(answers)
    }

    /// Stages what is new. The fault is a journal that cannot be read.
    fn learn(
        &self,
        writes: &mut Writes<'_>,
        known: &mut Overlay<'_>,
        lesson: &Lesson,
        now: Timestamp,
    ) -> Result<Result<Learned, Refused>, SignerFault> {
        let record = match lesson {
            Lesson::Signed { at, entry } => {
                match self.learn_signed(writes, known, entry, (*at).min(now))? {
                    Err(refused) => return Ok(Err(refused)),
                    Ok(record) => record,
                }
            }
            Lesson::Left { supersede } => match judge_ended(&self.policy, known, supersede) {
                Err(refused) => return Ok(Err(refused)),
                Ok(is_new) => {
                    let supersede =
                        crate::Supersede { stamp: Stamp::default(), ..supersede.clone() };
                    is_new.then_some(Record::Superseded { at: now, supersede })
                }
            },
            Lesson::Retired { retirement } => match judge_unsigned(known, retirement) {
                Err(refused) => return Ok(Err(refused)),
                Ok(is_new) => {
                    let (replica, incarnation) =
                        (ReplicaId(Uuid::nil()), IncarnationId(Uuid::nil()));
                    let retire =
                        bounded(&Retire { replica, incarnation, retirement: retirement.clone() });
                    is_new.then_some(Record::Retired { at: now, retire })
                }
            },
        };
        let Some(record) = record else { return Ok(Ok(Learned::Known)) };
        let place = writes.journal.stage(&record);
        known.apply(&record, place);
        Ok(Ok(Learned::Taught))
    }

    /// The record of an attempt that the journal lacks; none where it has that. Signatures are
    /// deterministic, so what the key signs now is what it had signed then, and the recorded bytes
    /// have to hold it.
    fn learn_signed(
        &self,
        writes: &mut Writes<'_>,
        known: &Overlay<'_>,
        taught: &JournalEntry,
        at: Timestamp,
    ) -> Result<Result<Option<Record>, Refused>, SignerFault> {
        let request = &taught.request;
        if let Some(place) = known.attempt(request.attempt) {
            let (journalled, _) = entry(writes.journal, place)?;
            let same = check_again(&journalled.request, request);
            let same = same.and_then(|()| {
                if journalled.signed.hash == taught.signed.hash {
                    Ok(None)
                } else {
                    Err(not_ours(request))
                }
            });
            return Ok(same);
        }
        let signed =
            match judge_lesson(&self.policy, known, request).and_then(|checked| checked.sign()) {
                Ok(signed) if holds(&taught.signed, &signed) => signed,
                Ok(_) => return Ok(Err(not_ours(request))),
                Err(refused) => return Ok(Err(refused)),
            };
        let sealed = writes.contexts.seal(request).map_err(unwritten)?;
        let unsaid =
            SignRequest { stamp: Stamp::default(), contexts: Vec::new(), ..request.clone() };
        Ok(Ok(Some(Record::Signed { at, entry: JournalEntry { request: unsaid, signed }, sealed })))
    }
}

/// Whether recorded bytes hold our signatures: they are our bytes, or, where others sign as well,
/// the same transaction with more signatures.
fn holds(recorded: &Signed, ours: &Signed) -> bool {
    recorded == ours
        || (recorded.hash == ours.hash
            && ours.lacks_signatures()
            && bitcoin::holds_parts(&recorded.raw.0, &ours.raw.0))
}
