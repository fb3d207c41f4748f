//! Bitcoin in a running system: who asks for what, blocks at the test's own pace, and the verdict
//! of the chain.

use adit_devnet::api::{Answer, Order};
use adit_devnet::bitcoin::payments::Payments;
use adit_devnet::bitcoin::stage::BitcoinStage;
use adit_devnet::config::BTC;
use adit_devnet::{parts, wait};
use anyhow::{Context, Result};
use bitcoin::{Address, Txid};
use serde_json::Value;

use crate::people::{PURSE, Person, id_of};
use crate::settings::Settings;
use crate::system::{BOUND, PAUSE, System, is_over};
use crate::verdict::Histogram;

impl System {
    /// A system with Bitcoin whose blocks only the test mines; `None`, loudly, where there is no
    /// bitcoind.
    ///
    /// # Errors
    /// As [`System::start`].
    pub async fn with_bitcoin(topic: &str, settings: Settings) -> Result<Option<Self>> {
        if let Err(missing) = parts::bitcoind() {
            println!("SKIPPED {topic}, nothing of Bitcoin is tested: {missing}");
            return Ok(None);
        }
        let mut system = Self::start(topic, settings.bitcoin()).await?;
        system.devnet.bitcoin_mut().context("the settings ask for Bitcoin")?.world.mine_no_more();
        Ok(Some(system))
    }

    /// # Panics
    /// When the settings did not ask for it.
    pub fn bitcoin(&self) -> &BitcoinStage {
        self.devnet.bitcoin().expect("the settings ask for Bitcoin")
    }

    /// # Errors
    /// When the node refuses.
    pub async fn mine_bitcoin(&self, blocks: u32) -> Result<()> {
        self.bitcoin().world.miner().mine(blocks).await.map(drop)
    }

    /// Waits until the node has so many transactions in its mempool, and answers them.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_in_mempool(&self, count: usize) -> Result<Vec<Txid>> {
        let what = format!("{count} transactions in the mempool");
        self.until(&what, async || {
            let found = self.bitcoin().world.rpc().mempool().await?;
            Ok((found.len() >= count).then_some(found))
        })
        .await
    }

    /// Waits until a transaction that pays this address is in the node's mempool, and answers it.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn until_in_mempool_for(&self, payee: &Address) -> Result<Txid> {
        let rpc = self.bitcoin().world.rpc();
        self.until(&format!("a transaction to {payee} in the mempool"), async || {
            for txid in rpc.mempool().await? {
                let outputs = rpc
                    .transaction(txid)
                    .await?
                    .map(|transaction| transaction.output)
                    .unwrap_or_default();
                if outputs.iter().any(|output| output.script_pubkey == payee.script_pubkey()) {
                    return Ok(Some(txid));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until `withdrawal` of `person` is over, and mines on the way so that finality comes
    /// soon. Answers its record.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn until_settled(&self, person: &Person, withdrawal: &str) -> Result<Value> {
        let over = async || {
            let record = person.withdrawal(withdrawal).await?;
            if is_over(&record) {
                return Ok(Some(record));
            }
            self.mine_bitcoin(1).await?;
            Ok(None)
        };
        wait::until(&format!("withdrawal {withdrawal} to end"), BOUND, PAUSE * 6, over).await
    }

    /// All that the chain has since the server began.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn payments(&self) -> Result<Payments> {
        let stage = self.bitcoin();
        Ok(Payments::since(stage.world.rpc(), stage.first_height).await?)
    }

    /// How often each was paid in bitcoin.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn bitcoin_paid(&self, payees: &[Address]) -> Result<Histogram> {
        let payments = self.payments().await?;
        Ok(Histogram::of(payees.iter().map(|payee| payments.to(payee).len())))
    }
}

impl Person {
    /// His own key's on the Bitcoin chain.
    pub fn bitcoin_address(&self) -> Address {
        self.player.wallet.bitcoin_address()
    }

    /// Asks for bitcoin of his purse.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn withdraw_bitcoin(&self, amount: &str, destination: &str) -> Result<Answer> {
        let order = Order {
            asset: BTC,
            book: PURSE,
            amount: amount.to_owned(),
            destination: destination.to_owned(),
        };
        self.api.withdraw(&order).await
    }

    /// The same to his own address, and answers the withdrawal's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn withdrawn_bitcoin(&self, amount: &str) -> Result<String> {
        id_of(self.withdraw_bitcoin(amount, &self.bitcoin_address().to_string()).await?, "id")
    }
}
