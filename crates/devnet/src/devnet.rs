//! All parts together: chains, contracts, database, signer, servers and players.

mod pieces;

use std::path::Path;

use anyhow::{Context, Result};

use crate::anvil::{Anvil, DEPLOYER_KEY};
use crate::api::Api;
use crate::bitcoin::stage::{self, BitcoinStage};
use crate::claim::Domain;
use crate::config::Config;
use crate::deployer::Deployer;
use crate::manifest::{self, Evm, Manifest, Replica, User};
use crate::operation::Operation;
use crate::options::Options;
use crate::player::Player;
use crate::postgres::Postgres;
use crate::rpc::Rpc;
use crate::seed::{self, SeededPlayer};
use crate::server::Server;
use crate::setup::{Replicated, Setup, random_token};
use crate::stage::Stage;

use pieces::{Parts, empty, facts, start_anvil, start_postgres};

pub const CHAIN_ID: u64 = 31_337;
/// The database of the servers, where it is in Postgres.
pub const DATABASE: &str = "adit";

/// Where a devnet puts its files.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Configuration and logs; emptied at the start.
    pub directory: &'a Path,
    /// Database and journal.
    pub state: &'a Path,
}

/// A running system. Dropping it ends every process in it.
pub struct Devnet {
    // Dropped in this order: what asks before what is asked.
    servers: Vec<Replicated>,
    signer: Option<Server>,
    postgres: Option<Postgres>,
    bitcoin: Option<BitcoinStage>,
    anvil: Anvil,
    pub stage: Stage,
    pub players: Vec<SeededPlayer>,
    admin_token: String,
    xp: u64,
}

impl Devnet {
    /// Starts everything, on a new chain and an empty ledger. `directory` receives configuration,
    /// state and logs; what was in it before is deleted.
    ///
    /// # Errors
    /// When an option does not fit, a port is taken, a part is missing, or one does not come up.
    pub async fn start(options: &Options, directory: &Path) -> Result<Self> {
        Self::start_with(options, directory, async |_, _, _| Ok(())).await
    }

    /// As [`Devnet::start`]; before the server starts, `tailor` may deploy more contracts and
    /// change what the server is given.
    ///
    /// # Errors
    /// As [`Devnet::start`], and what `tailor` fails with.
    pub async fn start_with(
        options: &Options,
        directory: &Path,
        tailor: impl AsyncFnOnce(Deployer<'_>, &Stage, &mut Setup) -> Result<()>,
    ) -> Result<Self> {
        Self::start_on(options, &Place { directory, state: directory }, tailor).await
    }

    /// As [`Devnet::start_with`], with the state on another disk than logs and configuration.
    ///
    /// # Errors
    /// As [`Devnet::start_with`].
    pub async fn start_on(
        options: &Options,
        place: &Place<'_>,
        tailor: impl AsyncFnOnce(Deployer<'_>, &Stage, &mut Setup) -> Result<()>,
    ) -> Result<Self> {
        options.check()?;
        let Place { directory, state } = *place;
        let ports = options.api_ports()?;
        empty(directory)?;
        let anvil = start_anvil(options, directory).await?;
        let players = Player::crowd(usize::try_from(options.users).context("USERS")?);
        let stage = Stage::build(&Deployer::new(anvil.rpc()), &players, options.xp).await?;
        let bitcoin = stage::start(options, directory).await?;
        let postgres = start_postgres(options, place).await?;
        let socket = (options.replicas > 1).then(|| directory.join("signer.sock"));
        let parts = Parts { anvil: &anvil, stage: &stage, postgres: postgres.as_ref() };
        let facts = facts(options, state, parts, socket.as_deref());
        let admin_token = random_token()?;
        let mut setup = Setup::new(Config::demo(facts), &admin_token, &stage.hot_wallet);
        let bitcoin = match bitcoin {
            Some(world) => {
                Some(BitcoinStage::build(world, options, directory, state, &mut setup).await?)
            }
            None => None,
        };
        tailor(Deployer::new(anvil.rpc()), &stage, &mut setup).await?;
        let signer = setup.start_signer(directory).await?;
        let mut servers = Vec::new();
        for (index, port) in ports.into_iter().enumerate() {
            servers.push(setup.start_server(index, directory, port).await?);
        }
        let service = Api::new(servers[0].address())?.with_token(&admin_token);
        let players = seed::seed(&service, players, options.xp).await?;
        Ok(Self {
            servers,
            signer,
            postgres,
            bitcoin,
            anvil,
            stage,
            players,
            admin_token,
            xp: options.xp,
        })
    }

    /// The first server, as nobody in particular.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn api(&self) -> Result<Api> {
        Api::new(self.address())
    }

    /// The first server, with the admin's key.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn admin(&self) -> Result<Api> {
        Ok(self.api()?.with_token(&self.admin_token))
    }

    /// What an operator's shell has set, to run commands of the server against the first one.
    pub fn operator(&self) -> Vec<(String, String)> {
        vec![
            ("ADIT_API".to_owned(), self.address().to_owned()),
            ("ADIT_TOKEN".to_owned(), self.admin_token.clone()),
        ]
    }

    /// A command of an operator, at the place of the first server: with its configuration and
    /// variables.
    pub fn command(&self, arguments: &[&str]) -> Operation {
        let blueprint = self.servers[0].blueprint();
        let config = blueprint.config.display().to_string();
        let arguments = arguments.iter().copied().chain(["--config", &config]).map(str::to_owned);
        let environment = blueprint.environment.iter().cloned().chain(self.operator());
        Operation::new(arguments, environment)
    }

    /// Where the first server listens.
    pub fn address(&self) -> &str {
        self.servers[0].address()
    }

    /// Where each server listens.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|replica| replica.address())
    }

    /// One of the servers, to be killed and started again.
    pub fn server(&mut self, index: usize) -> &mut Server {
        self.servers[index].server()
    }

    /// What the servers share to sign with, where there are several.
    pub fn signer(&mut self) -> Option<&mut Server> {
        self.signer.as_mut()
    }

    pub fn rpc(&self) -> &Rpc {
        self.anvil.rpc()
    }

    /// The node itself, to make it stand still.
    pub fn anvil(&self) -> &Anvil {
        &self.anvil
    }

    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The same, to be crashed and started again.
    pub fn postgres_mut(&mut self) -> Option<&mut Postgres> {
        self.postgres.as_mut()
    }

    /// Another cluster has its place from now on; gives the one before.
    pub fn replace_postgres(&mut self, postgres: Postgres) -> Option<Postgres> {
        self.postgres.replace(postgres)
    }

    /// `None` where it was left out, or no bitcoind is to be had.
    pub fn bitcoin(&self) -> Option<&BitcoinStage> {
        self.bitcoin.as_ref()
    }

    /// The same, to stop its beat and to start it again.
    pub fn bitcoin_mut(&mut self) -> Option<&mut BitcoinStage> {
        self.bitcoin.as_mut()
    }

    /// The account that owns the token and manages the lock.
    pub fn deployer(&self) -> Deployer<'_> {
        Deployer::new(self.anvil.rpc())
    }

    /// What claims are signed for.
    pub fn domain(&self) -> Domain {
        Domain::of(CHAIN_ID, self.stage.token)
    }

    /// Stops what still runs of the server and its signer, and starts all of it on the same state.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn restart_servers(&mut self) -> Result<()> {
        for replica in &mut self.servers {
            replica.server().stop().await?;
        }
        if let Some(signer) = &mut self.signer {
            signer.start_again().await?;
        }
        for replica in &mut self.servers {
            replica.server().start_again().await?;
        }
        Ok(())
    }

    /// What a supervisor does: starts each of signer and servers that has ended, and gives their
    /// names.
    ///
    /// # Errors
    /// Fails if one does not come up.
    pub async fn revive(&mut self) -> Result<Vec<String>> {
        let mut ended = Vec::new();
        for server in self.signer.iter_mut().chain(self.servers.iter_mut().map(Replicated::server))
        {
            if server.has_died() || server.pid().is_none() {
                ended.push(server.name().to_owned());
                server.start_again().await?;
            }
        }
        Ok(ended)
    }

    /// The names of the processes of the server that ended by themselves since this was asked last.
    pub fn newly_dead(&mut self) -> Vec<String> {
        let servers = self.servers.iter_mut().map(Replicated::server);
        servers
            .chain(&mut self.signer)
            .filter_map(|server| server.has_died().then(|| server.name().to_owned()))
            .collect()
    }

    /// # Errors
    /// When the first server does not run.
    pub fn manifest(&self) -> Result<Manifest> {
        let replicas =
            self.servers.iter().map(Replicated::describe).collect::<Result<Vec<Replica>>>()?;
        Ok(Manifest {
            api: self.address().to_owned(),
            admin_token: self.admin_token.clone(),
            server_pid: replicas[0].pid,
            replicas,
            evm: Evm {
                rpc: self.anvil.url().to_owned(),
                chain_id: CHAIN_ID,
                token: self.stage.token.to_string(),
                lock: self.stage.lock.address.to_string(),
                hot_wallet: self.stage.hot_wallet.address.to_string(),
                deployer_key: DEPLOYER_KEY.to_owned(),
            },
            bitcoin: self.bitcoin.as_ref().map(manifest::Bitcoin::of),
            users: self.players.iter().map(|seeded| describe(seeded, self.xp)).collect(),
        })
    }

    /// Ends every process, the asking ones before the asked ones.
    ///
    /// # Errors
    /// When one does not end, even killed.
    pub async fn stop(mut self) -> Result<()> {
        for replica in &mut self.servers {
            replica.server().stop().await?;
        }
        if let Some(signer) = &mut self.signer {
            signer.stop().await?;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        if let Some(bitcoin) = self.bitcoin {
            bitcoin.world.stop().await?;
        }
        self.anvil.kill().await
    }
}

fn describe(SeededPlayer { player, token }: &SeededPlayer, xp: u64) -> User {
    User {
        id: player.id.clone(),
        token: token.clone(),
        wallet: player.wallet.address.to_string(),
        private_key: player.wallet.private_key(),
        bitcoin_address: player.wallet.bitcoin_address().to_string(),
        xp,
        member: player.member,
    }
}
