//! What many ask for and one reads: probes reach the database once a second, however many ask.

use adit_core::{Span, Timestamp};
use tokio::sync::Mutex;

/// How long an answer is given again.
const KEPT_MILLIS: u64 = 1_000;

/// The newest answer to one question.
pub struct Memo<T> {
    held: Mutex<Option<Held<T>>>,
}

struct Held<T> {
    /// Uptime at the end of the read: whoever waited for it is answered by it.
    at: Timestamp,
    told: T,
}

impl<T: Clone> Memo<T> {
    pub fn new() -> Self {
        Self { held: Mutex::new(None) }
    }

    /// Returns what was read within the last second, else what `read` says now. All who ask
    /// meanwhile wait for that one read; so it has to be bounded, and its caller carried through
    /// ([`crate::carry`]).
    pub async fn get(&self, uptime: impl Fn() -> Timestamp, read: impl Future<Output = T>) -> T {
        let mut held = self.held.lock().await;
        if let Some(known) = held.as_ref()
            && uptime().since(known.at) < Span::from_millis(KEPT_MILLIS)
        {
            return known.told.clone();
        }
        let told = read.await;
        *held = Some(Held { at: uptime(), told: told.clone() });
        told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn one_read_answers_all_who_ask_within_a_second() {
        let (memo, uptime, reads) = (&Memo::<u32>::new(), &AtomicI64::new(0), &AtomicU32::new(0));
        let ask = || {
            let read = async move {
                tokio::task::yield_now().await;
                reads.fetch_add(1, Ordering::Relaxed) + 1
            };
            memo.get(move || Timestamp::from_micros(uptime.load(Ordering::Relaxed)), read)
        };
        let told = join_all((0..200).map(|_| ask())).await;
        assert!(told.iter().all(|told| *told == 1), "{told:?}");
        uptime.store(999_000, Ordering::Relaxed);
        assert_eq!(ask().await, 1);
        uptime.store(1_000_000, Ordering::Relaxed);
        assert_eq!(ask().await, 2, "a second later it is read again");
    }

    /// The second is counted from the end of a read: else all who waited for a slow one would read,
    /// one after the other.
    #[tokio::test]
    async fn a_slow_read_answers_those_who_waited_for_it() {
        let (memo, uptime) = (Memo::new(), AtomicI64::new(0));
        let now = || Timestamp::from_micros(uptime.load(Ordering::Relaxed));
        let slow = async {
            uptime.store(5_000_000, Ordering::Relaxed);
            "first"
        };
        assert_eq!(memo.get(now, slow).await, "first");
        assert_eq!(memo.get(now, async { "second" }).await, "first");
    }
}
