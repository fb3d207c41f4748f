//! What goes wrong on the chain and on the way to it.

use super::Fate;
use crate::evm::TokenConduct;
use crate::rules::{ENDPOINTS, GWEI};
use crate::weather::Manners;
use crate::{Dice, people};

impl Fate {
    /// One endpoint misbehaves for a while; others may be lossy at the same time, but only one
    /// lies.
    pub(super) async fn endpoint(&mut self) {
        let node = self.dice.place(ENDPOINTS);
        let manners = self.manners(0, node);
        self.told(|| format!("node-{node}: {manners:?}"));
        self.world.weather.set_endpoint(node, manners);
        let swallows = self.dice.chance(250);
        self.world.evm().set_swallows(node, swallows);
        if self.dice.chance(700) {
            self.wait(30, 3_000).await;
            self.world.weather.set_endpoint(node, Manners::default());
            self.world.evm().set_swallows(node, false);
        }
    }

    /// How the `node`th endpoint of a chain misbehaves, whose first one is at place `first`. Only
    /// one of a chain is untrue at a time.
    pub(super) fn manners(&mut self, first: usize, node: usize) -> Manners {
        let liar =
            (0..ENDPOINTS).find(|other| self.world.weather.endpoint(first + *other).is_untrue());
        let honest_until_now = liar.is_none_or(|liar| liar == node);
        let permille = |dice: &mut Dice| u32::try_from(dice.between(10, 300)).expect("small");
        let mut manners = Manners::default();
        match self.dice.between(0, 10) {
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
        manners
    }

    pub(super) fn reorg(&mut self) {
        let mut chain = self.world.evm();
        // Never into what is final: that is the promise of the chain on which ours rests.
        let deepest = (chain.head() - chain.finalized())
            .saturating_sub(1)
            .min(self.world.setup.final_depth - 1);
        if deepest == 0 {
            return;
        }
        let depth = self.dice.between(1, deepest + 1);
        let seconds = self.world.unix_seconds();
        chain.reorg(depth, seconds, &mut self.dice);
        drop(chain);
        self.told(|| format!("the chain replaces its last {depth} blocks"));
    }

    /// The guide has a page for it, and only people can follow it. Until they do, nobody may be
    /// paid twice.
    pub(super) async fn final_blocks_vanish(&mut self) {
        let depth = self.world.setup.final_depth + self.dice.between(1, 20);
        let seconds = self.world.unix_seconds();
        let depth = depth.min(self.world.evm().head().saturating_sub(1));
        self.world.evm().reorg(depth, seconds, &mut self.dice);
        self.world.truth().vanish(&self.world.evm());
        self.told(|| format!("the chain replaces its last {depth} blocks, final ones among them"));
        self.wait(1_800, 10_800).await;
        self.world.concede("final blocks have vanished");
    }

    pub(super) fn chain_fees(&mut self) {
        let level = self.dice.between(1, 400);
        self.world.evm().set_fee_level(u128::from(level) * GWEI);
        let tip = self.dice.between(1, 4_000);
        self.world.evm().set_priority(u128::from(tip) * 1_000_000);
        self.told(|| format!("the base fee goes to {level} gwei, tips to {tip} Mwei"));
    }

    pub(super) fn pools(&mut self) {
        self.world.evm().drop_pool(&mut self.dice);
        self.told(|| "pools forget".to_owned());
    }

    pub(super) fn finality(&mut self) {
        // Who counts blocks instead of asking for the tag relies on their depth.
        let stalled =
            self.dice.chance(500) && self.world.setup.finality == adit_core::Finality::Tag;
        self.world.evm().stall_finality(stalled);
        self.told(|| format!("finality stalls: {stalled}"));
    }

    pub(super) async fn token(&mut self) {
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
        self.told(|| {
            format!(
                "the token {name} behaves: {conduct:?}{}",
                if hidden { ", and shows it only in blocks" } else { "" }
            )
        });
        if hidden {
            self.world.evm().set_conduct_when_mined(token, conduct);
        } else {
            self.world.evm().set_conduct(token, conduct);
        }
        self.wait(60, 1_800).await;
        self.world.evm().set_conduct(token, TokenConduct::Honest);
    }

    pub(super) fn somebody_has_the_key(&mut self) {
        self.world.weather.count();
        people::use_key(&self.world, &mut self.dice);
    }

    /// The classic: a payment is bumped, and then the first version is mined after all.
    pub(super) async fn reorg_after_fee_spike(&mut self) {
        self.world.evm().set_fee_level(60 * GWEI);
        self.wait(60, 400).await;
        self.world.evm().set_fee_level(5 * GWEI);
        self.reorg();
    }
}
