//! The verdict on a run: by the chain, each is paid once; by the ledger, what was paid is what was
//! settled, and nobody has lost anything.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::both::lost::Signed;
use crate::both::operator::times;
use crate::chaos::chain::{self, Mined};
use crate::chaos::forgotten::Forgotten;
use crate::chaos::journal::Journal;
use crate::chaos::ledger::Ledger;
use crate::chaos::payees::{PURSE, Payee, Way};
use crate::chaos::verdict::Evidence;
use crate::config::{BOOK, POINTS};
use crate::primitives::U256;

use super::super::money;
use super::super::world::{World, XP};
use super::people::People;

/// What came of it.
#[derive(Default)]
pub struct Verdict {
    pub twice: usize,
    pub not_paid: usize,
    /// Both payments of whoever was cancelled and asked anew were signed before the restore, and
    /// both were mined: the cancel came too late, as it may without a restore.
    pub cancel_was_late: bool,
    pub findings: Vec<String>,
}

/// All that is known when everything has ended.
pub struct Known<'a> {
    pub world: &'a World,
    pub people: &'a People,
    pub mined: &'a [Mined],
    pub ledger: &'a Ledger,
    pub lost: &'a [Signed],
}

impl Verdict {
    /// # Errors
    /// Fails if chain or journal cannot be read.
    pub async fn of(known: &Known<'_>) -> Result<Self> {
        let mut verdict = Self::default();
        for payee in known.people.owed() {
            verdict.judge(payee, known);
        }
        let given_back = &known.people.cast.given_back.payee;
        if times(given_back, known.mined) > 0 {
            verdict.findings.push(format!(
                "payee {} was given back before the restore, and is PAID",
                given_back.number
            ));
        }
        verdict.findings.extend(known.strangers());
        verdict.findings.extend(known.unsettled());
        verdict.findings.extend(known.balances()?);
        verdict.findings.extend(known.books().await?);
        Ok(verdict)
    }

    fn judge(&mut self, payee: &Payee, known: &Known<'_>) {
        let got: Vec<U256> = chain::payments(payee, known.mined).map(|paid| paid.amount).collect();
        if got.iter().any(|amount| *amount != payee.base_units()) {
            self.findings.push(format!(
                "payee {} was to get {} and got {got:?}",
                payee.number,
                payee.base_units()
            ));
        }
        match got.len() {
            0 => {
                self.not_paid += 1;
                self.findings.push(format!("payee {} is NOT PAID", payee.number));
            }
            1 => {}
            2 if payee.number == known.people.recalled().payee.number
                && known.all_are_lost(payee) =>
            {
                self.cancel_was_late = true
            }
            count => {
                self.twice += 1;
                self.findings.push(format!(
                    "payee {} is PAID {count} TIMES, by {:?}",
                    payee.number,
                    known.by(payee)
                ));
            }
        }
    }
}

impl Known<'_> {
    /// The transactions that paid somebody.
    fn by(&self, payee: &Payee) -> Vec<&str> {
        let pays = |mined: &&Mined| mined.paid.iter().any(|paid| paid.to == payee.destination);
        self.mined.iter().filter(pays).map(|mined| mined.hash.as_str()).collect()
    }

    fn all_are_lost(&self, payee: &Payee) -> bool {
        self.by(payee).iter().all(|hash| self.is_lost(hash))
    }

    fn is_lost(&self, hash: &str) -> bool {
        self.lost.iter().any(|signed| signed.hash.eq_ignore_ascii_case(hash))
    }

    fn strangers(&self) -> Vec<String> {
        let each =
            self.mined.iter().flat_map(|mined| mined.paid.iter().map(move |paid| (mined, paid)));
        let strange = each.filter(|(_, paid)| self.people.at(&paid.to).is_none());
        strange
            .map(|(mined, paid)| {
                format!("{} paid {} to {}, who has not asked", mined.hash, paid.amount, paid.to)
            })
            .collect()
    }

    /// Who was settled another number of times than paid, and what is still open.
    fn unsettled(&self) -> Vec<String> {
        let mut found = Vec::new();
        for payee in self.people.cast.all().map(|request| &request.payee) {
            let rows = self
                .ledger
                .withdrawals
                .iter()
                .filter(|row| row.destination.eq_ignore_ascii_case(&payee.destination));
            let rows: Vec<(&str, &str)> =
                rows.map(|row| (row.id.as_str(), row.status.as_str())).collect();
            let settled = rows.iter().filter(|(_, status)| *status == "completed").count();
            let paid = times(payee, self.mined);
            if settled != paid {
                found.push(format!(
                    "payee {} was paid {paid} times and settled {settled} times: {rows:?}",
                    payee.number
                ));
            }
            let open = rows
                .iter()
                .filter(|(_, status)| !["completed", "cancelled", "failed"].contains(status));
            found.extend(open.map(|(id, status)| {
                format!("withdrawal {id} of payee {} is {status}", payee.number)
            }));
        }
        found
    }

    /// What everybody can spend, less what they owe, is what they were credited, less what the
    /// chain paid them.
    fn balances(&self) -> Result<Vec<String>> {
        let mut expected: BTreeMap<String, i128> = BTreeMap::new();
        for payee in
            self.people.cast.all().map(|request| &request.payee).chain([&self.people.anew.payee])
        {
            let user = &payee.asker.player.id;
            if payee.way == Way::Claim {
                expected.insert(format!("{user}/{BOOK}/{POINTS}"), i128::from(XP));
            } else {
                *expected.entry(format!("{user}/{PURSE}/{}", payee.asset())).or_default() +=
                    signed(payee.base_units())?;
            }
        }
        for payee in self.people.cast.all().map(|request| &request.payee) {
            let (user, paid) = (&payee.asker.player.id, i128::try_from(times(payee, self.mined))?);
            let (account, amount) = match payee.way {
                // Points have no decimals, and one is worth a token.
                Way::Claim => {
                    (format!("{user}/{BOOK}/{POINTS}"), payee.amount.parse().context("points")?)
                }
                Way::Coins | Way::Tokens | Way::Bitcoin => {
                    (format!("{user}/{PURSE}/{}", payee.asset()), signed(payee.base_units())?)
                }
            };
            *expected.entry(account).or_default() -= paid * amount;
        }
        let (available, debts) = (money::available(self.ledger), money::debts(self.ledger));
        let mut found = Vec::new();
        for (account, should) in expected {
            let of = |amounts: &money::Amounts| {
                signed(amounts.get(&account).copied().unwrap_or_default())
            };
            let is = of(&available)? - of(&debts)?;
            if is != should {
                found.push(format!("{account} should have {should} to be spent and has {is}"));
            }
        }
        Ok(found)
    }

    /// Ledger, chain and journal say the same. What was mined and is a stray is in no journal, and
    /// its network fee in no book.
    async fn books(&self) -> Result<Vec<String>> {
        let journal = Journal::read(&self.world.journal())?;
        let is_stray =
            |mined: &&Mined| self.is_lost(&mined.hash) && !journal.hashes.contains(&mined.hash);
        let (strays, mined): (Vec<&Mined>, Vec<&Mined>) = self.mined.iter().partition(is_stray);
        let mined: Vec<Mined> = mined.into_iter().cloned().collect();
        let mut closing = chain::holdings(&self.world.devnet, self.world.chain).await?;
        closing[0].amount += strays.iter().map(|stray| stray.fee).sum::<U256>();
        let (ledger, opening) = (self.ledger, &self.world.opening[..]);
        let elsewhere = chain::elsewhere(&self.world.devnet, self.world.chain).await?;
        let (elsewhere, forgotten) = (&elsewhere[..], &Forgotten::default());
        let evidence = Evidence {
            accepted: &[],
            mined: &mined,
            elsewhere,
            ledger,
            journal: &journal,
            opening,
            closing: &closing,
            forgotten,
        };
        let mut found = Vec::new();
        evidence.books(&mut found);
        Ok(found)
    }
}

fn signed(amount: U256) -> Result<i128> {
    i128::try_from(amount).ok().with_context(|| format!("{amount} is too large"))
}
