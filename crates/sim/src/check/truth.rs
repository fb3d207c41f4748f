//! The chain as it is, held against what was signed and what is in the books.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Amount, Destination, Hash32, PayoutId, Purpose, Status, WithdrawalId};
use adit_signer::{Approved, SignRequest, Signature};
use alloy::primitives::B256;

use super::payments::Payments;
use super::{Books, BothBack, Broken, must};
use crate::evm::{Mined, SimChain};
use crate::executor::Instant;

/// What is known to whoever sees everything.
#[derive(Default)]
pub struct Truth {
    /// Every transaction that our signer ever signed.
    signed: BTreeMap<B256, Signed>,
    /// Its paying transactions, by payout.
    paying: BTreeMap<PayoutId, BTreeSet<B256>>,
    /// Signed bytes that some commit has recorded.
    recorded: BTreeSet<B256>,
    foreign: BTreeSet<B256>,
    /// Signed after the backup to which database and journal went back together: nobody but the
    /// chain knows them.
    forgotten: BTreeSet<B256>,
    /// Those of them that no block held at that moment and every pool hid, undeclared: nobody can
    /// know them, whoever is asked.
    unseen: BTreeSet<B256>,
    payments: Payments<B256>,
    checked: u64,
    mined: u64,
}

#[derive(Debug, Clone)]
struct Signed {
    at: Instant,
    nonce: u64,
    purpose: Purpose,
    approved: Vec<Approved>,
}

/// A final transaction that is not what we asked for.
#[derive(Debug, Clone)]
pub struct Foul {
    pub mined: Mined,
    /// Whom it should have paid; none where it should have paid nobody, or somebody else made it.
    pub owed: Option<Destination>,
}

impl Truth {
    /// A signature has left the signer's key. Any other one of its payout must be dead, for good.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn signed(
        &mut self,
        request: &SignRequest,
        signature: &Signature,
        chain: &SimChain,
        at: Instant,
    ) -> Result<(), Broken> {
        let hash = b256(signature.signed.hash);
        let nonce = request.draft.number();
        let signed =
            Signed { at, nonce, purpose: request.purpose, approved: request.approved.clone() };
        // What both stores had forgotten and the chain or a pool shows is signed once more, perhaps
        // as another payout of the same wish.
        let before =
            self.signed.insert(hash, signed).map(|before| before.approved).unwrap_or_default();
        self.forgotten.remove(&hash);
        self.unseen.remove(&hash);
        self.payments.same_wishes(&before, &request.approved);
        for payout in request.approved.iter().map(|approved| approved.payout) {
            for other in self
                .paying
                .entry(payout)
                .or_default()
                .iter()
                .filter(|other| **other != hash && !self.unseen.contains(*other))
            {
                let before = &self.signed[other];
                let excluded = before.nonce == nonce || is_dead(chain, before.nonce, *other);
                must(excluded, "exclusive attempts", || {
                    format!(
                        "payout {payout} is signed at nonce {nonce} while {other} at nonce {} can \
                         still pay it",
                        before.nonce
                    )
                })?;
            }
            self.paying.entry(payout).or_default().insert(hash);
        }
        Ok(())
    }

    pub fn recorded(&mut self, hash: Hash32) {
        self.recorded.insert(b256(hash));
    }

    /// # Errors
    /// [`Broken`] when bytes leave that no commit has recorded (rule R1).
    pub fn sent(&self, hash: B256) -> Result<(), Broken> {
        must(self.recorded.contains(&hash), "recorded before sent", || {
            format!("{hash} leaves and was not recorded")
        })
    }

    /// Database and journal have gone back to that moment, together. Where every pool hides what it
    /// holds and nobody declares it, nobody is blamed for that.
    pub fn forget_after(&mut self, at: Instant, chain: &SimChain, both: BothBack) {
        let lost: BTreeSet<B256> = self
            .signed
            .iter()
            .filter(|(_, signed)| signed.at > at)
            .map(|(hash, _)| *hash)
            .collect();
        if both == (BothBack { declared: false, hidden: true }) {
            let mined: BTreeSet<B256> =
                chain.history(0, chain.head()).map(|mined| mined.hash).collect();
            self.unseen.extend(lost.difference(&mined));
        }
        self.forgotten.extend(lost);
        self.payments.forget_after(at);
    }

    /// Blocks that were final have vanished: of one transaction and its replacement, which have one
    /// nonce, only what stands now has paid.
    pub fn vanish(&mut self, chain: &SimChain) {
        let standing: BTreeSet<B256> =
            chain.history(0, chain.head()).map(|mined| mined.hash).collect();
        self.payments.vanish(|hash| standing.contains(hash));
        (self.checked, self.mined) = (0, 0);
    }

    /// How often somebody was paid twice, or paid and given back, where nobody could know.
    pub fn beyond(&self) -> u64 {
        self.payments.beyond()
    }

    /// Whether our signer has signed it, and somebody still knows.
    pub fn is_ours(&self, hash: Hash32) -> bool {
        let hash = b256(hash);
        self.signed.contains_key(&hash) && !self.forgotten.contains(&hash)
    }

    /// Whether it is a payment that our signer signed and the books know, and that a final block
    /// holds.
    pub fn has_paid(&self, hash: Hash32) -> bool {
        let hash = b256(hash);
        self.payments.paid_by(&hash) && !self.forgotten.contains(&hash)
    }

    pub fn is_forgotten(&self, hash: B256) -> bool {
        self.forgotten.contains(&hash)
    }

    pub fn foreign(&mut self, hash: B256) {
        self.foreign.insert(hash);
    }

    /// Its hold was given back.
    pub fn given_back(&mut self, payout: PayoutId, at: Instant) {
        self.payments.given_back(payout, at);
    }

    /// A payout was accepted for this wish.
    pub fn wish(&mut self, wish: u64, payout: PayoutId) {
        self.payments.wish(wish, payout);
    }

    /// Whether the chain, finally, paid the payout.
    pub fn is_paid(&self, payout: PayoutId) -> bool {
        self.payments.is_paid(payout)
    }

    pub fn is_wish_paid(&self, wish: u64) -> bool {
        self.payments.is_wish_paid(wish)
    }

    /// What is final and in no book as it happened: made by others, forgotten, or doing something
    /// else than asked.
    pub fn foul(&self, chain: &SimChain) -> Vec<Foul> {
        let foul = |mined: &Mined| {
            let signed = self.signed.get(&mined.hash);
            let paying = signed
                .filter(|signed| signed.purpose == Purpose::Pay)
                .and_then(|signed| signed.approved.first());
            let forgotten = self.forgotten.contains(&mined.hash);
            match (signed, paying) {
                (None, _) => Some(Foul { mined: mined.clone(), owed: None }),
                (Some(_), None) => forgotten.then(|| Foul { mined: mined.clone(), owed: None }),
                (Some(_), Some(approved)) => {
                    let odd = forgotten || mined.succeeded && !is_exact(mined, approved.amount);
                    odd.then(|| Foul {
                        mined: mined.clone(),
                        owed: Some(approved.destination.clone()),
                    })
                }
            }
        };
        chain.history(0, chain.finalized()).filter_map(foul).collect()
    }

    /// Transactions of the wallet in final blocks.
    pub fn mined(&self) -> u64 {
        self.mined
    }

    /// Holds may be settled or given back only by what is final.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn ended(
        &self,
        id: WithdrawalId,
        payout: PayoutId,
        status: Status,
        chain: &SimChain,
        by_person: bool,
    ) -> Result<(), Broken> {
        let final_height = chain.finalized();
        let alive = |hash: &&B256| {
            !self.unseen.contains(*hash) && !is_dead(chain, self.signed[*hash].nonce, **hash)
        };
        let signed = || self.paying.get(&payout).into_iter().flatten();
        match status {
            Status::Completed if !by_person => {
                let standing = chain
                    .history(0, final_height)
                    .any(|mined| mined.succeeded && signed().any(|hash| *hash == mined.hash));
                must(standing, "settled when final", || {
                    format!("{id} is completed and no final transaction of ours paid it")
                })
            }
            Status::Failed | Status::Cancelled => {
                let open = signed().find(alive);
                must(open.is_none(), "given back when dead", || {
                    format!("{id} is {} and {open:?} may still pay it", status.as_str())
                })
            }
            Status::Completed
            | Status::Pending
            | Status::Approved
            | Status::Processing
            | Status::HeldForInspection => Ok(()),
        }
    }

    /// Everything final that we made is in the books: its cost, and what it paid.
    ///
    /// # Errors
    /// [`Broken`], naming the first that is not.
    pub fn booked(&self, chain: &SimChain, books: &Books) -> Result<(), Broken> {
        for mined in chain.history(0, chain.finalized()) {
            let Some(signed) =
                self.signed.get(&mined.hash).filter(|_| !self.forgotten.contains(&mined.hash))
            else {
                continue;
            };
            let (hash, nonce) = (mined.hash, mined.nonce);
            let fee = books.is_fee_booked(&hash.to_string());
            must(fee, "ledger equals chain", || {
                format!("the fee of {hash} (nonce {nonce}) is not booked")
            })?;
            for approved in signed.approved.iter().filter(|_| !mined.moved.is_empty()) {
                let status =
                    books.withdrawal(WithdrawalId(approved.payout.0)).map(|known| known.status);
                must(status == Some(Status::Completed), "ledger equals chain", || {
                    format!("{hash} (nonce {nonce}) paid {}, which is {status:?}", approved.payout)
                })?;
            }
        }
        Ok(())
    }

    /// Reads the blocks that have become final.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn look(&mut self, chain: &SimChain) -> Result<(), Broken> {
        let to = chain.finalized();
        if to <= self.checked {
            return Ok(());
        }
        let fresh: Vec<Mined> = chain.history(self.checked + 1, to).cloned().collect();
        self.checked = to;
        fresh.into_iter().try_for_each(|mined| self.judge(mined))
    }

    fn judge(&mut self, mined: Mined) -> Result<(), Broken> {
        self.mined += 1;
        if self.foreign.contains(&mined.hash) {
            return Ok(());
        }
        let signed = self.signed.get(&mined.hash);
        let signed = signed
            .ok_or_else(|| {
                Broken::new("stranger", format!("nobody is known to have signed {}", mined.hash))
            })?
            .clone();
        if signed.purpose == Purpose::Cancel || !mined.succeeded || mined.moved.is_empty() {
            return Ok(());
        }
        let unknowable = |payout| {
            self.paying.get(&payout).into_iter().flatten().any(|hash| self.unseen.contains(hash))
        };
        signed
            .approved
            .iter()
            .try_for_each(|approved| self.payments.pay(approved.payout, mined.hash, unknowable))
    }
}

/// One movement, of the exact amount.
fn is_exact(mined: &Mined, amount: Amount) -> bool {
    matches!(mined.moved.as_slice(), [moved] if moved.amount == amount.base_units())
}

/// Its nonce is consumed in a final block, and not by it, or it moved nothing.
fn is_dead(chain: &SimChain, nonce: u64, hash: B256) -> bool {
    let to = chain.finalized();
    if chain.wallet_at(to).nonce <= nonce {
        return false;
    }
    !chain.history(0, to).any(|mined| mined.hash == hash && !mined.moved.is_empty())
}

fn b256(hash: Hash32) -> B256 {
    B256::new(hash.0)
}
