//! Whether the engine's time may be believed, and what becomes of rows that were dated while it
//! could not (case F97).

use serde::{Deserialize, Serialize};

use crate::{Span, Timestamp};

/// Rows that are dated further ahead than this were written under a wrong clock. No witness allows
/// as much: the blocks of Bitcoin, which say least about the time, are believed within three hours.
pub const CLOCKS_APART_MAX: Span = Span::from_hours(4);

/// Why nothing is accepted and nothing new is planned: nobody knows what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "doubt")]
pub enum ClockDoubt {
    /// Since the start no second clock has agreed with the machine's.
    Unconfirmed,
    /// The machine's clock shows so many seconds more (less: negative) than have passed by its
    /// monotonic clock.
    Jumped { seconds: i64 },
}

impl ClockDoubt {
    /// Says what is wrong and what to do.
    pub fn sentence(self) -> String {
        const AGREED: &str = "It is believed when a second clock agrees with it (a block that was made just now, the database's on \
                              another host, or those of two endpoints), or when an admin says that it is right (`adit clock accept`).";
        match self {
            Self::Unconfirmed => format!(
                "No second clock has agreed with this machine's clock since the server started. \
                 {AGREED}"
            ),
            Self::Jumped { seconds } => {
                let way = if seconds < 0 { "behind" } else { "ahead of" };
                let seconds = seconds.unsigned_abs();
                format!(
                    "This machine's clock is {seconds} s {way} the time that has passed; at most \
                     30 s are allowed. {AGREED}"
                )
            }
        }
    }
}

impl Timestamp {
    /// Returns what a row says happened at this time, or none where that lies so far ahead of `now`
    /// that a wrong clock wrote it. Nobody knows then when it was, and nobody waits for that day.
    pub fn credible(self, now: Timestamp) -> Option<Timestamp> {
        (self <= now.plus(CLOCKS_APART_MAX)).then_some(self)
    }

    /// Returns this time as commits see it: never before the newest one, unless that one was dated
    /// by a wrong clock. One commit of five years ahead would hold the time of all that follow.
    pub fn not_before(self, newest: Timestamp) -> Timestamp {
        newest.credible(self).map_or(self, |newest| newest.max(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f97_a_row_dated_years_ahead_says_nothing_about_when_it_was() {
        let now = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(
            now.minus(Span::from_hours(9_000)).credible(now),
            Some(now.minus(Span::from_hours(9_000)))
        );
        assert_eq!(now.plus(CLOCKS_APART_MAX).credible(now), Some(now.plus(CLOCKS_APART_MAX)));
        assert_eq!(now.plus(CLOCKS_APART_MAX).plus(Span::from_millis(1)).credible(now), None);
    }

    #[test]
    fn f97_one_commit_years_ahead_does_not_hold_the_time() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let (hour, years) = (now.plus(Span::from_hours(1)), now.plus(Span::from_hours(5 * 8_766)));
        assert_eq!(
            [now.not_before(hour), now.not_before(years), hour.not_before(now)],
            [hour, now, hour]
        );
    }

    #[test]
    fn a_doubt_says_what_is_allowed_and_what_to_do() {
        let sentence = ClockDoubt::Jumped { seconds: -7_200 }.sentence();
        assert!(
            sentence.contains("7200 s behind")
                && sentence.contains("30 s")
                && sentence.contains("adit clock accept"),
            "{sentence}"
        );
        assert!(ClockDoubt::Unconfirmed.sentence().contains("adit clock accept"));
    }
}
