//! One replica: the real engine on simulated ports, started again whenever it has died.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adit_bitcoin::{BitcoinLane, Face, Node};
use adit_chain::{Chain, Endpoint, Timer};
use adit_core::{ChainName, EndpointName, Rules, Span};
use adit_engine::{AnchoredClock, Engine, Ports, Settings};
use adit_evm::EvmChain;

use crate::crash::Process;
use crate::executor::ProcessId;
use crate::ports::{SimClock, SimEntropy, SimSpawner, SimTimer};
use crate::rules::{ENDPOINTS, bitcoin_chain, chain_name};
use crate::signer::SimSigner;
use crate::store::SimStore;
use crate::wire::{Served, SimWire};
use crate::{Dice, World};

/// How often it is looked whether a replica still lives.
const LOOK_MICROS: u64 = 5_000_000;
const RESTART_SECONDS: (u64, u64) = (1, 90);
/// So that a day is simulated in a moment, the engine looks less often than a real one, and its
/// lease is longer than the slowest answer: what a lease that is shorter does is shown on real
/// parts only.
pub const LEASE: Span = Span::from_seconds(120);

/// A replica that runs.
#[derive(Clone)]
pub struct Running {
    pub engine: Engine,
    pub clock: SimClock,
}

/// Keeps one replica running.
pub struct Supervisor {
    pub world: Arc<World>,
    pub rules: Arc<Rules>,
    pub slot: usize,
    pub slots: usize,
    /// It runs only while it is connected to an old primary.
    pub spare: bool,
    pub dice: Dice,
}

impl Supervisor {
    /// For ever.
    pub async fn run(mut self) {
        for life in 0_u32.. {
            while self.spare && !self.world.is_behind(self.slot) {
                self.world.handle.sleep(LOOK_MICROS).await;
            }
            let number = 1 + u32::try_from(self.slot + life as usize * self.slots)
                .expect("few replicas and few lives");
            let process = Process {
                id: ProcessId(number),
                name: format!("replica-{}", self.slot),
                slot: self.slot,
            };
            let behind = if self.world.is_behind(self.slot) { ", on an old primary" } else { "" };
            self.world
                .story
                .tell(&process.name, || format!("starts for the {}. time{behind}", life + 1));
            let running = self.start(&process);
            self.world.replica_started(self.slot, process.clone(), running);
            while !self.world.handle.is_dead(process.id) {
                self.world.handle.sleep(LOOK_MICROS).await;
            }
            self.world.replica_ended(self.slot);
            let pause = self.dice.between(RESTART_SECONDS.0, RESTART_SECONDS.1);
            self.world.handle.sleep(pause * 1_000_000).await;
        }
    }

    fn endpoints(&self, process: &Process, chain: Served, timer: &Arc<dyn Timer>) -> Vec<Endpoint> {
        let endpoint = |node| {
            let name = EndpointName::new(chain.name(node)).expect("a name");
            Endpoint::over(
                name,
                Box::new(SimWire::new(self.world.clone(), process.clone(), chain, node)),
                timer.clone(),
            )
        };
        (0..ENDPOINTS).map(endpoint).collect()
    }

    fn chains(
        &self,
        process: &Process,
        timer: &Arc<dyn Timer>,
    ) -> BTreeMap<ChainName, Arc<dyn Chain>> {
        let mut chains: BTreeMap<ChainName, Arc<dyn Chain>> = BTreeMap::new();
        let setup = &self.world.setup;
        if setup.pays_evm {
            let endpoints = self.endpoints(process, Served::Evm, timer);
            let chain = EvmChain::over(setup.evm(), endpoints, timer.clone())
                .expect("a good configuration");
            chains.insert(chain_name(), Arc::new(chain));
        }
        if let Some(bitcoin) = &setup.bitcoin {
            let endpoints = self
                .endpoints(process, Served::Bitcoin, timer)
                .into_iter()
                .map(|endpoint| (Face::Bitcoind, endpoint));
            let node = Node::over(bitcoin.config(), endpoints.collect(), timer.clone())
                .expect("a good configuration");
            chains.insert(
                bitcoin_chain(),
                Arc::new(BitcoinLane::over(node, bitcoin.settings(), timer.clone())),
            );
        }
        chains
    }

    fn start(&mut self, process: &Process) -> Running {
        let handle = self.world.handle.clone();
        let clock = SimClock::new(handle.clone());
        clock.set_skew(self.world.skew(self.slot));
        let timer: Arc<dyn Timer> = Arc::new(SimTimer(handle.clone()));
        let ports = Ports {
            clock: AnchoredClock::over(Arc::new(clock.clone())),
            entropy: Arc::new(SimEntropy(Mutex::new(self.dice.fork()))),
            spawner: Arc::new(SimSpawner { handle, process: process.id }),
            store: Arc::new(SimStore::new(self.world.clone(), process.clone())),
            chains: self.chains(process, &timer),
            signer: Arc::new(SimSigner::new(self.world.clone(), process.clone())),
            witness: None,
        };
        Running { engine: Engine::start(ports, self.rules.clone(), &settings()), clock }
    }
}

fn settings() -> Settings {
    Settings {
        lease: LEASE,
        lane_beat: Span::from_seconds(30),
        observe_beat: Span::from_seconds(40),
        funds_beat: Span::from_seconds(300),
        identity_beat: Span::from_seconds(900),
        alerts_beat: Span::from_seconds(300),
        audit_beat: Span::from_seconds(3_600),
        clock_beat: Span::from_seconds(20),
        witness_beat: Span::from_seconds(1_200),
        heartbeat: Span::from_seconds(600),
        silent_after: Span::from_seconds(900),
        ..Settings::default()
    }
}
