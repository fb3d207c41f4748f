//! How often one may ask: per client, by whichever of its keys, and per address for those without a
//! valid one.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use adit_core::ClientId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::codes;
use crate::problem::Problem;
use crate::settings::ApiSettings;

/// Requests between two sweeps of those who have not asked for a while.
const SWEEP_REQUESTS: u32 = 8_192;

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counted {
    Client(ClientId),
    /// An IPv4 address, or an IPv6 network of 64 bits: one customer of one provider holds all of
    /// those.
    Address(IpAddr),
    Unknown,
}

pub struct Rates {
    limiter: DefaultKeyedRateLimiter<Counted>,
    clock: DefaultClock,
    since_sweep: AtomicU32,
}

impl Rates {
    pub fn new(settings: &ApiSettings) -> Self {
        let at_least_one = |value: u32| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(settings.requests_per_second))
            .allow_burst(at_least_one(settings.requests_burst));
        Self {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            since_sweep: AtomicU32::new(0),
        }
    }

    /// # Errors
    /// `RATE_LIMITED`, with the seconds to wait.
    pub fn check(&self, counted: &Counted) -> Result<(), Problem> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP_REQUESTS {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
        }
        self.limiter.check_key(counted).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail =
                format!("Too many requests. The next is answered in {} second(s).", seconds.max(1));
            Problem::new(&codes::RATE_LIMITED, detail)
                .with("retryAfterSeconds", seconds.max(1))
                .retry_after(seconds)
        })
    }
}

impl From<IpAddr> for Counted {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::Address(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(network.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_burst_waits_and_others_do_not() {
        let rates = Rates::new(&ApiSettings {
            requests_per_second: 1,
            requests_burst: 3,
            ..ApiSettings::default()
        });
        let client = |name: &str| Counted::Client(ClientId::named(name).expect("a client"));
        let (one, other) = (client("a"), client("b"));
        assert!((0..3).all(|_| rates.check(&one).is_ok()));
        let problem = rates.check(&one).expect_err("the fourth is one too many");
        assert_eq!((problem.code.status, problem.retry_after_seconds), (429, Some(1)));
        assert!(rates.check(&other).is_ok());
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let counted = |text: &str| Counted::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::2"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_eq!(counted("::ffff:10.0.0.1"), counted("10.0.0.1"));
        assert_ne!(counted("10.0.0.1"), counted("10.0.0.2"));
    }
}
