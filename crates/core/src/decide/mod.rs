//! The rules: a view of the state and an order in, changes or a refusal out.

mod adopt;
mod cancel;
mod careless;
mod conflict;
mod drafting;
mod lane;
mod lineage;
mod observe;
mod orphan;
mod people;
mod request;
mod settle;

use crate::{Change, Command, Epoch, Order, Refusal, Rules, View, WalletLink, Withdrawal, WithdrawalId};

use drafting::Drafting;
pub use lane::changed_pin;

/// What becomes of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Empty where the order repeats what is already true.
    pub changes: Vec<Change>,
    pub answer: Answer,
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// Nothing had to change.
    Unchanged,
    Accepted(Box<Withdrawal>),
    /// The same request was accepted before.
    Replayed(WithdrawalId),
    Wallet(WalletLink),
    Leased(Epoch),
}

/// Decides one order. The view holds every row that [`crate::keys()`] names for it.
///
/// # Errors
/// [`Refusal`]; then nothing changes and nothing is consumed.
pub fn decide(view: &View, rules: &Rules, order: &Order) -> Result<Decision, Refusal> {
    let draft = Drafting::new(view, rules, order);
    match &order.command {
        Command::PutUser { user, tier } => people::put_user(draft, user, tier.as_ref()),
        Command::LinkWallet { user, address } => people::link_wallet(draft, user, address),
        Command::IssueCredential { credential } => people::issue_credential(draft, credential),
        Command::Credit(credit) => people::credit(draft, credit),
        Command::Suspend { scope, reason } => people::suspend(draft, scope, reason),
        Command::Resume { scope } => people::resume(draft, scope),
        Command::Request(request) => request::request(draft, request),
        Command::Approve { withdrawal, .. } => cancel::approve(draft, *withdrawal),
        Command::Cancel { withdrawal, lineage, reason, .. } => cancel::cancel(draft, *withdrawal, *lineage, reason),
        Command::Retry { withdrawal, .. } => cancel::retry(draft, *withdrawal),
        Command::Inspect { leg, lane, paid, note } => settle::inspect(draft, leg, lane, *paid, note),
        Command::Lease { lane, owner, length, journal, alone } => {
            lane::lease(draft, lane, lane::Claim { owner: *owner, length: *length, journal: *journal, alone: *alone })
        }
        Command::StartLane { lane, owner, epoch, chain_nonce, unfinished, pins, funds } => {
            let seen = lane::Seen { chain_nonce: *chain_nonce, unfinished: *unfinished, pins, funds };
            lane::start(draft, lane, *owner, *epoch, &seen)
        }
        Command::HaltLane { lane, reason } => lane::halt(draft, lane, reason),
        Command::ResumeLane { lane, accept } => lane::resume(draft, lane, accept.as_ref()),
        Command::AdoptKey { lane, from_nonce } => lane::adopt_key(draft, lane, *from_nonce),
        Command::Advance { lane, epoch, tip, trail, funds } => lane::advance(draft, lane, *epoch, tip, trail, funds),
        Command::Defer { lane, epoch, owner, leg, reason, blame_payout } => {
            draft.leased(lane, *owner, *epoch)?;
            settle::defer(draft, leg, lane, reason, *blame_payout)
        }
        Command::Suspect { lane, owner, epoch, leg, payment, finding } => {
            draft.leased(lane, *owner, *epoch)?;
            conflict::suspect(draft, leg, payment, finding)
        }
        Command::Reapprove { lane, owner, epoch, leg, reason } => {
            draft.leased(lane, *owner, *epoch)?;
            cancel::reapprove(draft, leg.withdrawal, reason)
        }
        Command::Reserve(reserve) => lineage::reserve(draft, reserve),
        Command::AddAttempt(add) => {
            draft.leased(&add.lane, add.owner, add.epoch)?;
            lineage::add_attempt(draft, add)
        }
        Command::Record { lane, epoch, lineage, attempt, signed } => lineage::record(draft, lane, *epoch, *lineage, *attempt, signed),
        Command::Cosign { lineage, attempt, over, signed, .. } => lineage::cosign(draft, *lineage, *attempt, over, signed),
        Command::Submitted { lineage, attempt, submissions, .. } => lineage::submitted(draft, *lineage, *attempt, submissions),
        Command::Observe { lane, epoch, sighting, .. } => {
            draft.of_epoch(lane, *epoch)?;
            observe::observe(draft, lane, sighting)
        }
        Command::AdoptLineage { lane, epoch, lineage } => adopt::adopt(draft, lane, *epoch, lineage),
    }
}
