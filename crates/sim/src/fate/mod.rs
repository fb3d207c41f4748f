//! What goes wrong, and when: drawn from the seed.

mod bitcoin;
mod both;
mod cancels;
mod clocks;
mod evm;
mod split;
mod storage;

use std::sync::Arc;

use crate::evm::TokenConduct;
use crate::people::Users;
use crate::rules::{ENDPOINTS, GWEI};
use crate::{Dice, World};

const SECOND: u64 = 1_000_000;
/// Thousandths of days on which power is lost from the first moment on.
const EARLY_CRASHES_PERMILLE: u32 = 400;
/// Thousandths of disasters that are one of the database's own kinds.
const GO_BACK_PERMILLE: u32 = 90;
/// The same on days on which both may go back.
const GO_BACK_TOGETHER_PERMILLE: u32 = 250;
/// And of those how many are followed by quiet hours.
const QUIET_PERMILLE: u32 = 500;

/// Of the disasters of the database, on days on which both may go back, those in which they do so
/// with payments in the pools.
const BOTH_PERMILLE: u32 = 700;

/// The hand behind it all.
pub struct Fate {
    pub world: Arc<World>,
    pub users: Users,
    pub dice: Dice,
    /// No disaster begins after this.
    pub until: u64,
    /// The last one is one of the database.
    pub ends_quietly: bool,
    /// Mean seconds between two disasters.
    pub pause_seconds: u64,
    /// Database and journal may be rolled back together.
    pub both_roll_back: bool,
    /// What was final may be replaced, once: what the chain promises never happens.
    pub beyond_finality: bool,
}

impl Fate {
    /// Until its time is over; then the world heals.
    pub async fn run(mut self) {
        if self.dice.chance(EARLY_CRASHES_PERMILLE) {
            self.crashes().await;
        }
        loop {
            let pause = self.dice.between(1, self.pause_seconds * 2);
            self.world.handle.sleep(pause * SECOND).await;
            if self.world.now() >= self.until {
                break;
            }
            self.strike().await;
        }
        if self.ends_quietly {
            self.heal();
            self.go_back().await;
        }
        self.heal();
        self.world.rest();
    }

    /// One of the disasters of the database, of which a part is followed by hours in which nothing
    /// else fails: no kill and no crash then heals what went wrong.
    async fn go_back_and_rest(&mut self) {
        let quiet = self.dice.chance(QUIET_PERMILLE);
        if quiet {
            self.heal();
        }
        self.go_back().await;
        if quiet {
            self.heal();
            self.wait(3_600, 12_000).await;
        }
    }

    async fn go_back(&mut self) {
        if self.both_roll_back && self.dice.chance(BOTH_PERMILLE) {
            return self.both_go_back().await;
        }
        match self.dice.between(0, 14) {
            0..=2 => self.fail_over_busy().await,
            3 | 4 => self.fail_over_and_cancel().await,
            5 | 6 => self.restore_of_several_epochs().await,
            7..=9 => self.old_primary_wakes().await,
            10 => self.journal_goes_back().await,
            _ => self.cancels().await,
        }
    }

    /// From here on nothing goes wrong.
    fn heal(&self) {
        self.world.story.tell("fate", || "lets go: nothing fails for a while".to_owned());
        self.world.weather.clear();
        self.world.crashes.set_permille(0);
        self.world.signer.set_full(false);
        if self.world.signer.signer().is_none() {
            self.world.start_signer();
        }
        let mut chain = self.world.evm();
        chain.set_fee_level(10 * GWEI);
        chain.set_priority(1_000_000);
        chain.stall_finality(false);
        chain.crowd(false);
        (0..ENDPOINTS).for_each(|node| chain.set_swallows(node, false));
        for (_, token, _) in &self.world.setup.tokens {
            chain.set_conduct(*token, TokenConduct::Honest);
        }
        drop(chain);
        self.heal_bitcoin();
        self.world.signer.set_skew(0);
        self.world.set_database_skew(0);
        for slot in 0..self.world.slots() {
            self.world.set_skew(slot, 0);
            if let Some((process, _)) = self.world.replica(slot) {
                self.world.thaw(&process);
            }
        }
    }

    async fn strike(&mut self) {
        if self.strikes_bitcoin() {
            return self.strike_bitcoin().await;
        }
        let go_back =
            if self.both_roll_back { GO_BACK_TOGETHER_PERMILLE } else { GO_BACK_PERMILLE };
        if self.dice.chance(go_back) {
            return self.go_back_and_rest().await;
        }
        match self.dice.between(0, 31) {
            0..=4 => self.endpoint().await,
            5 | 6 => self.reorg(),
            7 | 24 | 27 => self.chain_fees(),
            8 => self.pools(),
            9 => self.finality(),
            10 | 11 => self.crashes().await,
            12 => self.kill(),
            13 => self.freeze().await,
            14 | 29 | 30 => self.clocks().await,
            15 | 16 => self.database().await,
            17 => self.fail_over(),
            18 => self.restore().await,
            19 => self.signer_power().await,
            20 => self.signer_way().await,
            21 | 26 => self.token().await,
            22 => self.somebody_has_the_key(),
            23 if self.beyond_finality => self.final_blocks_vanish().await,
            _ => self.reorg_after_fee_spike().await,
        }
    }

    fn told(&self, what: impl FnOnce() -> String) {
        self.world.weather.count();
        self.world.story.tell("fate", what);
    }

    async fn wait(&mut self, from_seconds: u64, to_seconds: u64) {
        let pause = self.dice.between(from_seconds, to_seconds);
        self.world.handle.sleep(pause * SECOND).await;
    }

    async fn crashes(&mut self) {
        let permille = u32::try_from(self.dice.between(2, 80)).expect("small");
        self.told(|| format!("power is lost at {permille} of 1000 crash points"));
        self.world.crashes.set_permille(permille);
        self.wait(60, 2_000).await;
        self.world.crashes.set_permille(0);
    }

    fn kill(&mut self) {
        if let Some((process, _)) = self.world.any_replica() {
            self.told(|| format!("{} is killed", process.name));
            self.world.handle.kill(process.id);
        }
    }

    /// A zombie: it stands still for longer than its lease, and then goes on as if nothing had
    /// been.
    async fn freeze(&mut self) {
        if let Some((process, _)) = self.world.any_replica() {
            self.told(|| format!("{} stands still", process.name));
            self.world.handle.freeze(process.id);
            self.wait(20, 600).await;
            self.told(|| format!("{} goes on", process.name));
            self.world.thaw(&process);
        }
    }
}
