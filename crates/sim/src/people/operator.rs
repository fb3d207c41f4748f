//! The operator: looks now and then, and does what the operations guide says.

use std::sync::Arc;

use adit_core::*;
use adit_engine::Engine;
use adit_store::{Store as _, WithdrawalFilter};

use futures::future::select;

use super::users::cancel;
use crate::check::must;
use crate::rules::book;
use crate::world::Declared;
use crate::{Dice, World};

const LOOK_SECONDS: (u64, u64) = (120, 900);
const CANCEL_PERMILLE: u32 = 20;
const PAGE: usize = 200;
const PATIENCE_SECONDS: u64 = 1_800;
/// In one go.
const CANCELS_MAX: u64 = 8;

/// The person in charge.
pub struct Operator {
    pub world: Arc<World>,
    pub dice: Dice,
}

impl Operator {
    /// For ever.
    pub async fn run(mut self) {
        loop {
            let pause = self.dice.between(LOOK_SECONDS.0, LOOK_SECONDS.1);
            self.world.handle.sleep(pause * 1_000_000).await;
            self.look_after_superseded().await;
            if let Some((_, running)) = self.world.any_replica() {
                // A server that dies answers nobody any more: whoever asked it gives up.
                let patience = self.world.handle.clone().sleep(PATIENCE_SECONDS * 1_000_000);
                select(Box::pin(self.look(&running.engine)), Box::pin(patience)).await;
            }
        }
    }

    /// A server that was superseded works on an older state of the store: the guide says to declare
    /// that. One that works on the newest is no such server.
    async fn look_after_superseded(&mut self) {
        let at_primary = (0..self.world.slots())
            .filter(|slot| !self.world.is_behind(*slot))
            .filter_map(|slot| self.world.replica(slot));
        let mut superseded = at_primary.filter(|(process, running)| {
            !self.world.handle.is_dead(process.id) && running.engine.hub.is_superseded()
        });
        let Some((process, _)) = superseded.next_back() else { return };
        let Ok(Some(row)) = self.world.disk.tables.incarnation().await else { return };
        let rightly = self.world.notary().is_superseded(row.id) || row.finding.is_some();
        self.world.check(must(rightly, "superseded rightly", || {
            format!("{} does nothing, and its store has not gone back", process.name)
        }));
        self.world.declare(Declared::Database, false, &mut self.dice).await;
    }

    async fn look(&mut self, engine: &Engine) {
        let before = engine
            .store()
            .incarnation()
            .await
            .ok()
            .flatten()
            .map(|known| known.unmatched)
            .unwrap_or_default();
        for withdrawal in listed(engine, Status::Pending).await {
            if let Some(known) = before.iter().find(|known| is_same(known, &withdrawal)) {
                // The same was paid already, and nobody knows yet for whom; or it was to them, and
                // they say so when they are asked.
                if known.matched.is_some() {
                    cancel(engine, withdrawal.id, admin()).await;
                }
                continue;
            }
            let command =
                Command::Approve { withdrawal: withdrawal.id, user: withdrawal.user.clone() };
            let _may_be_refused = engine.submit(admin(), command).await;
        }
        for withdrawal in listed(engine, Status::HeldForInspection).await {
            self.inspect(engine, &withdrawal).await;
        }
        for withdrawal in listed(engine, Status::Processing).await {
            if self.dice.chance(CANCEL_PERMILLE) {
                cancel(engine, withdrawal.id, admin()).await;
            }
        }
        self.lift_suspensions(engine).await;
        for id in self.world.setup.lanes() {
            let lane = engine.store().lane(&id).await;
            if let Ok(Some(Lane { state: LaneState::Halted { reason, .. }, .. })) = lane {
                self.explain(engine, id, reason).await;
            }
        }
    }

    /// Looks at the chain with an explorer of his own, and only at what is final.
    async fn inspect(&self, engine: &Engine, withdrawal: &Withdrawal) {
        let State::HeldForInspection { payment, pays, .. } = &withdrawal.state else { return };
        let nobodys = withdrawal.user.as_str() == "unknown";
        if nobodys && *pays {
            return self.find_user(engine, withdrawal, payment).await;
        }
        // Nobody's payment of the same is matched to this one first.
        let known = engine.store().incarnation().await.ok().flatten();
        if !nobodys
            && known.is_some_and(|known| known.nobodys().any(|known| is_same(known, withdrawal)))
        {
            return;
        }
        let is_bitcoin = self.world.setup.is_bitcoin(&withdrawal.asset);
        let (is_final, paid) = if is_bitcoin {
            self.seen_in_coins(withdrawal, payment)
        } else {
            self.seen(withdrawal, payment)
        };
        if is_final {
            let lane = if is_bitcoin { self.bitcoin_lane() } else { self.world.setup.lane.clone() };
            let ended = |lineage: &Lineage| lineage.ended_by() == Some(payment.hash);
            let lineages = engine.store().lineages_of(withdrawal.id).await.unwrap_or_default();
            let lineage = lineages.iter().find(|lineage| ended(lineage)).map(|lineage| lineage.id);
            let command = Command::Inspect {
                leg: withdrawal.leg(),
                lane,
                lineage,
                paid,
                note: "seen".to_owned(),
            };
            let _may_be_refused = engine.submit(admin(), command).await;
        }
    }

    /// Says whose a payment was that nobody remembered. Whoever asked for it again and waits for
    /// him is told that it was paid.
    async fn find_user(&self, engine: &Engine, found: &Withdrawal, payment: &Payment) {
        let lineages = engine.store().lineages_of(found.id).await.unwrap_or_default();
        let Some(lineage) =
            lineages.iter().find(|lineage| lineage.ended_by() == Some(payment.hash))
        else {
            return;
        };
        for again in listed(engine, Status::Pending).await {
            if (&again.asset, &again.destination, again.amount)
                == (&found.asset, &found.destination, found.amount)
            {
                cancel(engine, again.id, admin()).await;
            }
        }
        let (leg, lane, note) = (found.leg(), lineage.lane.clone(), "asked".to_owned());
        let held = listed(engine, Status::HeldForInspection).await;
        let same = |other: &&Withdrawal| {
            other.id != found.id
                && other.user.as_str() != "unknown"
                && (&other.asset, &other.destination, other.amount)
                    == (&found.asset, &found.destination, found.amount)
        };
        if let Some(other) = held.iter().find(same) {
            let to = Matched::Withdrawal { leg: other.leg() };
            let _may_be_refused = engine
                .submit(admin(), Command::Match { leg, lane, lineage: lineage.id, to, note })
                .await;
            return;
        }
        let command = match self.world.asker(&found.destination) {
            Some(user) => {
                let charge = Charge { source_asset: found.asset.clone(), deducted: found.amount };
                Command::Match {
                    leg,
                    lane,
                    lineage: lineage.id,
                    to: Matched::User { user, book: book(), charge },
                    note,
                }
            }
            // A thief's.
            None => Command::Inspect { leg, lane, lineage: Some(lineage.id), paid: true, note },
        };
        let _may_be_refused = engine.submit(admin(), command).await;
    }

    /// Whether the block is final, and whether anything arrived there.
    fn seen(&self, withdrawal: &Withdrawal, payment: &Payment) -> (bool, bool) {
        {
            let chain = self.world.evm();
            let to = adit_evm::address_of(&withdrawal.destination).expect("an address");
            let arrived = chain
                .history(0, chain.finalized())
                .any(|mined| mined.moved.iter().any(|moved| moved.to == to));
            (payment.block.height <= chain.finalized(), arrived)
        }
    }

    /// The same for bitcoin: whether that block is final, and whether a final transaction was to
    /// pay exactly this. More to the same address may have been for somebody else, or for something
    /// else: the operator asks around.
    fn seen_in_coins(&self, withdrawal: &Withdrawal, payment: &Payment) -> (bool, bool) {
        let (chain, truth) = (self.world.utxo(), self.world.coin_truth());
        let pays = |mined: crate::utxo::Mined| {
            truth.was_to_pay(mined.tx.txid, &withdrawal.destination, withdrawal.amount)
        };
        let arrived = chain.history(0, chain.finalized()).any(pays);
        (payment.block.height <= chain.finalized(), arrived)
    }

    fn bitcoin_lane(&self) -> LaneId {
        self.world
            .setup
            .bitcoin
            .as_ref()
            .map(|bitcoin| bitcoin.lane.clone())
            .expect("bitcoin is paid on this day")
    }

    async fn lift_suspensions(&self, engine: &Engine) {
        for standing in engine.store().suspensions().await.unwrap_or_default() {
            let _may_be_refused =
                engine.submit(admin(), Command::Resume { scope: standing.scope }).await;
        }
    }

    async fn explain(&mut self, engine: &Engine, lane: LaneId, reason: HaltReason) {
        self.world
            .story
            .tell("operator", || format!("sees that the lane stands: {}", reason.sentence()));
        match reason {
            HaltReason::ForeignUse { nonce, .. } if lane != self.world.setup.lane => {
                self.adopt_coins(engine, lane, nonce).await
            }
            HaltReason::ForeignUse { .. } => {
                // He reads what was done with the key; when that is final, he takes it over from
                // there.
                let (head, last) = {
                    let chain = self.world.evm();
                    (chain.wallet_at(chain.head()).nonce, chain.wallet_at(chain.finalized()).nonce)
                };
                let known =
                    engine.store().lane(&lane).await.ok().flatten().map_or(0, |row| row.next_nonce);
                if head == last {
                    let command = Command::AdoptKey { lane, from_nonce: head.max(known) };
                    let _may_be_refused = engine.submit(admin(), command).await;
                }
            }
            HaltReason::JournalWentBack { .. } => self.world.declare_journal(&mut self.dice).await,
            HaltReason::Unreleased => {
                for credential in [1, 2] {
                    let actor =
                        Actor::admin(adit_core::CredentialId(uuid::Uuid::from_u128(credential)));
                    let _may_be_refused = engine
                        .submit(actor, Command::ReleaseLane { lane: lane.clone(), seen: 0 })
                        .await;
                }
            }
            HaltReason::JournalAhead { .. }
            | HaltReason::BothWentBack { .. }
            | HaltReason::PinChanged { .. }
            | HaltReason::WalletHasCode
            | HaltReason::Operator { .. } => {
                let _may_be_refused =
                    engine.submit(admin(), Command::ResumeLane { lane, accept: None }).await;
            }
            HaltReason::Invariant { detail } => {
                self.world.check(Err(crate::check::Broken::new("the engine's own check", detail)));
            }
        }
    }

    /// The same for bitcoin: once nothing unexplained can vanish any more, from the first number on
    /// that nothing was seen at.
    async fn adopt_coins(&self, engine: &Engine, lane: LaneId, nonce: u64) {
        let settled = {
            let (chain, truth) = (self.world.utxo(), self.world.coin_truth());
            !chain
                .history(chain.finalized() + 1, chain.head())
                .any(|mined| truth.is_unexplained(mined.tx.txid))
        };
        let known = engine.store().lane(&lane).await.ok().flatten().map_or(0, |row| row.next_nonce);
        if settled {
            let command = Command::AdoptKey { lane, from_nonce: known.max(nonce + 1) };
            let _may_be_refused = engine.submit(admin(), command).await;
        }
    }
}

/// Cancels all that is listed at some server, as an operator does who trusts nobody; some users
/// cancel, too.
pub async fn cancel_everything(world: &World, dice: &mut Dice) {
    let Some((_, running)) = world.any_replica() else { return };
    let most = usize::try_from(dice.between(1, CANCELS_MAX)).expect("small");
    for status in [Status::Processing, Status::Approved, Status::Pending] {
        for withdrawal in listed(&running.engine, status).await.into_iter().take(most) {
            let own = Actor::User { user: withdrawal.user.clone() };
            let actor = if status == Status::Pending && dice.chance(500) { own } else { admin() };
            world
                .story
                .tell("operator", || format!("cancels {} ({})", withdrawal.id, status.as_str()));
            cancel(&running.engine, withdrawal.id, actor).await;
        }
    }
}

async fn listed(engine: &Engine, status: Status) -> Vec<Withdrawal> {
    let filter = WithdrawalFilter { status: Some(status), ..WithdrawalFilter::default() };
    engine.store().withdrawals(&filter, None, PAGE).await.map(|page| page.items).unwrap_or_default()
}

pub fn admin() -> Actor {
    Actor::admin(CredentialId(uuid::Uuid::from_u128(1)))
}

fn is_same(known: &Unmatched, asked: &Withdrawal) -> bool {
    (&known.asset, &known.destination, known.amount)
        == (&asked.asset, &asked.destination, asked.amount)
}
