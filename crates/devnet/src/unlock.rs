//! Membership as the real Unlock Protocol keeps it: Unlock behind its proxy, one lock made by it,
//! keys granted to members.

use alloy::sol_types::{SolCall, SolEvent, SolValue};
use anyhow::{Context, Result};

use crate::abi::{PublicLock, Unlock};
use crate::contracts::{ERC1967_PROXY, PUBLIC_LOCK, UNLOCK};
use crate::deployer::Deployer;
use crate::primitives::{Address, Bytes, U256};
use crate::rpc::Receipt;

const LOCK_VERSION: u16 = 15;
const KEY_SECONDS: u64 = 365 * 24 * 60 * 60;
/// A grant costs about 200,000 gas; so many stay below the 16.7 million that EIP-7825 allows one
/// transaction.
const GRANTS_PER_TRANSACTION: usize = 50;

/// A lock: whoever holds a valid key of it is a member.
#[derive(Debug, Clone, Copy)]
pub struct Lock {
    pub address: Address,
}

impl Lock {
    /// Deploys all of Unlock and one lock whose keys are free and last a year. The deployer manages
    /// it.
    ///
    /// # Errors
    /// When a deployment or call fails.
    pub async fn deploy(deployer: &Deployer<'_>) -> Result<Self> {
        let unlock = deploy_unlock(deployer).await?;
        let data = Bytes::from(describe_lock(deployer.address()).abi_encode());
        let create = Unlock::createUpgradeableLockAtVersionCall { data, version: LOCK_VERSION };
        let receipt = deployer.execute(unlock, &create).await?;
        Ok(Self { address: new_lock(&receipt)? })
    }

    /// Gives each of them a key that is valid for a year.
    ///
    /// # Errors
    /// When a grant fails.
    pub async fn grant(&self, deployer: &Deployer<'_>, members: &[Address]) -> Result<()> {
        for some in members.chunks(GRANTS_PER_TRANSACTION) {
            let grant = PublicLock::grantKeysCall {
                recipients: some.to_vec(),
                expirations: vec![U256::from(now_seconds() + KEY_SECONDS); some.len()],
                managers: vec![deployer.address(); some.len()],
            };
            deployer.execute(self.address, &grant).await?;
        }
        Ok(())
    }

    /// Ends the membership now: the key stays, and is no longer valid.
    ///
    /// # Errors
    /// When `member` has no key.
    pub async fn expire(&self, deployer: &Deployer<'_>, member: Address) -> Result<()> {
        let which = PublicLock::tokenOfOwnerByIndexCall { owner: member, index: U256::ZERO };
        let key = deployer.rpc().view(self.address, &which).await?;
        let expire = PublicLock::setKeyExpirationCall { tokenId: key, expiration: U256::from(1) };
        deployer.execute(self.address, &expire).await.map(drop)
    }

    /// What the contract itself says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn has_valid_key(&self, deployer: &Deployer<'_>, who: Address) -> Result<bool> {
        deployer.rpc().view(self.address, &PublicLock::getHasValidKeyCall { owner: who }).await
    }
}

async fn deploy_unlock(deployer: &Deployer<'_>) -> Result<Address> {
    let implementation = deployer.deploy(&UNLOCK, &[]).await?;
    let initialize = Bytes::from(Unlock::initializeCall { owner: deployer.address() }.abi_encode());
    let unlock =
        deployer.deploy(&ERC1967_PROXY, &(implementation, initialize).abi_encode_params()).await?;
    let template = deployer.deploy(&PUBLIC_LOCK, &[]).await?;
    deployer
        .execute(unlock, &Unlock::addLockTemplateCall { template, version: LOCK_VERSION })
        .await?;
    deployer.execute(unlock, &Unlock::setLockTemplateCall { template }).await?;
    Ok(unlock)
}

fn describe_lock(creator: Address) -> PublicLock::initializeCall {
    PublicLock::initializeCall {
        creator,
        expirationDuration: U256::from(KEY_SECONDS),
        token: Address::ZERO,
        keyPrice: U256::ZERO,
        maxNumberOfKeys: U256::MAX,
        name: "DG Nation".to_owned(),
    }
}

fn new_lock(receipt: &Receipt) -> Result<Address> {
    let event = receipt
        .logs
        .iter()
        .find(|log| log.topics.first() == Some(&Unlock::NewLock::SIGNATURE_HASH));
    let topic = event
        .and_then(|log| log.topics.get(2))
        .context("Unlock made no lock: its NewLock event is missing")?;
    Ok(Address::from_word(*topic))
}

fn now_seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("the clock stands after 1970")
}
