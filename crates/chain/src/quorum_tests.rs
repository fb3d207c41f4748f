use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Accepts every endpoint, or none.
struct Network(AtomicBool);

#[async_trait]
impl NetworkCheck for Network {
    async fn check(&self, endpoint: &Endpoint) -> Result<(), Fault> {
        if self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let chain = "test".to_owned();
        Err(Fault::WrongNetwork { chain, endpoint: endpoint.name().clone(), pinned: "1".to_owned(), seen: "2".to_owned() })
    }
}

fn quorum(count: usize, trust: Trust, right_network: bool) -> Quorum {
    let timer: Arc<dyn Timer> = Arc::new(crate::TokioTimer::default());
    let urls: Vec<String> = (0..count).map(|index| format!("http://127.0.0.1:{}/", 1_000 + index)).collect();
    let endpoints = Endpoint::all(&urls, Duration::from_secs(1), &timer).expect("endpoints");
    let chain = ChainName::new("test").expect("a name");
    Quorum::new(chain, trust, endpoints, Arc::new(Network(AtomicBool::new(right_network))), timer)
}

/// The endpoint's place, from its port.
fn place(endpoint: &Endpoint) -> usize {
    let (_, port) = endpoint.name().as_str().rsplit_once(':').expect("host:port");
    port.parse::<usize>().expect("a port") - 1_000
}

#[test]
fn two_or_more_than_half() {
    let needed = |count| quorum(count, Trust::Quorum, true).needed();
    assert_eq!([1, 2, 3, 4, 5].map(needed), [2, 2, 2, 3, 3]);
    assert_eq!(quorum(3, Trust::Single, true).needed(), 1);
}

#[tokio::test]
async fn enough_equal_answers_do_not_wait_for_the_slow_one() {
    let quorum = quorum(3, Trust::Quorum, true);
    let agreed = quorum.ask("seven", async |endpoint: Arc<Endpoint>| match place(&endpoint) {
        2 => std::future::pending().await,
        _ => Ok(7),
    });
    assert_eq!(agreed.await.expect("agreed").value, 7);
}

#[tokio::test]
async fn a_single_endpoint_is_no_quorum() {
    let fault = quorum(1, Trust::Quorum, true).ask("seven", async |_| Ok(7)).await.expect_err("one of two");
    assert!(matches!(fault, Fault::Unreachable { answered: 1, needed: 2, .. }), "{fault}");
}

#[tokio::test]
async fn f39_two_that_differ_are_a_disagreement() {
    let fault = quorum(2, Trust::Quorum, true).ask("places", async |endpoint| Ok(place(&endpoint))).await.expect_err("they differ");
    assert!(matches!(fault, Fault::Disagreement { .. }), "{fault}");
}

#[tokio::test]
async fn f41_the_wrong_network_is_never_heard() {
    let quorum = quorum(2, Trust::Single, false);
    let fault = quorum.ask("seven", async |_| Ok(7)).await.expect_err("nobody may speak");
    assert!(matches!(fault, Fault::WrongNetwork { .. }), "{fault}");
    assert!(quorum.readings().iter().all(|reading| reading.quarantined && reading.open));
    assert!(quorum.fan_out(async |_| Ok(7)).await.iter().all(|(_, answer)| answer.is_err()));
}

#[tokio::test]
async fn who_is_always_late_is_no_longer_waited_for() {
    let quorum = quorum(3, Trust::Quorum, true);
    let question = async |endpoint: Arc<Endpoint>| match place(&endpoint) {
        2 => std::future::pending().await,
        _ => Ok(7),
    };
    for _ in 0..crate::BREAKER_FAILURES_MAX {
        assert_eq!(quorum.gather("seven", question).await.expect("two answers").answers.len(), 2);
    }
    let open: Vec<bool> = quorum.readings().iter().map(|reading| reading.open).collect();
    assert_eq!(open, [false, false, true]);
}
