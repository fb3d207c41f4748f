//! Takes note of leases, of where a book begins, of ends, and of who is there.

use adit_core::Opening;

use super::{Inner, State, unwritten};
use crate::facts::Overlay;
use crate::journal::Record;
use crate::judge::{check_incarnation, judge_lease, judge_open, judge_retire, judge_supersede};
use crate::{LeaseClaim, Open, Presence, Refused, Retire, SignerFault, Supersede};

/// Of who retired a payout, and of why, this much is kept: a credential's name, a sentence.
pub const RETIRED_BY_BYTES_MAX: usize = 128;
pub const RETIRED_REASON_BYTES_MAX: usize = 256;

impl Inner {
    pub(super) fn attend(&self, presence: Presence) -> Result<Result<(), Refused>, SignerFault> {
        let now = self.elapsed();
        self.journal_one(|known, hearing, _| {
            check_incarnation(known, presence.incarnation)?;
            hearing.hear(presence, now);
            Ok(None)
        })
    }

    pub(super) fn lease(&self, claim: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        let now = self.elapsed();
        let presence = Presence { replica: claim.replica, incarnation: claim.stamp.incarnation };
        self.journal_one(|known, hearing, at| {
            check_incarnation(known, presence.incarnation)?;
            hearing.hear(presence, now);
            let is_new = judge_lease(&self.policy, known, claim, || {
                hearing.wait(presence.incarnation, now)
            })?;
            Ok(is_new.then(|| Record::Lease { at, claim: claim.clone() }))
        })
    }

    /// The first opening of a lane is journalled, and answers whatever is asked later.
    pub(super) fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        let mut noted = None;
        let done = self.journal_one(|known, _, at| {
            judge_open(&self.policy, known, open)?;
            noted = known.opening(&open.lane).cloned();
            Ok(noted.is_none().then(|| Record::Opened { at, open: open.clone() }))
        })?;
        Ok(done.map(|()| noted.unwrap_or_else(|| open.opening.clone())))
    }

    pub(super) fn retire(&self, retire: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        let now = self.elapsed();
        let presence = Presence { replica: retire.replica, incarnation: retire.incarnation };
        self.journal_one(|known, hearing, at| {
            check_incarnation(known, presence.incarnation)?;
            hearing.hear(presence, now);
            let is_new = judge_retire(known, retire)?;
            Ok(is_new.then(|| Record::Retired { at, retire: bounded(retire) }))
        })
    }

    pub(super) fn supersede(
        &self,
        supersede: &Supersede,
    ) -> Result<Result<(), Refused>, SignerFault> {
        let mut state = self.lock()?;
        let State { journal, facts, .. } = &mut *state;
        let mut known = Overlay::new(facts).doubting(self.clock_doubt());
        let at = known.moment((self.clock)());
        let verdict = judge_supersede(&self.policy, &known, supersede);
        if let Ok(true) = verdict {
            let record = Record::Superseded { at, supersede: supersede.clone() };
            let place = journal.stage(&record);
            known.apply(&record, place);
        }
        self.note_epochs(
            journal,
            &mut known,
            [(&supersede.lane, supersede.epoch, &supersede.stamp)],
            at,
        );
        let fresh = known.into_fresh();
        journal.commit().map_err(unwritten)?;
        fresh.absorb_into(facts);
        Ok(verdict.map(drop))
    }
}

/// What people say is cut where it would fill the journal.
pub(super) fn bounded(retire: &Retire) -> Retire {
    let mut retire = retire.clone();
    cut(&mut retire.retirement.by, RETIRED_BY_BYTES_MAX);
    cut(&mut retire.retirement.reason, RETIRED_REASON_BYTES_MAX);
    retire
}

fn cut(text: &mut String, bytes_max: usize) {
    text.truncate(text.floor_char_boundary(bytes_max));
}
