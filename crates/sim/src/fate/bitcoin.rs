//! What goes wrong on the UTXO chain and on the way to it.

use super::Fate;
use crate::people;
use crate::rules::{BITCOIN_ENDPOINTS_FROM, ENDPOINTS};
use crate::utxo::{INCREMENTAL_RATE, LEVEL_FIRST};
use crate::weather::Manners;

/// Thousandths of disasters that strike Bitcoin, on days that pay on both chains.
const BITCOIN_PERMILLE: u32 = 400;
/// And on days that pay nothing else.
const BITCOIN_ALONE_PERMILLE: u32 = 600;
/// Satoshi per virtual byte that a block may ask.
const LEVEL_MAX: u64 = 260;

impl Fate {
    pub(super) fn strikes_bitcoin(&mut self) -> bool {
        let setup = &self.world.setup;
        match (setup.bitcoin.is_some(), setup.pays_evm) {
            (false, _) => false,
            (true, true) => self.dice.chance(BITCOIN_PERMILLE),
            (true, false) => self.dice.chance(BITCOIN_ALONE_PERMILLE),
        }
    }

    pub(super) async fn strike_bitcoin(&mut self) {
        match self.dice.between(0, 16) {
            0..=3 => self.bitcoin_endpoint().await,
            4 | 5 => self.bitcoin_reorg(),
            6..=8 => self.bitcoin_fees(),
            9 | 10 => self.bitcoin_pools(),
            11 | 12 => self.full_pools().await,
            13 => self.somebody_takes_a_coin(),
            _ => self.bitcoin_reorg_after_spike().await,
        }
    }

    /// From here on nothing goes wrong any more.
    pub(super) fn heal_bitcoin(&self) {
        let mut chain = self.world.utxo();
        chain.set_level(LEVEL_FIRST);
        chain.crowd(false);
        for node in 0..ENDPOINTS {
            chain.set_swallows(node, false);
            chain.set_pool_floor(node, INCREMENTAL_RATE, &mut self.dice.clone());
        }
    }

    async fn bitcoin_endpoint(&mut self) {
        let node = self.dice.place(ENDPOINTS);
        let manners = self.manners(BITCOIN_ENDPOINTS_FROM, node);
        self.told(|| format!("bitcoind-{node}: {manners:?}"));
        self.world.weather.set_endpoint(BITCOIN_ENDPOINTS_FROM + node, manners);
        let swallows = self.dice.chance(250);
        self.world.utxo().set_swallows(node, swallows);
        if self.dice.chance(700) {
            self.wait(30, 3_000).await;
            self.world.weather.set_endpoint(BITCOIN_ENDPOINTS_FROM + node, Manners::default());
            self.world.utxo().set_swallows(node, false);
        }
    }

    fn bitcoin_reorg(&mut self) {
        let mut chain = self.world.utxo();
        // Never into what is final: that is the promise of the chain on which ours rests.
        let deepest = chain.head() - chain.finalized();
        if deepest == 0 {
            return;
        }
        let depth = self.dice.between(1, deepest + 1);
        chain.reorg(depth, self.world.unix_seconds(), &mut self.dice);
        drop(chain);
        self.told(|| format!("the UTXO chain replaces its last {depth} blocks"));
    }

    fn bitcoin_fees(&mut self) {
        let level = self.dice.between(1, LEVEL_MAX);
        self.world.utxo().set_level(level * 1_000);
        self.told(|| format!("blocks ask {level} satoshi per virtual byte"));
    }

    fn bitcoin_pools(&mut self) {
        self.world.utxo().drop_pool(&mut self.dice);
        self.told(|| "pools of bitcoin forget".to_owned());
    }

    /// The cheapest are evicted, and nothing as cheap is taken.
    async fn full_pools(&mut self) {
        let floor = self.dice.between(2, 60) * 1_000;
        self.told(|| {
            format!(
                "pools of bitcoin are full: below {floor} satoshi per 1000 virtual \
            bytes nothing is kept"
            )
        });
        for node in 0..ENDPOINTS {
            self.world.utxo().set_pool_floor(node, floor, &mut self.dice);
        }
        self.wait(300, 6_000).await;
        for node in 0..ENDPOINTS {
            self.world.utxo().set_pool_floor(node, INCREMENTAL_RATE, &mut self.dice);
        }
    }

    fn somebody_takes_a_coin(&mut self) {
        self.world.weather.count();
        people::take_coin(&self.world, &mut self.dice);
    }

    /// A payment is bumped, and then a block comes back that holds another version of it.
    async fn bitcoin_reorg_after_spike(&mut self) {
        self.world.utxo().set_level(self.dice.between(30, 150) * 1_000);
        self.wait(400, 2_000).await;
        self.world.utxo().set_level(3_000);
        self.bitcoin_reorg();
    }
}
