//! Engines on the world's store, chain and journal, as a process starts them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adit_chain::{Chain, Endpoint, Timer};
use adit_core::*;
use adit_engine::{AnchoredClock, Clock as _, Engine, Ports, Settings};
use adit_evm::{EvmChain, EvmConfig};
use adit_signer::{
    AssetCaps, ChainPolicy, EnvironmentId, EvmPolicy, Key, LocalSigner, MemoryFile, SignerConfig,
};

use super::super::clocks::Jumping;
use super::super::parts::{Running, System, Tasks};
use super::{CHAIN_ID, World, asset, chain_name, units};

/// So few that the versions of one payment are in two pages.
const PAGE_BYTES: usize = 2_500;

impl World {
    fn chain(&self, url: &str) -> EvmChain {
        EvmChain::new(self.config(vec![url.to_owned()])).expect("a good configuration")
    }

    fn config(&self, urls: Vec<String>) -> EvmConfig {
        let assets = self.rules.assets.values().map(|rules| rules.asset.clone()).collect();
        let wallets = vec![self.lane.wallet.clone()];
        EvmConfig {
            trust: Trust::Single,
            assets,
            wallets,
            ..EvmConfig::new(chain_name(), CHAIN_ID, urls)
        }
    }

    /// The signer on the journal as it is now. Nothing else uses it meanwhile.
    pub fn signer(&self) -> LocalSigner {
        let key = Key::from_hex(&self.hot.private_key()).expect("a key");
        let caps = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        let policy = ChainPolicy::Evm(EvmPolicy { chain_id: CHAIN_ID, fee_cap: units(1) });
        let config = SignerConfig {
            environment: EnvironmentId::new("test").expect("an environment"),
            keys: vec![(self.lane.clone(), key.into())],
            chains: BTreeMap::from([(chain_name(), policy)]),
            assets: self.rules.assets.values().map(|rules| rules.asset.clone()).collect(),
            caps: BTreeMap::from([(asset("DG"), caps), (asset("ETH"), caps)]),
        };
        let id = JournalId(uuid::Uuid::from_u128(77));
        let [journal, contexts] =
            [&self.journal, &self.contexts].map(|file| Box::new(as_the_crash_left_it(file)));
        let room = *self.journal_room.lock().expect("no test panics in here");
        self.leave_room(room);
        let clock = self.signer_clock.clone();
        let signer =
            LocalSigner::with_files(config, journal, contexts, id, Box::new(move || clock.now()))
                .expect("the journal opens");
        signer.with_page_bytes(PAGE_BYTES)
    }

    pub fn start(&self) -> Running {
        self.start_through(self.anvil.url())
    }

    /// The same, with another way to the node.
    pub fn start_through(&self, url: &str) -> Running {
        self.start_by(url, AnchoredClock::accepted(Arc::new(System)))
    }

    /// The same, by another clock.
    pub fn start_with(&self, clock: AnchoredClock) -> Running {
        self.start_by(self.anvil.url(), clock)
    }

    /// The same, by a clock that nobody has vouched for.
    pub fn start_doubting(&self, clock: &Jumping) -> Running {
        self.start_by(self.anvil.url(), AnchoredClock::over(Arc::new(clock.clone())))
    }

    /// The same, over endpoints that the test has made.
    pub fn start_over(
        &self,
        endpoints: Vec<Endpoint>,
        timer: Arc<dyn Timer>,
        clock: AnchoredClock,
    ) -> Running {
        let config =
            self.config(endpoints.iter().map(|endpoint| endpoint.name().to_string()).collect());
        self.start_on(
            EvmChain::over(config, endpoints, timer).expect("a good configuration"),
            clock,
        )
    }

    fn start_by(&self, url: &str, clock: AnchoredClock) -> Running {
        self.start_on(self.chain(url), clock)
    }

    fn start_on(&self, chain: EvmChain, clock: AnchoredClock) -> Running {
        let tasks = Arc::new(Tasks::default());
        let chain: Arc<dyn Chain> = Arc::new(chain);
        let ports = Ports {
            clock,
            entropy: Arc::new(System),
            spawner: tasks.clone(),
            store: self.store.clone(),
            chains: BTreeMap::from([(chain_name(), chain)]),
            signer: Arc::new(self.signer()),
            witness: self
                .witness
                .clone()
                .map(|witness| witness as Arc<dyn adit_engine::ThirdWitness>),
        };
        let settings = Settings {
            lease: self.lease,
            audit_beat: Span::from_millis(300),
            clock_beat: Span::from_millis(50),
            lane_beat: Span::from_millis(50),
            observe_beat: Span::from_millis(100),
            alerts_beat: Span::from_millis(200),
            funds_beat: Span::from_millis(500),
            ..Settings::default()
        };
        Running { engine: Engine::start(ports, self.rules.clone(), &settings), tasks }
    }
}

/// A signer's thread of the crashed engine may still write: a dead process could not, so it keeps
/// the old disk to itself.
fn as_the_crash_left_it(file: &Mutex<MemoryFile>) -> MemoryFile {
    let mut file = file.lock().expect("no test panics in here");
    *file = MemoryFile::holding(file.contents());
    file.clone()
}
