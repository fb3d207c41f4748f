//! A lane's life: leased, reconciled, running, halted.

use std::collections::BTreeMap;

use crate::{
    AcceptedPin, Account, Actor, Answer, BlockRef, Cause, Change, CoinPlaces, Decision, Epoch,
    EventKind, Funds, Granted, HaltReason, Holding, Incarnation, IncarnationId, JournalId,
    JournalTip, Lane, LaneId, LaneState, Lease, LeaseToken, Mistake, Opening, Refusal, ReplicaId,
    Span, TRAIL_BLOCKS_MAX, Tip, TransferKind, planted,
};

use super::{Drafting, restoration};

/// What reconciling saw on the chain.
pub(super) struct Seen<'a> {
    pub chain_nonce: u64,
    pub opening: Option<&'a Opening>,
    pub pins: &'a BTreeMap<String, String>,
    pub funds: &'a [Funds],
}

/// Who wants a lease, for how long, and with which signer.
pub(super) struct Claim {
    pub owner: ReplicaId,
    pub length: Span,
    pub journal: JournalId,
    pub tip: Option<JournalTip>,
    pub token: LeaseToken,
    /// Of a store that has none yet.
    pub first: IncarnationId,
    pub alone: bool,
}

/// Takes or extends a lease. A new owner gets a new epoch and starts by reconciling (rule R7); a
/// signer with another journal than the lane's first gets nothing (rule R6). Who is alone on the
/// store does not wait for the lease of a predecessor who cannot exist any more.
pub(super) fn lease(mut draft: Drafting, id: &LaneId, claim: &Claim) -> Result<Decision, Refusal> {
    let Claim { owner, length, journal, alone, .. } = *claim;
    draft.present()?;
    let now = draft.view.lease_time();
    let mut lane = draft.view.lane(id).cloned().unwrap_or_else(|| Lane::new(id.clone()));
    if lane.journal.is_some_and(|pinned| pinned != journal) {
        return Err(Refusal::ForeignJournal { lane: id.to_string() });
    }
    // Who does not know what time it is does not know that another's lease is over.
    let unsure = draft.view.clock_doubt.is_some() || planted(Mistake::LeaseLastsForEver);
    let current = lane.lease.clone().filter(|lease| now < lease.until || unsure);
    let token = match current {
        Some(lease) if lease.owner == owner => {
            lane.note_journal(claim.tip);
            lease.token
        }
        Some(lease) if !alone => {
            return Err(Refusal::LeaseHeld { lane: id.to_string(), until: lease.until });
        }
        Some(_) | None => {
            lane.epoch = Epoch(lane.epoch.0 + 1);
            lane.counter += 1;
            if matches!(lane.state, LaneState::Running | LaneState::Sweeping) {
                lane.state = LaneState::Reconciling;
            }
            draft.event(EventKind::LaneLeased { lane: id.clone(), epoch: lane.epoch.0 });
            claim.token
        }
    };
    lane.journal = Some(journal);
    lane.lease = Some(Lease { owner, until: now.plus(length), token });
    let incarnation = incarnation(&mut draft, claim.first);
    let granted = Granted {
        epoch: lane.epoch,
        incarnation,
        token,
        counter: lane.counter,
        witness: lane.witness,
    };
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Leased(granted))
}

/// The store's incarnation; its first one begins with the first lease.
fn incarnation(draft: &mut Drafting, first: IncarnationId) -> IncarnationId {
    if let Some(row) = &draft.view.incarnation.row {
        return row.id;
    }
    let begun = Incarnation::first(first, draft.now());
    draft.change(Change::Incarnation(begun));
    first
}

/// The signer's journal was read to its end under this epoch. From now on holds may be given back,
/// and requests are accepted again where they waited for it.
pub(super) fn journal_read(
    mut draft: Drafting,
    id: &LaneId,
    owner: ReplicaId,
    epoch: Epoch,
) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(id, owner, epoch)?.clone();
    if lane.has_read_journal() {
        return draft.unchanged();
    }
    lane.journal_read = epoch;
    // The halt is over: the right journal is there, and everything that it knows is in the store
    // now.
    if matches!(
        lane.state,
        LaneState::Halted {
            reason: HaltReason::JournalAhead { .. } | HaltReason::JournalWentBack { .. },
            ..
        }
    ) {
        lane.state = LaneState::Reconciling;
    }
    draft.change(Change::Lane(lane));
    // Wallets of its chain that are no longer configured were read with it.
    let chains = &draft.rules.chains;
    let is_read = |other: &LaneId| {
        other == id
            || (other.chain == id.chain && !chains.values().any(|chain| chain.lane == *other))
    };
    if let Some(mut incarnation) = draft
        .view
        .incarnation
        .row
        .clone()
        .filter(|row| row.unread.iter().any(|unread| is_read(&unread.lane)))
    {
        incarnation.unread.retain(|unread| !is_read(&unread.lane));
        draft.change(Change::Incarnation(incarnation));
    }
    draft.answer(Answer::Done)
}

/// The signer knows more than the book, and that is never one payment's fault: the lane compares
/// itself with the journal once more. Where it has done so already and nothing could be reserved
/// since, it stops (case F101).
pub(super) fn reconcile_again(
    mut draft: Drafting,
    id: &LaneId,
    owner: ReplicaId,
    epoch: Epoch,
    doubt: &str,
) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(id, owner, epoch)?.clone();
    if !matches!(lane.state, LaneState::Running | LaneState::Sweeping) {
        return draft.unchanged();
    }
    if lane.doubt.is_some() {
        let detail = format!(
            "after the whole journal was read the signer still refuses what the book allows: \
             {doubt}"
        );
        return stop(draft, lane, HaltReason::JournalAhead { detail });
    }
    lane.doubt = Some(doubt.to_owned());
    lane.journal_read = Epoch(0);
    if let Some(mut incarnation) = draft.view.incarnation.row.clone() {
        incarnation.read_again(id, lane.next_nonce);
        draft.change(Change::Incarnation(incarnation));
    }
    lane.state = LaneState::Reconciling;
    draft.event(EventKind::LaneDoubted { lane: id.clone(), doubt: doubt.to_owned() });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// Ends reconciling. The first time, our book begins where the signer's journal says that it began;
/// later, the chain may not be ahead of it, and no pinned fact may have changed.
pub(super) fn start(
    mut draft: Drafting,
    id: &LaneId,
    owner: ReplicaId,
    epoch: Epoch,
    seen: &Seen,
) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(id, owner, epoch)?.clone();
    if lane.state != LaneState::Reconciling {
        return draft.unchanged();
    }
    if !lane.has_read_journal() {
        return Err(Refusal::JournalUnread { lane: id.to_string() });
    }
    if let Some(reason) = changed_pin(&lane, seen.pins) {
        return stop(draft, lane, reason);
    }
    let first = !lane.has_started();
    if first {
        let opening =
            seen.opening.ok_or_else(|| Refusal::Changed { what: format!("lane {id}") })?;
        lane.adopted_from = lane.adopted_from.max(opening.from_number);
        lane.funds = seen.funds.to_vec();
        open_accounts(&mut draft, id, &opening.holdings);
    }
    lane.pins.extend(seen.pins.clone());
    lane.next_nonce = lane.next_nonce.max(lane.adopted_from);
    if seen.chain_nonce > lane.next_nonce && lane.expects_forgotten() {
        restoration::pass_over(&mut lane, draft.chain(id)?.kind, seen.chain_nonce);
    } else if seen.chain_nonce > lane.next_nonce {
        let decoded = format!(
            "the chain has {} transactions of this wallet, our book {}; a restored backup looks like this, too, and withdrawals that \
             equal one of them now wait for inspection",
            seen.chain_nonce, lane.next_nonce
        );
        return stop(
            draft,
            lane.clone(),
            HaltReason::ForeignUse { nonce: lane.next_nonce, hash: None, decoded },
        );
    }
    // Its book begins with the chain, and nothing was signed since: there is nothing to remember.
    if first && seen.opening.is_some_and(|opening| opening.from_number == seen.chain_nonce) {
        lane.proved = lane.epoch;
    }
    let most = draft.chain(id)?.in_flight_max;
    lane.state = restoration::started(&draft, &mut lane, most, seen.chain_nonce);
    draft.event(EventKind::LaneStarted { lane: id.clone(), next_nonce: lane.next_nonce });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// Notes how far a slow start has come under this lease.
pub(super) fn slow_start(
    mut draft: Drafting,
    id: &LaneId,
    owner: ReplicaId,
    epoch: Epoch,
    proved: bool,
) -> Result<Decision, Refusal> {
    let mut lane = draft.leased(id, owner, epoch)?.clone();
    let known = if proved { &mut lane.proved } else { &mut lane.probed };
    if *known == epoch {
        return draft.unchanged();
    }
    *known = epoch;
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// The first fact that is pinned to something else than what is seen now.
pub fn changed_pin(lane: &Lane, seen: &BTreeMap<String, String>) -> Option<HaltReason> {
    seen.iter().find_map(|(fact, now)| {
        let pinned = lane.pins.get(fact).filter(|pinned| *pinned != now)?;
        Some(HaltReason::PinChanged {
            fact: fact.clone(),
            pinned: pinned.clone(),
            seen: now.clone(),
        })
    })
}

fn open_accounts(draft: &mut Drafting, id: &LaneId, holdings: &[Holding]) {
    for Holding { asset, amount } in holdings.iter().filter(|held| !held.amount.is_zero()) {
        let hot = Account::Hot { wallet: id.clone(), asset: asset.clone() };
        let treasury = Account::Treasury { asset: asset.clone() };
        draft.transfer(
            TransferKind::Post,
            hot,
            treasury,
            *amount,
            Cause::Funding { wallet: id.clone() },
        );
    }
}

pub(super) fn halt(
    mut draft: Drafting,
    id: &LaneId,
    reason: &HaltReason,
) -> Result<Decision, Refusal> {
    let mut lane = draft.lane(id)?.clone();
    // While the store is known to have gone back, nobody knows what is ours. Nothing is reserved or
    // signed meanwhile.
    if matches!(reason, HaltReason::ForeignUse { .. }) {
        draft.present()?;
    }
    match (&lane.state, reason) {
        // It takes the place of an older reason: whoever resumes the lane has to see it.
        (LaneState::Halted { reason: known, .. }, HaltReason::BothWentBack { .. })
            if known != reason =>
        {
            stop(draft, lane, reason.clone())
        }
        (LaneState::Halted { reason: known, .. }, HaltReason::JournalWentBack { .. }) => {
            let ends_by_itself = matches!(
                known,
                HaltReason::JournalAhead { .. } | HaltReason::JournalWentBack { .. }
            );
            if known == reason || (!ends_by_itself && !lane.has_read_journal()) {
                return draft.unchanged();
            }
            lane.journal_read = Epoch(0);
            // What a person has to end stays; this is said once more when they have.
            if ends_by_itself {
                return stop(draft, lane, reason.clone());
            }
            draft.change(Change::Lane(lane));
            draft.answer(Answer::Done)
        }
        // What used the number is known by now.
        (
            LaneState::Halted {
                reason: HaltReason::ForeignUse { nonce: known, hash: None, .. },
                ..
            },
            HaltReason::ForeignUse { nonce, hash: Some(_), .. },
        ) if known == nonce => stop(draft, lane, reason.clone()),
        // Whoever releases the lane does not end what else it stands for.
        (LaneState::Halted { reason: HaltReason::Unreleased, .. }, _)
            if *reason != HaltReason::Unreleased =>
        {
            stop(draft, lane, reason.clone())
        }
        (LaneState::Halted { .. }, _) => draft.unchanged(),
        (LaneState::Reconciling | LaneState::Running | LaneState::Sweeping, _) => {
            stop(draft, lane, reason.clone())
        }
    }
}

pub(super) fn stop(
    mut draft: Drafting,
    mut lane: Lane,
    reason: HaltReason,
) -> Result<Decision, Refusal> {
    // What was read was another journal: nothing is given back by it.
    if matches!(reason, HaltReason::JournalWentBack { .. }) {
        lane.journal_read = Epoch(0);
    }
    lane.state = LaneState::Halted { reason: reason.clone(), since: draft.now() };
    draft.event(EventKind::LaneHalted { lane: lane.id.clone(), reason });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// Facts that a person may accept anew; others mean another network.
const ACCEPTABLE_FACTS: [&str; 3] = ["code/", "implementation/", "pricing"];

/// Starts a halted lane again, with a reconciling round first: what stopped it and still holds
/// stops it again.
pub(super) fn resume(
    mut draft: Drafting,
    id: &LaneId,
    accept: Option<&AcceptedPin>,
) -> Result<Decision, Refusal> {
    let mut lane = draft.lane(id)?.clone();
    let LaneState::Halted { reason, .. } = &lane.state else { return draft.unchanged() };
    if *reason == HaltReason::Unreleased {
        let detail = format!(
            "{id} waits for two admins to release it, each with a credential of their own (`adit \
             lanes release`)"
        );
        return Err(Refusal::BadAttempt { detail });
    }
    if let Some(AcceptedPin { fact, value }) = accept {
        let known = lane.pins.contains_key(fact)
            && ACCEPTABLE_FACTS.iter().any(|prefix| fact.starts_with(prefix));
        if !known {
            let detail = format!(
                "{fact} cannot be accepted anew; only a token's code and how fees are offered can \
                 ({})",
                ACCEPTABLE_FACTS.join(", ")
            );
            return Err(Refusal::BadAttempt { detail });
        }
        lane.pins.insert(fact.clone(), value.clone());
    }
    lane.state = LaneState::Reconciling;
    lane.journal_read = Epoch(0);
    lane.doubt = None;
    draft.event(EventKind::LaneResumed {
        lane: id.clone(),
        accepted: accept.map(|pin| pin.fact.clone()),
    });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// A person takes the key over from this nonce on. It may not reach back into nonces that we gave
/// out ourselves.
///
/// The next nonce to reserve moves only when the lane starts: the nonces in between may be our own,
/// known to the signer's journal alone, and reconciling reads the journal from there.
pub(super) fn adopt_key(
    mut draft: Drafting,
    id: &LaneId,
    from_nonce: u64,
) -> Result<Decision, Refusal> {
    let mut lane = draft.view.lane(id).cloned().unwrap_or_else(|| Lane::new(id.clone()));
    if let Some(detail) = forbids_adopting(&lane.state) {
        return Err(Refusal::BadAttempt { detail: detail.to_owned() });
    }
    if from_nonce < lane.next_nonce {
        let detail = format!(
            "nonce {from_nonce} was given out already; adopt from {} or above",
            lane.next_nonce
        );
        return Err(Refusal::BadAttempt { detail });
    }
    lane.adopted_from = from_nonce;
    lane.state = LaneState::Reconciling;
    lane.journal_read = Epoch(0);
    draft.event(EventKind::LaneAdopted { lane: id.clone(), from_nonce });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// An admin's word that the journal which ends here is the one to go by. Said again, nothing
/// changes. A lease of the lane is over: it was told to another journal.
pub(super) fn trust_journal(
    mut draft: Drafting,
    id: &LaneId,
    journal: JournalId,
    tip: JournalTip,
) -> Result<Decision, Refusal> {
    if !matches!(draft.actor, Actor::Admin { .. } | Actor::Engine) {
        return Err(Refusal::BadAttempt {
            detail: "an admin says which journal a lane goes by; `adit restore --journal FILE`"
                .to_owned(),
        });
    }
    let mut lane = draft.lane(id)?.clone();
    if lane.witness == Some(tip) && lane.journal == Some(journal) {
        return draft.unchanged();
    }
    lane.journal = Some(journal);
    lane.witness = Some(tip);
    lane.journal_trusted = lane.epoch;
    lane.lease = None;
    lane.journal_read = Epoch(0);
    lane.doubt = None;
    let waits = matches!(
        lane.state,
        LaneState::Running
            | LaneState::Sweeping
            | LaneState::Halted { reason: HaltReason::JournalWentBack { .. }, .. }
    );
    if waits {
        lane.state = LaneState::Reconciling;
    }
    draft.event(EventKind::JournalTrusted { lane: id.clone(), records: tip.records });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// Returns why the key cannot be taken over while the lane stands for this.
fn forbids_adopting(state: &LaneState) -> Option<&'static str> {
    let LaneState::Halted { reason, .. } = state else { return None };
    match reason {
        HaltReason::JournalAhead { .. } => Some(
            "the signer's journal knows payments that this store cannot place; `adit lanes \
             explain` shows them",
        ),
        HaltReason::JournalWentBack { .. } => Some(
            "the signer's journal lacks records that this store has seen; put the newest journal back, or where it is lost \
             `adit restore --journal FILE`",
        ),
        HaltReason::Unreleased => {
            Some("two admins have to release what waits first (`adit lanes release`)")
        }
        HaltReason::ForeignUse { .. }
        | HaltReason::BothWentBack { .. }
        | HaltReason::PinChanged { .. }
        | HaltReason::WalletHasCode
        | HaltReason::Invariant { .. }
        | HaltReason::Operator { .. } => None,
    }
}

/// How far observation has come.
pub(super) struct Progress<'a> {
    pub tip: &'a Tip,
    pub trail: &'a [BlockRef],
    pub funds: &'a [Funds],
    pub coin_places: Option<&'a CoinPlaces>,
}

/// Keeps how far observation has come. A tip that is older than the known one is not taken back:
/// endpoints may lag. What was learned of coins' places before an admin asked for a whole look is
/// not kept.
pub(super) fn advance(
    mut draft: Drafting,
    id: &LaneId,
    epoch: Epoch,
    seen: &Progress<'_>,
) -> Result<Decision, Refusal> {
    let mut lane = draft.of_epoch(id, epoch)?.clone();
    let Progress { tip, trail, funds, coin_places } = *seen;
    let final_height =
        lane.tip.as_ref().map_or(0, |known| known.final_height).max(tip.final_height);
    let market = tip.market.after(
        lane.tip.as_ref().map(|known| &known.market),
        tip.head.height,
        draft.chain(id)?,
    );
    lane.tip = Some(Tip { final_height, market, ..tip.clone() });
    lane.trail = trail[trail.len().saturating_sub(TRAIL_BLOCKS_MAX)..].to_vec();
    for held in funds {
        lane.funds.retain(|known| known.asset != held.asset);
        lane.funds.push(held.clone());
    }
    if let Some(places) = coin_places.filter(|places| places.rescans == lane.coin_places.rescans) {
        lane.coin_places = places.clone();
    }
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}

/// Forgets where the wallet's coins can be: whoever has the lane looks everywhere.
pub(super) fn rescan(mut draft: Drafting, id: &LaneId) -> Result<Decision, Refusal> {
    let mut lane = draft.lane(id)?.clone();
    lane.coin_places = lane.coin_places.forgotten();
    draft.event(EventKind::LaneRescanned { lane: id.clone() });
    draft.change(Change::Lane(lane));
    draft.answer(Answer::Done)
}
