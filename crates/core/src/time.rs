//! Time as the rules see it: given from outside, never read here.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 00:00 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Span(u64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down: the unit of EIP-712 deadlines and of block times.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.micros()))
    }

    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.micros()))
    }

    /// Time from `earlier` to here; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0) / 1_000)
    }

    /// Start of the UTC day, moved by the zone's offset: the cut-off of a calendar window.
    pub fn start_of_day(self, offset_minutes: i32) -> Self {
        let day = 86_400_000_000;
        let offset = i64::from(offset_minutes) * 60_000_000;
        Self((self.0 + offset).div_euclid(day) * day - offset)
    }
}

impl Span {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    pub const fn from_hours(hours: u64) -> Self {
        Self::from_seconds(hours.saturating_mul(3_600))
    }

    pub const fn millis(self) -> u64 {
        self.0
    }

    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }

    fn micros(self) -> i64 {
        i64::try_from(self.0.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    pub fn times(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }

    /// Doubles with every try and stops at `most`.
    pub fn backoff(self, tries: u32, most: Span) -> Span {
        Span(self.0.saturating_mul(1u64 << tries.min(20)).min(most.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_midnight_of_its_zone() {
        let noon = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(noon.start_of_day(0).seconds() % 86_400, 0);
        assert_eq!((noon.start_of_day(120).seconds() + 7_200) % 86_400, 0);
        assert!(noon.start_of_day(120) <= noon);
    }

    #[test]
    fn backoff_doubles_and_stops() {
        let base = Span::from_seconds(1);
        let most = Span::from_seconds(10);
        let seen: Vec<u64> = (0..6).map(|tries| base.backoff(tries, most).seconds()).collect();
        assert_eq!(seen, [1, 2, 4, 8, 10, 10]);
    }
}
