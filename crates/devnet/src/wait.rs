//! Waiting for something outside our control: always bounded, never silent for long.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::progress;

const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Asks `probe` every `pause` until it answers `Some`, for at most `bound`.
///
/// # Errors
/// What the probe fails with, at once; or that `bound` has passed, naming `what` was waited for.
pub async fn until<T>(
    what: &str,
    bound: Duration,
    pause: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    let mut next_report = REPORT_EVERY;
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        let waited = started.elapsed();
        if waited >= bound {
            bail!("waited {} s for {what}, in vain", bound.as_secs());
        }
        if waited >= next_report {
            progress::step(format!(
                "waiting for {what}: {} s of at most {} s",
                waited.as_secs(),
                bound.as_secs()
            ));
            next_report += REPORT_EVERY;
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn it_answers_what_the_probe_found() {
        let mut asked = 0;
        let found = until("three", Duration::from_secs(5), PAUSE, async || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(found.await.expect("found on the third time"), 3);
    }

    #[tokio::test]
    async fn it_names_what_never_came() {
        let never = until("a bus", Duration::ZERO, PAUSE, async || Ok(None::<()>));
        assert_eq!(
            never.await.expect_err("nothing comes").to_string(),
            "waited 0 s for a bus, in vain"
        );
    }
}
