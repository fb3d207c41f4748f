//! The rules: a view of the state and an order in, changes or a refusal out.

mod adopt;
mod cancel;
mod careless;
mod close;
mod conflict;
mod drafting;
mod lane;
mod lineage;
mod made_again;
mod matching;
mod observe;
mod orphan;
mod people;
mod request;
mod restoration;
mod settle;
mod store;
mod stray;

use crate::{
    Change, Command, Epoch, EventKind, IncarnationId, JournalTip, LeaseToken, Order, Refusal,
    Rules, UserId, View, WalletLink, Withdrawal, WithdrawalId,
};

use drafting::Drafting;
pub use lane::changed_pin;
pub use made_again::nobodys;
pub(crate) use made_again::unknown;

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
    Leased(Granted),
}

/// A lease that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub epoch: Epoch,
    pub incarnation: IncarnationId,
    pub token: LeaseToken,
    pub counter: u64,
    /// What the lane's row has seen of the signer's journal, to be compared with it before the
    /// signer is told of a new lease.
    pub witness: Option<JournalTip>,
}

/// Decides one order. The view holds every row that [`crate::keys()`] names for it.
///
/// # Errors
/// [`Refusal`]; then nothing changes and nothing is consumed.
pub fn decide(view: &View, rules: &Rules, order: &Order) -> Result<Decision, Refusal> {
    let draft = Drafting::new(view, rules, order);
    if let Some(user) = named(&order.command).filter(|user| **user == made_again::unknown()) {
        return Err(Refusal::ReservedUser { user: user.clone() });
    }
    match &order.command {
        Command::PutUser { user, tier } => people::put_user(draft, user, tier.as_ref()),
        Command::MeetUser { user } => people::meet_user(draft, user),
        Command::LinkWallet { user, address } => people::link_wallet(draft, user, address),
        Command::IssueCredential { credential } => people::issue_credential(draft, credential),
        Command::RevokeCredential { credential, user, reason } => {
            people::revoke_credential(draft, *credential, user.as_ref(), reason)
        }
        Command::Credit(credit) => people::credit(draft, credit),
        Command::Suspend { scope, reason } => people::suspend(draft, scope, reason),
        Command::Resume { scope } => people::resume(draft, scope),
        Command::AcceptClock { replica, given, machine, doubt } => {
            let accepted = EventKind::ClockAccepted {
                replica: *replica,
                given: *given,
                machine: *machine,
                doubt: *doubt,
            };
            people::note(draft, accepted)
        }
        Command::Request(request) => request::request(draft, request),
        Command::Approve { withdrawal, .. } => cancel::approve(draft, *withdrawal),
        Command::Cancel { withdrawal, lineage, reason, .. } => {
            cancel::cancel(draft, *withdrawal, *lineage, reason)
        }
        Command::Retry { withdrawal, .. } => cancel::retry(draft, *withdrawal),
        Command::Inspect { leg, lane, lineage, paid, note } => settle::inspect(
            draft,
            leg,
            lane,
            &settle::Verdict { lineage: *lineage, paid: *paid, note },
        ),
        Command::Match { leg, lane, lineage, to, note } => {
            matching::matched(draft, &matching::Found { leg, lane, lineage: *lineage }, to, note)
        }
        Command::FindWentBack { because, next, take_over } => {
            store::find(draft, because, *next, *take_over)
        }
        Command::Reincarnate { next, lanes } => store::reincarnate(draft, *next, lanes),
        Command::Beat => draft.answer(Answer::Done),
        Command::Lease { lane, owner, length, journal, tip, token, first, alone } => {
            let (owner, length, journal, tip, token, first, alone) =
                (*owner, *length, *journal, *tip, *token, *first, *alone);
            lane::lease(
                draft,
                lane,
                &lane::Claim { owner, length, journal, tip, token, first, alone },
            )
        }
        Command::JournalRead { lane, owner, epoch } => {
            lane::journal_read(draft, lane, *owner, *epoch)
        }
        Command::ReconcileAgain { lane, owner, epoch, doubt } => {
            lane::reconcile_again(draft, lane, *owner, *epoch, doubt)
        }
        Command::StartLane { lane, owner, epoch, chain_nonce, opening, pins, funds } => {
            let seen =
                lane::Seen { chain_nonce: *chain_nonce, opening: opening.as_ref(), pins, funds };
            lane::start(draft, lane, *owner, *epoch, &seen)
        }
        Command::HaltLane { lane, reason } => lane::halt(draft, lane, reason),
        Command::ResumeLane { lane, accept } => lane::resume(draft, lane, accept.as_ref()),
        Command::Swept { lane, owner, epoch } => restoration::swept(draft, lane, *owner, *epoch),
        Command::ReleaseLane { lane, seen } => restoration::release(draft, lane, *seen),
        Command::AdoptKey { lane, from_nonce } => lane::adopt_key(draft, lane, *from_nonce),
        Command::TrustJournal { lane, journal, tip } => {
            lane::trust_journal(draft, lane, *journal, *tip)
        }
        Command::SlowStart { lane, owner, epoch, proved } => {
            lane::slow_start(draft, lane, *owner, *epoch, *proved)
        }
        Command::Advance { lane, epoch, tip, trail, funds, coin_places } => {
            let progress = lane::Progress { tip, trail, funds, coin_places: coin_places.as_ref() };
            lane::advance(draft, lane, *epoch, &progress)
        }
        Command::Rescan { lane } => lane::rescan(draft, lane),
        Command::Defer { lane, epoch, owner, leg, reason, cause } => {
            draft.leased(lane, *owner, *epoch)?;
            settle::defer(draft, leg, lane, reason, cause)
        }
        Command::Suspect { lane, owner, epoch, leg, payment, finding } => {
            draft.leased(lane, *owner, *epoch)?;
            conflict::suspect(draft, leg, payment, finding)
        }
        Command::NoteStrays { lane, owner, epoch, strays } => {
            draft.leased(lane, *owner, *epoch)?;
            stray::note(draft, strays)
        }
        Command::Doubt { lane, owner, epoch, lineage, because, .. } => {
            draft.leased(lane, *owner, *epoch)?;
            stray::doubt(draft, *lineage, because)
        }
        Command::DropWish { lane, epoch, lineage, withdrawal } => {
            draft.of_epoch(lane, *epoch)?;
            cancel::drop_wish(draft, *lineage, *withdrawal)
        }
        Command::ExplainStray { hash, note } => stray::explain(draft, *hash, note),
        Command::FinishGiveBack { lane, owner, epoch, leg, by, reason } => {
            draft.leased(lane, *owner, *epoch)?;
            cancel::finish(draft, leg, by, reason)
        }
        Command::Reapprove { lane, owner, epoch, leg, reason } => {
            draft.leased(lane, *owner, *epoch)?;
            cancel::reapprove(draft, leg, lane, reason)
        }
        Command::Reserve(reserve) => lineage::reserve(draft, reserve),
        Command::AddAttempt(add) => {
            draft.leased(&add.lane, add.owner, add.epoch)?;
            lineage::add_attempt(draft, add)
        }
        Command::CloseLineage { lane, owner, epoch, lineage, .. } => {
            draft.leased(lane, *owner, *epoch)?;
            close::close(draft, lane, *lineage)
        }
        Command::Record { lane, epoch, lineage, attempt, signed, tip } => lineage::record(
            draft,
            lane,
            *epoch,
            &lineage::Recorded { lineage: *lineage, attempt: *attempt, signed, tip: *tip },
        ),
        Command::Cosign { lineage, attempt, over, signed, .. } => {
            lineage::cosign(draft, *lineage, *attempt, over, signed)
        }
        Command::Submitted { lineage, attempt, submissions, .. } => {
            lineage::submitted(draft, *lineage, *attempt, submissions)
        }
        Command::Observe { lane, epoch, sighting, .. } => {
            draft.of_epoch(lane, *epoch)?;
            observe::observe(draft, lane, sighting)
        }
        Command::AdoptLineage { lane, epoch, lineage, lost, rivals, displaced } => adopt::adopt(
            draft,
            lane,
            *epoch,
            &adopt::Journalled { lineage, lost, rivals, displaced },
        ),
    }
}

/// Whom a command makes a user of, or owes something. Payments that nobody has been matched to
/// stand under a name that none of them may have (case F95).
fn named(command: &Command) -> Option<&UserId> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other command names a user who may not exist yet"
    )]
    match command {
        Command::PutUser { user, .. }
        | Command::MeetUser { user }
        | Command::LinkWallet { user, .. } => Some(user),
        Command::IssueCredential { credential } => credential.user.as_ref(),
        Command::Credit(credit) => Some(&credit.user),
        Command::Request(request) => Some(&request.user),
        _ => None,
    }
}
