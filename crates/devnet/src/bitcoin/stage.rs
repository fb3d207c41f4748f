//! What every devnet with Bitcoin begins with: a chain with both faces, and a wallet of the server
//! with coins in it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bitcoin::Amount;

use super::Bitcoin;
use super::shared::SharedWallet;
use super::wallet::{self, Wallet};
use crate::config::{Asset, BITCOIN, BTC, BitcoinChain, Sources};
use crate::options::{BitcoinChoice, Options};
use crate::parts;
use crate::progress;
use crate::setup::Setup;

/// Seconds instead of the ten minutes of the main network.
const BEAT: Duration = Duration::from_secs(1);
/// Each of the wallet's first addresses has these: enough to pay thousands, and enough coins for
/// many transactions at once.
const COINS: [Amount; 3] = [Amount::from_sat(200_000_000); 3];

/// So deep lie the coins: a test that takes back a few blocks does not take them along.
const BURIED_BLOCKS: u32 = 6;

/// Bitcoin as the servers of a devnet see it.
pub struct BitcoinStage {
    pub world: Bitcoin,
    pub wallet: Wallet,
    /// Where it was asked for: a wallet of which the server has one of three keys.
    pub shared: Option<SharedWallet>,
    /// Before this height the server has paid nobody.
    pub first_height: u32,
}

/// Starts the chain, unless it was left out or there is no bitcoind: then says so, and everything
/// else goes on.
///
/// # Errors
/// When there is one and it does not come up.
pub async fn start(options: &Options, directory: &Path) -> Result<Option<Bitcoin>> {
    if options.bitcoin == BitcoinChoice::None {
        return Ok(None);
    }
    if let Err(missing) = parts::bitcoind() {
        progress::step(format!("{missing}. Going on without Bitcoin"));
        return Ok(None);
    }
    progress::step("starting bitcoind, with an Esplora and a BlockCypher in front of it");
    Bitcoin::start(directory.join("bitcoind.log")).await.map(Some)
}

impl BitcoinStage {
    /// Seals a seed, lets the server's configuration know chain and asset, and gives the wallet its
    /// coins. From then on blocks come on a beat.
    ///
    /// # Errors
    /// When the seed cannot be sealed or shown, or the coins not be mined.
    pub async fn build(
        mut world: Bitcoin,
        options: &Options,
        directory: &Path,
        state: &Path,
        setup: &mut Setup,
    ) -> Result<Self> {
        progress::step("sealing a published seed, and giving its Bitcoin wallet coins");
        let keys = state.join("keys.sealed");
        wallet::seal(&keys).await?;
        configure(setup, sources(&world, options), &keys);
        let file = directory.join("keys.toml");
        let wallet =
            Wallet::shown(&setup.config, BITCOIN, &file, &setup.signing_environment).await?;
        let shared = match options.multisig {
            true => Some(SharedWallet::build(world.rpc(), &keys, &file, setup).await?),
            false => None,
        };
        if !setup.config.signer.socket.is_empty() {
            let chain = setup.config.chains.bitcoin.as_mut().context("it was just configured")?;
            chain.descriptor = Some(wallet.descriptor.clone());
        }
        for address in
            wallet.addresses.iter().chain(shared.iter().flat_map(|shared| &shared.wallet.addresses))
        {
            world.miner().fund(address, &COINS).await?;
        }
        world.miner().mine(BURIED_BLOCKS).await?;
        world.gateway().catch_up().await?;
        let first_height = world.rpc().height().await? + 1;
        world.mine_every(BEAT);
        Ok(Self { world, wallet, shared, first_height })
    }

    /// Blocks come on the beat of every devnet again.
    pub fn beat(&mut self) {
        self.world.mine_every(BEAT);
    }
}

fn configure(setup: &mut Setup, sources: Sources, keys: &Path) {
    setup.signing_environment.push(wallet::passphrase());
    setup.config.signer.keys = Some(keys.display().to_string());
    setup.config.chains.bitcoin = Some(BitcoinChain::regtest(sources));
    setup.config.assets.insert(BTC.to_owned(), Asset::bitcoin(BITCOIN));
}

/// The devnet's own, where the options name no others.
fn sources(world: &Bitcoin, options: &Options) -> Sources {
    let or = |others: &[String], own: String| {
        if others.is_empty() { vec![own] } else { others.to_vec() }
    };
    Sources {
        esplora: or(&options.bitcoin_esplora, world.esplora_url().to_owned()),
        blockcypher: or(&options.bitcoin_blockcypher, world.blockcypher_url().to_owned()),
        bitcoind: or(&options.bitcoin_rpc, world.rpc().url_with_password()),
    }
}
