//! The running system that disasters strike: servers on a small disk, each with two endpoints of its own, one of which lags.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use toml::Value;

use crate::api::Api;
use crate::config::{Config, Finality};
use crate::deployer::Deployer;
use crate::devnet::{Devnet, Place};
use crate::options::{Options, StoreKind};
use crate::primitives::U256;
use crate::proxy::{Drops, Face, Pool, Proxy};
use crate::setup::Setup;
use crate::stage::Stage;

use super::disk::Disk;
use super::payees::Payee;
use super::plan::Plan;
use super::recovery::Recoveries;
use super::requests::{Desk, Gate};

const DROPPED_PER_MILLE: u32 = 10;
const LAG_BLOCKS: u64 = 3;
/// Above the deepest reorganisation, also for the endpoint that lags.
const FINALITY_BLOCKS: u64 = 12;
/// Blocks after the beginning, so that no reorganisation reaches it.
const FIRM_BLOCKS: u64 = 24;
const REPLICAS_ON_POSTGRES: u16 = 2;
const XP: u64 = 20_000;

/// What the wallet held before anything was paid.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    pub coins: U256,
    pub tokens: U256,
}

pub struct World {
    // Dropped in this order: the disk after those who write on it.
    pub devnet: Devnet,
    pub pool: Arc<Pool>,
    pub faces: Vec<Proxy>,
    pub disk: Disk,
    pub pids: Pids,
    pub gate: Gate,
    pub opening: Opening,
    pub recoveries: Recoveries,
    pub directory: std::path::PathBuf,
}

/// The process ids of the servers by their number, as they are now: a trap kills without asking anybody.
#[derive(Clone, Default)]
pub struct Pids(Arc<Mutex<Vec<Option<u32>>>>);

impl Pids {
    fn set(&self, pids: Vec<Option<u32>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pids;
    }

    /// SIGKILL to one server; at once.
    pub fn kill(&self, server: usize) {
        let pids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = pids.get(server).copied().flatten().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    pub fn all(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().copied().collect()
    }
}

impl World {
    /// Starts it; `directory` gets configuration and logs.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start(plan: &Plan, directory: &Path) -> Result<Self> {
        let disk = Disk::new()?;
        let replicas = if plan.store == StoreKind::Postgres { REPLICAS_ON_POSTGRES } else { 1 };
        let users = Payee::players(plan.payees)?;
        let options = Options { store: plan.store, replicas, users, xp: XP, ..Options::default() };
        let (mut pool, mut faces, mut chance) = (None, Vec::new(), plan.chance.clone());
        let tailor = async |deployer: Deployer<'_>, _: &Stage, setup: &mut Setup| {
            let node = deployer.rpc().url();
            let shared = Pool::before(node)?;
            for name in 0..usize::from(replicas) {
                let mut endpoints = Vec::new();
                for lag_blocks in [0, LAG_BLOCKS] {
                    let drops = Drops { per_mille: DROPPED_PER_MILLE, chance: chance.branch() };
                    let face = Face { name, pool: Some(Arc::clone(&shared)), lag_blocks, drops: Some(drops) };
                    let proxy = Proxy::start_as(face, node).await?;
                    endpoints.push(proxy.url().to_owned());
                    faces.push(proxy);
                }
                setup.endpoints_of.push(endpoints);
            }
            pool = Some(shared);
            deployer.rpc().mine(FIRM_BLOCKS).await?;
            configure(&mut setup.config, &setup.endpoints_of[0]);
            Ok(())
        };
        let place = Place { directory, state: disk.root() };
        let devnet = Devnet::start_on(&options, &place, tailor).await?;
        let hot = devnet.stage.hot_wallet.address;
        let opening = Opening { coins: devnet.rpc().native_balance(hot).await?, tokens: super::chain::tokens_of(&devnet, hot).await? };
        let pool = pool.context("the devnet was tailored")?;
        let directory = directory.to_owned();
        let recoveries = Recoveries::of(&pool);
        let mut world = Self { devnet, pool, faces, disk, pids: Pids::default(), gate: Gate::default(), opening, recoveries, directory };
        world.note_pids();
        Ok(world)
    }

    pub fn servers(&self) -> usize {
        self.devnet.addresses().count()
    }

    pub fn desk(&self) -> Result<Desk> {
        let apis = self.devnet.addresses().map(Api::new).collect::<Result<Vec<Api>>>()?;
        Ok(Desk { apis, domain: self.devnet.domain(), gate: Arc::clone(&self.gate), pool: Arc::clone(&self.pool) })
    }

    /// After servers were started or have ended.
    pub fn note_pids(&mut self) {
        let pids = (0..self.servers()).map(|index| self.devnet.server(index).pid()).collect();
        self.pids.set(pids);
    }

    /// What a supervisor does: whatever of database, signer and servers has ended is started again.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn revive(&mut self) -> Result<()> {
        if let Some(postgres) = self.devnet.postgres_mut()
            && !postgres.runs()
        {
            postgres.start_again().await?;
        }
        if let Some(signer) = self.devnet.signer()
            && (signer.has_died() || signer.pid().is_none())
        {
            signer.start_again().await?;
        }
        for index in 0..self.servers() {
            let server = self.devnet.server(index);
            if server.has_died() || server.pid().is_none() {
                server.start_again().await?;
            }
        }
        self.note_pids();
        Ok(())
    }

    /// SIGKILL to every server.
    ///
    /// # Errors
    /// When one does not go.
    pub async fn kill_servers(&mut self) -> Result<()> {
        for index in 0..self.servers() {
            self.devnet.server(index).kill().await?;
        }
        self.note_pids();
        Ok(())
    }

    /// How many transactions of the wallet are in the chain now.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn mined(&self) -> Result<u64> {
        self.devnet.rpc().nonce(self.devnet.stage.hot_wallet.address).await
    }

    pub fn dropped(&self) -> u64 {
        self.faces.iter().map(Proxy::dropped).sum()
    }
}

/// Impatient, so that much happens in a short time; the daily limit and the minimum stay the demo's.
fn configure(config: &mut Config, endpoints: &[String]) {
    let chain = &mut config.chains.devnet;
    chain.trust = "quorum";
    chain.rpc = endpoints.to_vec();
    chain.finality = Finality::Depth(FINALITY_BLOCKS);
    chain.in_flight_max = 16;
    let keys: [(&str, i64); 4] =
        [("bump_after_seconds", 2), ("rebroadcast_after_seconds", 2), ("attempts_max", 40), ("precheck_backoff_seconds", 1)];
    chain.more.extend(keys.map(|(key, value)| (key.to_owned(), Value::from(value))));
    // A payout whose check fails because of a disaster waits; giving it back would be as safe, and no payment.
    chain.more.insert("precheck_tries_max".to_owned(), Value::from(1_000));
}

/// How long something is waited for between two looks.
pub const LOOK_PAUSE: Duration = Duration::from_millis(100);
