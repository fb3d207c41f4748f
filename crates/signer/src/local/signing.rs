//! Signs a batch: judged on what is known, journalled with one sync, and only then answered.

use std::collections::BTreeMap;

use adit_core::{Epoch, LaneId, Timestamp};

use super::telling::entry;
use super::{Inner, State, unwritten};
use crate::contexts::Contexts;
use crate::facts::Overlay;
use crate::journal::{Journal, Place, Record};
use crate::judge::{Verdict, check_again, judge};
use crate::{JournalEntry, Refused, SignRequest, Signature, SignerFault, Stamp};

/// The place of what a dry run would have signed: before the header, where no record is.
const NOWHERE: Place = Place { offset: 0, bytes: 0 };

/// What a batch writes: keys first, then what they seal.
pub(super) struct Writes<'a> {
    pub journal: &'a mut Journal,
    pub contexts: &'a mut Contexts,
}

impl Inner {
    pub(super) fn sign(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, contexts, .. } = &mut *state;
        let mut known = Overlay::new(facts).doubting(self.clock_doubt());
        let at = known.moment((self.clock)());
        if known.clock_doubt().is_none() {
            known.redate(at);
        }
        let mut writes = Writes { journal, contexts };
        let answers = requests
            .iter()
            .map(|request| self.sign_one(&mut writes, &mut known, request, at))
            .collect::<Result<Vec<_>, _>>();
        let answers = answers
            .and_then(|answers| writes.contexts.commit().map_err(unwritten).map(|()| answers));
        let Writes { journal, contexts } = writes;
        let answers = answers.inspect_err(|_| {
            journal.discard();
            contexts.discard();
        })?;
        self.note_epochs(
            journal,
            &mut known,
            requests.iter().map(|request| (&request.lane, request.epoch, &request.stamp)),
            at,
        );
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(answers)
    }

    /// Stages what it signs. The fault is a journal that cannot be read.
    fn sign_one(
        &self,
        writes: &mut Writes<'_>,
        known: &mut Overlay<'_>,
        request: &SignRequest,
        at: Timestamp,
    ) -> Result<Result<Signature, Refused>, SignerFault> {
        let checked = match judge(&self.policy, known, request, at) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Verdict::Again { place }) => return again(writes.journal, place, request),
            Ok(Verdict::Sign(checked)) => checked,
        };
        let signed = match checked.sign() {
            Err(refused) => return Ok(Err(refused)),
            Ok(signed) => signed,
        };
        let unsaid = SignRequest { contexts: Vec::new(), ..request.clone() };
        let sealed = writes.contexts.seal(request).map_err(unwritten)?;
        let record = Record::Signed {
            at,
            entry: JournalEntry { request: unsaid, signed: signed.clone() },
            sealed,
        };
        let place = writes.journal.stage(&record);
        known.apply(&record, place);
        Ok(Ok(Signature { attempt: request.attempt, signed }))
    }

    pub(super) fn dry_run(
        &self,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, .. } = &mut *state;
        let mut known = Overlay::new(facts).doubting(self.clock_doubt());
        let at = known.moment((self.clock)());
        requests.iter().map(|request| self.try_one(journal, &mut known, request, at)).collect()
    }

    fn try_one(
        &self,
        journal: &mut Journal,
        known: &mut Overlay<'_>,
        request: &SignRequest,
        at: Timestamp,
    ) -> Result<Result<(), Refused>, SignerFault> {
        match judge(&self.policy, known, request, at) {
            Err(refused) => Ok(Err(refused)),
            Ok(Verdict::Again { place }) if place == NOWHERE => Ok(Ok(())),
            Ok(Verdict::Again { place }) => Ok(again(journal, place, request)?.map(drop)),
            Ok(Verdict::Sign(_)) => {
                known.apply_signed(at, request, NOWHERE);
                Ok(Ok(()))
            }
        }
    }

    /// Where no store has leased: a newer lease that signed nothing still makes the older one
    /// stale, after a restart too (rule R7). A request with a stamp says nothing of epochs: leases
    /// do.
    pub(super) fn note_epochs<'a>(
        &self,
        journal: &mut Journal,
        known: &mut Overlay<'_>,
        seen: impl IntoIterator<Item = (&'a LaneId, Epoch, &'a Stamp)>,
        at: Timestamp,
    ) {
        if known.incarnation().is_some() {
            return;
        }
        let mut newest: BTreeMap<&LaneId, Epoch> = BTreeMap::new();
        let nameless = seen.into_iter().filter(|(_, _, stamp)| **stamp == Stamp::default());
        for (lane, epoch, _) in nameless {
            let kept = newest.entry(lane).or_default();
            *kept = epoch.max(*kept);
        }
        for (lane, epoch) in newest {
            if epoch > known.leased(lane).epoch && self.policy.lane(lane).is_some() {
                let record = Record::Epoch { at, lane: lane.clone(), epoch };
                let place = journal.stage(&record);
                known.apply(&record, place);
            }
        }
    }
}

/// The journalled bytes, if it is the journalled request.
fn again(
    journal: &mut Journal,
    place: Place,
    request: &SignRequest,
) -> Result<Result<Signature, Refused>, SignerFault> {
    let (entry, _) = entry(journal, place)?;
    Ok(check_again(&entry.request, request)
        .map(|()| Signature { attempt: request.attempt, signed: entry.signed }))
}
