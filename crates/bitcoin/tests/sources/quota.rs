//! How many questions a source that counts them is asked, by a clock of the test's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_bitcoin::{
    BLOCKCYPHER_LOOK_EVERY, BitcoinConfig, BitcoinLane, Face, LaneSettings, Network, Node,
};
use adit_chain::{Chain as _, Endpoint, Request, Response, Timer, Watch, Wire, WireFault};
use adit_core::{ChainName, Destination, EndpointName, LaneId, Span, Trust};
use async_trait::async_trait;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network as Bitcoin};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::restart::wallet;

/// The engine looks twice a second, and compares the pinned facts twice a minute.
const STEP: Duration = Duration::from_millis(500);
const STEPS_AN_HOUR: u64 = 7_200;
const STEPS_PER_IDENTITY: u64 = 60;

/// Time that passes when the test says so.
#[derive(Default)]
struct Told(AtomicU64);

impl Told {
    fn pass(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).expect("short"), Ordering::SeqCst);
    }
}

impl Timer for Told {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(futures::future::pending())
    }
}

/// A source of either kind, its newest block, and how often it was asked.
#[derive(Clone, Default)]
struct Served {
    /// Height and branch.
    tip: Arc<Mutex<(u64, u8)>>,
    asked: Arc<AtomicU64>,
}

impl Served {
    fn at(height: u64) -> Self {
        let served = Self::default();
        served.mine(height, 1);
        served
    }

    fn mine(&self, height: u64, branch: u8) {
        *self.tip.lock().expect("no test panics in here") = (height, branch);
    }

    fn asked(&self) -> u64 {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn block(&self, height: u64) -> Option<BlockHash> {
        let (tip, branch) = *self.tip.lock().expect("no test panics in here");
        match height {
            0 => Some(genesis_block(Bitcoin::Regtest).block_hash()),
            height if height > tip => None,
            height => Some(BlockHash::from_byte_array(
                [u8::try_from(height % 200).expect("small") ^ branch; 32],
            )),
        }
    }

    fn tip(&self) -> (u64, BlockHash) {
        let (height, _) = *self.tip.lock().expect("no test panics in here");
        (height, self.block(height).expect("its own"))
    }
}

struct OneFace(Face, Served);

impl OneFace {
    fn blockcypher(&self, path: &str) -> Option<Value> {
        let (height, hash) = self.1.tip();
        if path.is_empty() {
            let time = "2026-11-01T00:00:00Z";
            return Some(
                json!({ "height": height, "hash": hash, "time": time, "high_fee_per_kb": 20_000, "medium_fee_per_kb": 10_000 }),
            );
        }
        if path.starts_with("/addrs/") {
            return Some(json!({}));
        }
        let height = path.strip_prefix("/blocks/")?.strip_suffix("?limit=1")?.parse().ok()?;
        Some(json!({ "height": height, "hash": self.1.block(height)? }))
    }

    fn esplora(&self, path: &str) -> Option<Vec<u8>> {
        let (height, hash) = self.1.tip();
        if let Some(height) = path.strip_prefix("/block-height/") {
            return Some(self.1.block(height.parse().ok()?)?.to_string().into_bytes());
        }
        match path {
            "/blocks/tip/hash" => Some(hash.to_string().into_bytes()),
            "/fee-estimates" => Some(b"{}".to_vec()),
            _ if path.starts_with("/block/") => Some(
                json!({ "id": hash, "height": height, "timestamp": 1_700_000_000 })
                    .to_string()
                    .into_bytes(),
            ),
            _ => Some(b"[]".to_vec()),
        }
    }
}

#[async_trait]
impl Wire for OneFace {
    async fn exchange(&self, request: &Request) -> Result<Response, WireFault> {
        self.1.asked.fetch_add(1, Ordering::SeqCst);
        let said = match self.0 {
            Face::BlockCypher => {
                self.blockcypher(&request.path).map(|said| said.to_string().into_bytes())
            }
            Face::Esplora | Face::Bitcoind => self.esplora(&request.path),
        };
        Ok(said.map_or(Response { status: 404, body: b"{}".to_vec() }, Response::ok))
    }
}

fn node(sources: &[(Face, &Served)], trust: Trust, look_every: Span, timer: &Arc<Told>) -> Node {
    let timer: Arc<dyn Timer> = timer.clone();
    let endpoint = |(index, (face, served)): (usize, &(Face, &Served))| {
        let name = EndpointName::new(format!("source:{index}")).expect("a name");
        (*face, Endpoint::over(name, Box::new(OneFace(*face, (*served).clone())), timer.clone()))
    };
    let name = ChainName::new("bitcoin").expect("a name");
    let config = BitcoinConfig {
        trust,
        blockcypher_look_every: look_every,
        ..BitcoinConfig::new(name, Network::Regtest, Vec::new())
    };
    Node::over(config, sources.iter().enumerate().map(endpoint).collect(), timer.clone())
        .expect("enough sources")
}

/// A lane over one BlockCypher source, which looks as the engine does.
struct Looking {
    timer: Arc<Told>,
    served: Served,
    lane: BitcoinLane,
    watch: Watch,
}

impl Looking {
    fn every(look_every: Span) -> Self {
        let (timer, served) = (Arc::new(Told::default()), Served::at(150));
        let node = node(&[(Face::BlockCypher, &served)], Trust::Single, look_every, &timer);
        let lane = BitcoinLane::over(
            node,
            LaneSettings::new("BTC".parse().expect("an asset"), wallet()),
            timer.clone(),
        );
        let id = LaneId {
            chain: "bitcoin".parse().expect("a name"),
            wallet: Destination::new("wallet").expect("a name"),
        };
        let watch = Watch {
            lane: id,
            next_nonce: 0,
            adopted_from: 0,
            confirmations: 1,
            trail: Vec::new(),
            lineages: Vec::new(),
        };
        Self { timer, served, lane, watch }
    }

    /// Gives how many questions it asked meanwhile.
    async fn pass(&self, steps: u64) -> u64 {
        for step in 0..steps {
            self.timer.pass(STEP);
            self.lane.watch(&self.watch).await.expect("a look");
            if step.is_multiple_of(STEPS_PER_IDENTITY) {
                self.lane.identity(&self.watch.lane).await.expect("the pinned facts");
            }
        }
        self.served.asked()
    }
}

/// 60 an hour while the head is unchanged, where nothing remembered would be 1,020: 720 looks, 180
/// estimates, 120 times the first block. And a new block's look is one question for each address.
#[tokio::test]
async fn an_idle_blockcypher_is_asked_once_a_minute() {
    let looking = Looking::every(BLOCKCYPHER_LOOK_EVERY);
    // The network's first block, once to be heard and once for the pinned facts; the head; 40
    // addresses, and the head behind them.
    assert_eq!(looking.pass(1).await, 2 + 1 + 40 + 1);
    let idle = looking.pass(STEPS_AN_HOUR - 1).await;
    assert!((59..=60).contains(&idle), "{idle} questions in an idle hour");
    looking.served.mine(151, 1);
    let asked = looking.pass(121).await;
    assert!((41..=44).contains(&asked), "{asked} questions for a new block and a minute");
    assert_eq!(looking.lane.tip().await.expect("a tip").head.height, 151);

    let forgetful = Looking::every(Span::from_millis(0));
    forgetful.pass(1).await;
    let idle = forgetful.pass(STEPS_AN_HOUR).await;
    assert!((1_018..=1_022).contains(&idle), "{idle} questions in an idle hour");
}

/// What it said a while ago holds up nobody: where another source tells of a new block, it is asked
/// soon; and it is not called a liar for a block that was its newest before a reorganisation.
#[tokio::test]
async fn a_remembered_head_gives_way_to_what_others_tell() {
    let (timer, cypher, esplora) = (Arc::new(Told::default()), Served::at(150), Served::at(150));
    let node = node(
        &[(Face::BlockCypher, &cypher), (Face::Esplora, &esplora)],
        Trust::Quorum,
        BLOCKCYPHER_LOOK_EVERY,
        &timer,
    );
    assert_eq!(node.heads().await.expect("a head").block.height, 150);
    for (height, branch) in [(151, 1), (151, 2), (152, 2), (152, 3), (153, 3)] {
        cypher.mine(height, branch);
        esplora.mine(height, branch);
        cypher.asked();
        let mut found = None;
        for _ in 0..4 {
            timer.pass(Duration::from_secs(5));
            found = node.heads().await.ok().map(|head| head.block.hash.hex());
        }
        let newest = esplora.tip().1.to_string();
        assert_eq!(found, Some(newest), "within twenty seconds, at {height} of branch {branch}");
        let asked = cypher.asked();
        assert!(asked <= 4, "{asked} questions");
    }
    // One that tells of a block that nobody else has makes it no busier than four times as often.
    esplora.mine(4_000_000, 9);
    for _ in 0..720 {
        timer.pass(Duration::from_secs(5));
        let _may_disagree = node.heads().await;
    }
    let asked = cypher.asked();
    assert!(asked <= 245, "{asked} questions in an hour");
}
