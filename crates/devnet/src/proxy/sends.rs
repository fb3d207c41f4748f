//! How many transactions a chain's nodes took, and what is done in the moment in which they take a
//! certain one.

use std::sync::Mutex;

use tokio::sync::watch;

use super::fault::lock;

/// What is done when a certain transaction is taken; it gets the name of who brought it.
pub type Spring = Box<dyn FnOnce(usize) + Send>;

/// Shared by all ways to the nodes of one chain.
#[derive(Default)]
pub struct Sends {
    accepted: watch::Sender<u64>,
    trap: Mutex<Option<(u64, Spring)>>,
}

impl Sends {
    /// How many transactions were taken that were not known before.
    pub fn accepted(&self) -> u64 {
        *self.accepted.borrow()
    }

    /// The same number, for whoever waits for it to grow.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.accepted.subscribe()
    }

    /// Does `spring` when transaction number `at` has been taken, before anybody is told so. One
    /// trap at a time.
    pub fn trap(&self, at: u64, spring: Spring) {
        *lock(&self.trap) = Some((at, spring));
    }

    /// Takes the trap away; true if it was still set.
    pub fn disarm(&self) -> bool {
        lock(&self.trap).take().is_some()
    }

    /// One more, brought by `sender`.
    pub(super) fn count(&self, sender: usize) {
        let mut number = 0;
        self.accepted.send_modify(|accepted| {
            *accepted += 1;
            number = *accepted;
        });
        let mut trap = lock(&self.trap);
        if trap.as_ref().is_some_and(|(at, _)| number >= *at)
            && let Some((_, spring)) = trap.take()
        {
            spring(sender);
        }
    }
}
