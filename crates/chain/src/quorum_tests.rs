use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
        Err(Fault::WrongNetwork {
            chain,
            endpoint: endpoint.name().clone(),
            pinned: "1".to_owned(),
            seen: "2".to_owned(),
        })
    }
}

fn quorum(count: usize, trust: Trust, right_network: bool) -> Quorum {
    let timer: Arc<dyn Timer> = Arc::new(crate::TokioTimer::default());
    let urls: Vec<String> =
        (0..count).map(|index| format!("http://127.0.0.1:{}/", 1_000 + index)).collect();
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
    let fault =
        quorum(1, Trust::Quorum, true).ask("seven", async |_| Ok(7)).await.expect_err("one of two");
    assert!(matches!(fault, Fault::Unreachable { answered: 1, needed: 2, .. }), "{fault}");
}

#[tokio::test]
async fn f39_two_that_differ_are_a_disagreement() {
    let fault = quorum(2, Trust::Quorum, true)
        .ask("places", async |endpoint| Ok(place(&endpoint)))
        .await
        .expect_err("they differ");
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

#[tokio::test]
async fn each_place_of_a_list_is_agreed_on_by_itself() {
    let quorum = quorum(2, Trust::Quorum, true);
    let said = quorum.ask_each("places", 3, async |endpoint: Arc<Endpoint>| {
        Ok(vec![Some(7), Some(place(&endpoint)), None])
    });
    let values: Vec<Option<usize>> = said
        .await
        .expect("answers")
        .into_iter()
        .map(|agreed| agreed.map(|agreed| agreed.value))
        .collect();
    assert_eq!(values, [Some(7), None, None]);
    let nobody = quorum.ask_each("nothing", 0, async |_| -> Result<Vec<Option<u8>>, Fault> {
        panic!("nothing is to be asked")
    });
    assert_eq!(nobody.await, Ok(Vec::new()));
}

/// F12, rule R2: every endpoint is told, whatever the others say; a refusal or a fault of one keeps
/// no other from it.
#[tokio::test]
async fn f12_f14_every_endpoint_is_told_whatever_the_others_say() {
    let quorum = quorum(3, Trust::Single, true);
    let fault = || vote::unreachable("test", 0, 1, "it hung up".to_owned());
    let told = quorum
        .fan_out(
            async |endpoint: Arc<Endpoint>| {
                if place(&endpoint) == 0 { Err(fault()) } else { Ok(place(&endpoint)) }
            },
        )
        .await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["127.0.0.1:1000", "127.0.0.1:1001", "127.0.0.1:1002"]);
    assert_eq!(
        told.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>(),
        [Err(fault()), Ok(1), Ok(2)]
    );
}

/// An endpoint that said that it cannot answer was not late.
#[tokio::test]
async fn a_fault_is_an_answer_in_time() {
    let quorum = quorum(3, Trust::Quorum, true);
    let question = async |endpoint: Arc<Endpoint>| match place(&endpoint) {
        2 => Err(vote::unreachable("test", 0, 1, "no".to_owned())),
        _ => Ok(7),
    };
    let said = quorum.gather("seven", question).await.expect("two answers");
    assert_eq!((said.answers.len(), said.faults.len()), (2, 1));
    assert!(quorum.readings().iter().all(|reading| reading.failures == 0), "nobody is to blame");
}

/// However long the ones that are needed take: the short patience is for the others.
#[tokio::test]
async fn enough_answers_are_waited_for_however_long_they_take() {
    let quorum = quorum(2, Trust::Quorum, true);
    let said = quorum.gather("seven", async |_| {
        tokio::time::sleep(Duration::from_millis(2 * STRAGGLER_MILLIS)).await;
        Ok(7)
    });
    assert_eq!(said.await.expect("two answers").answers.len(), 2);
}

/// Who said that it cannot answer is not late, who says nothing is.
#[tokio::test]
async fn only_the_silent_one_is_late() {
    let quorum = quorum(5, Trust::Quorum, true);
    let question = async |endpoint: Arc<Endpoint>| match place(&endpoint) {
        3 => Err(vote::unreachable("test", 0, 1, "no".to_owned())),
        4 => std::future::pending().await,
        _ => Ok(7),
    };
    quorum.gather("seven", question).await.expect("three answers");
    let failures: Vec<u64> = quorum.readings().iter().map(|reading| reading.failures).collect();
    assert_eq!(failures, [0, 0, 0, 0, 1]);
}

/// Cannot say which network an endpoint serves at first; then finds it right.
struct Undecided(AtomicUsize);

#[async_trait]
impl NetworkCheck for Undecided {
    async fn check(&self, _: &Endpoint) -> Result<(), Fault> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(vote::unreachable("test", 0, 1, "time-out".to_owned())),
            _ => Ok(()),
        }
    }
}

/// F41: who could not be checked is not heard, and not condemned; once checked it is not asked
/// again and again.
#[tokio::test]
async fn f41_who_cannot_be_checked_is_not_heard_and_not_condemned() {
    let network = Arc::new(Undecided(AtomicUsize::new(0)));
    let quorum = Quorum { network: network.clone(), ..quorum(1, Trust::Single, true) };
    let ask = || quorum.ask("seven", async |_| Ok(7));
    assert!(matches!(ask().await, Err(Fault::Unreachable { .. })));
    assert!(quorum.readings().iter().all(|reading| !reading.quarantined));
    for _ in 0..3 {
        assert_eq!(ask().await.expect("checked").value, 7);
    }
    assert_eq!((network.0.load(Ordering::Relaxed), quorum.chain().as_str()), (2, "test"));
}

/// F39: who tells otherwise than a quorum again and again is set aside; whoever agrees in between
/// is not, and one alone outvotes nobody.
#[tokio::test]
async fn f39_who_is_outvoted_again_and_again_is_set_aside() {
    let quorum = quorum(3, Trust::Quorum, true);
    let names: Vec<EndpointName> =
        quorum.readings().into_iter().map(|reading| reading.endpoint).collect();
    for _ in 0..crate::OUTVOTED_MAX {
        quorum.outvoted(&names[2], "block 7 is another");
        quorum.outvoted(&names[1], "block 7 is another");
        quorum.agrees(&names[1]);
    }
    let aside: Vec<bool> =
        quorum.readings().iter().map(|reading| reading.quarantined && reading.open).collect();
    assert_eq!(aside, [false, false, true]);
    let said = quorum
        .gather("seven", async |endpoint: Arc<Endpoint>| Ok(place(&endpoint)))
        .await
        .expect("two answers");
    assert_eq!(said.answers.len(), 2, "it is not heard");

    let single = self::quorum(2, Trust::Single, true);
    (0..9).for_each(|_| single.outvoted(&names[0], "block 7 is another"));
    assert!(single.readings().iter().all(|reading| !reading.open));
}

/// What proves itself is taken from whoever has it; that nobody has it is known only if somebody
/// answered.
#[tokio::test]
async fn what_proves_itself_is_taken_from_whoever_has_it() {
    let quorum = quorum(3, Trust::Quorum, true);
    let silent = || Err(vote::unreachable("test", 0, 1, "no".to_owned()));
    let found = quorum.find("bytes", async |endpoint: Arc<Endpoint>| match place(&endpoint) {
        0 => silent(),
        1 => Ok(None),
        _ => Ok(Some(7)),
    });
    assert_eq!(found.await, Ok(Some(7)));
    let nobody =
        quorum.find(
            "bytes",
            async |endpoint: Arc<Endpoint>| {
                if place(&endpoint) == 0 { Ok(None::<u8>) } else { silent() }
            },
        );
    assert_eq!(nobody.await, Ok(None));
    assert!(matches!(
        quorum.find("bytes", async |_| -> Result<Option<u8>, Fault> { silent() }).await,
        Err(Fault::Unreachable { .. })
    ));
}
