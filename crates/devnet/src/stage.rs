//! What every devnet begins with on chain: the DG token, the lock, and a hot wallet that can pay
//! everybody.

use alloy::sol_types::SolValue;
use anyhow::Result;

use crate::abi::Token;
use crate::claim::base_units;
use crate::contracts::DG_TOKEN;
use crate::deployer::Deployer;
use crate::player::{Player, Wallet};
use crate::primitives::{Address, U256};
use crate::progress;
use crate::unlock::Lock;

const HOT_WALLET_ETHER: &str = "1000";
/// Beyond what the players could withdraw together.
const HOT_WALLET_SPARE_TOKENS: u64 = 1_000_000;

/// The contracts of a devnet and the wallet the server pays from.
pub struct Stage {
    pub token: Address,
    pub lock: Lock,
    pub hot_wallet: Wallet,
}

impl Stage {
    /// Deploys, funds the hot wallet for `xp` points per player at 1 : 1, and makes the members
    /// members.
    ///
    /// # Errors
    /// When a transaction fails.
    pub async fn build(deployer: &Deployer<'_>, players: &[Player], xp: u64) -> Result<Self> {
        progress::step("deploying the DG token");
        let arguments = ("DG Token", "DG").abi_encode_params();
        let token = deployer.deploy(&DG_TOKEN, &arguments).await?;
        progress::step("deploying Unlock and a lock");
        let lock = Lock::deploy(deployer).await?;
        let stage = Self { token, lock, hot_wallet: Wallet::named("hot wallet") };
        stage.fund(deployer, players.len(), xp).await?;
        stage.admit(deployer, players).await?;
        Ok(stage)
    }

    async fn fund(&self, deployer: &Deployer<'_>, players: usize, xp: u64) -> Result<()> {
        let owed = U256::from(players) * U256::from(xp);
        let amount = (owed + U256::from(HOT_WALLET_SPARE_TOKENS)) * base_units("1");
        deployer
            .execute(self.token, &Token::mintCall { to: self.hot_wallet.address, amount })
            .await?;
        deployer.pay(self.hot_wallet.address, base_units(HOT_WALLET_ETHER)).await.map(drop)
    }

    async fn admit(&self, deployer: &Deployer<'_>, players: &[Player]) -> Result<()> {
        let members: Vec<Address> = players
            .iter()
            .filter(|player| player.member)
            .map(|player| player.wallet.address)
            .collect();
        progress::step(format!(
            "granting keys of the lock to {} of {} players",
            members.len(),
            players.len()
        ));
        self.lock.grant(deployer, &members).await
    }
}
