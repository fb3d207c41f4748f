//! The verdict on a run: what the chain says of each payee, and whether ledger, chain and journal
//! agree.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::chaos::chain;
use crate::chaos::forgotten::Forgotten;
use crate::chaos::journal::Journal;
use crate::chaos::ledger::Ledger;
use crate::chaos::verdict::Evidence;
use crate::failover::request::Request;
use crate::failover::verdict;

use super::cast::Cast;
use super::world::World;

/// What came of it.
pub struct Verdict {
    /// How many were paid 0, 1, 2 … times, of those who are to be paid once.
    pub paid: BTreeMap<usize, usize>,
    /// Each broken promise in a sentence; none where all is well.
    pub findings: Vec<String>,
}

impl Verdict {
    /// # Errors
    /// Fails if chain or journal cannot be read.
    pub async fn of(world: &World, cast: &Cast, ledger: &Ledger) -> Result<Self> {
        let journal = Journal::read(&world.journal())?;
        let mined = chain::mined(&world.devnet, world.chain).await?;
        let closing = chain::holdings(&world.devnet, world.chain).await?;
        let (opening, accepted, mined) = (&world.opening[..], &[][..], &mined[..]);
        let (elsewhere, forgotten) = (&[][..], &Forgotten::default());
        let evidence = Evidence {
            accepted,
            mined,
            elsewhere,
            ledger,
            journal: &journal,
            opening,
            closing: &closing,
            forgotten,
        };
        let verdict::Verdict { mut findings, .. } = verdict::Verdict::of(cast.all(), &evidence);
        let back = &cast.given_back;
        let is_back = |request: &Request| std::ptr::eq(request, back);
        let to_be_paid =
            || cast.all().filter(|request| !is_back(request)).map(|request| &request.payee);
        let paid = chain::histogram(to_be_paid(), mined);
        for payee in to_be_paid().filter(|payee| chain::payments(payee, mined).next().is_none()) {
            findings.push(format!("payee {} is NOT PAID", payee.number));
        }
        if chain::payments(&back.payee, mined).next().is_some() {
            findings.push(format!(
                "payee {} was given back before the restore, and is PAID",
                back.payee.number
            ));
        }
        Ok(Self { paid, findings })
    }
}
