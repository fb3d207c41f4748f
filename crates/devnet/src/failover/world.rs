//! The servers on a primary that a standby follows, and everything that is needed to tell what came
//! of a failover.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use toml::Value;

use crate::api::Api;
use crate::chance::Chance;
use crate::chaos::ChainKind;
use crate::chaos::chain::{self, Holding};
use crate::chaos::payees::{self, Payee, Way};
use crate::claim::Domain;
use crate::config::{Config, DG, ETH, Policy};
use crate::deployer::Deployer;
use crate::devnet::{DATABASE, Devnet};
use crate::options::{BitcoinChoice, Options, StoreKind};
use crate::postgres::Postgres;
use crate::setup::Setup;
use crate::stage::Stage;
use crate::wait;

use super::cluster::Cluster;
use super::node;
use super::request::Request;
use super::scenario::{Event, Scenario, Then};

const XP: u64 = 20_000;
/// A second more than the signer's minute.
const SIGNER_LISTENS: Duration = Duration::from_secs(61);
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Above this a person approves, where the scenario is about cancels: every coin on EVM, and a part
/// of the payees in bitcoin, whose amounts tell them apart.
const APPROVE_ABOVE_ETH: &str = "0.05";
const APPROVE_ABOVE_BTC: &str = "0.01000049";
const APPROVED_BY_A_PERSON_FROM: usize = 50;

pub struct World {
    // Dropped in this order: who asks before who is asked.
    pub devnet: Devnet,
    pub cluster: Cluster,
    pub chain: ChainKind,
    pub chance: Chance,
    /// Whether the promoted standby is the database that counts.
    pub failed_over: bool,
    /// What the wallet held before anything was paid.
    pub opening: Vec<Holding>,
    /// Processes that ended by themselves and were started again.
    pub ended: Vec<String>,
    payees: Vec<Payee>,
    directory: PathBuf,
    /// When everything had started.
    began: Instant,
}

impl World {
    /// Starts it; `directory` gets configuration, state and logs.
    ///
    /// # Errors
    /// Fails if a part does not come up.
    pub async fn start(scenario: &Scenario, chance: Chance, directory: &Path) -> Result<Self> {
        let mut cluster = None;
        let tailor = async |_: Deployer<'_>, _: &Stage, setup: &mut Setup| {
            let primary = setup.config.store.url.clone();
            let made = Cluster::start(&primary, scenario.servers, directory).await?;
            setup.stores_of = made.addresses(&primary)?;
            cluster = Some(made);
            configure(&mut setup.config, scenario)
        };
        let devnet = Devnet::start_with(&options(scenario)?, directory, tailor).await?;
        let cluster = cluster.context("the devnet was tailored")?;
        let opening = chain::holdings(&devnet, scenario.chain).await?;
        let payees = Payee::crowd(scenario.chain, scenario.payees(), &devnet.players);
        payees::endow(&devnet.admin()?, &payees).await?;
        let (chain, directory, ended, began) =
            (scenario.chain, directory.to_owned(), Vec::new(), Instant::now());
        Ok(Self {
            devnet,
            cluster,
            chain,
            chance,
            failed_over: false,
            opening,
            ended,
            payees,
            directory,
            began,
        })
    }

    /// The next payees of whom each fits, as requests that nobody has made yet.
    ///
    /// # Errors
    /// Fails if there are not so many.
    pub fn take(&mut self, count: usize, fits: impl Fn(&Payee) -> bool) -> Result<Vec<Request>> {
        let mut taken = Vec::new();
        for _ in 0..count {
            let place =
                self.payees.iter().position(&fits).context("so many payees were not provided")?;
            taken.push(Request::new(self.payees.remove(place)));
        }
        Ok(taken)
    }

    /// One of the servers, as nobody in particular.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub fn api(&self, server: usize) -> Result<Api> {
        Api::new(self.devnet.addresses().nth(server).context("so many servers")?)
    }

    /// Any of the servers.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub fn any_api(&mut self) -> Result<Api> {
        let last = self.devnet.addresses().count() - 1;
        let server = self.chance.up_to(u64::try_from(last)?);
        self.api(usize::try_from(server)?)
    }

    pub fn domain(&self) -> Domain {
        self.devnet.domain()
    }

    /// The database that counts in the end.
    ///
    /// # Errors
    /// Fails if the devnet has none.
    pub fn database(&self) -> Result<&Postgres> {
        match self.failed_over {
            true => Ok(&self.cluster.standby),
            false => self.devnet.postgres().context("it is on Postgres"),
        }
    }

    /// A signer of its own that has just started does not know yet who is there, and takes up a new
    /// history as late as if it had heard somebody (F94). A drill is about one that has run for a
    /// while.
    pub async fn signer_knows_who_is_there(&self) {
        if self.devnet.addresses().count() > 1 {
            tokio::time::sleep(SIGNER_LISTENS.saturating_sub(self.began.elapsed())).await;
        }
    }

    pub fn journal(&self) -> PathBuf {
        self.directory.join("signer.journal")
    }

    /// The primary ends as `pg_ctl stop -m immediate` ends it, and the standby takes its place; the
    /// ways of these servers lead there. `between` is done while there is no primary. Gives the
    /// moment of the promotion.
    ///
    /// # Errors
    /// Fails if the standby is not promoted.
    pub async fn fail_over(
        &mut self,
        servers: &[usize],
        between: impl AsyncFnOnce(&Devnet) -> Result<()>,
    ) -> Result<Instant> {
        self.devnet.postgres_mut().context("it is on Postgres")?.crash().await?;
        between(&self.devnet).await?;
        self.cluster.promote().await?;
        servers.iter().for_each(|server| self.cluster.lead_to_new(*server));
        self.failed_over = true;
        Ok(Instant::now())
    }

    /// Waits until the database has nothing open, mining meanwhile, and starting again what ends by
    /// itself. False if something is still open after `bound`.
    ///
    /// # Errors
    /// Fails if a process does not come up again, or the database cannot be read.
    pub async fn settle(&mut self, bound: Duration) -> Result<bool> {
        const OPEN: &str = "SELECT (SELECT count(*) FROM withdrawal WHERE status NOT IN ('completed', 'failed', 'cancelled'))
            + (SELECT count(*) FROM lineage WHERE live)";
        let settled = wait::until("everything to be settled", bound, LOOK_PAUSE, async || {
            let ended = self.devnet.revive().await?;
            self.ended.extend(ended);
            node::mine(&self.devnet, self.chain).await?;
            Ok((self.database()?.sql(DATABASE, OPEN).await? == "0").then_some(()))
        });
        Ok(settled.await.is_ok())
    }
}

/// Whether an operator has to approve what this one is paid, in a scenario about cancels.
pub fn needs_approval(payee: &Payee) -> bool {
    match payee.way {
        Way::Coins => true,
        Way::Bitcoin => payee.number >= APPROVED_BY_A_PERSON_FROM,
        Way::Claim | Way::Tokens => false,
    }
}

fn options(scenario: &Scenario) -> Result<Options> {
    let bitcoin = match scenario.chain {
        ChainKind::Evm => BitcoinChoice::None,
        ChainKind::Bitcoin => BitcoinChoice::Auto,
    };
    let users = Payee::players(scenario.chain, scenario.payees())?;
    Ok(Options {
        store: StoreKind::Postgres,
        replicas: scenario.servers,
        users,
        xp: XP,
        bitcoin,
        ..Options::default()
    })
}

/// Impatient, so that a run is short. What matters to a failover, the lease, stays as it is.
fn configure(config: &mut Config, scenario: &Scenario) -> Result<()> {
    let keys: [(&str, i64); 2] = [("precheck_backoff_seconds", 1), ("precheck_tries_max", 1_000)];
    let keys = keys.map(|(key, value)| (key.to_owned(), Value::from(value)));
    config.chains.devnet.more.extend(keys.clone());
    config.chains.devnet.more.insert("rebroadcast_after_seconds".to_owned(), Value::from(2));
    if let Some(chain) = &mut config.chains.bitcoin {
        (chain.batch_gather_seconds, chain.rebroadcast_after_seconds) = (0, 2);
        chain.more.extend(keys);
    }
    if matches!(&scenario.event, Event::Loss { then: Then::Cancel(_), .. }) {
        for (asset, above) in [(ETH, APPROVE_ABOVE_ETH), (crate::config::BTC, APPROVE_ABOVE_BTC)] {
            let Some(asset) = config.assets.get_mut(asset) else { continue };
            let unlimited = Policy {
                minimum: "0".to_owned(),
                rolling_24h_max: "1000".to_owned(),
                ..Policy::default()
            };
            let policy = asset.policy.get_or_insert(unlimited);
            policy.more.insert("approve_above".to_owned(), Value::from(above));
        }
    }
    config.assets.contains_key(DG).then_some(()).context("the devnet has its token")
}
