//! What *why* costs among many payments, and what idle sockets cost. Those that print figures are
//! run by hand:
//!
//! `cargo test -p adit-api --test http -- --ignored --nocapture --test-threads 1 pace::measured`
//!
//! Ten thousand sockets need as many files in each of two processes: `ulimit -n 11000`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_api::serve;
use adit_core::*;
use adit_devnet::postgres::Postgres;
use adit_store::conformance::{sample, script};
use adit_store::{MemStore, Store};
use adit_store_postgres::PostgresStore;
use adit_store_sqlite::SqliteStore;
use futures::{StreamExt, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::fakes::NoSigner;
use crate::silent::Silent;
use crate::world::{Parts, Player, World, settings};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Payments that are alive at once.
const ALIVE: u64 = 20_000;
/// Of them no block holds so many: as many as a lane has in flight.
const IN_FLIGHT: u64 = 16;
/// Approved ones that wait behind them.
const WAITING: u64 = 600;
/// Rows of the preparation that are put at once.
const PUT_AT_ONCE: usize = 2_000;
const ASKED: usize = 300;

const SOCKETS: usize = 10_000;
const SOCKETS_AT_ONCE: usize = 50;
const TRIES: usize = 100;
/// Tells the second process of the measurement where to connect, with whose token, and how often.
const CLIENTS: [&str; 3] = ["ADIT_PACE_URL", "ADIT_PACE_TOKEN", "ADIT_PACE_SOCKETS"];

fn owner() -> UserId {
    "ada".parse().expect("a user")
}

fn withdrawal(number: u64, state: State) -> Withdrawal {
    Withdrawal { user: owner(), state, ..sample::withdrawal(number, 1, number) }
}

/// A payment of one withdrawal under way.
fn payment(number: u64, knowledge: Knowledge) -> [Change; 2] {
    let (lane, hash) = (crate::rules::lane(), sample::hash(number));
    let mut lineage =
        sample::lineage(number, number, vec![Leg { user: owner(), ..sample::leg(number, 1) }]);
    lineage.anchors = vec![Anchor::Nonce { lane: lane.clone(), nonce: number }];
    lineage.lane = lane;
    lineage.created_at = sample::at(number.cast_signed());
    lineage.attempts[0].stage =
        Stage::Signed { signed: Signed { raw: Bytes(vec![2; 110]), hash }, knowledge };
    let state = State::Processing {
        lineage: lineage.id,
        since: sample::THEN,
        sighting: None,
        confirmed_at: None,
        hash: Some(hash),
    };
    [Change::Withdrawal(withdrawal(number, state)), Change::Lineage(lineage)]
}

fn mined() -> Knowledge {
    Knowledge::Included {
        block: sample::block(7),
        confirmed: true,
        sends: 1,
        last_at: sample::THEN,
    }
}

fn sent() -> Knowledge {
    Knowledge::MaybeSent { sends: 1, last_at: sample::THEN }
}

/// Nobody leases its lane, so nothing but what is asked reads the store.
async fn world_over(store: Arc<dyn Store>) -> World {
    World::of(Parts { behind: store, signer: Arc::new(NoSigner), leased: false, ..Parts::new() })
        .await
}

async fn why(world: &World, player: &Player, number: u64) -> String {
    let path = format!("/api/withdrawals/{}/why", sample::withdrawal_id(number));
    let shown = world.get(&path, &player.token).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    shown.text
}

/// Abuse +31: of a payment that a block holds nothing but its own lineage is read, and of one that
/// waits no more than a lane has in flight.
#[tokio::test]
async fn p31_why_reads_no_more_lineages_than_matter() {
    let mem = MemStore::new();
    let store = Silent::new(mem.clone());
    let world = world_over(Arc::new(store.clone())).await;
    let ada = world.player("ada", 0).await;
    let all =
        (1..=200).flat_map(|number| payment(number, if number <= 150 { mined() } else { sent() }));
    script::put(
        &mem,
        all.chain([Change::Withdrawal(withdrawal(500, sample::approved()))]).collect(),
    )
    .await;
    let read_for = async |number: u64| {
        let before = store.reads().lineages_read();
        why(&world, &ada, number).await;
        store.reads().lineages_read() - before
    };
    // Alerts are judged meanwhile, every five seconds.
    let mut least = [u64::MAX; 3];
    for _ in 0..3 {
        for (least, number) in least.iter_mut().zip([100, 200, 500]) {
            *least = (*least).min(read_for(number).await);
        }
    }
    assert_eq!(least, [0, IN_FLIGHT, IN_FLIGHT], "mined, sent, approved");
}

/// Idle sockets ask nothing: one look a second finds what other servers committed, for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn idle_sockets_ask_nothing_of_their_own() {
    const FEW: usize = 60;
    let (url, world, store) = listening(FEW).await;
    let service = world.service().await;
    let clients: Vec<_> =
        (0..FEW).map(|number| tokio::spawn(idle(url.clone(), service.clone(), number))).collect();
    until_listening(&world, FEW).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = store.reads().of_sockets();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let [own, looks] =
        std::array::from_fn(|index| store.reads().of_sockets()[index] - before[index]);
    assert!(
        own == 0 && (1..=4).contains(&looks),
        "{own} questions of {FEW} sockets, and {looks} looks for all"
    );
    clients.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn listening(sockets: usize) -> (String, World, Silent) {
    let mem = MemStore::new();
    let numbers: Vec<u64> = (0..sockets as u64).collect();
    for some in numbers.chunks(PUT_AT_ONCE) {
        script::put(&mem, some.iter().map(|number| Change::User(sample::user(*number))).collect())
            .await;
    }
    let store = Silent::new(mem.clone());
    let wide = adit_api::ApiSettings { live_connections_max: sockets + 10, ..settings() };
    let parts = Parts {
        settings: wide,
        store: mem,
        behind: Arc::new(store.clone()),
        signer: Arc::new(NoSigner),
        leased: false,
        ..Parts::new()
    };
    let world = World::of(parts).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/api/live", listener.local_addr().expect("an address"));
    tokio::spawn(serve(
        listener,
        world.state.clone(),
        world.router.clone(),
        std::future::pending(),
    ));
    (url, world, store)
}

/// Listens to one user's events and answers pings, as long as it is not ended.
async fn idle(url: String, token: String, number: usize) {
    stays_open(opened(&url, &token, number).await).await;
}

async fn opened(url: &str, token: &str, number: usize) -> Socket {
    let url = format!("{url}?userId={}", sample::user_id(number as u64));
    for _ in 0..TRIES {
        let mut request = url.as_str().into_client_request().expect("a request");
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        // A full queue of the system's is no matter of the server's.
        match connect_async(request).await {
            Ok((socket, _)) => return socket,
            Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
    panic!("{url} takes no connection");
}

async fn stays_open(mut socket: Socket) {
    while let Some(message) = socket.next().await {
        message.expect("it stays open");
    }
    panic!("the server closed it");
}

async fn until_listening(world: &World, sockets: usize) {
    let wanted = format!("adit_live_connections {sockets}\n");
    for _ in 0..1_500 {
        if world.metrics().await.text.contains(&wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let text = world.metrics().await.text;
    panic!(
        "not {wanted}: {:?}",
        text.lines().filter(|line| line.contains("live")).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures for docs/performance.md"]
async fn measured_why_among_20_000_lineages() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sqlite =
        SqliteStore::open(folder.path().join("adit.db")).await.expect("a fresh file opens");
    measure_why("SQLite", Arc::new(sqlite)).await;
    let cluster = Postgres::start(std::env::temp_dir().join("adit-api-pace.log"))
        .await
        .expect("Postgres starts");
    cluster.create_database("adit").await.expect("a fresh cluster has no such database");
    let postgres =
        PostgresStore::connect(&cluster.url("adit")).await.expect("a fresh database opens");
    measure_why("Postgres", Arc::new(postgres)).await;
    cluster.sql("adit", "ANALYZE").await.expect("analysed");
}

async fn measure_why(name: &str, store: Arc<dyn Store>) {
    let world = world_over(store.clone()).await;
    let ada = world.player("ada", 0).await;
    let last_mined = ALIVE - IN_FLIGHT;
    let numbers: Vec<u64> = (1..=ALIVE).collect();
    for some in numbers.chunks(PUT_AT_ONCE) {
        script::put(
            &*store,
            some.iter()
                .flat_map(|number| {
                    payment(*number, if *number <= last_mined { mined() } else { sent() })
                })
                .collect(),
        )
        .await;
    }
    let waiting = (1..=WAITING)
        .map(|number| Change::Withdrawal(withdrawal(ALIVE + number, sample::approved())));
    script::put(&*store, waiting.collect()).await;
    let kinds = [
        ("in a block", ALIVE / 2),
        ("sent, first in line", last_mined + 1),
        ("sent, last in line", ALIVE),
        ("approved, last", ALIVE + WAITING),
    ];
    for (kind, number) in kinds {
        let mut took = Vec::with_capacity(ASKED);
        for _ in 0..ASKED {
            let began = Instant::now();
            why(&world, &ada, number).await;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        let at = |percent: usize| took[(ASKED * percent / 100).min(ASKED - 1)].as_secs_f64() * 1e3;
        println!(
            "why of {ALIVE} alive, {name}, {kind}: p50 {:.2} ms, p99 {:.2} ms",
            at(50),
            at(99)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures for docs/performance.md"]
async fn measured_questions_of_10_000_idle_sockets() {
    let (url, world, store) = listening(SOCKETS).await;
    let service = world.service().await;
    for sockets in [1, SOCKETS] {
        let mut clients = Process::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "pace::clients_of_the_measurement", "--nocapture"])
            .envs(CLIENTS.into_iter().zip([url.clone(), service.clone(), sockets.to_string()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        // Read to its end: whoever is not read from cannot say that it is done.
        let mut said = BufReader::new(clients.stdout.take().expect("piped")).lines();
        std::thread::spawn(move || said.by_ref().for_each(drop));
        until_listening(&world, sockets).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (before, began) =
            ((store.reads().asked_in_all(), store.reads().of_sockets()), Instant::now());
        tokio::time::sleep(Duration::from_secs(40)).await;
        let (all, [own, looks]) = (store.reads().asked_in_all(), store.reads().of_sockets());
        let rate =
            |after: u64, before: u64| (after - before) as f64 / began.elapsed().as_secs_f64();
        println!(
            "{sockets} idle sockets: {:.2} questions a second of their own, {:.2} looks for all of \
             them; {:.2} of the whole server",
            rate(own, before.1[0]),
            rate(looks, before.1[1]),
            rate(all, before.0)
        );
        drop(clients.stdin.take());
        clients.wait().expect("it ends");
        until_listening(&world, 0).await;
    }
}

/// The other ends of the sockets, in a process of their own: each socket is a file at both ends.
#[test]
#[ignore = "a part of the measurement of idle sockets, which starts it"]
fn clients_of_the_measurement() {
    let [Ok(url), Ok(token), Ok(sockets)] = CLIENTS.map(std::env::var) else { return };
    let sockets: usize = sockets.parse().expect("a number");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let opening = stream::iter(0..sockets)
            .map(|number| opened(&url, &token, number))
            .buffer_unordered(SOCKETS_AT_ONCE);
        opening.for_each(|socket| async { drop(tokio::spawn(stays_open(socket))) }).await;
    });
    // Until whoever started it lets go.
    let _end = std::io::stdin().read(&mut [0]);
    runtime.shutdown_background();
}
