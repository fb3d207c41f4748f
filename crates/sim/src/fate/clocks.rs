//! Clocks that are wrong: a little, by hours, by years; of a server, of the signer, of the database; for a moment or for long (case F97).

use super::{Fate, SECOND};

/// A NTP fault, and a machine whose battery is empty.
const YEARS_SECONDS_MAX: u64 = 5 * 365 * 86_400;

impl Fate {
    pub(super) async fn clocks(&mut self) {
        match self.dice.between(0, 4) {
            0 => {
                let off = self.off();
                let slot = self.dice.place(self.world.slots());
                self.told(|| format!("the clock of replica-{slot} is {off} s off"));
                self.world.set_skew(slot, micros(off));
                self.lasts().await;
                self.world.set_skew(slot, 0);
                self.told(|| format!("the clock of replica-{slot} is right again"));
            }
            1 => {
                let off = self.off();
                self.told(|| format!("the signer's clock is {off} s off"));
                self.world.signer.set_skew(micros(off));
                self.lasts().await;
                self.world.signer.set_skew(0);
                self.told(|| "the signer's clock is right again".to_owned());
            }
            2 => {
                let off = self.off();
                self.told(|| format!("the database's clock is {off} s off"));
                self.world.set_database_skew(micros(off));
                self.lasts().await;
                self.world.set_database_skew(0);
                self.told(|| "the database's clock is right again".to_owned());
            }
            3 => self.everywhere().await,
            _ => self.lasting(),
        }
    }

    /// One host, one clock: that of all replicas and of the signer.
    async fn everywhere(&mut self) {
        let off = self.off();
        self.told(|| format!("the clock of the replicas' and the signer's host is {off} s off"));
        (0..self.world.slots()).for_each(|slot| self.world.set_skew(slot, micros(off)));
        self.world.signer.set_skew(micros(off));
        self.lasts().await;
        (0..self.world.slots()).for_each(|slot| self.world.set_skew(slot, 0));
        self.world.signer.set_skew(0);
        self.told(|| "the host's clock is right again".to_owned());
    }

    /// Until everything heals.
    fn lasting(&mut self) {
        let (slot, off) = (self.dice.place(self.world.slots()), self.off());
        self.told(|| format!("the clock of replica-{slot} is {off} s off, and stays so"));
        self.world.set_skew(slot, micros(off));
    }

    /// Seconds, either way.
    fn off(&mut self) -> i64 {
        let most = match self.dice.between(0, 2) {
            0 => 40,
            1 => 3_600,
            _ => YEARS_SECONDS_MAX,
        };
        let seconds = i64::try_from(self.dice.between(1, most)).expect("small");
        if self.dice.chance(500) { seconds } else { -seconds }
    }

    /// A moment, minutes, or an hour.
    async fn lasts(&mut self) {
        let most = match self.dice.between(0, 2) {
            0 => 3,
            1 => 600,
            _ => 4_000,
        };
        let seconds = self.dice.between(1, most);
        self.world.handle.sleep(seconds * SECOND).await;
    }
}

fn micros(seconds: i64) -> i64 {
    seconds * 1_000_000
}
