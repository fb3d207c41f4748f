//! The running system that disasters strike: servers on a small disk, each with ways of its own to
//! the chain, which lose answers.

mod bitcoin;
mod evm;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use crate::api::Api;
use crate::chance::Chance;
use crate::devnet::{Devnet, Place};
use crate::failover::cluster::Cluster;
use crate::options::{BitcoinChoice, Options, StoreKind};
use crate::proxy::{Drops, Pool, Proxy, Sends, SourceProxy, Taken};
use crate::setup::Setup;

use super::chain::{self, Holding};
use super::disk::Disk;
use super::forgotten::Forgotten;
use super::payees::Payee;
use super::plan::{ChainKind, Plan};
use super::recovery::Recoveries;
use super::requests::{Desk, Gate};

const DROPPED_PER_MILLE: u32 = 10;
const REPLICAS_ON_POSTGRES: u16 = 2;
const XP: u64 = 20_000;

pub struct World {
    // Dropped in this order: the disk after those who write on it.
    pub devnet: Devnet,
    /// The standby and the ways to the database, where that is in Postgres.
    pub cluster: Option<Cluster>,
    pub network: Network,
    pub disk: Disk,
    pub pids: Pids,
    pub gate: Gate,
    turn: watch::Sender<u64>,
    pub chain: ChainKind,
    /// What the wallet held before anything was paid.
    pub opening: Vec<Holding>,
    pub recoveries: Recoveries,
    /// What restores of both have left behind so far.
    pub forgotten: Forgotten,
    pub directory: PathBuf,
}

/// What stands between the servers and the chain that pays.
pub enum Network {
    Evm { pool: Arc<Pool>, faces: Vec<Proxy> },
    Bitcoin { taken: Arc<Taken>, sources: Vec<SourceProxy> },
}

impl Network {
    fn sends(&self) -> &Arc<Sends> {
        match self {
            Self::Evm { pool, .. } => pool.sends(),
            Self::Bitcoin { taken, .. } => taken.sends(),
        }
    }
}

/// The process ids of the servers by their number, as they are now: a trap kills without asking
/// anybody.
#[derive(Clone, Default)]
pub struct Pids(Arc<Mutex<Vec<Option<u32>>>>);

impl Pids {
    fn set(&self, pids: Vec<Option<u32>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pids;
    }

    /// SIGKILL to one server; at once.
    pub fn kill(&self, server: usize) {
        let pids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = pids
            .get(server)
            .copied()
            .flatten()
            .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
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
        let users = Payee::players(plan.chain, plan.payees)?;
        let bitcoin = match plan.chain {
            ChainKind::Evm => BitcoinChoice::None,
            ChainKind::Bitcoin => BitcoinChoice::Auto,
        };
        let options =
            Options { store: plan.store, replicas, users, xp: XP, bitcoin, ..Options::default() };
        let place = Place { directory, state: disk.root() };
        let (devnet, network, cluster) = match plan.chain {
            ChainKind::Evm => evm::start(&options, &place, plan.chance.clone()).await?,
            ChainKind::Bitcoin => bitcoin::start(&options, &place, plan.chance.clone()).await?,
        };
        let opening = chain::holdings(&devnet, plan.chain).await?;
        let recoveries = Recoveries::of(network.sends());
        let (pids, gate, directory) = (Pids::default(), Gate::default(), directory.to_owned());
        let mut world = Self {
            devnet,
            cluster,
            network,
            disk,
            pids,
            gate,
            turn: watch::Sender::new(0),
            chain: plan.chain,
            opening,
            recoveries,
            forgotten: Forgotten::default(),
            directory,
        };
        world.note_pids();
        Ok(world)
    }

    /// What the chain's nodes took.
    pub fn sends(&self) -> &Arc<Sends> {
        self.network.sends()
    }

    pub fn servers(&self) -> usize {
        self.devnet.addresses().count()
    }

    pub fn desk(&self) -> Result<Desk> {
        let apis = self.devnet.addresses().map(Api::new).collect::<Result<Vec<Api>>>()?;
        Ok(Desk {
            apis,
            domain: self.devnet.domain(),
            gate: Arc::clone(&self.gate),
            turn: self.turn.subscribe(),
        })
    }

    /// So many payees have asked that there is something to send until the chain's nodes took
    /// `sends` transactions, and then some.
    pub fn let_ask(&self, sends: u64) {
        let sent =
            self.sends().accepted().saturating_sub(self.bumps() as u64 + self.forgotten.sends);
        let payees = sends
            .max(sent + 1)
            .saturating_mul(self.chain.payees_per_send().into())
            .saturating_add(self.chain.payees_ahead());
        self.turn.send_modify(|turn| *turn = payees.max(*turn));
    }

    /// So many more have asked, wherever the others are.
    pub fn let_more_ask(&self, payees: u64) {
        self.turn.send_modify(|turn| *turn = turn.saturating_add(payees));
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
        if let Some(cluster) = &mut self.cluster {
            cluster.revive().await?;
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

    /// How far the chain is, in words.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn standing(&self) -> Result<String> {
        match &self.network {
            Network::Evm { .. } => {
                let mined = self.devnet.rpc().nonce(self.devnet.stage.hot_wallet.address).await?;
                Ok(format!("{mined} mined"))
            }
            Network::Bitcoin { taken, .. } => {
                let waiting = self.bitcoin_rpc()?.mempool().await?.len();
                Ok(format!("{waiting} unmined, {} outbid", taken.replacements().len()))
            }
        }
    }

    /// One block of the chain that pays.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn mine(&self) -> Result<()> {
        match self.chain {
            ChainKind::Evm => self.devnet.rpc().mine(1).await,
            ChainKind::Bitcoin => self
                .devnet
                .bitcoin()
                .context("this run pays in bitcoin")?
                .world
                .miner()
                .mine(1)
                .await
                .map(drop),
        }
    }

    /// Whether a version that outbids another one waits to be mined; only Bitcoin is asked.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn has_bump_in_flight(&self) -> Result<bool> {
        let Network::Bitcoin { taken, .. } = &self.network else { return Ok(false) };
        let outbidding = taken.replacements();
        Ok(self.bitcoin_rpc()?.mempool().await?.iter().any(|txid| outbidding.contains(txid)))
    }

    /// Versions that outbid another one; none are counted on EVM chains.
    pub fn bumps(&self) -> usize {
        match &self.network {
            Network::Evm { .. } => 0,
            Network::Bitcoin { taken, .. } => taken.replacements().len(),
        }
    }

    fn bitcoin_rpc(&self) -> Result<&crate::bitcoin::Rpc> {
        Ok(self.devnet.bitcoin().context("this run pays in bitcoin")?.world.rpc())
    }

    pub fn dropped(&self) -> u64 {
        match &self.network {
            Network::Evm { faces, .. } => faces.iter().map(Proxy::dropped).sum(),
            Network::Bitcoin { sources, .. } => sources.iter().map(SourceProxy::dropped).sum(),
        }
    }
}

/// Where the database is in Postgres: a standby of it, and ways to it for the servers.
async fn followed(
    options: &Options,
    place: &Place<'_>,
    setup: &mut Setup,
) -> Result<Option<Cluster>> {
    if options.store == StoreKind::Sqlite {
        return Ok(None);
    }
    let (primary, data) = (setup.config.store.url.clone(), place.state.join("standby"));
    let cluster = Cluster::start_in(data, &primary, options.replicas, place.directory).await?;
    setup.stores_of = cluster.addresses(&primary)?;
    Ok(Some(cluster))
}

/// Answers that get lost, of one way to the chain.
fn drops(chance: &mut Chance) -> Drops {
    Drops { per_mille: DROPPED_PER_MILLE, chance: chance.branch() }
}

/// How long something is waited for between two looks.
pub const LOOK_PAUSE: Duration = Duration::from_millis(100);
