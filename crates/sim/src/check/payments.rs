//! Who was paid by what is final: each payout by one transaction, each wish by one payout, and none
//! whose hold was ever given back, on whichever server of the database, and whatever was forgotten
//! since.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use adit_core::PayoutId;
use adit_signer::Approved;

use super::{Broken, must};
use crate::executor::Instant;

/// Payments in final blocks of one chain, whose transactions are known by `Id`.
#[derive(Debug)]
pub(super) struct Payments<Id> {
    paid: BTreeMap<PayoutId, BTreeSet<Id>>,
    /// Whose wish a payout fulfils: one wish, one payment, whatever the database forgot meanwhile.
    wishes: BTreeMap<PayoutId, u64>,
    paid_wishes: BTreeMap<u64, PayoutId>,
    given_back: BTreeMap<PayoutId, Instant>,
    /// What was paid twice, or paid and given back, where nobody could know: the limit that the
    /// documents name.
    beyond: u64,
}

impl<Id> Default for Payments<Id> {
    fn default() -> Self {
        Self {
            paid: BTreeMap::new(),
            wishes: BTreeMap::new(),
            paid_wishes: BTreeMap::new(),
            given_back: BTreeMap::new(),
            beyond: 0,
        }
    }
}

impl<Id: Copy + Ord + Debug + Display> Payments<Id> {
    /// A payout was accepted for this wish.
    pub fn wish(&mut self, wish: u64, payout: PayoutId) {
        self.wishes.insert(payout, wish);
    }

    /// What was signed for some payouts is signed once more for others: each that nobody asked for
    /// again fulfils the wish of the one that it equals.
    pub fn same_wishes(&mut self, before: &[Approved], after: &[Approved]) {
        for new in after {
            let same =
                |old: &&Approved| (&old.destination, old.amount) == (&new.destination, new.amount);
            if let Some(wish) =
                before.iter().find(same).and_then(|old| self.wishes.get(&old.payout)).copied()
            {
                self.wishes.entry(new.payout).or_insert(wish);
            }
        }
    }

    /// Whether the chain, finally, paid the payout.
    pub fn is_paid(&self, payout: PayoutId) -> bool {
        self.paid.contains_key(&payout)
    }

    /// Whether this transaction paid anybody, finally.
    pub fn paid_by(&self, by: &Id) -> bool {
        self.paid.values().any(|payments| payments.contains(by))
    }

    pub fn is_wish_paid(&self, wish: u64) -> bool {
        self.paid_wishes.contains_key(&wish)
    }

    /// Its hold was given back.
    pub fn given_back(&mut self, payout: PayoutId, at: Instant) {
        self.given_back.entry(payout).or_insert(at);
    }

    /// Database and journal have gone back to that moment: nobody knows what was given back since.
    pub fn forget_after(&mut self, at: Instant) {
        self.given_back.retain(|_, since| *since <= at);
    }

    /// A final transaction pays it. `unknowable` are payouts of which nobody could know: what is
    /// paid twice of them is counted, and no mistake.
    ///
    /// # Errors
    /// [`Broken`] where somebody gets it twice, or has it back.
    pub fn pay(
        &mut self,
        payout: PayoutId,
        by: Id,
        unknowable: impl Fn(PayoutId) -> bool,
    ) -> Result<(), Broken> {
        let payments = self.paid.entry(payout).or_default();
        // The same transaction again, after a final block vanished, is the same payment.
        if !payments.insert(by) {
            return Ok(());
        }
        if payments.len() > 1 {
            let words = format!("payout {payout} was paid by {payments:?}");
            self.excused(unknowable(payout), "paid once", || words)?;
        }
        if let Some(wish) = self.wishes.get(&payout) {
            let first = *self.paid_wishes.entry(*wish).or_insert(payout);
            if first != payout {
                self.excused(unknowable(first) || unknowable(payout), "paid once", || {
                    format!("one wish was paid by payouts {first} and {payout}")
                })?;
            }
        }
        if self.given_back.contains_key(&payout) {
            let words = || format!("payout {payout} was given back and then paid by {by}");
            self.excused(unknowable(payout), "paid or given back", words)?;
        }
        Ok(())
    }

    /// Final blocks have vanished: what no block holds any more paid nobody.
    pub fn vanish(&mut self, stands: impl Fn(&Id) -> bool) {
        self.paid.values_mut().for_each(|payments| payments.retain(&stands));
        self.paid.retain(|_, payments| !payments.is_empty());
        let paid = &self.paid;
        self.paid_wishes.retain(|_, payout| paid.contains_key(payout));
    }

    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    fn excused(
        &mut self,
        excused: bool,
        invariant: &'static str,
        words: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        self.beyond += u64::from(excused);
        must(excused, invariant, words)
    }
}
