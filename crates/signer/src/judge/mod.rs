//! Whether one request is signed: the refusals, in their order. Pure; the signer around it signs
//! and remembers.

mod ending;
mod lease;
mod lesson;

use std::collections::BTreeMap;

use adit_core::{
    Amount, Anchor, AssetId, LineageId, Mistake, PayoutId, Purpose, Timestamp, planted,
};

use crate::bitcoin::Coin;
use crate::checked::{Checked, Consumed};
use crate::facts::{Day, Fingerprint, LineageFacts, Overlay};
use crate::journal::Place;
use crate::policy::{Policy, Wallet};
use crate::{Approved, Refused, SignRequest};

pub(crate) use self::ending::{judge_ended, judge_retire, judge_supersede, judge_unsigned};
pub use self::lease::{EPOCH_STEP_MAX, OPENING_ASSETS_MAX};
pub(crate) use self::lease::{check_incarnation, judge_lease, judge_open};
pub(crate) use self::lesson::{judge_lesson, not_ours};

/// What is to be done with a request that is not refused.
pub(crate) enum Verdict<'a> {
    Sign(Box<Checked<'a>>),
    /// Its attempt was signed before; the journal has the bytes.
    Again {
        place: Place,
    },
}

/// Judges a request on what is known. The lease, unknown key, retired, mismatch, anchor, chain of
/// nonces, equivocation, caps: in this order, so that a refusal names the most fundamental reason.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge<'a>(
    policy: &'a Policy,
    known: &Overlay<'_>,
    request: &SignRequest,
    at: Timestamp,
) -> Result<Verdict<'a>, Refused> {
    let wallet = check_lease(policy, known, request)?;
    for approved in &request.approved {
        ending::check_retired(approved.payout, known.payout(approved.payout))?;
    }
    if let Some(place) = known.attempt(request.attempt) {
        return Ok(Verdict::Again { place });
    }
    let checked = Checked::read(policy, wallet, request)?;
    if !planted(Mistake::SignerForgets) && !planted(Mistake::UniqueIndexDropped) {
        check_anchors(known, request, checked.consumed())?;
        check_lineage(known, request, checked.consumed())?;
        check_chained(known, request, checked.consumed())?;
        for approved in &request.approved {
            check_payout(known, approved, request.lineage)?;
        }
    }
    checked.check_fee()?;
    check_caps(policy, known, request, at)?;
    Ok(Verdict::Sign(Box::new(checked)))
}

/// Whether the same attempt is asked for again: everything but what the store says of itself is the
/// same.
///
/// # Errors
/// [`Refused::Mismatch`].
pub(crate) fn check_again(signed: &SignRequest, asked: &SignRequest) -> Result<(), Refused> {
    let SignRequest {
        lane,
        epoch: _,
        stamp: _,
        previous: _,
        lineage,
        attempt,
        purpose,
        approved,
        contexts: _,
        draft,
    } = signed;
    let same = (lane, lineage, attempt, purpose, approved, draft);
    if same
        == (
            &asked.lane,
            &asked.lineage,
            &asked.attempt,
            &asked.purpose,
            &asked.approved,
            &asked.draft,
        )
    {
        return Ok(());
    }
    Err(mismatch(format!(
        "attempt {} was signed before with other content; a new version is a new attempt",
        asked.attempt
    )))
}

fn check_lease<'a>(
    policy: &'a Policy,
    known: &Overlay<'_>,
    request: &SignRequest,
) -> Result<Wallet<'a>, Refused> {
    lease::check_stamp(known, &request.lane, request.epoch, &request.stamp)?;
    policy.lane(&request.lane).ok_or_else(|| Refused::UnknownKey { lane: request.lane.clone() })
}

/// An anchor belongs to the lineage that signed it first: the chain takes one transaction there. A
/// nonce for ever; a coin until a payout was moved out of that lineage, which is how the signer
/// learns that it has ended.
fn check_anchors(
    known: &Overlay<'_>,
    request: &SignRequest,
    consumed: Consumed<'_>,
) -> Result<(), Refused> {
    match consumed {
        Consumed::Nonce(nonce) => match known.owner(&request.lane, nonce) {
            Some(owner) if owner != request.lineage => Err(Refused::AnchorTaken {
                anchor: Anchor::Nonce { lane: request.lane.clone(), nonce },
                lineage: owner,
            }),
            Some(_) | None => Ok(()),
        },
        Consumed::Coins(coins) => {
            coins.iter().try_for_each(|coin| check_coin(known, request, coin))
        }
    }
}

fn check_coin(
    known: &Overlay<'_>,
    request: &SignRequest,
    Coin { outpoint, amount }: &Coin,
) -> Result<(), Refused> {
    let Some(facts) = known.coin(outpoint) else { return Ok(()) };
    if facts.owner != request.lineage
        && !known.is_ended(facts.owner)
        && !planted(Mistake::ReservedCoinSpent)
    {
        let anchor =
            Anchor::Outpoint { chain: request.lane.chain.clone(), outpoint: outpoint.clone() };
        return Err(Refused::AnchorTaken { anchor, lineage: facts.owner });
    }
    if facts.amount != *amount {
        return Err(mismatch(format!(
            "the coin {outpoint} was signed before as one of {} satoshi, and this says {amount}; \
             an amount never changes",
            facts.amount
        )));
    }
    Ok(())
}

/// Every attempt of a lineage has its first one's anchors (rule R3), and all that pay, keep paying
/// whom an earlier one paid (windows F29, F58). On chains whose transactions pay many, a later one
/// may pay more (window F59).
fn check_lineage(
    known: &Overlay<'_>,
    request: &SignRequest,
    consumed: Consumed<'_>,
) -> Result<(), Refused> {
    let Some(lineage) = known.lineage(request.lineage) else { return Ok(()) };
    check_lineage_anchors(request, lineage, consumed)?;
    let is_left_out =
        |payout: &&PayoutId| !request.approved.iter().any(|approved| approved.payout == **payout);
    match (request.purpose, lineage.pays.iter().find(is_left_out)) {
        (Purpose::Pay, Some(payout)) => Err(mismatch(format!(
            "lineage {} pays payout {payout} already, and this attempt leaves it out; only a \
             cancelling one pays nobody",
            request.lineage
        ))),
        (Purpose::Pay | Purpose::Cancel, _) => Ok(()),
    }
}

fn check_lineage_anchors(
    request: &SignRequest,
    lineage: &LineageFacts,
    consumed: Consumed<'_>,
) -> Result<(), Refused> {
    let (number, place) = match consumed {
        Consumed::Nonce(nonce) => (nonce, "nonce"),
        Consumed::Coins(_) => (request.draft.number(), "number"),
    };
    if *lineage.lane != request.lane || lineage.number != number {
        return Err(mismatch(format!(
            "lineage {} holds {place} {} of {}, and this attempt has {place} {number} of {}; both \
             could be mined",
            request.lineage, lineage.number, lineage.lane, request.lane
        )));
    }
    let Consumed::Coins(coins) = consumed else { return Ok(()) };
    let missing =
        lineage.coins.iter().find(|first| !coins.iter().any(|coin| coin.outpoint == **first));
    let missing = missing.filter(|_| !planted(Mistake::ReplacementDropsCoin));
    missing.map_or(Ok(()), |outpoint| {
        Err(mismatch(format!(
            "lineage {} began with the coin {outpoint}, and this attempt does not spend it; both \
             could be mined",
            request.lineage
        )))
    })
}

/// The lineage at the number before, which the store knows if it has not gone back (case F101).
/// Only a lineage's first signature is asked: its number is free until then.
fn check_chained(
    known: &Overlay<'_>,
    request: &SignRequest,
    consumed: Consumed<'_>,
) -> Result<(), Refused> {
    let Consumed::Nonce(number) = consumed else { return Ok(()) };
    if known.owner(&request.lane, number).is_some() || planted(Mistake::NoncesNotChained) {
        return Ok(());
    }
    let before = number.checked_sub(1).and_then(|before| known.owner(&request.lane, before));
    match (before, request.previous) {
        (Some(known), named) if named != Some(known) => {
            Err(Refused::NotNext { number, known, named })
        }
        (None, Some(named)) => Err(Refused::NotInOrder { number, named }),
        (Some(_), _) | (None, None) => Ok(()),
    }
}

fn check_payout(
    known: &Overlay<'_>,
    approved: &Approved,
    lineage: LineageId,
) -> Result<(), Refused> {
    let payout = approved.payout;
    let Some(facts) = known.payout(payout) else { return Ok(()) };
    if let Some(live) = facts.live.filter(|live| *live != lineage) {
        return Err(Refused::Equivocation { payout, live });
    }
    if facts.left.contains(&lineage) {
        return Err(mismatch(format!(
            "payout {payout} was moved out of lineage {lineage}, which was proved dead; it needs a \
             new lineage"
        )));
    }
    match facts.pays {
        Some(pays) if pays != Fingerprint::of(approved) => Err(mismatch(format!(
            "payout {payout} was signed before with another asset, amount or destination"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// A payout counts once in a lineage, since the chain takes one attempt of it. A transaction that
/// pays nobody new is not held up by caps, however they stand by now: a payment that is stuck would
/// wait for ever. One that pays somebody new is capped with all that it pays.
fn check_caps(
    policy: &Policy,
    known: &Overlay<'_>,
    request: &SignRequest,
    at: Timestamp,
) -> Result<(), Refused> {
    let mut sums: BTreeMap<&AssetId, (Amount, Amount)> = BTreeMap::new();
    let add = |sum: &mut Amount, amount| *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
    for approved in &request.approved {
        let is_bump = known
            .payout(approved.payout)
            .is_some_and(|payout| payout.live == Some(request.lineage));
        let (total, fresh) = sums.entry(&approved.asset).or_default();
        add(total, approved.amount);
        add(fresh, if is_bump { Amount::ZERO } else { approved.amount });
    }
    for (asset, (total, fresh)) in sums.into_iter().filter(|(_, (_, fresh))| !fresh.is_zero()) {
        let caps = policy.asset(asset).expect("its payment was checked against the asset").caps;
        if let Some(doubt) = known.clock_doubt() {
            return Err(Refused::ClockDoubted { sentence: doubt.sentence() });
        }
        caps.check(asset, total, fresh, known.spent(asset, Day::of(at)))?;
    }
    Ok(())
}

fn mismatch(detail: String) -> Refused {
    Refused::Mismatch { detail }
}
