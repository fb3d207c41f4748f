//! What goes wrong with what is written down: the database, and the signer's journal.

use super::{Fate, SECOND};
use crate::Dice;
use crate::weather::DatabaseManners;

impl Fate {
    pub(super) async fn database(&mut self) {
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

    pub(super) fn fail_over(&mut self) {
        let lost = usize::try_from(self.dice.between(1, 40)).expect("small");
        self.world.keep_old_volume();
        self.world.new_timeline();
        let gone = self.world.disk.fail_over(lost);
        self.told(|| format!("a standby takes over that misses the last {gone} commits"));
    }

    pub(super) fn restore(&mut self) {
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
            self.world.coin_truth().forget_after(backup.at, &self.world.utxo());
            self.world.signer.roll_back(journal);
            self.world.start_signer();
            // The newer database would not fit the older journal.
            drop(self.world.take_old_volume());
            self.told(|| format!("database and journal are set back by {age} s"));
        } else {
            self.told(|| format!("the database is set back by {age} s"));
        }
    }

    pub(super) async fn signer_power(&mut self) {
        self.told(|| "the signer loses power".to_owned());
        self.world.signer.crash(&mut self.dice);
        self.wait(1, 120).await;
        self.world.start_signer();
    }

    pub(super) async fn signer_way(&mut self) {
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
}
