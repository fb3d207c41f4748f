//! What a test wants of its system, beside what every devnet has.

use adit_devnet::config::{Asset, Policy};
use adit_devnet::contracts::Contract;
use adit_devnet::options::{BitcoinChoice, Options, StoreKind};
use toml::Value;

/// A system as the demo has it, and what differs from it.
#[derive(Clone)]
pub struct Settings {
    pub options: Options,
    /// Whether a proxy stands between server and node.
    pub proxied: bool,
    /// Endpoints that reach the node past the proxy; with any, two must agree.
    pub honest: usize,
    /// Payments of the wallet that may wait in the pool at once, where it is not the devnet's
    /// number.
    pub in_flight_max: Option<u32>,
    /// The port at which the metrics of the only server are scraped, where the test does so.
    pub metrics_port: Option<u16>,
    /// Keys of the chain's section.
    pub chain: Vec<(&'static str, Value)>,
    /// Keys of the policy of the claimed token.
    pub policy: Vec<(&'static str, Value)>,
    /// Further tokens, deployed and given to the hot wallet before the server starts.
    pub tokens: Vec<(&'static str, Contract)>,
    /// Whole sections.
    pub sections: Vec<(&'static str, Value)>,
    /// Environment variables of the servers.
    pub environment: Vec<(&'static str, &'static str)>,
}

impl Settings {
    /// On SQLite.
    pub fn sqlite() -> Self {
        let options = Options { store: StoreKind::Sqlite, ..Options::default() };
        Self {
            options,
            proxied: false,
            honest: 0,
            in_flight_max: None,
            metrics_port: None,
            chain: Vec::new(),
            policy: Vec::new(),
            tokens: Vec::new(),
            sections: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// On Postgres.
    pub fn postgres() -> Self {
        let options = Options { store: StoreKind::Postgres, ..Options::default() };
        Self { options, ..Self::sqlite() }
    }

    /// With Bitcoin, whose blocks come when the test mines them.
    #[must_use]
    pub fn bitcoin(mut self) -> Self {
        self.options.bitcoin = BitcoinChoice::Auto;
        self
    }

    /// So many servers on one store.
    #[must_use]
    pub fn replicas(mut self, count: u16) -> Self {
        self.options.replicas = count;
        self
    }

    /// Blocks are final when twice so many follow them.
    #[must_use]
    pub fn slots_in_epoch(mut self, slots: u64) -> Self {
        self.options.slots_in_epoch = slots;
        self
    }

    /// Seconds between blocks.
    #[must_use]
    pub fn block_time(mut self, seconds: u64) -> Self {
        self.options.block_time = seconds;
        self
    }

    #[must_use]
    pub fn users(mut self, count: u32) -> Self {
        self.options.users = count;
        self
    }

    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Beside the proxy, so many endpoints that nobody breaks.
    #[must_use]
    pub fn beside(mut self, honest: usize) -> Self {
        self.proxied = true;
        self.honest = honest;
        self
    }

    /// Few at once make many sends.
    #[must_use]
    pub fn in_flight_max(mut self, count: u32) -> Self {
        self.in_flight_max = Some(count);
        self
    }

    /// Metrics at a port that the test knows; of one server alone.
    #[must_use]
    pub fn metrics(mut self, port: u16) -> Self {
        self.metrics_port = Some(port);
        self
    }

    /// A key of `[chains.devnet]`.
    #[must_use]
    pub fn chain(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.chain.push((key, value.into()));
        self
    }

    /// A key of `[assets.DG.policy]`.
    #[must_use]
    pub fn policy(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.policy.push((key, value.into()));
        self
    }

    /// Another token of 18 decimals.
    #[must_use]
    pub fn token(mut self, name: &'static str, contract: Contract) -> Self {
        self.tokens.push((name, contract));
        self
    }

    /// A section of its own, such as `wallets`.
    #[must_use]
    pub fn section(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.sections.push((name, value.into()));
        self
    }

    /// An environment variable of the servers.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Refused prechecks are repeated soon and given up soon.
    #[must_use]
    pub fn impatient(self) -> Self {
        self.chain("precheck_tries_max", 2)
            .chain("precheck_backoff_seconds", 1)
            .chain("rebroadcast_after_seconds", 1)
    }

    /// As configuration: an asset without limits.
    pub fn unlimited(token: adit_devnet::primitives::Address) -> Asset {
        Asset::token(token, None::<Policy>)
    }
}
