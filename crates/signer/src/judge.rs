//! Whether one request is signed: the refusals, in their order. Pure; the signer around it signs and remembers.

use adit_core::{Anchor, Hash32, LineageId, Mistake, Purpose, Timestamp, planted};

use crate::checked::Checked;
use crate::facts::{Day, Fingerprint, Overlay};
use crate::journal::Place;
use crate::policy::{Policy, Wallet};
use crate::{Approved, Refused, SignRequest, Supersede};

/// What is to be done with a request that is not refused.
pub(crate) enum Verdict<'a> {
    Sign(Box<Checked<'a>>),
    /// Its attempt was signed before; the journal has the bytes.
    Again {
        place: Place,
    },
}

/// Judges a request on what is known. Stale epoch, unknown key, mismatch, anchor, equivocation, caps: in this order, so
/// that a refusal names the most fundamental reason.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge<'a>(policy: &'a Policy, known: &Overlay<'_>, request: &SignRequest, at: Timestamp) -> Result<Verdict<'a>, Refused> {
    let wallet = check_lease(policy, known, request)?;
    if let Some(place) = known.attempt(request.attempt) {
        return Ok(Verdict::Again { place });
    }
    let checked = Checked::read(policy, wallet, request)?;
    if !planted(Mistake::SignerForgets) && !planted(Mistake::UniqueIndexDropped) {
        check_anchor(known, request, checked.nonce())?;
        check_lineage(known, request, checked.nonce())?;
        for approved in &request.approved {
            check_payout(known, approved, request.lineage)?;
        }
    }
    checked.check_fee()?;
    check_caps(policy, known, request, at)?;
    Ok(Verdict::Sign(Box::new(checked)))
}

/// Whether a payout may leave a lineage. True when that is to be journalled, false when it stands there already.
///
/// # Errors
/// [`Refused`].
pub(crate) fn judge_supersede(policy: &Policy, known: &Overlay<'_>, supersede: &Supersede) -> Result<bool, Refused> {
    let Supersede { lane, epoch, payout, old, evidence } = supersede;
    let newest = known.epoch(lane);
    if *epoch < newest {
        return Err(Refused::StaleEpoch { got: *epoch, newest });
    }
    policy.lane(lane).ok_or_else(|| Refused::UnknownKey { lane: lane.clone() })?;
    if *evidence == Hash32([0; 32]) {
        return Err(mismatch(format!("payout {payout} leaves lineage {old} by a final transaction's hash, and none is given")));
    }
    if let Some(lineage) = known.lineage(*old).filter(|lineage| *lineage.lane != *lane) {
        return Err(mismatch(format!("lineage {old} belongs to {}, not to {lane}", lineage.lane)));
    }
    let Some(facts) = known.payout(*payout) else { return Ok(true) };
    if facts.left.contains(old) {
        return Ok(false);
    }
    match facts.live {
        Some(live) if live != *old => Err(Refused::Equivocation { payout: *payout, live }),
        Some(_) | None => Ok(true),
    }
}

/// Whether the same attempt is asked for again: everything but the lease is the same.
///
/// # Errors
/// [`Refused::Mismatch`].
pub(crate) fn check_again(signed: &SignRequest, asked: &SignRequest) -> Result<(), Refused> {
    let same = SignRequest { epoch: asked.epoch, ..signed.clone() };
    if same == *asked {
        return Ok(());
    }
    Err(mismatch(format!("attempt {} was signed before with other content; a new version is a new attempt", asked.attempt)))
}

fn check_lease<'a>(policy: &'a Policy, known: &Overlay<'_>, request: &SignRequest) -> Result<Wallet<'a>, Refused> {
    let newest = known.epoch(&request.lane);
    if request.epoch < newest {
        return Err(Refused::StaleEpoch { got: request.epoch, newest });
    }
    policy.lane(&request.lane).ok_or_else(|| Refused::UnknownKey { lane: request.lane.clone() })
}

/// A nonce belongs to the lineage that signed it first, for ever: the chain takes one transaction there.
fn check_anchor(known: &Overlay<'_>, request: &SignRequest, nonce: u64) -> Result<(), Refused> {
    match known.owner(&request.lane, nonce) {
        Some(owner) if owner != request.lineage => {
            Err(Refused::AnchorTaken { anchor: Anchor::Nonce { lane: request.lane.clone(), nonce }, lineage: owner })
        }
        Some(_) | None => Ok(()),
    }
}

/// Every attempt of a lineage has its first one's nonce (rule R3), and all that pay, pay the same (window F29).
fn check_lineage(known: &Overlay<'_>, request: &SignRequest, nonce: u64) -> Result<(), Refused> {
    let Some(lineage) = known.lineage(request.lineage) else { return Ok(()) };
    if *lineage.lane != request.lane || lineage.nonce != nonce {
        return Err(mismatch(format!(
            "lineage {} holds nonce {} of {}, and this attempt has nonce {nonce} of {}; both could be mined",
            request.lineage, lineage.nonce, lineage.lane, request.lane
        )));
    }
    match (request.purpose, lineage.pays, request.approved.first().map(Fingerprint::of)) {
        (Purpose::Pay, Some(before), Some(now)) if before != now => {
            Err(mismatch(format!("lineage {} pays another payout, amount or destination already", request.lineage)))
        }
        (Purpose::Pay | Purpose::Cancel, _, _) => Ok(()),
    }
}

fn check_payout(known: &Overlay<'_>, approved: &Approved, lineage: LineageId) -> Result<(), Refused> {
    let payout = approved.payout;
    let Some(facts) = known.payout(payout) else { return Ok(()) };
    if let Some(live) = facts.live.filter(|live| *live != lineage) {
        return Err(Refused::Equivocation { payout, live });
    }
    if facts.left.contains(&lineage) {
        return Err(mismatch(format!("payout {payout} was moved out of lineage {lineage}, which was proved dead; it needs a new lineage")));
    }
    match facts.pays {
        Some(pays) if pays != Fingerprint::of(approved) => {
            Err(mismatch(format!("payout {payout} was signed before with another asset, amount or destination")))
        }
        Some(_) | None => Ok(()),
    }
}

/// The fee is judged on every attempt; the amount once in a lineage, since the chain takes one attempt of it.
fn check_caps(policy: &Policy, known: &Overlay<'_>, request: &SignRequest, at: Timestamp) -> Result<(), Refused> {
    for approved in &request.approved {
        let is_bump = known.payout(approved.payout).is_some_and(|payout| payout.live == Some(request.lineage));
        let asset = policy.asset(&approved.asset).expect("its payment was checked against the asset");
        if !is_bump {
            asset.caps.take(&approved.asset, approved.amount, known.spent(&approved.asset, Day::of(at)))?;
        }
    }
    Ok(())
}

fn mismatch(detail: String) -> Refused {
    Refused::Mismatch { detail }
}
