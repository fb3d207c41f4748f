//! Payments that neither the database nor the signer's journal remembers, and that a block or a pool shows: both were set back to one
//! moment (cases F89, F91).
//!
//! What the wallet's key has signed is ours. The signer is asked to sign the same once more, which gives the same bytes and writes its
//! journal; from there everything else is as after any restore: the payment is taken back, by the withdrawal that asks for exactly
//! this, or by nobody's, and whoever asks for it again waits for a person. Then the lane stops: what was given back since is written
//! nowhere, and a person looks before anything new is paid.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{Outflow, Pool, Shown};
use adit_core::{AttemptId, ChainKind, HaltReason, Lane, LaneState, Leg, LineageId, PayoutId, Purpose, Withdrawal, WithdrawalId, nobodys};

use super::journal::Reading;
use super::request::{Fresh, contexts_of};
use super::{Held, LaneTask, RoundError};

/// Looks at an endpoint that counts further than the book and shows nothing, before it is no longer waited for.
const LOOKS_MAX: u32 = 10;

/// What became of looking for them.
pub(super) enum Recalled {
    /// The chain and the pools show nothing that the book does not know.
    Nothing,
    /// So many were found, and stand in the book now.
    Found(Vec<String>),
    /// Endpoints count further and show nothing: it is looked for again.
    Suspected,
    /// Something of the wallet cannot be taken back.
    Left(String),
}

impl LaneTask {
    /// Looks for payments at and above the lane's next number, and takes them back. A wallet's first start takes its past over instead.
    pub(super) async fn recall(&self, lane: &Lane, lease: Held) -> Result<Recalled, RoundError> {
        // Where somebody else was seen to use the key, a person says from which number on it is ours.
        let asked = matches!(lane.state, LaneState::Halted { reason: HaltReason::ForeignUse { .. }, .. });
        // Without numbers there is nothing that a pool could be asked for.
        let in_line = self.rules().kind == ChainKind::Evm;
        if !lane.has_started() || asked || !in_line {
            return Ok(Recalled::Nothing);
        }
        let mut found = Vec::new();
        loop {
            let Some(row) = self.lane().await? else { return Ok(Recalled::Nothing) };
            let from = row.next_nonce.max(row.adopted_from);
            let (mined, pool) = (self.mined(from).await?, self.chain().pool(self.id(), from).await?);
            let shown = line(from, mined, &pool);
            if shown.is_empty() {
                self.hold_equals(lease, from).await?;
                return Ok(self.nothing_shown(&pool, found));
            }
            let told: Vec<String> = shown.iter().map(|one| format!("{} ({})", one.signed.hash, one.decoded)).collect();
            if let Some(reason) = self.take_over(&row, lease, shown).await? {
                return Ok(Recalled::Left(reason));
            }
            match self.adopt_from_journal(&row, lease.epoch).await? {
                Reading::Placed => found.extend(told),
                Reading::NotOurs => return Ok(Recalled::Suspected),
                Reading::Left(left) => return Ok(Recalled::Left(left.join("; "))),
            }
        }
    }

    /// What blocks hold and nobody shows the bytes of cannot be taken back: whoever waits for the same is held for inspection at least.
    async fn hold_equals(&self, lease: Held, from: u64) -> Result<(), RoundError> {
        let consumed = self.chain().consumed(self.id(), from).await?;
        let waiting = self.waiting().await?;
        match consumed > from && !waiting.is_empty() {
            true => self.suspect_history(lease.epoch, from..consumed, &waiting).await,
            false => Ok(()),
        }
    }

    fn nothing_shown(&self, pool: &Pool, found: Vec<String>) -> Recalled {
        let looks = {
            let mut looks = self.pool_looks.lock().expect("no holder of this lock panics");
            *looks = if pool.ahead.is_empty() { 0 } else { *looks + 1 };
            *looks
        };
        let told = |ahead: &adit_chain::Ahead| format!("{} counts {} transactions of the wallet", ahead.endpoint, ahead.next);
        let ahead: Vec<String> = pool.ahead.iter().map(told).collect();
        match (&ahead[..], found.is_empty()) {
            ([], true) => Recalled::Nothing,
            ([], false) => Recalled::Found(found),
            ([one], _) if looks > LOOKS_MAX && pool.level > 0 => {
                tracing::error!(
                    claim = one,
                    "an endpoint counts more than the book and shows nothing, and all others deny it; it is passed over"
                );
                if found.is_empty() { Recalled::Nothing } else { Recalled::Found(found) }
            }
            _ if looks > LOOKS_MAX => Recalled::Left(format!("{}, and no endpoint shows them", ahead.join(", "))),
            _ => Recalled::Suspected,
        }
    }

    /// What blocks hold of the wallet from this number on, as far as its bytes are shown.
    async fn mined(&self, from: u64) -> Result<Vec<Shown>, RoundError> {
        let consumed = self.chain().consumed(self.id(), from).await?;
        if consumed <= from {
            return Ok(Vec::new());
        }
        let history = self.history(from..consumed).await?;
        Ok(history.iter().filter_map(|foreign| self.chain().read_back(self.id(), foreign.raw.as_ref()?)).collect())
    }

    /// Lets the signer sign the same once more, so that its journal knows it. None where it did; else in words why not.
    async fn take_over(&self, row: &Lane, lease: Held, shown: Vec<Shown>) -> Result<Option<String>, RoundError> {
        let mut waiting = self.waiting().await?;
        let mut previous = self.before(row.next_nonce, &[]).await?;
        for one in shown {
            let (leg, withdrawal) = match &one.outflow {
                Some(outflow) => self.claimant(&mut waiting, outflow),
                None => (None, None),
            };
            let (lineage, attempt) = (LineageId(self.engine.ports.uuid()), AttemptId(self.engine.ports.uuid()));
            let (legs, purpose) = (Vec::from_iter(leg), if one.outflow.is_some() { Purpose::Pay } else { Purpose::Cancel });
            let fresh = Fresh { lineage, attempt, purpose, legs: &legs, draft: &one.draft, previous };
            let request = self.trial(row, lease, &fresh, &contexts_of(&withdrawal));
            let mut answers = self.engine.ports.signer.sign(std::slice::from_ref(&request)).await?;
            self.note(&answers);
            match answers.pop() {
                Some(Ok(signature)) if signature.signed.hash == one.signed.hash => previous = Some(lineage),
                Some(Ok(_)) => return Ok(Some(format!("{} is signed otherwise by this signer", one.signed.hash))),
                Some(Err(refused)) => return Ok(Some(format!("{} ({}): {refused}", one.signed.hash, one.decoded))),
                None => return Ok(Some(format!("the signer says nothing of {}", one.signed.hash))),
            }
        }
        Ok(None)
    }

    /// Whose payment it is: the oldest withdrawal that waits and asks for exactly this, or nobody's.
    fn claimant(&self, waiting: &mut Vec<Withdrawal>, outflow: &Outflow) -> (Option<Leg>, Option<Withdrawal>) {
        let at = waiting.iter().position(|withdrawal| super::history::equals(outflow, withdrawal));
        if let Some(withdrawal) = at.map(|at| waiting.remove(at)) {
            return (Some(withdrawal.leg()), Some(withdrawal));
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
        (Some(leg), None)
    }

    /// Where something was found: it stands in the book now, and a person looks before anything new is paid.
    pub(super) async fn stop_after(&self, recalled: &[String]) -> Result<(), RoundError> {
        let detail =
            format!("{} of the wallet's transactions were in neither and have been taken back: {}", recalled.len(), recalled.join("; "));
        self.halt(HaltReason::BothWentBack { detail }).await
    }
}

/// What stands at `from` and, without a gap, behind it. What a block holds comes before what a pool shows at the same number.
fn line(from: u64, mined: Vec<Shown>, pool: &Pool) -> Vec<Shown> {
    let mut at: BTreeMap<u64, Shown> = BTreeMap::new();
    for one in mined.into_iter().chain(pool.shown.iter().cloned()) {
        at.entry(one.draft.number()).or_insert(one);
    }
    let numbers: BTreeSet<u64> = (from..).take_while(|number| at.contains_key(number)).collect();
    at.into_iter().filter(|(number, _)| numbers.contains(number)).map(|(_, one)| one).collect()
}
