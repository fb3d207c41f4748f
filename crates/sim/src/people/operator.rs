//! The operator: looks now and then, and does what the operations guide says.

use std::sync::Arc;

use adit_core::*;
use adit_engine::Engine;
use adit_store::WithdrawalFilter;

use super::users::cancel;
use crate::check::must;
use crate::{Dice, World};

const LOOK_SECONDS: (u64, u64) = (120, 900);
const CANCEL_PERMILLE: u32 = 20;
const PAGE: usize = 200;

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
            if let Some((_, running)) = self.world.any_replica() {
                self.look(&running.engine).await;
            }
        }
    }

    async fn look(&mut self, engine: &Engine) {
        for withdrawal in listed(engine, Status::Pending).await {
            let command = Command::Approve { withdrawal: withdrawal.id, user: withdrawal.user.clone() };
            let _may_be_refused = engine.writer.submit(admin(), command).await;
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
        let lane = engine.store().lane(&self.world.setup.lane).await;
        if let Ok(Some(Lane { state: LaneState::Halted { reason, .. }, .. })) = lane {
            self.explain(engine, reason).await;
        }
    }

    /// Looks at the chain with an explorer of his own, and only at what is final.
    async fn inspect(&self, engine: &Engine, withdrawal: &Withdrawal) {
        let State::HeldForInspection { payment, .. } = &withdrawal.state else { return };
        let (is_final, paid) = {
            let chain = self.world.evm();
            let to = adit_evm::address_of(&withdrawal.destination).expect("an address");
            let arrived = chain.history(0, chain.finalized()).any(|mined| mined.moved.iter().any(|moved| moved.to == to));
            (payment.block.height <= chain.finalized(), arrived)
        };
        if is_final {
            let command = Command::Inspect { leg: withdrawal.leg(), lane: self.world.setup.lane.clone(), paid, note: "seen".to_owned() };
            let _may_be_refused = engine.writer.submit(admin(), command).await;
        }
    }

    async fn lift_suspensions(&self, engine: &Engine) {
        for standing in engine.store().suspensions().await.unwrap_or_default() {
            let _may_be_refused = engine.writer.submit(admin(), Command::Resume { scope: standing.scope }).await;
        }
    }

    async fn explain(&self, engine: &Engine, reason: HaltReason) {
        let lane = self.world.setup.lane.clone();
        self.world.story.tell("operator", || format!("sees that the lane stands: {}", reason.sentence()));
        match reason {
            HaltReason::ForeignUse { .. } => {
                // He reads what was done with the key; when that is final, he takes it over from there.
                let (head, last) = {
                    let chain = self.world.evm();
                    (chain.wallet_at(chain.head()).nonce, chain.wallet_at(chain.finalized()).nonce)
                };
                let known = engine.store().lane(&lane).await.ok().flatten().map_or(0, |row| row.next_nonce);
                if head == last {
                    let command = Command::AdoptKey { lane, from_nonce: head.max(known) };
                    let _may_be_refused = engine.writer.submit(admin(), command).await;
                }
            }
            HaltReason::JournalAhead { .. } => self.restore_newer(),
            HaltReason::PinChanged { .. } | HaltReason::WalletHasCode | HaltReason::Operator { .. } => {
                let _may_be_refused = engine.writer.submit(admin(), Command::ResumeLane { lane, accept: None }).await;
            }
            HaltReason::Invariant { detail } => {
                self.world.check(Err(crate::check::Broken::new("the engine's own check", detail)));
            }
        }
    }

    /// The guide: restore a newer state; the old volume, if there is one.
    fn restore_newer(&self) {
        let Some(volume) = self.world.take_old_volume() else {
            let lost = must(self.world.timeline() > 0, "journal ahead", || "and no database was ever lost".to_owned());
            self.world.check(lost);
            return self.world.concede("the journal knows payouts that no volume has");
        };
        self.world.story.tell("operator", || "restores the newer database".to_owned());
        self.world.kill_all();
        self.world.new_timeline();
        self.world.disk.restore(&volume);
    }
}

async fn listed(engine: &Engine, status: Status) -> Vec<Withdrawal> {
    let filter = WithdrawalFilter { status: Some(status), ..WithdrawalFilter::default() };
    engine.store().withdrawals(&filter, None, PAGE).await.map(|page| page.items).unwrap_or_default()
}

fn admin() -> Actor {
    Actor::Admin { credential: CredentialId(uuid::Uuid::from_u128(1)) }
}
