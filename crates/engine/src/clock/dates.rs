//! The `Date` headers of endpoints as second clocks (case F97): two of other hosts that agree with
//! each other and with this machine's.
//!
//! One alone proves nothing: whoever serves it may send any. Pure: dates go in, a witness comes
//! out.

use std::time::Duration;

use adit_chain::Dated;
use adit_core::{Span, Timestamp};

use super::witness::AGREES_WITHIN;
use super::{Source, Witness};

/// Older ones are of a server that may not answer any more.
const DATE_FRESH: Duration = Duration::from_secs(15);

/// Those that were heard just now, of other hosts; `own` counts this machine's servers, too.
pub(crate) fn fresh(dates: Vec<Dated>, own: bool) -> Vec<Dated> {
    dates.into_iter().filter(|date| date.age <= DATE_FRESH && (own || !date.is_here)).collect()
}

/// Two of different hosts, both near `wall` and near each other. Where there are several such
/// pairs, the first.
pub(crate) fn witness(dates: &[Dated], wall: Timestamp) -> Option<Witness> {
    let pairs = dates
        .iter()
        .enumerate()
        .flat_map(|(place, one)| dates[..place].iter().map(move |other| (one, other)));
    pairs
        .filter(|(one, other)| one.is_elsewhere(other))
        .filter_map(|(one, other)| both(one, other))
        .find(|pair| pair.agrees_with(wall))
}

/// Both as one: it agrees with a clock that is within a minute of each. None where they are further
/// apart themselves.
fn both(one: &Dated, other: &Dated) -> Option<Witness> {
    let (early, late) = if one.time <= other.time { (one, other) } else { (other, one) };
    let apart = late.time.since(early.time);
    let within = AGREES_WITHIN.millis().checked_sub(apart.millis())?;
    let middle = early.time.plus(Span::from_millis(apart.millis() / 2));
    let source = Source::Endpoints { one: early.host.clone(), other: late.host.clone() };
    Some(Witness { source, time: middle, within: Span::from_millis(within + apart.millis() / 2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// The server of an address shows a time so many seconds from now.
    fn dated(host: &str, last: u8, seconds: i64) -> Dated {
        let address = [192, 0, 2, last].into();
        let time = Timestamp::from_seconds(NOW + seconds);
        Dated { host: host.to_owned(), address, is_here: false, time, age: Duration::from_secs(1) }
    }

    fn agrees(dates: &[Dated]) -> bool {
        witness(dates, Timestamp::from_seconds(NOW)).is_some()
    }

    #[test]
    fn f97_two_dates_of_other_hosts_agree_with_the_clock_and_with_each_other_or_are_nothing() {
        assert!(agrees(&[dated("a", 1, 0), dated("b", 2, 1)]));
        assert!(
            agrees(&[dated("a", 1, -60), dated("b", 2, 0)])
                && agrees(&[dated("a", 1, -30), dated("b", 2, 30)])
        );
        assert!(!agrees(&[dated("a", 1, -61), dated("b", 2, 0)]), "one is more than a minute off");
        assert!(
            !agrees(&[dated("a", 1, -31), dated("b", 2, 31)]),
            "they do not agree with each other"
        );
        assert!(
            !agrees(&[dated("a", 1, 7_200), dated("b", 2, 7_200)]),
            "they agree with each other alone"
        );
        assert!(!agrees(&[dated("a", 1, 0)]) && !agrees(&[]), "one is none");
        assert!(!agrees(&[dated("a", 1, 0), dated("a", 2, 0)]), "one host, twice");
        assert!(!agrees(&[dated("a", 1, 0), dated("b", 1, 0)]), "one address, by two names");
        let third = [dated("a", 1, 7_200), dated("b", 2, 0), dated("c", 3, 2)];
        let heard = witness(&third, Timestamp::from_seconds(NOW)).expect("two of three");
        assert_eq!(heard.source.to_string(), "the endpoints b and c");
    }

    #[test]
    fn f97_a_date_of_before_or_of_this_machine_is_not_heard() {
        let old = Dated { age: Duration::from_secs(16), ..dated("a", 1, 0) };
        let here = Dated { is_here: true, ..dated("b", 2, 0) };
        let good = dated("c", 3, 0);
        let all = || vec![old.clone(), here.clone(), good.clone()];
        assert_eq!(fresh(all(), false), std::slice::from_ref(&good));
        assert_eq!(fresh(all(), true), [here.clone(), good.clone()]);
    }
}
