//! What goes wrong with what is written down: the database, and the signer's journal.

use super::{Fate, SECOND};
use crate::Dice;
use crate::weather::DatabaseManners;
use crate::world::Declared;

/// How long it is waited for a payment to be on its way.
const BUSY_SECONDS_MAX: u64 = 3_600;
/// Restarts between a backup and its restore: each makes an epoch that the backup does not know.
const EPOCHS_MISSING: (u64, u64) = (1, 5);

impl Fate {
    pub(super) async fn database(&mut self) {
        let permille = |dice: &mut Dice| u32::try_from(dice.between(5, 300)).expect("small");
        let manners = match self.dice.between(0, 4) {
            0 => DatabaseManners { unreachable: true, ..DatabaseManners::default() },
            1 => DatabaseManners { full: true, ..DatabaseManners::default() },
            2 => DatabaseManners {
                lost_commits: permille(&mut self.dice),
                ..DatabaseManners::default()
            },
            _ => DatabaseManners {
                contention: permille(&mut self.dice),
                ..DatabaseManners::default()
            },
        };
        self.told(|| format!("database: {manners:?}"));
        self.world.weather.set_database(manners);
        self.wait(5, 600).await;
        self.world.weather.set_database(DatabaseManners::default());
    }

    /// A standby takes over that lacks the last commits, while leases stand and processes go on.
    pub(super) fn fail_over(&mut self) {
        let lost = self.commits_lost();
        let gone = self.world.disk.fail_over(lost);
        self.world.disk.break_connections(self.world.setup.counts_timelines);
        self.told(|| format!("a standby takes over that misses the last {gone} commits"));
    }

    /// Those of the last tenths of a second, as a healthy standby lacks them, of some seconds, or
    /// of minutes.
    fn commits_lost(&mut self) -> usize {
        let millis = match self.dice.between(0, 4) {
            0 => return usize::try_from(self.dice.between(1, 40)).expect("small"),
            1 => self.dice.between(100, 2_000),
            2 => self.dice.between(2_000, 30_000),
            _ => self.dice.between(30_000, 900_000),
        };
        self.world.disk.commits_since(self.world.now().saturating_sub(millis * 1_000)).max(1)
    }

    /// The same in the middle of a payment; users ask again at once. Some processes are started
    /// again, too.
    pub(super) async fn fail_over_busy(&mut self) {
        self.until_busy().await;
        self.fail_over();
        if self.dice.chance(300) {
            self.world.kill_all();
        }
        self.users.all_ask_again(self.dice.fork());
    }

    /// Waits until a payment has just been reserved, and a little longer.
    pub(super) async fn until_busy(&mut self) {
        let before = self.world.reserved();
        for _ in 0..BUSY_SECONDS_MAX {
            if self.world.reserved() > before {
                break;
            }
            self.world.handle.sleep(SECOND).await;
        }
        let millis = match self.dice.between(0, 3) {
            0 => self.dice.between(1, 300),
            1 => self.dice.between(300, 5_000),
            _ => self.dice.between(5_000, 200_000),
        };
        self.world.handle.sleep(millis * 1_000).await;
    }

    /// A backup of up to some hours ago takes the database's place: of all processes, which are
    /// started again, or under their feet.
    pub(super) async fn restore(&mut self) {
        let back = self.dice.between(60, 4 * 3_600) * SECOND;
        let now = self.world.now();
        let Some(backup) =
            self.world.disk.backup_of(now.saturating_sub(back)).filter(|backup| backup.at > 0)
        else {
            return;
        };
        if self.both_roll_back && self.dice.chance(300) {
            return self.set_both_back(&backup).await;
        }
        if self.dice.chance(700) {
            self.world.kill_all();
        }
        self.world.disk.restore(&backup);
        self.world
            .disk
            .break_connections(self.world.setup.counts_timelines && self.dice.chance(500));
        let age = (now - backup.at) / SECOND;
        self.told(|| format!("the database is set back by {age} s"));
        if self.dice.chance(400) {
            self.world.declare(Declared::Database, false, &mut self.dice).await;
        }
        self.users.all_ask_again(self.dice.fork());
    }

    /// Every process is started again several times after the backup, so that it lacks as many
    /// epochs.
    pub(super) async fn restore_of_several_epochs(&mut self) {
        for _ in 0..self.dice.between(EPOCHS_MISSING.0, EPOCHS_MISSING.1) {
            self.told(|| "every process is stopped".to_owned());
            self.world.kill_all();
            self.wait(130, 900).await;
        }
        self.until_busy().await;
        self.restore().await;
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
