//! The signer's journal goes back: with the database, to the moment of one snapshot, while payments
//! wait in pools; or alone.

use super::{Fate, SECOND};
use crate::check::BothBack;
use crate::rules::{ALL_ENDPOINTS, BITCOIN_ENDPOINTS_FROM, ENDPOINTS};
use crate::store::Backup;
use crate::weather::PoolShown;
use crate::world::Declared;

/// More than any payment waits.
const MORE_MAX: u64 = 9;
/// Thousandths of such times in which blocks have no room from the snapshot until after the
/// restore, and how long after it at most.
const CROWDED_PERMILLE: u32 = 600;
const CROWDED_SECONDS_MAX: u64 = 1_200;
/// How far back a journal goes that goes back alone.
const JOURNAL_BACK_SECONDS: (u64, u64) = (60, 4 * 3_600);

/// What pools show after both went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pools {
    Shown,
    /// By one endpoint of each chain.
    HiddenByOne,
    /// One endpoint of each chain counts more than there is.
    Overcounted,
    HiddenByAll,
}

impl Fate {
    /// A snapshot of the volume with both is made, payments go on, and then it takes the volume's
    /// place.
    pub(super) async fn both_go_back(&mut self) {
        self.world.back_up();
        let at = self.world.now();
        let crowded = self.dice.chance(CROWDED_PERMILLE);
        self.crowd(crowded);
        for _ in 0..self.dice.between(1, 4) {
            self.until_busy().await;
        }
        let Some(backup) = self.world.disk.backup_of(at) else { return };
        self.set_both_back(&backup).await;
        self.users.all_ask_again(self.dice.fork());
        self.wait(0, CROWDED_SECONDS_MAX).await;
        self.crowd(false);
        self.wait(600, 7_200).await;
        self.show_pools(Pools::Shown);
    }

    /// Blocks have no room for the wallet: what is sent meanwhile waits in the pools.
    fn crowd(&self, crowded: bool) {
        self.told(|| format!("others fill every block: {crowded}"));
        self.world.evm().crowd(crowded);
        self.world.utxo().crowd(crowded);
    }

    /// Database and journal are what they were at the time of that backup.
    pub(super) async fn set_both_back(&mut self, backup: &Backup) {
        let Some(journal) = self.world.journal_at(backup.at) else { return };
        let pools = match self.dice.between(0, 6) {
            0 | 1 => Pools::Shown,
            2 => Pools::HiddenByOne,
            3 => Pools::Overcounted,
            _ => Pools::HiddenByAll,
        };
        let both =
            BothBack { declared: self.dice.chance(600), hidden: pools == Pools::HiddenByAll };
        self.world.kill_all();
        self.world.disk.restore(backup);
        self.world
            .disk
            .break_connections(self.world.setup.counts_timelines && self.dice.chance(500));
        self.world.truth().forget_after(backup.at, &self.world.evm(), both);
        self.world.coin_truth().forget_after(backup.at, &self.world.utxo(), both);
        self.world.notary().forget_after(backup.at);
        self.world.signer.roll_back(journal);
        self.world.start_signer();
        self.show_pools(pools);
        let age = (self.world.now() - backup.at) / SECOND;
        self.told(|| {
            format!(
                "database and journal are set back by {age} s; pools: {pools:?}; declared: {}",
                both.declared
            )
        });
        if both.declared {
            self.world.declare(Declared::Both, false, &mut self.dice).await;
        }
    }

    /// The journal alone is an older copy of itself; the database is whole. What it lost was read
    /// by the lanes before.
    pub(super) async fn journal_goes_back(&mut self) {
        self.heal();
        self.wait(900, 1_800).await;
        self.until_busy().await;
        let back = self.dice.between(JOURNAL_BACK_SECONDS.0, JOURNAL_BACK_SECONDS.1) * SECOND;
        let Some((at, journal)) = self.world.journal_before(self.world.now().saturating_sub(back))
        else {
            return;
        };
        self.world.kill_all();
        self.world.notary().forget_after(at);
        self.world.signer.roll_back(journal);
        self.world.start_signer();
        let age = (self.world.now() - at) / SECOND;
        self.told(|| format!("the journal alone is set back by {age} s"));
        if self.dice.chance(500) {
            self.world.declare_journal(&mut self.dice).await;
        }
        self.wait(600, 3_600).await;
    }

    fn show_pools(&mut self, pools: Pools) {
        let liar = self.dice.place(ENDPOINTS);
        let more = PoolShown::More(self.dice.between(1, MORE_MAX));
        for place in 0..ALL_ENDPOINTS {
            let is_liar = place == liar || place == BITCOIN_ENDPOINTS_FROM + liar;
            let shown = match pools {
                Pools::HiddenByAll => PoolShown::Nothing,
                Pools::HiddenByOne if is_liar => PoolShown::Nothing,
                Pools::Overcounted if is_liar => more,
                Pools::Shown | Pools::HiddenByOne | Pools::Overcounted => PoolShown::Whole,
            };
            self.world.weather.set_pool_shown(place, shown);
        }
    }
}
