//! Doing what is due: sign what is reserved, send what is recorded, bump what is stuck.

use std::collections::{BTreeMap, BTreeSet};

use adit_chain::{NextVersion, Ready, Sent};
use adit_core::{
    Act, AddAttempt, Amount, AssetId, Attempt, AttemptId, ChainKind, Command, Epoch, Lane,
    LaneView, Leg, Lineage, LineageId, Mistake, Offer, Purpose, Signed, Span, Timestamp,
    Withdrawal, WithdrawalId, may_join, may_plan, next, planted, renewal,
};
use adit_signer::{About, Approved, Refused, SignRequest};
use adit_store::{Cursor, QueueFilter};
use futures::join;

use super::due::Due;
use super::request::Fresh;
use super::{Held, LaneTask, RoundError, older};
use crate::{Clock as _, LIVE_LINEAGES_MAX, PLAN_MAX};

/// Who waits for coins is looked at again within the hour; who waits for longer has another reason.
const JOINABLE_AHEAD: Span = Span::from_hours(1);

/// Pages of the queue that are read in one round, as long as nobody of them may be planned.
const QUEUE_PAGES_MAX: usize = 20;

impl LaneTask {
    /// Asks the rules what is due and does it. While nodes are given what is recorded, others are
    /// signed and planned: acts of one round are of different lineages. Each is committed before
    /// the next step of its lineage begins (rule R1). Planning follows signing, so that the
    /// signer's dry run counts what it has just signed against its caps (rule R9).
    pub(super) async fn pay(&self, lane: &Lane, lease: Held) -> Result<usize, RoundError> {
        self.write_down_in_time(lane, lease).await?;
        let epoch = lease.epoch;
        let store = self.engine.store();
        let now = self.engine.ports.clock.now();
        // Coins of a payment that a block holds stay with it until it is final; a nonce is gone
        // with the block.
        let live = match self.rules().kind {
            ChainKind::Evm => store.unmined_lineages(self.id(), LIVE_LINEAGES_MAX).await?,
            ChainKind::Bitcoin => store.live_lineages(self.id(), LIVE_LINEAGES_MAX).await?,
        };
        if self.slow_start(lane, lease, &live).await? {
            // What was noted counts from the next round on.
            return Ok(1);
        }
        let suspensions = self.engine.suspensions().await?;
        let clock_doubt = self.engine.ports.clock.doubt();
        let view = LaneView {
            lane,
            chain: self.rules(),
            live: &live,
            queue: &[],
            suspensions: &suspensions,
            now,
            clock_doubt,
        };
        let queue = self.payable(&view).await?;
        let view = LaneView { queue: &queue, ..view };
        let due = self.renewing(&view, Due::of(next(&view)));
        let joinable = if due.bump.is_empty() { Vec::new() } else { self.joinable(&view).await? };
        let lineages: BTreeMap<LineageId, &Lineage> =
            live.iter().map(|lineage| (lineage.id, lineage)).collect();
        let wanted: BTreeSet<WithdrawalId> = due.plan.iter().copied().collect();
        let chosen: Vec<_> =
            queue.iter().filter(|withdrawal| wanted.contains(&withdrawal.id)).collect();
        let others = async {
            let signed = self.sign(lane, lease, &lineages, &due.sign).await?
                + self.close(lane, lease, &live, &due.close).await?;
            let (bumped, joined) = self.bump(lane, lease, &live, &due.bump, joinable, now).await?;
            let lifted = self.lift_or_repeat(lease, &live, &due.lift, now).await?;
            let chosen: Vec<_> =
                chosen.into_iter().filter(|withdrawal| !joined.contains(&withdrawal.id)).collect();
            // What was signed and added above counts: the signer is asked as the lane stands now.
            let Some(lane) = self.lane().await? else { return Ok(signed + bumped + lifted) };
            let planned = self.plan(&lane, lease, &live, &chosen).await?;
            let merged = self.consolidate(&lane, lease, &live, due.consolidate).await?;
            let swept = self.sweep(&lane, lease, &live, due.sweep).await?;
            let probed = self.probe(&lane, lease, due.probe).await?;
            Ok::<usize, RoundError>(signed + bumped + lifted + planned + merged + swept + probed)
        };
        let (sent, signed) = join!(self.send(epoch, &lineages, &due.send), others);
        sent?;
        let signed = signed?;
        // What the signer or the rules refuse, and versions that cannot be made now, are no
        // progress: else the lane would ask again without a pause.
        Ok(signed + due.send.len())
    }

    /// Adds the versions that come in the place of cancelling ones which no block takes any more.
    fn renewing(&self, view: &LaneView<'_>, mut due: Due) -> Due {
        for lineage in view.live.iter().filter(|lineage| self.chain().is_lost(lineage)) {
            let Some(Act::Bump { lineage, purpose, offer }) = renewal(view, lineage) else {
                continue;
            };
            due.send.retain(|(known, _)| *known != lineage);
            due.bump.retain(|(known, ..)| *known != lineage);
            due.bump.push((lineage, purpose, offer));
        }
        due
    }

    /// Whom this lane may pay now, oldest first. What is stopped is left out by the store; where a
    /// whole page waits for something else, as for lower fees, those behind it are read, too (case
    /// F102).
    async fn payable(&self, view: &LaneView<'_>) -> Result<Vec<Withdrawal>, RoundError> {
        let mut wanted = QueueFilter::of(self.assets()).without(view.suspensions);
        let mut payable = Vec::new();
        // Who waits for money is looked at again as soon as there is more of it.
        let now =
            if self.is_refilled(view.lane) { Timestamp::from_micros(i64::MAX) } else { view.now };
        for _ in 0..QUEUE_PAGES_MAX {
            let page = self.engine.store().queue(&wanted, now, PLAN_MAX).await?;
            wanted.after = page.last().map(Cursor::of);
            let is_last = page.len() < PLAN_MAX;
            payable.extend(page.into_iter().filter(|withdrawal| may_plan(view, withdrawal)));
            if is_last || !payable.is_empty() {
                break;
            }
        }
        if payable.is_empty() {
            self.all_were_looked_at();
        }
        Ok(payable)
    }

    /// Whether the wallet has more than before, or was not seen yet, and not everybody was looked
    /// at since.
    fn is_refilled(&self, lane: &Lane) -> bool {
        let funds: BTreeMap<AssetId, Amount> =
            lane.funds.iter().map(|funds| (funds.asset.clone(), funds.balance)).collect();
        let mut seen = self.funds_seen.lock().expect("no holder of this lock panics");
        let refilled = match &*seen {
            None => true,
            Some((known, open)) => {
                *open
                    || funds
                        .iter()
                        .any(|(asset, now)| known.get(asset).is_none_or(|before| now > before))
            }
        };
        *seen = Some((funds, refilled));
        refilled
    }

    fn all_were_looked_at(&self) {
        if let Some((_, open)) =
            &mut *self.funds_seen.lock().expect("no holder of this lock panics")
        {
            *open = false;
        }
    }

    pub(super) fn assets(&self) -> Vec<AssetId> {
        self.engine.paid_on(&self.name)
    }

    /// Signs reserved attempts and records the bytes. They leave in the next round, read back from
    /// the store (rule R1). Gives how many moved on.
    async fn sign(
        &self,
        lane: &Lane,
        lease: Held,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, AttemptId)],
    ) -> Result<usize, RoundError> {
        let requests = self.requests(lane, lease, lineages, due).await?;
        if requests.is_empty() || !self.may_sign(lane, lease).await? {
            return Ok(0);
        }
        let answers = self.engine.ports.signer.sign(&requests).await?;
        self.signed_something();
        self.note(&answers);
        if planted(Mistake::SendBeforeRecord) {
            let bytes: Vec<Signed> =
                answers.iter().flatten().map(|signature| signature.signed.clone()).collect();
            self.chain().broadcast(&bytes).await;
        }
        // What is signed is recorded in any case; where the journal does not tell its end now, a
        // later record or renewal notes it.
        let tip = self.journal_tip(Some(lane)).await.unwrap_or(None);
        let mut commands = Vec::with_capacity(answers.len());
        let mut doubt = None;
        for (request, answer) in requests.iter().zip(answers) {
            match answer {
                Ok(signature) => commands.push(Command::Record {
                    lane: self.id().clone(),
                    epoch: lease.epoch,
                    lineage: request.lineage,
                    attempt: request.attempt,
                    signed: signature.signed,
                    tip,
                }),
                Err(refused) if refused.about() == About::Lease => {
                    return Err(RoundError::LeaseLost { refused });
                }
                Err(refused) => {
                    let freed = self.freed(lease, &refused).await?;
                    doubt = doubt.or_else(|| {
                        (!freed && refused.about() == About::Book).then(|| refused.to_string())
                    });
                    if !freed {
                        commands.extend(
                            self.after_refusal(lane, lease, lineages, request, &refused).await?,
                        );
                    }
                }
            }
        }
        let done = self.commit(commands).await?.iter().flatten().count();
        match doubt {
            Some(doubt) => self.reconcile_again(lease.epoch, doubt).await.map(|()| done + 1),
            None => Ok(done),
        }
    }

    /// The signer knows more than the book: nothing is reserved before the journal has been read
    /// anew (case F101).
    pub(super) async fn reconcile_again(
        &self,
        epoch: Epoch,
        doubt: String,
    ) -> Result<(), RoundError> {
        tracing::error!(
            lane = %self.id(),
            doubt,
            "the signer refuses what the book allows; the lane reads the journal anew"
        );
        let (lane, owner) = (self.id().clone(), self.engine.replica);
        self.commit(vec![Command::ReconcileAgain { lane, owner, epoch, doubt }]).await?;
        Ok(())
    }

    /// The signer will not sign what is reserved. A place in the line that cannot be used is filled
    /// by a transaction that pays nobody (rule R9), so that those behind it can be mined. Where
    /// there is no line, the coins are given up.
    async fn after_refusal(
        &self,
        lane: &Lane,
        lease: Held,
        lineages: &BTreeMap<LineageId, &Lineage>,
        request: &SignRequest,
        refused: &Refused,
    ) -> Result<Option<Command>, RoundError> {
        tracing::error!(
            attempt = %request.attempt,
            %refused,
            "the signer refuses a reserved attempt"
        );
        // Of a retired payout the hold was given back, or is about to be: nobody is paid by it any
        // more.
        let fills = matches!(refused.about(), About::Transaction | About::Retired);
        let Some(lineage) =
            lineages.get(&request.lineage).filter(|_| fills && request.purpose == Purpose::Pay)
        else {
            return Ok(None);
        };
        if lineage.may_be_closed() {
            return Ok(Some(self.closing(lease, lineage)));
        }
        let live: Vec<Lineage> = lineages.values().map(|lineage| (*lineage).clone()).collect();
        let (purpose, offer) = (Purpose::Cancel, request.draft.offer());
        let next = NextVersion { lineage, purpose, offer, live: &live, waiting: &[] };
        self.tried_addition(lane, lease, &next).await
    }

    /// Sends recorded bytes to every endpoint. What they answer is kept as evidence and changes
    /// nothing else; where one takes the newest version no more, an older one follows that may
    /// still be mined.
    async fn send(
        &self,
        epoch: Epoch,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, AttemptId)],
    ) -> Result<(), RoundError> {
        let mut due = due.to_vec();
        while !due.is_empty() {
            due = self.send_once(epoch, lineages, &due).await?;
        }
        Ok(())
    }

    /// Gives what is to be sent besides.
    async fn send_once(
        &self,
        epoch: Epoch,
        lineages: &BTreeMap<LineageId, &Lineage>,
        due: &[(LineageId, AttemptId)],
    ) -> Result<Vec<(LineageId, AttemptId)>, RoundError> {
        let recorded: Vec<(&Lineage, AttemptId, &Signed)> = due
            .iter()
            .filter_map(|(lineage, attempt)| {
                let lineage = *lineages.get(lineage)?;
                Some((lineage, *attempt, lineage.attempt(*attempt).and_then(Attempt::sendable)?))
            })
            .collect();
        if recorded.is_empty() {
            return Ok(Vec::new());
        }
        let bytes: Vec<Signed> = recorded.iter().map(|(_, _, signed)| (*signed).clone()).collect();
        let answers: Vec<Sent> = self.chain().broadcast(&bytes).await;
        let (mut commands, mut older) = (Vec::with_capacity(recorded.len()), Vec::new());
        for (lineage, attempt, signed) in recorded {
            let said = answers.iter().find(|sent| sent.hash == signed.hash);
            let submissions = said.map(|sent| sent.submissions.clone()).unwrap_or_default();
            older.extend(
                older::instead(lineage, attempt, &submissions).map(|older| (lineage.id, older.id)),
            );
            let (lane, legs) = (self.id().clone(), lineage.legs.clone());
            commands.push(Command::Submitted {
                lane,
                epoch,
                lineage: lineage.id,
                attempt,
                legs,
                submissions,
            });
        }
        self.commit(commands).await?;
        Ok(older)
    }

    /// Who may join a payment that is under way, where one transaction pays many: those who wait
    /// for coins only, too.
    async fn joinable(&self, view: &LaneView<'_>) -> Result<Vec<Leg>, RoundError> {
        if self.rules().batching.is_none() {
            return Ok(Vec::new());
        }
        let later = view.now.plus(JOINABLE_AHEAD);
        let wanted = QueueFilter::of(self.assets()).without(view.suspensions);
        let queue = self.engine.store().queue(&wanted, later, PLAN_MAX).await?;
        let known = self.remembered().await?;
        let is_new = |withdrawal: &&Withdrawal| {
            known.as_ref().is_none_or(|known| self.twin_of(known, withdrawal).is_none())
        };
        Ok(queue
            .iter()
            .filter(|withdrawal| may_join(view, withdrawal))
            .filter(is_new)
            .map(Withdrawal::leg)
            .collect())
    }

    /// Adds versions that offer more. Those that wait may join one, where the chain can pay them in
    /// the same transaction. Gives how many versions were added, and who joined.
    async fn bump(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
        due: &[(LineageId, Purpose, Offer)],
        mut waiting: Vec<Leg>,
        now: Timestamp,
    ) -> Result<(usize, BTreeSet<WithdrawalId>), RoundError> {
        let mut joined = BTreeSet::new();
        let (mut commands, mut stuck, mut wanted) =
            (Vec::with_capacity(due.len()), Vec::new(), Vec::new());
        for (id, purpose, offer) in due {
            let Some(lineage) = live.iter().find(|lineage| lineage.id == *id) else { continue };
            let next =
                NextVersion { lineage, purpose: *purpose, offer: *offer, live, waiting: &waiting };
            let Some(command) = self.tried_addition(lane, lease, &next).await? else {
                stuck.push(lineage);
                continue;
            };
            wanted.push(lineage);
            if let Command::AddAttempt(add) = &command {
                joined.extend(add.joining.iter().map(|leg| leg.withdrawal));
                waiting.retain(|leg| !joined.contains(&leg.withdrawal));
            }
            commands.push(command);
        }
        self.lift_unbeatable(lease, live, &stuck, now).await?;
        if commands.is_empty() {
            return Ok((0, joined));
        }
        tracing::info!(
            chain = %self.name,
            lineages = commands.len(),
            "adding attempts that offer more"
        );
        let answers = self.commit(commands).await?;
        let refused: Vec<&Lineage> = wanted
            .into_iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_none())
            .map(|(lineage, _)| lineage)
            .collect();
        self.send_again(lease.epoch, &refused, now).await?;
        Ok((answers.iter().flatten().count(), joined))
    }

    /// A version that the signer would sign: with those who wait, or else without them. Everything
    /// that can refuse is asked before anything is reserved (rule R9).
    async fn tried_addition(
        &self,
        lane: &Lane,
        lease: Held,
        next: &NextVersion<'_>,
    ) -> Result<Option<Command>, RoundError> {
        let alone = NextVersion { waiting: &[], ..*next };
        for version in [next, &alone] {
            let Some(command) = self.addition(lease.epoch, version).await? else { return Ok(None) };
            if self.would_be_signed(lane, lease, &command, version.lineage).await? {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    async fn would_be_signed(
        &self,
        lane: &Lane,
        lease: Held,
        command: &Command,
        lineage: &Lineage,
    ) -> Result<bool, RoundError> {
        let Command::AddAttempt(add) = command else { return Ok(false) };
        let legs: Vec<Leg> = lineage
            .legs
            .iter()
            .filter(|leg| add.draft.carries(leg.payout))
            .chain(&add.joining)
            .cloned()
            .collect();
        let (lineage, attempt, purpose, draft) =
            (add.lineage, add.attempt, add.purpose, &add.draft);
        let fresh = Fresh {
            lineage,
            attempt,
            purpose,
            legs: &legs,
            draft,
            previous: self.before_unsigned(lineage).await?,
        };
        let request = self.trial(lane, lease, &fresh, &BTreeMap::new());
        let answer = self.engine.ports.signer.dry_run(std::slice::from_ref(&request)).await?.pop();
        match answer {
            Some(Ok(())) => Ok(true),
            Some(Err(refused)) => {
                tracing::warn!(%lineage, %refused, "the signer would not sign a better version");
                self.freed(lease, &refused).await
            }
            None => Ok(false),
        }
    }

    /// What cannot be outbid is repeated, in its time.
    pub(super) async fn send_again(
        &self,
        epoch: Epoch,
        stuck: &[&Lineage],
        now: Timestamp,
    ) -> Result<(), RoundError> {
        let wait = self.rules().rebroadcast_after;
        let due = |lineage: &&Lineage| {
            lineage.latest().last_sent().is_some_and(|last| now >= last.plus(wait))
        };
        let doubted = |lineage: &&Lineage| lineage.is_doubted(lineage.latest());
        let lineages: BTreeMap<LineageId, &Lineage> = stuck
            .iter()
            .copied()
            .filter(|stuck| !doubted(stuck))
            .filter(due)
            .map(|lineage| (lineage.id, lineage))
            .collect();
        let attempts: Vec<_> =
            lineages.values().map(|lineage| (lineage.id, lineage.latest().id)).collect();
        self.send(epoch, &lineages, &attempts).await
    }

    /// A further attempt: what the latest does at a better offer, or a cancel. None where there can
    /// be none now.
    async fn addition(
        &self,
        epoch: Epoch,
        next: &NextVersion<'_>,
    ) -> Result<Option<Command>, RoundError> {
        let Ready { legs: joining, draft } = match self.chain().successor(next).await? {
            Ok(ready) => ready,
            Err(reason) => {
                tracing::info!(
                    lineage = %next.lineage.id,
                    reason,
                    "no better version can be made now; the same bytes stay out"
                );
                return Ok(None);
            }
        };
        let (lineage, purpose) = (next.lineage, next.purpose);
        let attempt = AttemptId(self.engine.ports.uuid());
        let claims = lineage.claims(&draft);
        let (lane, owner, lineage) = (self.id().clone(), self.engine.replica, lineage.id);
        Ok(Some(Command::AddAttempt(AddAttempt {
            lane,
            owner,
            epoch,
            lineage,
            attempt,
            purpose,
            draft,
            claims,
            joining,
        })))
    }
}

/// What the signer compares the transaction with.
pub(super) fn approved<'a>(legs: impl IntoIterator<Item = &'a Leg>) -> Vec<Approved> {
    let of = |leg: &Leg| Approved {
        payout: leg.payout,
        asset: leg.asset.clone(),
        amount: leg.amount,
        destination: leg.destination.clone(),
    };
    legs.into_iter().map(of).collect()
}
