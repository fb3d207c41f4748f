//! The `Date` headers of endpoints as second clocks, where no block says what time it is (case
//! F97).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adit_chain::{Dated, Endpoint, Request, Response, Timer, TokioTimer, Wire, WireFault};
use adit_core::{EndpointName, Span};
use adit_engine::{AnchoredClock, Source};
use async_trait::async_trait;

use crate::clocks::Jumping;
use crate::parts::{Running, now};
use crate::world::World;

const TWO_HOURS: i64 = 7_200;
/// Far more than a look takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// A look has heard its witness before the next one begins.
const LOOKS: usize = 3;

/// Anvil, reached through a server on another host, whose clock is off by so many seconds.
struct Elsewhere {
    url: String,
    http: reqwest::Client,
    host: &'static str,
    address: IpAddr,
    off: i64,
    /// How often all servers were asked what time it is.
    looks: Arc<AtomicUsize>,
}

#[async_trait]
impl Wire for Elsewhere {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        let json = request.json().expect("it is asked in JSON-RPC");
        let asked = self.http.post(&self.url).json(json).send().await;
        let answer = asked.map_err(|error| WireFault::NoAnswer(error.to_string()))?;
        let (status, body) =
            (answer.status().as_u16(), answer.bytes().await.expect("anvil ends its answers"));
        Ok(Response { status, body: body.to_vec() })
    }

    fn dated(&self) -> Option<Dated> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let time = now().plus(Span::from_seconds(self.off.unsigned_abs()));
        let is_here = self.address.is_loopback();
        Some(Dated {
            host: self.host.to_owned(),
            address: self.address,
            is_here,
            time,
            age: Duration::from_secs(1),
        })
    }
}

/// Each by host, address, and how far its clock is ahead. Tells how often they were asked for it,
/// too.
fn through(
    world: &World,
    servers: &[(&'static str, [u8; 4], i64)],
    clock: &Jumping,
) -> (Running, Arc<AtomicUsize>) {
    let looks = Arc::new(AtomicUsize::default());
    let timer: Arc<dyn Timer> = Arc::new(TokioTimer::default());
    let endpoint = |(host, address, off): &(&'static str, [u8; 4], i64)| {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let wire = Elsewhere {
            url: world.anvil.url().to_owned(),
            http,
            host,
            address: (*address).into(),
            off: *off,
            looks: looks.clone(),
        };
        Endpoint::over(EndpointName::new(*host).expect("a name"), Box::new(wire), timer.clone())
    };
    let endpoints = servers.iter().map(endpoint).collect();
    (
        world.start_over(endpoints, timer.clone(), AnchoredClock::over(Arc::new(clock.clone()))),
        looks,
    )
}

/// Ends with the doubt, or once enough looks at all the dates have not ended it.
async fn is_sure(running: &Running, servers: usize, looks: &AtomicUsize) -> bool {
    let end = async {
        while running.engine.ports.clock.doubt().is_some()
            && looks.load(Ordering::Relaxed) < LOOKS * servers
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        running.engine.ports.clock.doubt().is_none()
    };
    tokio::time::timeout(PATIENCE, end).await.expect("the dates are looked at")
}

/// The chain stands still, and the machine was away for two hours: its blocks say that no time has
/// passed.
#[tokio::test(flavor = "multi_thread")]
async fn f97_two_dates_of_other_hosts_end_a_doubt_that_no_block_can_end() {
    let (ours, theirs, here) = ([192, 0, 2, 1], [192, 0, 2, 2], [127, 0, 0, 1]);
    let cases = [
        (
            vec![("a.example", ours, TWO_HOURS), ("b.example", theirs, TWO_HOURS + 20)],
            true,
            "two of other hosts",
        ),
        (vec![("a.example", ours, TWO_HOURS)], false, "one is none"),
        (
            vec![("a.example", ours, TWO_HOURS), ("b.example", theirs, 0)],
            false,
            "one of the two disagrees",
        ),
        (
            vec![("a.example", ours, TWO_HOURS), ("b.example", ours, TWO_HOURS)],
            false,
            "one host by two names",
        ),
        (
            vec![("a.example", ours, TWO_HOURS), ("b.example", here, TWO_HOURS)],
            false,
            "one is this machine",
        ),
    ];
    for (servers, ends, case) in cases {
        let world = World::new(None).await;
        let clock = Jumping::default();
        clock.to(TWO_HOURS);
        let (running, looks) = through(&world, &servers, &clock);
        assert_eq!(
            is_sure(&running, servers.len(), &looks).await,
            ends,
            "{case}: {:?}",
            running.engine.ports.clock.standing()
        );
        running.crash();
    }
}

/// A server whose clock is off is named, and nothing is refused for it.
#[tokio::test(flavor = "multi_thread")]
async fn f97_an_endpoint_whose_clock_is_off_is_named() {
    let world = World::new(Some(1)).await;
    let servers = [("a.example", [192, 0, 2, 1], 600), ("b.example", [192, 0, 2, 2], 0)];
    let (running, looks) = through(&world, &servers, &Jumping::default());
    assert!(is_sure(&running, servers.len(), &looks).await, "blocks agree");
    let compared = async {
        while running.engine.ports.clock.standing().apart.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, compared).await.expect("it is compared");
    let apart = running.engine.ports.clock.standing().apart;
    let named = apart
        .iter()
        .find(|(source, _)| *source == Source::Endpoint { host: "a.example".to_owned() });
    assert!(named.is_some_and(|(_, seconds)| (590..=610).contains(seconds)), "{apart:?}");
    assert_eq!(apart.len(), 1, "{apart:?}");
    running.crash();
}
