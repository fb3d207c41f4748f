//! Amounts as people write them, and times as RFC 3339.

use adit_core::{Amount, AssetId, Rules, Timestamp};

/// Whole units of an asset. An asset that is no longer configured is shown in base units, which is what is known of it.
pub fn units(rules: &Rules, asset: &AssetId, amount: Amount) -> String {
    amount.to_units(rules.asset(asset).map_or(0, |rules| rules.asset.decimals))
}

/// `2026-11-22T11:27:34.123456Z`.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default().to_string()
}

/// Unix seconds, as deadlines have them; out of range is said, not rounded.
pub fn rfc3339_of_seconds(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "the far future".to_owned(), |at| at.to_string())
}

/// Reads RFC 3339 with any offset.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_micros(at.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.123456Z");
        assert_eq!(parse_time(&rfc3339(at)), Some(at));
        assert_eq!(parse_time("2023-11-14T23:13:20.123456+01:00"), Some(at));
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(rfc3339_of_seconds(u64::MAX), "the far future");
    }
}
