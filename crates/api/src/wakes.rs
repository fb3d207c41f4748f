//! Wakes those who wait for one withdrawal or one user's feed.
//!
//! One task listens to the engine's hub for the whole process, so that ten thousand waiting
//! requests do not each receive every event. What other servers commit is found by one look a
//! second for all of them. A wake is a hint: whoever is woken reads the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use adit_core::{Event, Span, UserId, WithdrawalId};
use adit_engine::{Clock as _, Engine};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

/// Between two looks at what other servers committed.
const LOOK_EVERY: Span = Span::from_seconds(1);

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Wakes {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    subjects: HashMap<Subject, Weak<Notify>>,
}

/// What somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    Withdrawal(WithdrawalId),
    Feed(UserId),
}

/// One who waits. Dropped, it waits no more.
pub struct Waiter {
    subject: Subject,
    notify: Option<Arc<Notify>>,
    wakes: Wakes,
}

impl Wakes {
    /// Starts listening.
    pub fn start(engine: &Engine) -> Self {
        let wakes = Self::default();
        let (listener, mut events) = (wakes.clone(), engine.hub.listen());
        let task = async move {
            loop {
                match events.recv().await {
                    Ok(event) => listener.tell(&event),
                    Err(RecvError::Lagged(_)) => listener.tell_all(),
                    Err(RecvError::Closed) => return,
                }
            }
        };
        engine.ports.spawner.spawn("api-wakes", Box::pin(task));
        let (looker, looked) = (wakes.clone(), engine.clone());
        engine
            .ports
            .spawner
            .spawn("api-looks", Box::pin(async move { looker.look_for_ever(&looked).await }));
        wakes
    }

    /// Wakes those whose feed has grown, whoever made it grow.
    async fn look_for_ever(&self, engine: &Engine) {
        let mut known: BTreeMap<UserId, u64> = BTreeMap::new();
        loop {
            engine.ports.clock.sleep(LOOK_EVERY).await;
            let listening = self.listening();
            known.retain(|user, _| listening.contains(user));
            if listening.is_empty() {
                continue;
            }
            let seqs = match engine.store().event_seqs(&listening).await {
                Ok(seqs) => seqs,
                Err(fault) => {
                    tracing::debug!(%fault, "whether feeds have grown cannot be read now");
                    continue;
                }
            };
            for (user, seq) in seqs {
                // Whoever is new here may have read before this.
                if known.insert(user.clone(), seq) != Some(seq) {
                    self.wake(&Subject::Feed(user));
                }
            }
        }
    }

    /// Whose feeds somebody listens to.
    fn listening(&self) -> BTreeSet<UserId> {
        let waiting = self.waiting();
        let feeds = waiting.subjects.keys().filter_map(|subject| match subject {
            Subject::Feed(user) => Some(user.clone()),
            Subject::Withdrawal(_) => None,
        });
        feeds.collect()
    }

    pub fn wake(&self, subject: &Subject) {
        if let Some(notify) = self.waiting().subjects.get(subject).and_then(Weak::upgrade) {
            notify.notify_waiters();
        }
    }

    /// From now on no event about the subject is missed.
    pub fn wait_for(&self, subject: Subject) -> Waiter {
        let mut waiting = self.waiting();
        let known = waiting.subjects.get(&subject).and_then(Weak::upgrade);
        let notify = known.unwrap_or_else(|| {
            let notify = Arc::new(Notify::new());
            waiting.subjects.insert(subject.clone(), Arc::downgrade(&notify));
            notify
        });
        Waiter { subject, notify: Some(notify), wakes: self.clone() }
    }

    fn tell(&self, event: &Event) {
        let waiting = self.waiting();
        if waiting.subjects.is_empty() {
            return;
        }
        let withdrawal = event.withdrawal.map(Subject::Withdrawal);
        let feed = event.feed.as_ref().map(|feed| Subject::Feed(feed.user.clone()));
        for subject in [withdrawal, feed].into_iter().flatten() {
            if let Some(notify) = waiting.subjects.get(&subject).and_then(Weak::upgrade) {
                notify.notify_waiters();
            }
        }
    }

    fn tell_all(&self) {
        self.waiting()
            .subjects
            .values()
            .filter_map(Weak::upgrade)
            .for_each(|notify| notify.notify_waiters());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Enabled at once, completes at the next wake. Take it before reading, so that nothing falls
    /// between.
    pub fn woken(&self) -> impl Future<Output = ()> + '_ {
        let mut notified = self.notify.as_ref().map(|notify| Box::pin(notify.notified()));
        if let Some(notified) = &mut notified {
            notified.as_mut().enable();
        }
        async move {
            match notified {
                Some(notified) => notified.await,
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.wakes.waiting();
        self.notify = None;
        if waiting.subjects.get(&self.subject).is_some_and(|known| known.strong_count() == 0) {
            waiting.subjects.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_waiter_takes_the_subject_with_it() {
        let wakes = Wakes::default();
        let subject = Subject::Withdrawal(WithdrawalId(uuid::Uuid::nil()));
        let first = wakes.wait_for(subject.clone());
        let second = wakes.wait_for(subject);
        let woken = first.woken();
        wakes.tell_all();
        woken.await;
        drop(first);
        assert_eq!(wakes.waiting().subjects.len(), 1);
        drop(second);
        assert!(wakes.waiting().subjects.is_empty());
    }
}
