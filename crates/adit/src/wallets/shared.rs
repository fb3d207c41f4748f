//! Two names for one wallet on one chain (case F108): each would count its payments as if it were
//! alone.

use std::collections::BTreeMap;

use adit_bitcoin::Wallet;
use adit_core::{ChainName, Destination, Keychain, Lane, LaneId, Place};
use adit_store::Store;
use anyhow::{Result, bail};

use crate::config::{Chain, Config, Of};

use super::Wallets;

/// Payments of a former name that are counted for the message.
const LIVE_MAX: usize = 1_000;

/// An address that pays, on the chain that all the world knows by this mark.
type Account = (String, Destination);

/// # Errors
/// When two configured chains are one and the same, and pay from one account.
pub fn refuse_shared(config: &Config, wallets: &Wallets) -> Result<()> {
    let mut users: BTreeMap<Account, &ChainName> = BTreeMap::new();
    for (name, chain) in &config.chains {
        for account in accounts(chain, wallets)? {
            let Some(other) = users.insert(account.clone(), name).filter(|other| *other != name)
            else {
                continue;
            };
            let (mark, address) = account;
            bail!(
                "chains.{other} and chains.{name} are both {mark} and pay from one wallet \
                 ({address}): each would count its payments as if it were alone. Configure this \
                 chain once, or give one of them a wallet of its own"
            );
        }
    }
    Ok(())
}

/// # Errors
/// When payments are under way that a wallet made when its chain had another name: nobody would
/// watch them.
pub async fn refuse_renamed(config: &Config, wallets: &Wallets, store: &dyn Store) -> Result<()> {
    let lanes = config
        .chains
        .keys()
        .filter_map(|name| Some((wallets.lane(name)?, config.chains.get(name)?)));
    let lanes: BTreeMap<LaneId, &Chain> = lanes.collect();
    for row in store.lanes().await? {
        if lanes.contains_key(&row.id) {
            continue;
        }
        let same = |(lane, chain): &(&LaneId, &&Chain)| {
            lane.wallet == row.id.wallet && pinned(&row) == Some(mark(chain))
        };
        let Some((now, _)) = lanes.iter().find(same) else { continue };
        let live = store.live_lineages(&row.id, LIVE_MAX).await?.len();
        if live > 0 {
            let (old, new) = (&row.id.chain, &now.chain);
            bail!(
                "chain {old} has {live} payments under way and is not configured any more; chain \
                 {new} is the same chain with the same wallet ({}). Was it renamed? Call it {old} \
                 again until they have ended: under another name nobody would watch them",
                row.id.wallet
            );
        }
    }
    Ok(())
}

/// Returns the chain id, or the name of the Bitcoin network.
fn mark(chain: &Chain) -> String {
    match &chain.of {
        Of::Evm(evm) => format!("chain id {}", evm.chain_id),
        Of::Bitcoin(bitcoin) => format!("Bitcoin's {}", bitcoin.network),
    }
}

/// Returns the same of a lane's row. None before the lane's first start.
fn pinned(row: &Lane) -> Option<String> {
    let chain_id = row.pins.get("chain_id").map(|id| format!("chain id {id}"));
    chain_id.or_else(|| row.pins.get("network").map(|network| format!("Bitcoin's {network}")))
}

/// Of a wallet with many addresses the first of each keychain: two wallets have both in common, or
/// none.
fn accounts(chain: &Chain, wallets: &Wallets) -> Result<Vec<Account>> {
    let Of::Bitcoin(bitcoin) = &chain.of else {
        return Ok(wallets
            .addresses
            .get(&chain.name)
            .map(|address| (mark(chain), address.clone()))
            .into_iter()
            .collect());
    };
    let Some([external, internal]) = wallets.descriptors.get(&chain.name) else {
        return Ok(Vec::new());
    };
    let wallet = Wallet::of_descriptors(bitcoin.network, external, internal)?;
    let first = |keychain| {
        Ok((mark(chain), wallet.address(Place { keychain, index: 0 })?.destination().clone()))
    };
    Keychain::ALL.into_iter().map(first).collect()
}
