//! Everybody cancels what they see, at the worst moment: with the signer down, its disk full, the
//! lane halted, or right after a failover.

use adit_core::{Command, HaltReason};

use super::{Fate, SECOND};
use crate::people::{admin, cancel_everything};

/// What stands in the way of a cancel.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    Nothing,
    SignerDown,
    JournalFull,
    AnswersLost,
    LaneHalted,
    Restarted,
}

const OBSTACLES: [Obstacle; 6] = [
    Obstacle::Nothing,
    Obstacle::SignerDown,
    Obstacle::JournalFull,
    Obstacle::AnswersLost,
    Obstacle::LaneHalted,
    Obstacle::Restarted,
];
/// Of 1,000 crash points that a payment passes, so many take its process away.
const CRASHES_PERMILLE: u32 = 120;

impl Fate {
    pub(super) async fn cancels(&mut self) {
        let obstacle = *self.dice.pick(&OBSTACLES).expect("some");
        self.told(|| format!("everybody cancels what they see: {obstacle:?}"));
        self.put(obstacle).await;
        if self.dice.chance(300) {
            self.fail_over();
        }
        for _ in 0..self.dice.between(1, 4) {
            self.wait(1, 90).await;
            cancel_everything(&self.world, &mut self.dice).await;
        }
        self.wait(1, 900).await;
        self.lift(obstacle).await;
        cancel_everything(&self.world, &mut self.dice).await;
    }

    /// The operator cancels right after a failover, before he has looked.
    pub(super) async fn fail_over_and_cancel(&mut self) {
        self.until_busy().await;
        self.fail_over();
        if self.dice.chance(300) {
            self.world.kill_all();
        }
        for _ in 0..self.dice.between(1, 5) {
            self.world.handle.sleep(self.dice.between(1, 30_000) * 1_000).await;
            cancel_everything(&self.world, &mut self.dice).await;
        }
        self.users.all_ask_again(self.dice.fork());
    }

    async fn put(&mut self, obstacle: Obstacle) {
        match obstacle {
            Obstacle::Nothing => self.until_busy().await,
            Obstacle::SignerDown => {
                self.until_reserved().await;
                self.world.signer.crash(&mut self.dice);
            }
            Obstacle::JournalFull => {
                self.world.signer.set_full(true);
                self.until_busy().await;
            }
            Obstacle::AnswersLost => {
                self.world.weather.set_signer_lost(600);
                self.until_busy().await;
            }
            Obstacle::LaneHalted => {
                self.until_reserved().await;
                self.halt_lanes().await;
            }
            Obstacle::Restarted => {
                // Payments are left where they stand: reserved, signed, or recorded and not sent.
                self.world.crashes.set_permille(CRASHES_PERMILLE);
                self.until_reserved().await;
                self.world.handle.sleep(self.dice.between(1, 3_000) * 1_000).await;
                self.world.crashes.set_permille(0);
                self.world.kill_all();
            }
        }
    }

    async fn lift(&mut self, obstacle: Obstacle) {
        match obstacle {
            Obstacle::Nothing | Obstacle::Restarted => {}
            Obstacle::SignerDown => self.world.start_signer(),
            Obstacle::JournalFull => self.world.signer.set_full(false),
            Obstacle::AnswersLost => self.world.weather.set_signer_lost(0),
            Obstacle::LaneHalted => self.wait(60, 1_800).await,
        }
    }

    /// Right when something was reserved: a moment later it is signed.
    async fn until_reserved(&mut self) {
        let before = self.world.reserved();
        for _ in 0..3_600 {
            if self.world.reserved() > before {
                return;
            }
            self.world.handle.sleep(SECOND / 2).await;
        }
    }

    async fn halt_lanes(&mut self) {
        let Some((_, running)) = self.world.any_at_primary() else { return };
        for lane in self.world.setup.lanes() {
            let reason = HaltReason::Operator { reason: "he wants to look".to_owned() };
            let _may_fail =
                running.engine.submit(admin(), Command::HaltLane { lane, reason }).await;
        }
    }
}
