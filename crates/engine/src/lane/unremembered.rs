//! Payments that neither the database nor the signer's journal remembers, and that a block or a
//! pool shows: both were set back to one moment (cases F89, F91).
//!
//! What the wallet's key has signed is ours. The signer is asked to sign the same once more, which
//! gives the same bytes and writes its journal; from there everything else is as after any restore:
//! the payment is taken back, by the withdrawal that asks for exactly this, or by nobody's, and
//! whoever asks for it again waits for a person. Then the lane stops: what was given back since is
//! written nowhere, and a person looks before anything new is paid.

use std::ops::Range;

use adit_chain::{Ahead, Foreign, Outflow, Pool, Shown};
use adit_core::{
    AttemptId, ChainKind, HaltReason, Lane, LaneState, Leg, Lineage, LineageId, Mistake, PayoutId,
    Purpose, Span, Withdrawal, WithdrawalId, nobodys, planted,
};

use super::history::outflows_of;
use super::journal::Reading;
use super::line::{line, own_leg, until_displaced};
use super::reconcile::Journalled;
use super::request::{Fresh, contexts_of};
use super::{Held, LaneTask, RoundError};
use crate::{Clock as _, LIVE_LINEAGES_MAX};

/// Looks at an endpoint that counts further than the book and shows nothing, before it is no longer
/// waited for.
const LOOKS_MAX: u32 = 10;
/// Transactions that a halt names.
const NAMED_MAX: usize = 20;
const LOOK_AGAIN_AFTER: Span = Span::from_seconds(1);

/// What became of looking for them.
pub(super) enum Recalled {
    /// All that blocks and pools show stands in the book. Where something was taken back, the lane
    /// was stopped.
    Known,
    /// Endpoints count further and show nothing: it is looked for again.
    Suspected,
    /// Something of the wallet cannot be taken back.
    Left(String),
    /// The lane stands, and waits until blocks hold what a pool shows.
    Waits,
}

impl LaneTask {
    /// Looks for payments at and above the lane's next number, and takes them back. A wallet's
    /// first start takes its past over instead.
    pub(super) async fn recall(&self, lane: &Lane, lease: Held) -> Result<Recalled, RoundError> {
        if !lane.has_started() || planted(Mistake::UnrememberedNotSought) {
            return Ok(Recalled::Known);
        }
        // Where somebody else was seen to use the key, a person says from which number on it is
        // ours.
        let used =
            matches!(lane.state, LaneState::Halted { reason: HaltReason::ForeignUse { .. }, .. });
        match self.rules().kind {
            ChainKind::Evm if used => self.doubt_line(lane, lease).await,
            ChainKind::Evm => match self.recall_line(lease).await? {
                Recalled::Known if self.may_be_displaced(lane).await? => Ok(Recalled::Waits),
                recalled => Ok(recalled),
            },
            ChainKind::Bitcoin => self.recall_coins(lane, lease).await,
        }
    }

    /// What pools and blocks show of a key that somebody else uses is not taken back. Whoever it
    /// may pay is not given back all the same.
    async fn doubt_line(&self, lane: &Lane, lease: Held) -> Result<Recalled, RoundError> {
        let from = lane.next_nonce.max(lane.adopted_from);
        let mined = from..self.chain().consumed(self.id(), from).await?;
        let pool = self.chain().pool(self.id(), from).await?;
        self.hold_equals(lease, mined, &pool).await?;
        if pool.shown.is_empty() {
            return Ok(Recalled::Known);
        }
        tracing::warn!(
            lane = %self.id(),
            pooled = pool.shown.len(),
            "the wallet's transactions wait in a pool; nothing is given back before blocks hold them"
        );
        Ok(Recalled::Waits)
    }

    /// Whether something that was taken back may still be displaced by what it replaced: nobody who
    /// waits is given back before a block that cannot revert has used the number (case F91). Where
    /// it is swept, nobody is given back before the sweep is over.
    async fn may_be_displaced(&self, lane: &Lane) -> Result<bool, RoundError> {
        let live = self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        Ok(!lane.expects_forgotten() && live.iter().any(Lineage::replaces_unknown))
    }

    /// A lane that starts for the first time begins behind what blocks hold. What waits in a pool
    /// would be mined at numbers that are ours then: both stores may be of before the first start,
    /// or the wallet was used by something else until now.
    pub(super) async fn wait_for_pools(&self, lane: &Lane) -> Result<Recalled, RoundError> {
        if self.rules().kind == ChainKind::Bitcoin {
            let pooled = self
                .chain()
                .outgoing(&self.look_since(lane))
                .await?
                .iter()
                .filter(|one| one.block.is_none())
                .count();
            return Ok(self.waits_for(pooled));
        }
        let from =
            self.chain().consumed(self.id(), lane.adopted_from).await?.max(lane.adopted_from);
        let pool = self.chain().pool(self.id(), from).await?;
        match pool.shown.len() {
            0 => Ok(self.nothing_shown(lane, &pool).await),
            shown => Ok(self.waits_for(shown)),
        }
    }

    fn waits_for(&self, pooled: usize) -> Recalled {
        if pooled == 0 {
            return Recalled::Known;
        }
        tracing::warn!(
            lane = %self.id(),
            pooled,
            "the wallet's transactions wait in a pool; the lane starts once blocks hold them"
        );
        Recalled::Waits
    }

    /// Where payments wait in line, all of them are taken back, from the first number on at which
    /// nothing is signed: what is reserved there was signed in the time that both lost, if anything
    /// behind it was.
    async fn recall_line(&self, lease: Held) -> Result<Recalled, RoundError> {
        let mut found = Vec::new();
        loop {
            let Some(row) = self.lane().await? else { return Ok(Recalled::Known) };
            let reserved = self.unsigned().await?;
            let next = row.next_nonce.max(row.adopted_from);
            let from = reserved.iter().map(Lineage::number).fold(next, u64::min);
            let mined = from..self.chain().consumed(self.id(), from).await?;
            let pool = self.chain().pool(self.id(), from).await?;
            let shown = line(from, self.mined(mined.clone()).await?, &pool);
            let shown = until_displaced(shown, &reserved);
            if shown.is_empty() {
                self.hold_equals(lease, mined, &pool).await?;
                // Declared, such numbers are swept.
                return match pool.shown.first().filter(|_| row.restoration.is_none()) {
                    Some(one) => Ok(Recalled::Left(behind_a_gap(one, from))),
                    None => Ok(self.nothing_shown(&row, &pool).await),
                };
            }
            found.extend(shown.iter().map(|one| format!("{} ({})", one.signed.hash, one.decoded)));
            // First: after a crash the next start finds all of it in the book.
            self.stop_for("are taken back", &found).await?;
            if let Some(reason) = self.take_over(&row, lease, shown, &reserved).await? {
                return Ok(Recalled::Left(reason));
            }
            match self.adopt_from_journal(&row, lease.epoch).await? {
                Reading::Placed => {}
                Reading::NotOurs => return Ok(Recalled::Suspected),
                Reading::Left(left) => return Ok(Recalled::Left(left.join("; "))),
            }
        }
    }

    /// Where payments have no place in line, whoever waits for the same as one of them is held for
    /// inspection once a block holds it. While one is in no block, or in one that may revert and
    /// make room for what it replaced, nothing is planned, and nothing is given back.
    async fn recall_coins(&self, lane: &Lane, lease: Held) -> Result<Recalled, RoundError> {
        let Some(row) = self.lane().await? else { return Ok(Recalled::Known) };
        let mut found = Vec::new();
        for one in self.chain().outgoing(&self.look_since(&row)).await? {
            // What is in a pool was not there when a person judged the wallet's past.
            let adopted = one.block.is_some() && one.nonce < lane.adopted_from;
            let known = adopted || self.is_known(one.hash).await?;
            if !known && !matches!(self.journalled(one.nonce, one.hash).await?, Journalled::Closed)
            {
                found.push(one);
            }
        }
        if found.is_empty() {
            return Ok(Recalled::Known);
        }
        if !is_named(&row, &found) {
            // First: after a crash the next start finds them again, until their blocks count as
            // searched.
            let told: Vec<String> = found.iter().map(told).collect();
            self.stop_for("stand beside the book", &told).await?;
        }
        // Where it is swept, nobody is given back before the sweep is over.
        let is_settled = |one: &Foreign| match row.expects_forgotten() {
            true => one.block.is_some(),
            false => is_final(&row, one),
        };
        let settled = found.iter().all(is_settled);
        let (mined, pooled): (Vec<Foreign>, Vec<Foreign>) =
            found.into_iter().partition(|one| one.block.is_some());
        self.suspect(lease.epoch, &mined).await?;
        // What a pool shows may be mined at any moment.
        self.doubt(lease.epoch, &outflows_of(&pooled)).await?;
        match settled {
            true => Ok(Recalled::Known),
            false => Ok(Recalled::Waits),
        }
    }

    /// What blocks hold and nobody shows the bytes of cannot be taken back, nor what a pool shows
    /// behind a gap: whoever waits for the same is held for inspection at least, and whoever is
    /// under way for the same is not repeated.
    async fn hold_equals(
        &self,
        lease: Held,
        mined: Range<u64>,
        pool: &Pool,
    ) -> Result<(), RoundError> {
        let pooled =
            pool.shown.iter().filter_map(|one| Some((one.signed.hash, one.outflow.clone()?)));
        self.doubt(lease.epoch, &pooled.collect::<Vec<_>>()).await?;
        match mined.is_empty() {
            true => Ok(()),
            false => self.suspect_history(lease.epoch, mined).await,
        }
    }

    async fn nothing_shown(&self, lane: &Lane, pool: &Pool) -> Recalled {
        let looks = {
            let mut looks = self.pool_looks.lock().expect("no holder of this lock panics");
            *looks = if pool.ahead.is_empty() { 0 } else { *looks + 1 };
            *looks
        };
        if looks == 0 {
            return Recalled::Known;
        }
        if looks <= LOOKS_MAX {
            self.engine.ports.clock.sleep(LOOK_AGAIN_AFTER).await;
            return Recalled::Suspected;
        }
        let told = |ahead: &Ahead| {
            format!("{} counts {} transactions of the wallet", ahead.endpoint, ahead.next)
        };
        let ahead = pool.ahead.iter().map(told).collect::<Vec<_>>().join(", ");
        if lane.expects_forgotten() {
            tracing::warn!(
                ahead,
                "endpoints count more than the book and show nothing; both stores were restored, \
                 and such numbers are swept"
            );
            return Recalled::Known;
        }
        if pool.ahead.len() == 1 && pool.level > 0 {
            tracing::error!(
                ahead,
                "an endpoint counts more than the book and shows nothing, and all others deny it; \
                 it is passed over"
            );
            return Recalled::Known;
        }
        Recalled::Left(format!("{ahead}, and no endpoint shows them"))
    }

    /// Returns the wallet's transactions in blocks at these numbers, as far as their bytes are
    /// shown.
    async fn mined(&self, numbers: Range<u64>) -> Result<Vec<Shown>, RoundError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let history = self.history(numbers).await?;
        Ok(history
            .iter()
            .filter_map(|foreign| self.chain().read_back(self.id(), foreign.raw.as_ref()?))
            .collect())
    }

    /// Lets the signer sign the same once more, so that its journal knows it. None where it did;
    /// else in words why not.
    async fn take_over(
        &self,
        row: &Lane,
        lease: Held,
        shown: Vec<Shown>,
        reserved: &[Lineage],
    ) -> Result<Option<String>, RoundError> {
        if !self.may_sign(row, lease).await? {
            return Ok(Some("the third witness cannot be written".to_owned()));
        }
        self.signed_something();
        let mut waiting = self.waiting().await?;
        let mut previous = match shown.first() {
            Some(first) => self.before(first.draft.number(), &[]).await?,
            None => None,
        };
        for one in shown {
            let claimed = match (&one.outflow, own_leg(&one, reserved)) {
                (Some(_), Some(leg)) => {
                    Some((leg.clone(), self.engine.store().withdrawal(leg.withdrawal).await?))
                }
                (Some(outflow), None) => Some(self.claimant(&mut waiting, outflow)),
                (None, _) => None,
            };
            // Before the journal has it: after a crash it is found again.
            if let Some((outflow, (_, None))) = one.outflow.as_ref().zip(claimed.as_ref()) {
                self.doubt(lease.epoch, &[(one.signed.hash, outflow.clone())]).await?;
            }
            let (leg, withdrawal) = claimed.unzip();
            self.supersede(row, lease, &withdrawal.iter().flatten().collect::<Vec<_>>()).await?;
            let contexts = contexts_of(withdrawal.iter().flatten());
            let (lineage, attempt) =
                (LineageId(self.engine.ports.uuid()), AttemptId(self.engine.ports.uuid()));
            let (legs, purpose) = (
                Vec::from_iter(leg),
                if one.outflow.is_some() { Purpose::Pay } else { Purpose::Cancel },
            );
            let fresh =
                Fresh { lineage, attempt, purpose, legs: &legs, draft: &one.draft, previous };
            let request = self.trial(row, lease, &fresh, &contexts);
            let mut answers = self.engine.ports.signer.sign(std::slice::from_ref(&request)).await?;
            self.note(&answers);
            match answers.pop() {
                Some(Ok(signature)) if signature.signed.hash == one.signed.hash => {
                    previous = Some(lineage)
                }
                Some(Ok(_)) => {
                    return Ok(Some(format!(
                        "{} is signed otherwise by this signer",
                        one.signed.hash
                    )));
                }
                Some(Err(refused)) => {
                    return Ok(Some(format!("{} ({}): {refused}", one.signed.hash, one.decoded)));
                }
                None => return Ok(Some(format!("the signer says nothing of {}", one.signed.hash))),
            }
        }
        Ok(None)
    }

    /// Returns whose payment it is: the oldest withdrawal that waits and asks for exactly this, or
    /// nobody's.
    fn claimant(
        &self,
        waiting: &mut Vec<Withdrawal>,
        outflow: &Outflow,
    ) -> (Leg, Option<Withdrawal>) {
        let at = waiting.iter().position(|withdrawal| super::history::equals(outflow, withdrawal));
        if let Some(withdrawal) = at.map(|at| waiting.remove(at)) {
            return (withdrawal.leg(), Some(withdrawal));
        }
        let id = self.engine.ports.uuid();
        let context = nobodys(&outflow.asset, outflow.amount);
        let leg = Leg {
            payout: PayoutId(id),
            withdrawal: WithdrawalId(id),
            user: context.user,
            book: context.book,
            source_asset: context.source_asset,
            asset: outflow.asset.clone(),
            amount: outflow.amount,
            destination: outflow.destination.clone(),
        };
        (leg, None)
    }

    /// Stops the lane until a person has looked at these.
    async fn stop_for(&self, done: &str, found: &[String]) -> Result<(), RoundError> {
        // Where both were declared to be restored nothing is planned before two admins have looked.
        if self.lane().await?.is_some_and(|lane| lane.restoration.is_some()) {
            found.iter().for_each(|one| tracing::warn!(lane = %self.id(), transaction = one, "it is in neither database nor journal"));
            return Ok(());
        }
        let named = found[..found.len().min(NAMED_MAX)].join("; ");
        let more = if found.len() > NAMED_MAX {
            format!("; and {} more, which the log names", found.len() - NAMED_MAX)
        } else {
            String::new()
        };
        found.iter().for_each(|one| tracing::error!(lane = %self.id(), transaction = one, "it is in neither database nor journal"));
        let detail = format!(
            "{} of the wallet's transactions were in neither and {done}: {named}{more}",
            found.len()
        );
        self.halt(HaltReason::BothWentBack { detail }).await
    }
}

fn behind_a_gap(shown: &Shown, from: u64) -> String {
    let (hash, decoded) = (shown.signed.hash, &shown.decoded);
    format!(
        "{hash} ({decoded}) is in neither, and no endpoint shows what stands at number {from} before it; once they do it is taken back, or \
         declare that both were restored (`adit restore --declared --journal-declared`)"
    )
}

/// Whether a block that cannot revert holds it, as far as the lane has read the chain.
fn is_final(lane: &Lane, found: &Foreign) -> bool {
    let tip = lane.tip.as_ref();
    let final_height = tip.map_or(0, |tip| tip.final_height);
    found.block.is_some_and(|block| block.height <= final_height)
}

/// Whether the lane stands for these already.
fn is_named(lane: &Lane, found: &[Foreign]) -> bool {
    let LaneState::Halted { reason: HaltReason::BothWentBack { detail }, .. } = &lane.state else {
        return false;
    };
    found
        .iter()
        .take(NAMED_MAX)
        .all(|one| one.hash.is_none_or(|hash| detail.contains(&hash.to_string())))
}

fn told(found: &Foreign) -> String {
    match found.hash {
        Some(hash) => format!("{hash} ({})", found.decoded),
        None => found.decoded.clone(),
    }
}
