//! What the signer took note of, written down a second time by whoever sees all requests and
//! answers: leases, incarnations, retirements, and the line of nonces.

use std::collections::BTreeMap;

use adit_core::{AttemptId, Draft, Epoch, IncarnationId, LaneId, LeaseToken, LineageId, PayoutId};
use adit_signer::{LeaseClaim, SignRequest};

use super::{Broken, must};
use crate::executor::Instant;

/// The one journal, as everybody should find it.
#[derive(Debug, Default)]
pub struct Notary {
    /// Incarnations of the store, by when each leased first. The last one lives.
    incarnations: Vec<(Instant, IncarnationId)>,
    /// Whose token signed under each epoch.
    tokens: BTreeMap<(LaneId, Epoch), (Instant, LeaseToken)>,
    retired: BTreeMap<PayoutId, Instant>,
    /// Which lineage stands at each nonce, and when it was signed first.
    line: BTreeMap<(LaneId, u64), (Instant, LineageId)>,
    /// When a lineage was signed first.
    lineages: BTreeMap<LineageId, Instant>,
    /// What it would sign, as it was asked last.
    tried: BTreeMap<AttemptId, Draft>,
    /// When a payment of it was sent first.
    sent: BTreeMap<LineageId, Instant>,
}

impl Notary {
    /// The signer has taken a lease.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn leased(&mut self, claim: &LeaseClaim, at: Instant) -> Result<(), Broken> {
        let LeaseClaim { lane, epoch, stamp, .. } = claim;
        self.living(stamp.incarnation, || format!("leases {lane}"))?;
        if self.incarnations.last().is_none_or(|(_, last)| *last != stamp.incarnation) {
            self.incarnations.push((at, stamp.incarnation));
        }
        self.one_token(lane, *epoch, stamp.token, at)
    }

    /// The signer has retired it.
    pub fn retired(&mut self, payout: PayoutId, at: Instant) {
        self.retired.entry(payout).or_insert(at);
    }

    pub fn is_retired(&self, payout: PayoutId) -> bool {
        self.retired.contains_key(&payout)
    }

    /// Whether the store had this incarnation before, and has another one now.
    pub fn is_superseded(&self, incarnation: IncarnationId) -> bool {
        let place = self.incarnations.iter().position(|(_, known)| *known == incarnation);
        place.is_some_and(|place| place + 1 < self.incarnations.len())
    }

    pub fn has_signed(&self) -> bool {
        !self.lineages.is_empty()
    }

    /// Whether nothing of this lineage was ever signed.
    pub fn is_unsigned(&self, lineage: LineageId) -> bool {
        !self.lineages.contains_key(&lineage)
    }

    /// The signer has signed.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn signed(&mut self, request: &SignRequest, at: Instant) -> Result<(), Broken> {
        let SignRequest { lane, epoch, stamp, lineage, approved, draft, .. } = request;
        self.living(stamp.incarnation, || format!("has lineage {lineage} signed"))?;
        self.one_token(lane, *epoch, stamp.token, at)?;
        for payout in approved.iter().map(|approved| approved.payout) {
            must(!self.is_retired(payout), "retired for good", || {
                format!("payout {payout} was retired and is signed in {lineage}")
            })?;
        }
        if let Draft::Evm(_) = draft {
            self.in_line(request, at)?;
        }
        self.lineages.entry(*lineage).or_insert(at);
        Ok(())
    }

    /// The signer would sign it.
    pub fn would_sign(&mut self, request: &SignRequest) {
        self.tried.insert(request.attempt, request.draft.clone());
    }

    /// Something is reserved: exactly what the signer said that it would sign.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn reserved(&self, attempt: AttemptId, draft: &Draft) -> Result<(), Broken> {
        must(self.tried.get(&attempt) == Some(draft), "reserved as asked", || {
            format!(
                "attempt {attempt} is reserved at number {}, and the signer was not asked that",
                draft.number()
            )
        })
    }

    /// A payment of this lineage leaves. Gives whether it is the first.
    pub fn sends(&mut self, lineage: LineageId, at: Instant) -> bool {
        *self.sent.entry(lineage).or_insert(at) == at
    }

    /// The journal has gone back to that moment.
    pub fn forget_after(&mut self, at: Instant) {
        self.incarnations.retain(|(since, _)| *since <= at);
        self.tokens.retain(|_, (since, _)| *since <= at);
        self.retired.retain(|_, since| *since <= at);
        self.line.retain(|_, (since, _)| *since <= at);
        self.lineages.retain(|_, since| *since <= at);
    }

    fn living(
        &self,
        incarnation: IncarnationId,
        what: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        must(!self.is_superseded(incarnation), "superseded for good", || {
            format!("a store of the incarnation {incarnation}, which was superseded, {}", what())
        })
    }

    fn one_token(
        &mut self,
        lane: &LaneId,
        epoch: Epoch,
        token: LeaseToken,
        at: Instant,
    ) -> Result<(), Broken> {
        let (_, known) = *self.tokens.entry((lane.clone(), epoch)).or_insert((at, token));
        must(known == token, "one token", || {
            format!("epoch {} of {lane} was leased to two", epoch.0)
        })
    }

    /// A lineage's first signature at a nonce names whoever stands at the one before.
    fn in_line(&mut self, request: &SignRequest, at: Instant) -> Result<(), Broken> {
        let SignRequest { lane, lineage, previous, draft, .. } = request;
        let number = draft.number();
        if let Some((_, known)) = self.line.get(&(lane.clone(), number)) {
            return must(known == lineage, "one line", || {
                format!("nonce {number} is signed for {known} and for {lineage}")
            });
        }
        let before = number
            .checked_sub(1)
            .and_then(|before| self.line.get(&(lane.clone(), before)))
            .map(|(_, known)| *known);
        must(before.is_none() || before == *previous, "one line", || {
            format!(
                "lineage {lineage} at nonce {number} stands on {previous:?}, and {before:?} was \
                 signed there"
            )
        })?;
        self.line.insert((lane.clone(), number), (at, *lineage));
        Ok(())
    }
}
