//! Amounts as people write them, and times as RFC 3339.

use adit_core::{Amount, AssetId, Rules, Timestamp};

/// Whole units of an asset. An asset that is no longer configured is shown in base units, which is
/// what is known of it.
pub fn units(rules: &Rules, asset: &AssetId, amount: Amount) -> String {
    amount.to_units(rules.asset(asset).map_or(0, |rules| rules.asset.decimals))
}

/// `2026-11-22T11:27:34.123456Z`.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default().to_string()
}

/// Unix seconds, as deadlines have them; out of range is said, not rounded.
pub fn rfc3339_of_seconds(seconds: u64) -> String {
    let at =
        i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "the far future".to_owned(), |at| at.to_string())
}

/// Reads RFC 3339 and nothing looser: `2026-11-22T11:27:34`, a fraction of at most nine digits, and
/// `Z` or an offset like `+01:00`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let shaped = is_rfc3339(text.as_bytes()).then_some(text)?;
    shaped.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_micros(at.as_microsecond()))
}

/// The grammar of RFC 3339, section 5.6. The calendar is left to the reader that follows, which
/// takes more forms than these.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((head, tail)) = text.split_at_checked(b"0000-00-00T00:00:00".len()) else {
        return false;
    };
    let fraction = match tail.strip_prefix(b".") {
        Some(digits) => 1 + digits.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        None => 0,
    };
    let offset = match &tail[fraction..] {
        b"Z" | b"z" => true,
        [b'+' | b'-', offset @ ..] => {
            fits(offset, b"00:00")
                && &offset[..2] <= b"23".as_slice()
                && &offset[3..] <= b"59".as_slice()
        }
        _other => false,
    };
    (fits(head, b"0000-00-00T00:00:00") || fits(head, b"0000-00-00t00:00:00"))
        && fraction != 1
        && offset
}

/// Digits where the form has a 0, and its own letters elsewhere.
fn fits(text: &[u8], form: &[u8]) -> bool {
    let same = |(byte, wanted): (&u8, &u8)| {
        if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted }
    };
    text.len() == form.len() && text.iter().zip(form).all(same)
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
        assert_eq!(rfc3339_of_seconds(u64::MAX), "the far future");
    }

    #[test]
    fn only_rfc_3339_is_a_time() {
        for text in [
            "2026-11-22T11:00:00Z",
            "2026-11-22t11:00:00z",
            "2026-11-22T11:00:00.123456789-23:59",
            "2024-02-29T00:00:00+00:00",
        ] {
            assert!(parse_time(text).is_some(), "{text}");
        }
        let looser = [
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T11:00Z",
            "2026-11-22T11Z",
            "20261122T110000Z",
            "2026-11-22 11:00:00Z",
            "2026-11-22T11:00:00",
            "2026-11-22T11:00:00 01:00",
            "2026-11-22T11:00:00+01",
            "2026-11-22T11:00:00+0100",
            "2026-11-22T11:00:00+24:00",
            "2026-11-22T11:00:00+01:60",
            "2026-11-22T11:00:00+01:00:00",
            "2026-11-22T11:00:00Z[UTC]",
            "2026-11-22T11:00:00.Z",
            "2026-11-22T11:00:00,5Z",
            "2026-11-22T11:00:00.1234567890Z",
            "+002026-11-22T11:00:00Z",
            "2026-02-30T11:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T11:60:00Z",
            " 2026-11-22T11:00:00Z",
            "２026-11-22T11:00:00Z",
        ];
        for text in looser {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
