//! What time a server says it is: the `Date` of its last answer (RFC 9110, section 6.6.1), for who
//! doubts the clock here (case F97).

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant, UNIX_EPOCH};

use adit_core::Timestamp;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;
use reqwest::header::{AGE, DATE, HeaderMap};

/// A server's clock, as it was heard a while ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Without the port: servers of one host have one clock.
    pub host: String,
    /// Where the answer came from.
    pub address: IpAddr,
    /// The clock is this machine's own, as far as addresses tell.
    pub is_here: bool,
    /// What it shows now: the time since the answer is added, by a clock that nobody sets.
    pub time: Timestamp,
    /// The time since the answer.
    pub age: Duration,
}

impl Dated {
    /// Returns whether the clock is another one than `other`, by name and by address.
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        self.host != other.host && self.address != other.address
    }
}

/// The last date of one server.
#[derive(Default)]
pub(crate) struct LastDate(Mutex<Option<Noted>>);

#[derive(Clone, Copy)]
struct Noted {
    address: IpAddr,
    is_here: bool,
    seconds: i64,
    at: Instant,
}

impl LastDate {
    /// Takes note of an answer that has just begun, and where it came from.
    pub(crate) fn note(&self, response: &Response) {
        let ends = response.extensions().get::<HttpInfo>();
        if let (Some(seconds), Some(ends)) = (date(response.headers()), ends) {
            let (address, asked_from) =
                (ends.remote_addr().ip().to_canonical(), ends.local_addr().ip().to_canonical());
            let noted = Noted {
                address,
                is_here: is_here(address, asked_from),
                seconds,
                at: Instant::now(),
            };
            *self.0.lock().expect("no holder of this lock panics") = Some(noted);
        }
    }

    pub(crate) fn read(&self, host: &str) -> Option<Dated> {
        let Noted { address, is_here, seconds, at } =
            (*self.0.lock().expect("no holder of this lock panics"))?;
        let age = at.elapsed();
        let since = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let time =
            Timestamp::from_micros(Timestamp::from_seconds(seconds).micros().saturating_add(since));
        // A name with the root's dot is the same name.
        Some(Dated { host: host.trim_end_matches('.').to_owned(), address, is_here, time, age })
    }
}

/// An answer comes from this machine where its address is a loopback one, or the very one that was
/// asked from.
fn is_here(address: IpAddr, asked_from: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || address == asked_from
}

/// The one date of an answer. What a cache kept has the date of when it was made.
fn date(headers: &HeaderMap) -> Option<i64> {
    let is_kept = headers.get_all(AGE).iter().any(|age| age.as_bytes().trim_ascii() != b"0");
    let mut dates = headers.get_all(DATE).iter();
    match (dates.next(), dates.next()) {
        (Some(date), None) if !is_kept => seconds(date.to_str().ok()?),
        (Some(_) | None, Some(_) | None) => None,
    }
}

/// A date before 1970 is none.
fn seconds(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const DATE_1994: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn f97_a_date_is_read_in_the_forms_of_http_and_in_no_other() {
        assert_eq!(seconds(DATE_1994), Some(784_111_777));
        for text in ["", "yesterday", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1969 08:49:37 GMT"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn f97_what_a_cache_kept_and_what_says_two_dates_has_none() {
        let of = |lines: &[(_, &'static str)]| {
            let lines = lines.iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
            lines.fold(HeaderMap::new(), |mut headers, (name, value): (&HeaderName, _)| {
                headers.append(name, value);
                headers
            })
        };
        let (good, fresh, kept) = ((DATE, DATE_1994), (AGE, " 0 "), (AGE, "7"));
        assert_eq!(date(&of(std::slice::from_ref(&good))), Some(784_111_777));
        assert_eq!(date(&of(&[good.clone(), fresh.clone()])), Some(784_111_777));
        for lines in [
            vec![kept.clone()],
            vec![fresh, kept],
            vec![(AGE, "soon")],
            vec![(AGE, "")],
            vec![good.clone()],
        ] {
            assert_eq!(date(&of(&[vec![good.clone()], lines.clone()].concat())), None, "{lines:?}");
        }
    }

    #[test]
    fn f97_a_name_with_the_roots_dot_is_the_same_host() {
        let noted =
            Noted { address: address("192.0.2.1"), is_here: false, seconds: 0, at: Instant::now() };
        let dated = LastDate(Mutex::new(Some(noted))).read("a.example.org.").expect("a date");
        assert_eq!(dated.host, "a.example.org");
    }

    #[test]
    fn f97_two_names_of_one_address_are_one_clock() {
        let dated = |host: &str, last: u8| Dated {
            host: host.to_owned(),
            address: [192, 0, 2, last].into(),
            is_here: false,
            time: Timestamp::default(),
            age: Duration::ZERO,
        };
        let one = dated("a.example.org", 1);
        assert!(one.is_elsewhere(&dated("b.example.org", 2)));
        assert!(
            !one.is_elsewhere(&dated("b.example.org", 1))
                && !one.is_elsewhere(&dated("a.example.org", 2))
        );
    }

    #[test]
    fn f97_a_loopback_and_an_address_that_is_asked_from_are_this_machines() {
        let (ours, theirs) = (address("10.0.0.5"), address("10.0.0.6"));
        assert!(!is_here(theirs, ours));
        assert!(is_here(ours, ours), "by its own name in the network");
        assert!(
            ["127.0.0.2", "::1", "0.0.0.0", "::"]
                .into_iter()
                .all(|here| is_here(address(here), ours))
        );
    }
}
