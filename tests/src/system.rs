//! A running system: chain, store, server, players; where wanted with a network that the test can
//! break.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_devnet::abi::Token;
use adit_devnet::api::Api;
use adit_devnet::claim::base_units;
use adit_devnet::config::DG;
use adit_devnet::deployer::Deployer;
use adit_devnet::devnet::Devnet;
use adit_devnet::primitives::{Address, U256};
use adit_devnet::proxy::Proxy;
use adit_devnet::rpc::Rpc;
use adit_devnet::setup::Setup;
use adit_devnet::stage::Stage;
use adit_devnet::wait;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::people::Person;
use crate::settings::Settings;

/// No test waits longer than this for one thing.
pub const BOUND: Duration = Duration::from_secs(60);
pub const PAUSE: Duration = Duration::from_millis(50);
/// How much of each further token the hot wallet owns.
const TOKENS: &str = "1000000";

/// Everything that runs for one test.
pub struct System {
    pub devnet: Devnet,
    pub tokens: BTreeMap<&'static str, Address>,
    proxy: Option<Proxy>,
    /// Ways to the node that stay as they are.
    _honest: Vec<Proxy>,
    directory: PathBuf,
}

impl System {
    /// Starts it; `topic` names the folder below `target/blackbox` where its state and logs stay
    /// for whoever looks into a failure.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start(topic: &str, settings: Settings) -> Result<Self> {
        let directory = folder(topic)?;
        let mut proxy = None;
        let mut honest = Vec::new();
        let mut tokens = BTreeMap::new();
        let tailor = async |deployer: Deployer<'_>, stage: &Stage, setup: &mut Setup| {
            for (name, contract) in &settings.tokens {
                let token = deployer.deploy(contract, &[]).await?;
                let mint =
                    Token::mintCall { to: stage.hot_wallet.address, amount: base_units(TOKENS) };
                deployer.execute(token, &mint).await?;
                setup.config.assets.insert((*name).to_owned(), Settings::unlimited(token));
                tokens.insert(*name, token);
            }
            if settings.proxied {
                proxy = Some(Proxy::start(deployer.rpc().url()).await?);
            }
            for _ in 0..settings.honest {
                honest.push(Proxy::start(deployer.rpc().url()).await?);
            }
            configure(&settings, proxy.iter().chain(&honest), setup)
        };
        let devnet = Devnet::start_with(&settings.options, &directory, tailor).await?;
        Ok(Self { devnet, tokens, proxy, _honest: honest, directory })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn rpc(&self) -> &Rpc {
        self.devnet.rpc()
    }

    /// The network between server and node.
    ///
    /// # Panics
    /// When the settings did not ask for one.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("the settings ask for a proxy")
    }

    /// One of the seeded players, by his place; every fifth is no member.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn person(&self, index: usize) -> Result<Person> {
        self.person_at(index, self.devnet.address())
    }

    /// The same player as a client of another replica.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn person_at(&self, index: usize, address: &str) -> Result<Person> {
        let seeded = self.devnet.players.get(index).context("so many players are not seeded")?;
        Ok(Person::new(seeded, Api::new(address)?, self.devnet.domain()))
    }

    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn admin(&self) -> Result<Api> {
        self.devnet.admin()
    }

    /// The admin as a client of another replica.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn admin_at(&self, address: &str) -> Result<Api> {
        Ok(Api::new(address)?.with_token(self.devnet.manifest()?.admin_token))
    }

    /// SIGKILL, and a start on the same state.
    ///
    /// # Errors
    /// When it does not come up again.
    pub async fn crash_and_restart(&mut self) -> Result<()> {
        self.devnet.server(0).kill().await?;
        self.devnet.server(0).start_again().await
    }

    /// From now on blocks come only when the test mines them.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn stop_mining(&self) -> Result<()> {
        self.rpc().call::<Value>("evm_setIntervalMining", json!([0])).await?;
        self.rpc().call::<Value>("evm_setAutomine", json!([false])).await.map(drop)
    }

    /// Blocks come by themselves again.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn resume_mining(&self) -> Result<()> {
        self.rpc().call::<Value>("evm_setIntervalMining", json!([1])).await.map(drop)
    }

    /// Asks until something is found, for at most [`BOUND`].
    ///
    /// # Errors
    /// As [`wait::until`].
    pub async fn until<T>(
        &self,
        what: &str,
        probe: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        wait::until(what, BOUND, PAUSE, probe).await
    }

    /// Waits until the node has so many transactions of the hot wallet in its pool.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_pooled(&self, count: u64) -> Result<()> {
        self.until(&format!("{count} transactions in the pool"), async || {
            Ok((self.pooled().await? >= count).then_some(()))
        })
        .await
    }

    async fn pooled(&self) -> Result<u64> {
        let status: Value = self.rpc().call("txpool_status", json!([])).await?;
        let number = |name: &str| {
            status[name]
                .as_str()
                .and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok())
        };
        Ok(number("pending").unwrap_or(0) + number("queued").unwrap_or(0))
    }

    /// Waits until `withdrawal` of `person` is over, and mines on the way so that finality comes
    /// soon. Answers its record.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn until_over(&self, person: &Person, withdrawal: &str) -> Result<Value> {
        let over = async || {
            let record = person.withdrawal(withdrawal).await?;
            if is_over(&record) {
                return Ok(Some(record));
            }
            self.rpc().mine(1).await?;
            Ok(None)
        };
        wait::until(&format!("withdrawal {withdrawal} to end"), BOUND, PAUSE * 6, over).await
    }

    /// Ends all of it, so that nothing of it disturbs the next test.
    ///
    /// # Errors
    /// When a process does not end.
    pub async fn stop(self) -> Result<()> {
        self.devnet.stop().await
    }

    /// Coins or a token, as the chain counts them now.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn balance(&self, token: Option<Address>, of: Address) -> Result<U256> {
        match token {
            Some(token) => self.rpc().view(token, &Token::balanceOfCall { account: of }).await,
            None => self.rpc().native_balance(of).await,
        }
    }
}

/// Whether a record's status is an end.
pub fn is_over(record: &Value) -> bool {
    ["completed", "failed", "cancelled"].iter().any(|end| record["status"] == *end)
}

fn configure<'a>(
    settings: &Settings,
    proxies: impl Iterator<Item = &'a Proxy>,
    setup: &mut Setup,
) -> Result<()> {
    let chain = &mut setup.config.chains.devnet;
    let ways: Vec<String> = proxies.map(|proxy| proxy.url().to_owned()).collect();
    if !ways.is_empty() {
        chain.trust = if ways.len() > 1 { "quorum" } else { "single" };
        chain.rpc = ways;
    }
    chain.in_flight_max = settings.in_flight_max.unwrap_or(chain.in_flight_max);
    chain.more.extend(settings.chain.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    if let Some(port) = settings.metrics_port {
        setup.config.server.metrics_listen = format!("127.0.0.1:{port}");
    }
    if let Some(bitcoin) = &mut setup.config.chains.bitcoin {
        // The test's own pace: nobody waits for what the test has to do.
        (
            bitcoin.batch_gather_seconds,
            bitcoin.bump_after_seconds,
            bitcoin.rebroadcast_after_seconds,
        ) = (1, 1, 1);
    }
    let policy = setup
        .config
        .assets
        .get_mut(DG)
        .and_then(|asset| asset.policy.as_mut())
        .context("the devnet limits its token")?;
    policy
        .more
        .extend(settings.policy.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    setup.environment.extend(
        settings.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    setup
        .config
        .more
        .extend(settings.sections.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    Ok(())
}

/// `target/blackbox/<topic>`; this program lies in `target/<profile>/deps`.
///
/// # Errors
/// When this program lies elsewhere.
pub fn folder(topic: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    let target = own.ancestors().nth(3).context("this program lies outside of a target folder")?;
    Ok(target.join("blackbox").join(topic))
}
