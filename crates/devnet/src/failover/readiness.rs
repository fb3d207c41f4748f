//! What `/readyz` of each server says while the writer cannot commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::rpc::http_client;

/// One that does not answer so long is not ready.
const PROBE_BOUND: Duration = Duration::from_secs(2);
const PROBE_PAUSE: Duration = Duration::from_millis(250);
/// A server may need so long to notice: it is ready until its last commit is 5 s old, and looks at
/// its lanes for up to a second before it answers.
const NOTICE: Duration = Duration::from_secs(7);

/// Asks all the time; ends when dropped.
pub struct Readiness {
    state: Arc<Mutex<State>>,
    _probes: JoinSet<()>,
}

#[derive(Default)]
struct State {
    stands_since: Option<Instant>,
    /// Answers of 200 that were wrong, and how late the last one was.
    wrong: usize,
    latest: Duration,
}

impl Readiness {
    /// Watches the servers at these addresses.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub fn watch(addresses: Vec<String>) -> Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let mut probes = JoinSet::new();
        for address in addresses {
            probes.spawn(probe(
                http_client(PROBE_BOUND)?,
                format!("{address}/readyz"),
                Arc::clone(&state),
            ));
        }
        Ok(Self { state, _probes: probes })
    }

    /// Since then nothing can be committed, or it could, and nothing is.
    pub fn writer_stands(&self, since: Instant) {
        lock(&self.state).stands_since = Some(since);
    }

    /// Somebody's request was accepted.
    pub fn writer_works(&self) {
        lock(&self.state).stands_since = None;
    }

    /// What was wrong, in a sentence.
    pub fn findings(&self) -> Vec<String> {
        let state = lock(&self.state);
        let (wrong, latest) = (state.wrong, state.latest.as_secs_f64());
        let told = || {
            format!(
                "/readyz said 200 {wrong} times while nothing could be committed, up to \
                 {latest:.1} s after the writer stood still"
            )
        };
        (wrong > 0).then(told).into_iter().collect()
    }
}

async fn probe(http: reqwest::Client, url: String, state: Arc<Mutex<State>>) {
    loop {
        let ready = http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
        {
            let mut state = lock(&state);
            let late = state
                .stands_since
                .map(|since| since.elapsed())
                .filter(|stood| ready && *stood > NOTICE);
            if let Some(stood) = late {
                state.wrong += 1;
                state.latest = state.latest.max(stood);
            }
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
