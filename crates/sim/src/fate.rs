//! What goes wrong, and when: drawn from the seed.

use std::sync::Arc;

use crate::chain::TokenConduct;
use crate::people;
use crate::rules::{ENDPOINTS, GWEI};
use crate::weather::{DatabaseManners, Manners};
use crate::{Dice, World};

const SECOND: u64 = 1_000_000;
/// Thousandths of days on which power is lost from the first moment on.
const EARLY_CRASHES_PERMILLE: u32 = 400;

/// The hand behind it all.
pub struct Fate {
    pub world: Arc<World>,
    pub dice: Dice,
    /// No disaster begins after this.
    pub until: u64,
    /// Mean seconds between two disasters.
    pub pause_seconds: u64,
    /// Database and journal may be rolled back together.
    pub both_roll_back: bool,
}

impl Fate {
    /// Until its time is over; then the world heals.
    pub async fn run(mut self) {
        if self.dice.chance(EARLY_CRASHES_PERMILLE) {
            self.crashes().await;
        }
        while self.world.now() < self.until {
            let pause = self.dice.between(1, self.pause_seconds * 2);
            self.world.handle.sleep(pause * SECOND).await;
            self.strike().await;
        }
        self.heal();
    }

    /// From here on nothing goes wrong any more.
    fn heal(&self) {
        self.world.story.tell("fate", || "lets go: nothing fails from here on".to_owned());
        self.world.weather.clear();
        self.world.crashes.set_permille(0);
        self.world.signer.set_full(false);
        if self.world.signer.signer().is_none() {
            self.world.start_signer();
        }
        let mut chain = self.world.chain();
        chain.set_fee_level(10 * GWEI);
        chain.set_priority(1_000_000);
        chain.stall_finality(false);
        (0..ENDPOINTS).for_each(|node| chain.set_swallows(node, false));
        for (_, token, _) in &self.world.setup.tokens {
            chain.set_conduct(*token, TokenConduct::Honest);
        }
        drop(chain);
        for slot in 0..self.world.slots() {
            self.world.set_skew(slot, 0);
            if let Some((process, _)) = self.world.replica(slot) {
                self.world.handle.thaw(process.id);
            }
        }
    }

    async fn strike(&mut self) {
        match self.dice.between(0, 28) {
            0..=4 => self.endpoint().await,
            5 | 6 => self.reorg(),
            7 | 24 | 27 => self.chain_fees(),
            8 => self.pools(),
            9 => self.finality(),
            10 | 11 => self.crashes().await,
            12 => self.kill(),
            13 => self.freeze().await,
            14 => self.clock(),
            15 | 16 => self.database().await,
            17 => self.fail_over(),
            18 => self.restore(),
            19 => self.signer_power().await,
            20 => self.signer_way().await,
            21 | 26 => self.token().await,
            22 => self.somebody_has_the_key(),
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

    /// One endpoint misbehaves for a while; others may be lossy at the same time, but only one lies.
    async fn endpoint(&mut self) {
        let node = self.dice.place(ENDPOINTS);
        let liar = (0..ENDPOINTS).find(|other| self.world.weather.endpoint(*other).is_untrue());
        let honest_until_now = liar.is_none_or(|liar| liar == node);
        let permille = |dice: &mut Dice| u32::try_from(dice.between(10, 300)).expect("small");
        let mut manners = Manners::default();
        match self.dice.between(0, 9) {
            0 => manners.lag = self.dice.between(1, 12),
            1 => manners.lost_requests = permille(&mut self.dice),
            2 => manners.lost_answers = permille(&mut self.dice),
            3 => manners.errors = permille(&mut self.dice),
            4 if honest_until_now => manners.repeats = permille(&mut self.dice),
            5 | 6 if honest_until_now => manners.lies = true,
            7 if honest_until_now => manners.elsewhere = true,
            8 => manners.silent = true,
            _ => manners.slow = self.dice.between(200, 12_000),
        }
        self.told(|| format!("node-{node}: {manners:?}"));
        self.world.weather.set_endpoint(node, manners);
        let swallows = self.dice.chance(250);
        self.world.chain().set_swallows(node, swallows);
        if self.dice.chance(700) {
            self.wait(30, 3_000).await;
            self.world.weather.set_endpoint(node, Manners::default());
            self.world.chain().set_swallows(node, false);
        }
    }

    fn reorg(&mut self) {
        let mut chain = self.world.chain();
        // Never into what is final: that is the promise of the chain on which ours rests.
        let deepest = (chain.head() - chain.finalized()).saturating_sub(1).min(self.world.setup.final_depth - 1);
        if deepest == 0 {
            return;
        }
        let depth = self.dice.between(1, deepest + 1);
        let seconds = self.world.unix_seconds();
        chain.reorg(depth, seconds, &mut self.dice);
        drop(chain);
        self.told(|| format!("the chain replaces its last {depth} blocks"));
    }

    fn chain_fees(&mut self) {
        let level = self.dice.between(1, 400);
        self.world.chain().set_fee_level(u128::from(level) * GWEI);
        let tip = self.dice.between(1, 4_000);
        self.world.chain().set_priority(u128::from(tip) * 1_000_000);
        self.told(|| format!("the base fee goes to {level} gwei, tips to {tip} Mwei"));
    }

    fn pools(&mut self) {
        self.world.chain().drop_pool(&mut self.dice);
        self.told(|| "pools forget".to_owned());
    }

    fn finality(&mut self) {
        // Who counts blocks instead of asking for the tag relies on their depth.
        let stalled = self.dice.chance(500) && self.world.setup.finality == adit_core::Finality::Tag;
        self.world.chain().stall_finality(stalled);
        self.told(|| format!("finality stalls: {stalled}"));
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

    /// A zombie: it stands still for longer than its lease, and then goes on as if nothing had been.
    async fn freeze(&mut self) {
        if let Some((process, _)) = self.world.any_replica() {
            self.told(|| format!("{} stands still", process.name));
            self.world.handle.freeze(process.id);
            self.wait(20, 600).await;
            self.told(|| format!("{} goes on", process.name));
            self.world.handle.thaw(process.id);
        }
    }

    fn clock(&mut self) {
        let slot = self.dice.place(self.world.slots());
        let seconds = i64::try_from(self.dice.between(0, 7_200)).expect("small") - 3_600;
        self.told(|| format!("the clock of replica-{slot} is {seconds} s off"));
        self.world.set_skew(slot, seconds * 1_000_000);
    }

    async fn database(&mut self) {
        let permille = |dice: &mut Dice| u32::try_from(dice.between(5, 300)).expect("small");
        let manners = match self.dice.between(0, 4) {
            0 => DatabaseManners { unreachable: true, ..DatabaseManners::default() },
            1 => DatabaseManners { full: true, ..DatabaseManners::default() },
            2 => DatabaseManners { lost_commits: permille(&mut self.dice), ..DatabaseManners::default() },
            _ => DatabaseManners { contention: permille(&mut self.dice), ..DatabaseManners::default() },
        };
        self.told(|| format!("database: {manners:?}"));
        self.world.weather.set_database(manners);
        self.wait(5, 600).await;
        self.world.weather.set_database(DatabaseManners::default());
    }

    fn fail_over(&mut self) {
        let lost = usize::try_from(self.dice.between(1, 40)).expect("small");
        self.world.keep_old_volume();
        self.world.new_timeline();
        let gone = self.world.disk.fail_over(lost);
        self.told(|| format!("a standby takes over that misses the last {gone} commits"));
    }

    fn restore(&mut self) {
        let back = self.dice.between(60, 3_600) * SECOND;
        let now = self.world.now();
        let Some(backup) = self.world.disk.backup_of(now.saturating_sub(back)).filter(|backup| backup.at > 0) else { return };
        let both = self.both_roll_back && self.dice.chance(300);
        let journal = self.world.journal_at(backup.at).filter(|_| both);
        self.world.keep_old_volume();
        self.world.kill_all();
        self.world.new_timeline();
        self.world.disk.restore(&backup);
        let age = (now - backup.at) / SECOND;
        if let Some(journal) = journal {
            self.world.truth().forget_after(backup.at);
            self.world.signer.roll_back(journal);
            self.world.start_signer();
            // The newer database would not fit the older journal.
            drop(self.world.take_old_volume());
            self.told(|| format!("database and journal are set back by {age} s"));
        } else {
            self.told(|| format!("the database is set back by {age} s"));
        }
    }

    async fn signer_power(&mut self) {
        self.told(|| "the signer loses power".to_owned());
        self.world.signer.crash(&mut self.dice);
        self.wait(1, 120).await;
        self.world.start_signer();
    }

    async fn signer_way(&mut self) {
        if self.dice.chance(500) {
            self.told(|| "the signer's disk is full".to_owned());
            self.world.signer.set_full(true);
            self.wait(10, 600).await;
            self.world.signer.set_full(false);
        } else {
            let permille = u32::try_from(self.dice.between(10, 400)).expect("small");
            self.told(|| format!("{permille} of 1000 answers of the signer are lost"));
            self.world.weather.set_signer_lost(permille);
            self.wait(30, 900).await;
            self.world.weather.set_signer_lost(0);
        }
    }

    async fn token(&mut self) {
        let (name, token, _) = self.world.setup.tokens[1].clone();
        let conducts = [
            TokenConduct::Reverts,
            TokenConduct::ReturnsFalse,
            TokenConduct::Silent,
            TokenConduct::TakesFee { basis_points: 100 },
            TokenConduct::SimulatesWell,
            TokenConduct::ReturnsNothing,
            TokenConduct::BurnsGas,
            TokenConduct::PaysTwice,
        ];
        let conduct = *self.dice.pick(&conducts).expect("some");
        let hidden = self.dice.chance(600);
        self.told(|| format!("the token {name} behaves: {conduct:?}{}", if hidden { ", and shows it only in blocks" } else { "" }));
        if hidden {
            self.world.chain().set_conduct_when_mined(token, conduct);
        } else {
            self.world.chain().set_conduct(token, conduct);
        }
        self.wait(60, 1_800).await;
        self.world.chain().set_conduct(token, TokenConduct::Honest);
    }

    fn somebody_has_the_key(&mut self) {
        self.world.weather.count();
        people::use_key(&self.world, &mut self.dice);
    }

    /// The classic: a payment is bumped, and then the first version is mined after all.
    async fn reorg_after_fee_spike(&mut self) {
        self.world.chain().set_fee_level(60 * GWEI);
        self.wait(60, 400).await;
        self.world.chain().set_fee_level(5 * GWEI);
        self.reorg();
    }
}
