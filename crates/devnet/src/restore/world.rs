//! The servers, their database, and everything that is needed to tell what came of a restore.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::stream::{self, StreamExt as _};
use toml::Value;

use crate::api::Api;
use crate::chaos::ChainKind;
use crate::chaos::chain::{self, Holding};
use crate::chaos::ledger::Source;
use crate::chaos::payees::Payee;
use crate::config::{BTC, Config, ETH, Policy};
use crate::devnet::Devnet;
use crate::failover::node;
use crate::failover::request::Request;
use crate::options::{BitcoinChoice, Options};
use crate::setup::Setup;
use crate::wait;

use super::cast::{Cast, approve_above};
use super::scenario::Scenario;

pub const XP: u64 = 20_000;
/// Who asks at a time.
const WIDTH: usize = 24;
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// One in twelve seconds; more than the observer searches block by block.
const EVM_BLOCKS_AN_HOUR: u64 = 300;
/// Few, so that most wait for a place: in a transaction of their own, or in a version of one that
/// is under way.
const BITCOIN_IN_FLIGHT_MAX: i64 = 3;
/// So many times the ordinary.
const BITCOIN_DEAR_SAT_PER_VBYTE: u64 = 20;
/// Longer than an offer stands before it may be outbid.
const BITCOIN_OUTBID: Duration = Duration::from_secs(5);
/// One in ten minutes.
const BITCOIN_BLOCKS_AN_HOUR: u32 = 6;
const OPEN: &str = "SELECT CAST(id AS TEXT) FROM withdrawal WHERE status NOT IN ('pending', 'completed', 'failed', 'cancelled')
    UNION ALL SELECT CAST(id AS TEXT) FROM lineage WHERE CAST(live AS INTEGER) = 1";

pub struct World {
    pub devnet: Devnet,
    pub chain: ChainKind,
    /// What the wallet held before anything was paid.
    pub opening: Vec<Holding>,
    pub directory: PathBuf,
    file: PathBuf,
}

impl World {
    /// Starts it; `directory` gets configuration, state and logs. On EVM so many payments may wait
    /// for blocks at a time.
    ///
    /// # Errors
    /// Fails if a part does not come up.
    pub async fn start(
        scenario: &Scenario,
        in_flight_max: usize,
        directory: &Path,
    ) -> Result<Self> {
        let tailor =
            async |_: crate::deployer::Deployer<'_>, _: &crate::stage::Stage, setup: &mut Setup| {
                setup.config.chains.devnet.in_flight_max = u32::try_from(in_flight_max)?;
                configure(&mut setup.config, scenario)
            };
        let devnet = Devnet::start_with(&options(scenario)?, directory, tailor).await?;
        let opening = chain::holdings(&devnet, scenario.chain).await?;
        let (chain, directory) = (scenario.chain, directory.to_owned());
        Ok(Self { devnet, chain, opening, file: directory.join("adit.db"), directory })
    }

    /// The database of the servers.
    pub fn source(&self) -> Source<'_> {
        match self.devnet.postgres() {
            Some(postgres) => Source::Postgres(postgres),
            None => Source::Sqlite(&self.file),
        }
    }

    pub fn journal(&self) -> PathBuf {
        self.directory.join("signer.journal")
    }

    /// One of the servers, as nobody in particular.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub fn api(&self, number: usize) -> Result<Api> {
        let servers = self.devnet.addresses().count();
        Api::new(self.devnet.addresses().nth(number % servers).context("there is a server")?)
    }

    /// Asks for each of them, again and again until there is an answer. Gives how many were
    /// accepted.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub async fn ask<'a>(
        &self,
        requests: impl IntoIterator<Item = &'a mut Request>,
    ) -> Result<usize> {
        let apis = [self.api(0)?, self.api(1)?];
        let domain = self.devnet.domain();
        let asking = requests.into_iter().map(|request| {
            let (api, domain) = (&apis[request.payee.number % apis.len()], &domain);
            async move {
                request.counts = request.insist(api, domain).await;
                request.counts
            }
        });
        let accepted: Vec<bool> = stream::iter(asking).buffer_unordered(WIDTH).collect().await;
        Ok(accepted.into_iter().filter(|accepted| *accepted).count())
    }

    /// The same; everybody is accepted.
    ///
    /// # Errors
    /// Fails if one is not.
    pub async fn must_ask(&self, requests: &mut [Request]) -> Result<()> {
        let accepted = self.ask(requests.iter_mut()).await?;
        let refused = requests.iter().find_map(|request| request.refused.as_deref());
        ensure!(
            accepted == requests.len(),
            "before the restore everybody is accepted, not: {refused:?}"
        );
        Ok(())
    }

    /// Waits until nothing is open any more but what waits for a person, mining meanwhile. False if
    /// something is still open after `bound`.
    ///
    /// # Errors
    /// Fails if the database cannot be read.
    pub async fn settle(&self, bound: Duration) -> Result<bool> {
        let settled = wait::until("everything to be settled", bound, LOOK_PAUSE, async || {
            node::mine(&self.devnet, self.chain).await?;
            Ok(self.source().rows(OPEN).await?.is_empty().then_some(()))
        });
        Ok(settled.await.is_ok())
    }

    /// In bitcoin the fees rise, with no block in sight: what is under way is outbid by versions
    /// that others join.
    ///
    /// # Errors
    /// Fails if this devnet has no such chain.
    pub async fn others_join(&self) -> Result<()> {
        if self.chain == ChainKind::Bitcoin {
            let market = self.devnet.bitcoin().context("this run pays in bitcoin")?.world.market();
            market.estimate(Some(BITCOIN_DEAR_SAT_PER_VBYTE));
            tokio::time::sleep(BITCOIN_OUTBID).await;
        }
        Ok(())
    }

    /// The chain has as many blocks more as it makes in an hour.
    ///
    /// # Errors
    /// Fails if the node refuses.
    pub async fn an_hour_passes(&self) -> Result<()> {
        match self.chain {
            ChainKind::Evm => self.devnet.rpc().mine(EVM_BLOCKS_AN_HOUR).await,
            ChainKind::Bitcoin => {
                let bitcoin = &self.devnet.bitcoin().context("this run pays in bitcoin")?.world;
                bitcoin.miner().mine(BITCOIN_BLOCKS_AN_HOUR).await.map(drop)
            }
        }
    }

    /// Ends every server; a signer of its own runs on.
    ///
    /// # Errors
    /// Fails if one does not end.
    pub async fn stop_servers(&mut self) -> Result<()> {
        for server in 0..self.devnet.addresses().count() {
            self.devnet.server(server).stop().await?;
        }
        Ok(())
    }

    /// # Errors
    /// Fails if one does not become ready.
    pub async fn start_servers(&mut self) -> Result<()> {
        for server in 0..self.devnet.addresses().count() {
            self.devnet.server(server).start_again().await?;
        }
        Ok(())
    }
}

fn options(scenario: &Scenario) -> Result<Options> {
    let bitcoin = match scenario.chain {
        ChainKind::Evm => BitcoinChoice::None,
        ChainKind::Bitcoin => BitcoinChoice::Auto,
    };
    let users = Payee::players(scenario.chain, Cast::payees(scenario))?;
    let (store, replicas) = (scenario.store, scenario.servers());
    Ok(Options { store, replicas, users, xp: XP, bitcoin, ..Options::default() })
}

/// Impatient, so that a run is short.
fn configure(config: &mut Config, scenario: &Scenario) -> Result<()> {
    let keys: [(&str, i64); 2] = [("precheck_backoff_seconds", 1), ("precheck_tries_max", 1_000)];
    let keys = keys.map(|(key, value)| (key.to_owned(), Value::from(value)));
    config.chains.devnet.more.extend(keys.clone());
    if let Some(chain) = &mut config.chains.bitcoin {
        (chain.batch_gather_seconds, chain.rebroadcast_after_seconds) = (0, 2);
        chain.more.extend(keys);
        chain.more.insert("in_flight_max".to_owned(), Value::from(BITCOIN_IN_FLIGHT_MAX));
    }
    let asset = if scenario.chain == ChainKind::Evm { ETH } else { BTC };
    let asset = config.assets.get_mut(asset).context("the devnet has this coin")?;
    let unlimited =
        Policy { minimum: "0".to_owned(), rolling_24h_max: "1000".to_owned(), ..Policy::default() };
    let policy = asset.policy.get_or_insert(unlimited);
    policy.more.insert("approve_above".to_owned(), Value::from(approve_above(scenario.chain)));
    Ok(())
}
