//! The engine's time: an anchor, and the monotonic time since. A jump of the machine's clock never
//! enters it (case F97).
//!
//! Pure: readings go in, time comes out. The machine's clock is followed by a millisecond a second
//! at most, and only while it is near. Where it is not, or where no second clock has agreed with it
//! yet, time goes on as before and says that it is in doubt.

use std::time::Duration;

use adit_core::{ClockDoubt, Mistake, Timestamp, planted};

use super::Witness;

/// The machine's clock is followed up to here, and so is not doubted.
pub const FOLLOWED_SECONDS_MAX: i64 = 30;
/// From here on people are told that it drifts.
pub const DRIFT_SECONDS_TOLD: i64 = 2;
/// Time is corrected by one part in so many.
const FOLLOWS_ONE_IN: i64 = 1_000;
/// Longer pauses between two readings count as this long: a single reading moves time by ten
/// milliseconds at most.
const FOLLOWED_AT_ONCE: Duration = Duration::from_secs(10);

/// Both clocks of a machine at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub wall: Timestamp,
    /// Since any moment; nobody sets it. A machine that was suspended may not count that time.
    pub monotonic: Duration,
}

/// Keeps the time of one process.
#[derive(Debug, Clone, Copy)]
pub struct Timekeeper {
    /// The time at `since`.
    time: Timestamp,
    since: Duration,
    confirmed: bool,
    /// Which planted mistake makes this one believe the machine.
    mistake: Mistake,
}

impl Timekeeper {
    /// Begins with what the machine shows, which is in doubt until a witness agrees.
    pub fn start(reading: Reading) -> Self {
        Self {
            time: reading.wall,
            since: reading.monotonic,
            confirmed: false,
            mistake: Mistake::WallClockBelieved,
        }
    }

    /// The same for a signer, whose day the caps count by.
    pub fn of_signer(reading: Reading) -> Self {
        Self { mistake: Mistake::SignersDayBelieved, ..Self::start(reading) }
    }

    /// Returns the time, and takes note of what the machine's clock shows. Never goes back, except
    /// where a witness was heard.
    pub fn read(&mut self, reading: Reading) -> Timestamp {
        if planted(self.mistake) {
            self.time = reading.wall;
            self.since = reading.monotonic;
            return self.time;
        }
        let straight = self.at(reading.monotonic);
        let since = reading.monotonic.saturating_sub(self.since).min(FOLLOWED_AT_ONCE);
        let most = micros(since) / FOLLOWS_ONE_IN;
        let drift = reading.wall.micros().saturating_sub(straight.micros());
        if most == 0 {
            return straight;
        }
        let step = if drift.saturating_abs() <= seconds(FOLLOWED_SECONDS_MAX) {
            drift.clamp(-most, most)
        } else {
            0
        };
        self.time = Timestamp::from_micros(straight.micros().saturating_add(step));
        self.since = reading.monotonic;
        self.time
    }

    /// Hears a second clock. Where it agrees with the machine's, that one is believed: time goes on
    /// from there if it was in doubt. Returns whether a doubt ended.
    pub fn hear(&mut self, reading: Reading, witness: &Witness) -> bool {
        self.read(reading);
        if self.doubt(reading).is_none() || !witness.agrees_with(reading.wall) {
            return false;
        }
        *self = Self { time: reading.wall, since: reading.monotonic, confirmed: true, ..*self };
        true
    }

    /// Returns why the time may be wrong.
    pub fn doubt(&self, reading: Reading) -> Option<ClockDoubt> {
        if planted(self.mistake) {
            return None;
        }
        let drift = self.drift(reading);
        match (self.confirmed, drift.saturating_abs() > seconds(FOLLOWED_SECONDS_MAX)) {
            (false, _) => Some(ClockDoubt::Unconfirmed),
            (true, true) => Some(ClockDoubt::Jumped { seconds: rounded(drift) }),
            (true, false) => None,
        }
    }

    /// Returns by how many microseconds the machine's clock is ahead of the time; negative where it
    /// is behind.
    pub fn drift(&self, reading: Reading) -> i64 {
        reading.wall.micros().saturating_sub(self.at(reading.monotonic).micros())
    }

    fn at(&self, monotonic: Duration) -> Timestamp {
        Timestamp::from_micros(
            self.time.micros().saturating_add(micros(monotonic.saturating_sub(self.since))),
        )
    }
}

/// Whole seconds of so many microseconds.
pub(crate) fn rounded(micros: i64) -> i64 {
    micros.saturating_add(500_000).div_euclid(seconds(1))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

const fn seconds(seconds: i64) -> i64 {
    seconds * 1_000_000
}

#[cfg(test)]
#[path = "timekeeper_tests.rs"]
mod tests;
