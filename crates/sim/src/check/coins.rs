//! The UTXO chain as it is, held against what was signed and what is in the books: every payee
//! exactly once, read from the outputs.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Amount, Destination, Hash32, PayoutId, Purpose, Status, WithdrawalId};
use adit_signer::{Approved, SignRequest, Signature};
use bitcoin::consensus::encode::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};

use super::payments::Payments;
use super::{Books, BothBack, Broken, must};
use crate::executor::Instant;
use crate::rules::script_of;
use crate::utxo::{Mined, UtxoChain};

/// What is known to whoever sees everything.
#[derive(Default)]
pub struct CoinTruth {
    /// Every transaction that our signer ever signed.
    signed: BTreeMap<Txid, Signed>,
    /// Its paying transactions, by payout.
    paying: BTreeMap<PayoutId, BTreeSet<Txid>>,
    /// Signed bytes that some commit has recorded.
    recorded: BTreeSet<Txid>,
    foreign: BTreeSet<Txid>,
    /// Signed after the backup to which database and journal went back together.
    forgotten: BTreeSet<Txid>,
    /// Those of them that neither a block nor a pool showed at that moment: nobody can know them,
    /// whoever is asked.
    unseen: BTreeSet<Txid>,
    payments: Payments<Txid>,
    checked: u64,
    mined: u64,
}

#[derive(Debug, Clone)]
struct Signed {
    at: Instant,
    purpose: Purpose,
    approved: Vec<Approved>,
    inputs: Vec<OutPoint>,
}

impl CoinTruth {
    /// A signature has left the signer's key. Any other one of its payout must exclude it, or be
    /// dead, for good.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn signed(
        &mut self,
        request: &SignRequest,
        signature: &Signature,
        chain: &UtxoChain,
        at: Instant,
    ) -> Result<(), Broken> {
        let body: Transaction = deserialize(&signature.signed.raw.0).map_err(|error| {
            Broken::new("signed bytes", format!("they are no transaction: {error}"))
        })?;
        let txid = body.compute_txid();
        must(txid == txid_of(signature.signed.hash), "signed bytes", || {
            format!("{txid} is called {}", signature.signed.hash)
        })?;
        let inputs: Vec<OutPoint> = body.input.iter().map(|input| input.previous_output).collect();
        let signed = Signed {
            at,
            purpose: request.purpose,
            approved: request.approved.clone(),
            inputs: inputs.clone(),
        };
        // What both stores had forgotten is signed once more, perhaps as other payouts of the same
        // wishes.
        let before =
            self.signed.insert(txid, signed).map(|before| before.approved).unwrap_or_default();
        self.forgotten.remove(&txid);
        self.unseen.remove(&txid);
        self.payments.same_wishes(&before, &request.approved);
        for payout in request.approved.iter().map(|approved| approved.payout) {
            for other in self
                .paying
                .get(&payout)
                .into_iter()
                .flatten()
                .filter(|other| **other != txid && !self.unseen.contains(*other))
            {
                let shared = self.signed[other].inputs.iter().any(|spent| inputs.contains(spent));
                must(shared || self.is_dead(chain, *other), "exclusive attempts", || {
                    format!(
                        "payout {payout} is signed as {txid} while {other}, which spends no coin \
                         of it, can still pay it"
                    )
                })?;
            }
            self.paying.entry(payout).or_default().insert(txid);
        }
        Ok(())
    }

    pub fn recorded(&mut self, hash: Hash32) {
        self.recorded.insert(txid_of(hash));
    }

    /// # Errors
    /// [`Broken`] when bytes leave that no commit has recorded (rule R1).
    pub fn sent(&self, txid: Txid) -> Result<(), Broken> {
        must(self.recorded.contains(&txid), "recorded before sent", || {
            format!("{txid} leaves and was not recorded")
        })
    }

    /// Database and journal have gone back to that moment, together. Where that is declared, what
    /// nobody can know is swept away: nobody is excused for it.
    pub fn forget_after(&mut self, at: Instant, chain: &UtxoChain, both: BothBack) {
        let lost: BTreeSet<Txid> = self
            .signed
            .iter()
            .filter(|(_, signed)| signed.at > at)
            .map(|(txid, _)| *txid)
            .collect();
        let shown =
            |txid: &Txid| chain.is_mined(*txid) || (chain.is_waiting(*txid) && !both.hidden);
        self.unseen.extend(lost.iter().filter(|txid| !both.declared && !shown(txid)));
        self.forgotten.extend(lost);
        self.payments.forget_after(at);
    }

    /// Whether our signer has signed it, and somebody still knows.
    pub fn is_ours(&self, hash: Hash32) -> bool {
        let txid = txid_of(hash);
        self.signed.contains_key(&txid) && !self.forgotten.contains(&txid)
    }

    /// Whether our signer signed it as a payment of so much to this recipient.
    pub fn was_to_pay(&self, txid: Txid, destination: &Destination, amount: Amount) -> bool {
        let same =
            |approved: &Approved| (&approved.destination, approved.amount) == (destination, amount);
        self.signed.get(&txid).is_some_and(|signed| {
            signed.purpose == Purpose::Pay && signed.approved.iter().any(same)
        })
    }

    pub fn foreign(&mut self, txid: Txid) {
        self.foreign.insert(txid);
    }

    /// Whether no database knows it: somebody else made it, or it was forgotten.
    pub fn is_unexplained(&self, txid: Txid) -> bool {
        self.foreign.contains(&txid) || self.forgotten.contains(&txid)
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

    /// How often somebody was paid twice, or paid and given back, where nobody could know.
    pub fn beyond(&self) -> u64 {
        self.payments.beyond()
    }

    /// Transactions in final blocks.
    pub fn mined(&self) -> u64 {
        self.mined
    }

    /// Transactions of ours that no block holds, newest first: what a stranger would take the coins
    /// of.
    pub fn waiting(&self, chain: &UtxoChain) -> Vec<Txid> {
        let mut waiting: Vec<(Instant, Txid)> =
            self.signed.iter().map(|(txid, signed)| (signed.at, *txid)).collect();
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        waiting.into_iter().map(|(_, txid)| txid).filter(|txid| chain.is_waiting(*txid)).collect()
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
        chain: &UtxoChain,
        by_person: bool,
    ) -> Result<(), Broken> {
        let signed = || self.paying.get(&payout).into_iter().flatten();
        match status {
            Status::Completed if !by_person => {
                let standing = signed().any(|txid| chain.is_final(*txid));
                must(standing, "settled when final", || {
                    format!("{id} is completed and no final transaction of ours paid it")
                })
            }
            Status::Failed | Status::Cancelled => {
                let open = signed()
                    .find(|txid| !self.unseen.contains(*txid) && !self.is_dead(chain, **txid));
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

    /// Everything final that we made is in the books: its cost to the satoshi, and whom it paid.
    ///
    /// # Errors
    /// [`Broken`], naming the first that is not.
    pub fn booked(&self, chain: &UtxoChain, books: &Books) -> Result<(), Broken> {
        for Mined { tx, .. } in chain.history(0, chain.finalized()) {
            let (txid, cost) = (tx.txid, u128::from(tx.fee));
            let Some(signed) = self.signed.get(&txid).filter(|_| !self.forgotten.contains(&txid))
            else {
                continue;
            };
            let fee = books.fee_booked(&adit_bitcoin::hash_of(txid).to_string());
            must(fee == Some(cost), "ledger equals chain", || {
                format!("{txid} cost {cost} satoshi, and {fee:?} is booked")
            })?;
            for approved in &signed.approved {
                let status =
                    books.withdrawal(WithdrawalId(approved.payout.0)).map(|known| known.status);
                must(status == Some(Status::Completed), "ledger equals chain", || {
                    format!("{txid} paid {}, which is {status:?}", approved.payout)
                })?;
            }
        }
        Ok(())
    }

    /// What left the wallet, finally, by transactions that are in no book: made by others or
    /// forgotten. Satoshi; less than 0 where something came in.
    pub fn unbooked(&self, chain: &UtxoChain, ours: &BTreeSet<ScriptBuf>, books: &Books) -> i128 {
        let foul = chain.history(0, chain.finalized()).filter(|mined| {
            let txid = mined.tx.txid;
            !self.signed.contains_key(&txid) || self.forgotten.contains(&txid)
        });
        foul.map(|Mined { tx, .. }| {
            let worth = |output: &bitcoin::TxOut| {
                if ours.contains(&output.script_pubkey) {
                    i128::from(output.value.to_sat())
                } else {
                    0
                }
            };
            let spent = |outpoint: OutPoint| {
                chain
                    .tx(outpoint.txid)
                    .map_or(0, |made| worth(&made.body.output[outpoint.vout as usize]))
            };
            let left: i128 = tx.inputs().map(spent).sum::<i128>()
                - tx.body.output.iter().map(worth).sum::<i128>();
            left - Self::settled_by(tx.txid, books)
        })
        .sum()
    }

    /// What the books say was paid by a forgotten transaction: a person has told them so.
    fn settled_by(txid: Txid, books: &Books) -> i128 {
        let hash = adit_bitcoin::hash_of(txid);
        let settled = books.withdrawals().filter(|known| known.paid_by == Some(hash));
        settled.map(|known| i128::try_from(known.amount.base_units()).expect("small")).sum()
    }

    /// Reads the blocks that have become final.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn look(&mut self, chain: &UtxoChain) -> Result<(), Broken> {
        let to = chain.finalized();
        if to <= self.checked {
            return Ok(());
        }
        let fresh: Vec<Mined> = chain.history(self.checked + 1, to).collect();
        self.checked = to;
        fresh.into_iter().try_for_each(|mined| self.judge(&mined))
    }

    fn judge(&mut self, Mined { tx, .. }: &Mined) -> Result<(), Broken> {
        self.mined += 1;
        let txid = tx.txid;
        if self.foreign.contains(&txid) {
            return Ok(());
        }
        let signed = self.signed.get(&txid).cloned().ok_or_else(|| {
            Broken::new("stranger", format!("nobody is known to have signed {txid}"))
        })?;
        if signed.purpose == Purpose::Cancel {
            return Ok(());
        }
        let unknowable = |payout| {
            self.paying.get(&payout).into_iter().flatten().any(|txid| self.unseen.contains(txid))
        };
        for approved in &signed.approved {
            let to = &approved.destination;
            let owed: u128 = signed
                .approved
                .iter()
                .filter(|other| other.destination == *to)
                .map(|other| other.amount.base_units())
                .sum();
            let got = u128::from(tx.pays(&script_of(to)));
            must(got == owed, "paid exactly", || {
                format!("{to} was to get {owed} satoshi by {txid}, and got {got}")
            })?;
            self.payments.pay(approved.payout, txid, unknowable)?;
        }
        Ok(())
    }

    /// It can never be mined any more: a final block holds what took a coin of it, or of a
    /// transaction of ours that it stands on.
    fn is_dead(&self, chain: &UtxoChain, txid: Txid) -> bool {
        let Some(signed) = self.signed.get(&txid) else { return chain.is_dead(txid) };
        !chain.is_final(txid)
            && signed
                .inputs
                .iter()
                .any(|spent| chain.is_taken(spent, txid) || self.is_dead(chain, spent.txid))
    }
}

fn txid_of(hash: Hash32) -> Txid {
    let mut bytes = hash.0;
    bytes.reverse();
    Txid::from_byte_array(bytes)
}
