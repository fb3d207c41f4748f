//! The verdict: who was paid how often, and whether ledger, chain and journal say the same to the
//! last base unit.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitives::U256;

use super::chain::{self, Holding, Mined};
use super::forgotten::Forgotten;
use super::journal::Journal;
use super::ledger::{Account, Ledger, Transfer};
use super::requests::Accepted;

/// All that is known when everything has ended.
pub struct Evidence<'a> {
    pub accepted: &'a [Accepted],
    pub mined: &'a [Mined],
    /// Mined of the servers' other wallet, which pays nobody.
    pub elsewhere: &'a [Mined],
    pub ledger: &'a Ledger,
    pub journal: &'a Journal,
    /// What the wallet held; the first is what fees are paid in.
    pub opening: &'a [Holding],
    /// What it holds now.
    pub closing: &'a [Holding],
    /// What restores of both have left behind.
    pub forgotten: &'a Forgotten,
}

/// What came of it.
#[derive(Debug)]
pub struct Verdict {
    /// How many payees were paid 0, 1, 2 … times.
    pub histogram: BTreeMap<usize, usize>,
    /// Each disagreement in a sentence; none where all is well.
    pub differences: Vec<String>,
    pub mined: usize,
    pub signed: usize,
    /// Of the mined: those that neither store remembers, and what they cost, which nobody has
    /// booked.
    pub strays: usize,
    pub unbooked: U256,
    /// What both forgot, and was signed once more.
    pub taken_back: usize,
    /// What left the wallet for the network, in base units.
    pub fees: U256,
}

impl Verdict {
    pub fn of(evidence: &Evidence<'_>) -> Self {
        let histogram = chain::histogram(
            evidence.accepted.iter().map(|accepted| &accepted.payee),
            evidence.mined,
        );
        let mut differences = Vec::new();
        evidence.payees(&mut differences);
        evidence.books(&mut differences);
        differences.extend(evidence.forgotten.findings.iter().cloned());
        let strays = evidence.strays();
        Self {
            histogram,
            differences,
            mined: evidence.mined.len(),
            signed: evidence.journal.hashes.len(),
            strays: strays.len(),
            unbooked: fees(&strays),
            taken_back: evidence.forgotten.taken_back(evidence.journal),
            fees: evidence.mined.iter().map(|mined| mined.fee).sum(),
        }
    }

    /// Everybody once, and nothing differs.
    pub fn is_good(&self) -> bool {
        self.differences.is_empty() && self.histogram.keys().all(|times| *times == 1)
    }
}

impl Evidence<'_> {
    /// Everything but who was paid how often: ledger, chain and journal say the same.
    pub fn books(&self, differences: &mut Vec<String>) {
        self.wallet(differences);
        self.fees(differences);
        self.journal(differences);
        self.algebra(differences);
    }

    /// Each payee got his amount and nobody else got anything.
    fn payees(&self, differences: &mut Vec<String>) {
        for Accepted { payee, id } in self.accepted {
            let got: Vec<U256> =
                chain::payments(payee, self.mined).map(|paid| paid.amount).collect();
            if got != [payee.base_units()] {
                differences.push(format!(
                    "payee {} ({id}) was to get {} once and got {got:?}",
                    payee.number,
                    payee.base_units()
                ));
            }
        }
        let expected: BTreeSet<&str> =
            self.accepted.iter().map(|accepted| accepted.payee.destination.as_str()).collect();
        for mined in self.mined {
            for paid in mined.paid.iter().filter(|paid| !expected.contains(paid.to.as_str())) {
                differences.push(format!(
                    "{} paid {} to {}, who was not to be paid",
                    mined.hash, paid.amount, paid.to
                ));
            }
        }
        self.rows(differences);
    }

    /// Each payee has one completed withdrawal, and it is the one that they were told of, unless an
    /// operator gave that one back. Whatever else there is, an operator has given back.
    fn rows(&self, differences: &mut Vec<String>) {
        let known: BTreeMap<&str, &str> = self
            .ledger
            .withdrawals
            .iter()
            .map(|row| (row.id.as_str(), row.status.as_str()))
            .collect();
        let Forgotten { given_back, nobodys, .. } = self.forgotten;
        for Accepted { payee, id } in self.accepted {
            let status = known.get(id.as_str()).copied().unwrap_or("not in the database");
            if status != "completed" && !given_back.contains(id) {
                differences.push(format!("withdrawal {id} is {status}"));
            }
            let completed = self
                .ledger
                .withdrawals
                .iter()
                .filter(|row| row.status == "completed" && row.pays(payee))
                .count();
            if completed != 1 {
                differences.push(format!(
                    "payee {} ({id}) has {completed} withdrawals that are completed",
                    payee.number
                ));
            }
        }
        let told: BTreeSet<&str> =
            self.accepted.iter().map(|accepted| accepted.id.as_str()).collect();
        let expected: BTreeSet<&str> = told
            .iter()
            .copied()
            .chain(given_back.iter().chain(nobodys).map(String::as_str))
            .collect();
        if known.len() != expected.len() {
            let (accepted, others) = (told.len(), expected.len() - told.len());
            differences.push(format!(
                "{accepted} withdrawals were accepted, {others} are an operator's, the database \
                 has {}",
                known.len()
            ));
        }
    }

    /// Mined, and in neither store: no book can have what they cost.
    fn strays(&self) -> Vec<&Mined> {
        self.forgotten.strays(self.mined, self.journal, self.ledger)
    }

    /// What the book says that the wallet holds, is what it holds; what left it is what was settled
    /// and booked.
    fn wallet(&self, differences: &mut Vec<String>) {
        for (index, (opening, closing)) in self.opening.iter().zip(self.closing).enumerate() {
            let asset = opening.asset;
            let (opening, closing, settled) =
                (opening.amount, closing.amount, self.left_hot(asset, "withdrawal"));
            let (booked, unbooked) = match index {
                0 => (self.left_hot(asset, "network_fee"), fees(&self.strays())),
                _ => (U256::ZERO, U256::ZERO),
            };
            if opening - closing != settled + booked + unbooked {
                let left = opening - closing;
                differences.push(format!(
                    "{left} base units of {asset} left the wallet, {settled} were settled, \
                     {booked} booked as fees, {unbooked} paid by strays"
                ));
            }
            let hot: Vec<&Account> = self
                .ledger
                .accounts
                .iter()
                .filter(|account| account.kind == "hot" && account.asset == asset)
                .collect();
            match hot[..] {
                [book]
                    if book.credits <= book.debits
                        && book.debits - book.credits == closing + unbooked => {}
                _ => differences.push(format!(
                    "the wallet holds {closing} base units of {asset}, the book says {hot:?}"
                )),
            }
        }
    }

    /// What transfers of that cause took out of the wallet.
    fn left_hot(&self, asset: &str, cause: &str) -> U256 {
        let hot = self
            .ledger
            .accounts
            .iter()
            .find(|account| account.kind == "hot" && account.asset == asset)
            .map(|account| &account.path);
        let takes = |transfer: &&Transfer| {
            moves(transfer)
                && Some(&transfer.credit) == hot
                && transfer.asset == asset
                && transfer.cause == cause
        };
        self.ledger.transfers.iter().filter(takes).map(|transfer| transfer.amount).sum()
    }

    /// Each mined transaction's fee is booked, once, as the chain charged it.
    fn fees(&self, differences: &mut Vec<String>) {
        let mut booked: BTreeMap<String, Vec<U256>> = BTreeMap::new();
        for transfer in
            self.ledger.transfers.iter().filter(|transfer| transfer.cause == "network_fee")
        {
            booked.entry(transfer.cause_id.to_ascii_lowercase()).or_default().push(transfer.amount);
        }
        let strays: BTreeSet<&str> =
            self.strays().into_iter().map(|stray| stray.hash.as_str()).collect();
        for mined in self.mined.iter().chain(self.elsewhere) {
            let found = booked.remove(&mined.hash).unwrap_or_default();
            if strays.contains(mined.hash.as_str()) {
                let booked = found.into_iter().map(|fee| {
                    format!(
                        "{fee} base units are booked for {}, which is in neither store",
                        mined.hash
                    )
                });
                differences.extend(booked);
            } else if found != [mined.fee] {
                differences.push(format!(
                    "{} cost {} base units, booked were {found:?}",
                    mined.hash, mined.fee
                ));
            }
        }
        differences.extend(booked.into_iter().map(|(hash, found)| {
            format!("{found:?} base units are booked for {hash}, which is not in the chain")
        }));
    }

    /// What is in the chain was signed here, and what was signed is in the database.
    fn journal(&self, differences: &mut Vec<String>) {
        let strays: BTreeSet<&str> =
            self.strays().into_iter().map(|stray| stray.hash.as_str()).collect();
        let all = self
            .mined
            .iter()
            .chain(self.elsewhere)
            .filter(|mined| !strays.contains(mined.hash.as_str()));
        for mined in all.filter(|mined| !self.journal.hashes.contains(&mined.hash)) {
            differences.push(format!("{} is in the chain and not in the journal", mined.hash));
        }
        let lineages: BTreeSet<&String> =
            self.ledger.attempts.iter().map(|(_, lineage)| lineage).collect();
        for lineage in self.journal.lineages.iter().filter(|lineage| !lineages.contains(lineage)) {
            differences
                .push(format!("lineage {lineage} is in the journal and not in the database"));
        }
        for (hash, _) in
            self.ledger.attempts.iter().filter(|(hash, _)| !self.journal.hashes.contains(hash))
        {
            differences.push(format!("attempt {hash} is in the database and not in the journal"));
        }
        let attempts: BTreeSet<&String> =
            self.ledger.attempts.iter().map(|(hash, _)| hash).collect();
        for hash in self.journal.hashes.iter().filter(|hash| !attempts.contains(hash)) {
            differences.push(format!("attempt {hash} is in the journal and not in the database"));
        }
        if self.ledger.live_lineages > 0 {
            differences.push(format!("{} lineages are still live", self.ledger.live_lineages));
        }
    }

    /// Double entry: the totals are the sum of the movements, debits equal credits, and nothing is
    /// held any more.
    fn algebra(&self, differences: &mut Vec<String>) {
        let mut totals: BTreeMap<(&str, &str), (U256, U256)> = BTreeMap::new();
        for transfer in self.ledger.transfers.iter().filter(|transfer| moves(transfer)) {
            totals.entry((&transfer.debit, &transfer.asset)).or_default().0 += transfer.amount;
            totals.entry((&transfer.credit, &transfer.asset)).or_default().1 += transfer.amount;
        }
        let mut sums: BTreeMap<&str, (U256, U256)> = BTreeMap::new();
        for account in &self.ledger.accounts {
            let (debits, credits) =
                totals.remove(&(account.path.as_str(), account.asset.as_str())).unwrap_or_default();
            if (account.debits, account.credits) != (debits, credits) {
                differences.push(format!("{account:?} has movements of {debits} and {credits}"));
            }
            if !account.held.is_zero() {
                differences.push(format!(
                    "{} base units are still held of {}",
                    account.held, account.path
                ));
            }
            let sum = sums.entry(&account.asset).or_default();
            *sum = (sum.0 + account.debits, sum.1 + account.credits);
        }
        differences.extend(
            totals.keys().map(|(path, _)| format!("{path} has movements and is no account")),
        );
        let odd = sums.into_iter().filter(|(_, (debits, credits))| debits != credits);
        differences.extend(odd.map(|(asset, (debits, credits))| {
            format!("{asset}: debits are {debits}, credits {credits}")
        }));
    }
}

fn fees(mined: &[&Mined]) -> U256 {
    mined.iter().map(|mined| mined.fee).sum()
}

/// A hold and a release move nothing.
fn moves(transfer: &Transfer) -> bool {
    matches!(transfer.kind.as_str(), "post" | "settle")
}
