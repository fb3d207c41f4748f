//! Clocks that are wrong: a little, by hours, by years; of a server, of the signer, of the
//! database; for a moment or for long (case F97).

use super::{Fate, SECOND};
use crate::Dice;

/// How far off a clock is at most: drift that is still followed, a wrong time zone, an NTP fault or
/// a machine whose battery is empty.
const OFF_SECONDS_MAX: [u64; 3] = [40, 3_600, 5 * 365 * 86_400];
/// For how long at most: a moment, minutes, an hour.
const LASTS_SECONDS_MAX: [u64; 3] = [3, 600, 4_000];
/// Ways in which clocks are wrong.
const KINDS: u64 = 5;

impl Fate {
    pub(super) async fn clocks(&mut self) {
        match self.dice.between(0, KINDS) {
            0 => {
                let off = off(&mut self.dice);
                let slot = self.dice.place(self.world.slots());
                self.told(|| format!("the clock of replica-{slot} is {off} s off"));
                self.world.set_skew(slot, micros(off));
                self.lasts().await;
                self.world.set_skew(slot, 0);
                self.told(|| format!("the clock of replica-{slot} is right again"));
            }
            1 => {
                let off = off(&mut self.dice);
                self.told(|| format!("the signer's clock is {off} s off"));
                self.world.signer.set_skew(micros(off));
                self.lasts().await;
                self.world.signer.set_skew(0);
                self.told(|| "the signer's clock is right again".to_owned());
            }
            2 => {
                let off = off(&mut self.dice);
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
        let off = off(&mut self.dice);
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
        let (slot, off) = (self.dice.place(self.world.slots()), off(&mut self.dice));
        self.told(|| format!("the clock of replica-{slot} is {off} s off, and stays so"));
        self.world.set_skew(slot, micros(off));
    }

    async fn lasts(&mut self) {
        let seconds = lasts(&mut self.dice);
        self.world.handle.sleep(seconds * SECOND).await;
    }
}

/// Seconds, either way.
fn off(dice: &mut Dice) -> i64 {
    let most = *dice.pick(&OFF_SECONDS_MAX).expect("some");
    let seconds = i64::try_from(dice.between(1, most)).expect("small");
    if dice.chance(500) { seconds } else { -seconds }
}

fn lasts(dice: &mut Dice) -> u64 {
    let most = *dice.pick(&LASTS_SECONDS_MAX).expect("some");
    dice.between(1, most)
}

fn micros(seconds: i64) -> i64 {
    seconds * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Years were drawn never once: a range without its end.
    #[test]
    fn clocks_are_off_by_seconds_hours_and_years_for_a_moment_and_for_an_hour() {
        let mut dice = Dice::new(1);
        let offs: Vec<i64> = (0..1_000).map(|_| off(&mut dice)).collect();
        let lasting: Vec<u64> = (0..1_000).map(|_| lasts(&mut dice)).collect();
        for range in [1..40, 40..3_600, 86_400..5 * 365 * 86_400] {
            assert!(
                offs.iter().any(|off| range.contains(off))
                    && offs.iter().any(|off| range.contains(&-off)),
                "{range:?}"
            );
        }
        assert!(
            lasting.iter().any(|seconds| *seconds < 3)
                && lasting.iter().any(|seconds| *seconds > 3_000)
        );
    }
}
