//! What the server's processes are given, configuration and environment, and how they start from
//! it.

use std::path::Path;

use anyhow::{Context, Result};

use crate::config::{Config, Sources};
use crate::manifest::Replica;
use crate::player::Wallet;
use crate::progress;
use crate::server::{Blueprint, Ready, Server};

const TOKEN_BYTES: usize = 32;

/// One for all processes; a test may change it before they start.
pub struct Setup {
    pub config: Config,
    /// All that a server sees of the world, beside the few names of [`Blueprint::environment`].
    pub environment: Vec<(String, String)>,
    /// Seen by whoever signs: the server itself, or the signer of several.
    pub signing_environment: Vec<(String, String)>,
    /// The endpoints of each server, in their order, where they do not all use those of the
    /// configuration.
    pub endpoints_of: Vec<Vec<String>>,
    /// The database of each server, where they do not all reach it by the same way.
    pub stores_of: Vec<String>,
    /// The same of Bitcoin's sources.
    pub bitcoin_sources_of: Vec<Sources>,
}

/// A server and where it listens.
pub struct Replicated {
    address: String,
    server: Server,
}

impl Setup {
    pub fn new(config: Config, admin_token: &str, hot_wallet: &Wallet) -> Self {
        Self {
            config,
            environment: vec![("ADIT_ADMIN_TOKEN".to_owned(), admin_token.to_owned())],
            signing_environment: vec![(
                "LOCK_MANAGER_PRIVATE_KEY".to_owned(),
                hot_wallet.private_key(),
            )],
            endpoints_of: Vec::new(),
            stores_of: Vec::new(),
            bitcoin_sources_of: Vec::new(),
        }
    }

    /// The signer that several servers share; `None` when the server signs itself.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_signer(&self, directory: &Path) -> Result<Option<Server>> {
        let socket = &self.config.signer.socket;
        if socket.is_empty() {
            return Ok(None);
        }
        progress::step("starting the signer");
        let config = directory.join("signer.toml");
        self.config.write(&config)?;
        let signer = Server::start(Blueprint {
            name: "adit signer".to_owned(),
            command: "signer",
            config,
            environment: self.signing_environment.clone(),
            log: directory.join("signer.log"),
            ready: Ready::Socket(socket.into()),
        });
        signer.await.map(Some)
    }

    /// Server number `index`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_server(
        &self,
        index: usize,
        directory: &Path,
        port: u16,
    ) -> Result<Replicated> {
        progress::step(format!("starting adit on port {port}"));
        let mut config = self.config.clone();
        config.server.listen = format!("127.0.0.1:{port}");
        if let Some(endpoints) = self.endpoints_of.get(index) {
            config.chains.devnet.rpc.clone_from(endpoints);
        }
        if let Some(store) = self.stores_of.get(index) {
            config.store.url.clone_from(store);
        }
        if let (Some(chain), Some(sources)) =
            (&mut config.chains.bitcoin, self.bitcoin_sources_of.get(index))
        {
            chain.sources.clone_from(sources);
        }
        let file = directory.join(format!("adit-{port}.toml"));
        config.write(&file)?;
        let address = format!("http://127.0.0.1:{port}");
        let server = Server::start(Blueprint {
            name: format!("adit on port {port}"),
            command: "serve",
            config: file,
            environment: self.server_environment(),
            log: directory.join(format!("adit-{port}.log")),
            ready: Ready::Http(address.clone()),
        });
        Ok(Replicated { server: server.await?, address })
    }

    fn server_environment(&self) -> Vec<(String, String)> {
        let signs_itself = self.config.signer.socket.is_empty();
        let signing = if signs_itself { self.signing_environment.as_slice() } else { &[] };
        [self.environment.as_slice(), signing].concat()
    }
}

impl Replicated {
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    pub fn blueprint(&self) -> &Blueprint {
        self.server.blueprint()
    }

    /// # Errors
    /// When it does not run.
    pub fn describe(&self) -> Result<Replica> {
        let pid =
            self.server.pid().with_context(|| format!("{} does not run", self.server.name()))?;
        Ok(Replica { api: self.address.clone(), pid })
    }
}

/// An API key that nobody can guess.
///
/// # Errors
/// When the system has no randomness.
pub fn random_token() -> Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system has no randomness: {error}"))?;
    Ok(format!("adit_{}", hex::encode(bytes)))
}
