//! Who mines, and who has the coins that come of it.
//!
//! Its coins lie behind scripts that everybody can satisfy, so that spending them needs no key and
//! no wallet: worthless anywhere else. They are several, one after the other, because two blocks of
//! the same height, second and content would be the same block: one that was declared void could
//! not be mined anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bitcoin::absolute::LockTime;
use bitcoin::script::Builder;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Txid, Witness,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::market::Floor;
use super::rpc::Rpc;
use super::unspent::Unspent;
use super::waiting;

/// `OP_1` to `OP_16`: each alone is a script that ends in something true.
const SCRIPTS: u32 = 16;
/// Of one block of what waits.
const MINING_TRIES_MAX: u32 = 5;
/// A reward may be spent by the block that is this many above it (consensus).
const COINBASE_MATURITY_BLOCKS: u32 = 100;
/// 1000 outputs are 43,000 bytes, well below what a block takes.
const OUTPUTS_PER_TRANSACTION_MAX: usize = 1_000;
const FEE_SATS_PER_VBYTE: u64 = 2;
const STIRRED: Amount = Amount::from_sat(100_000);
/// Rewards halve every 150 blocks; after this many more there is nothing worth mining for.
const MORE_BLOCKS_MAX: u32 = 300;
const MORE_BLOCKS_STEP: u32 = 10;

/// The only miner of a regtest chain.
pub struct Miner {
    rpc: Rpc,
    rewards: Rewards,
    floor: Floor,
    /// Of two that mine at once, one builds on a block that is not the newest any more: what it has
    /// mined does not count. And two that fund at once would spend the same coin.
    turn: Arc<Mutex<()>>,
}

/// Whom the next block rewards.
#[derive(Clone, Default)]
struct Rewards(Arc<AtomicU32>);

/// Mines until dropped.
pub struct Beat(JoinHandle<()>);

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Miner {
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc, rewards: Rewards::default(), floor: Floor::default(), turn: Arc::default() }
    }

    /// From now on [`Miner::mine`] and [`Miner::every`] leave in the mempool what pays less than
    /// this feerate; 0 takes all.
    pub fn take_only_above(&self, sat_per_vbyte: u64) {
        self.floor.set(sat_per_vbyte);
    }

    /// Mines what the mempool holds, and empty blocks after it.
    ///
    /// # Errors
    /// What bitcoind says.
    pub async fn mine(&self, blocks: u32) -> Result<Vec<BlockHash>> {
        let _turn = self.turn.lock().await;
        mine(&self.rpc, blocks, &self.rewards.next(), &self.floor).await
    }

    /// What blocks ask for, to be moved from elsewhere.
    pub(super) fn floor(&self) -> Floor {
        self.floor.clone()
    }

    /// One block with exactly these transactions, whatever the mempool holds.
    ///
    /// # Errors
    /// What bitcoind says, for instance that the block would not be valid.
    pub async fn mine_exactly(&self, transactions: &[Transaction]) -> Result<BlockHash> {
        let _turn = self.turn.lock().await;
        Ok(self.rpc.generate_block(&self.rewards.next(), transactions).await?)
    }

    /// What so many of the newest blocks hold, rewards aside.
    ///
    /// # Errors
    /// What bitcoind says.
    pub async fn newest(&self, blocks: u32) -> Result<Vec<Transaction>> {
        let next = self.rpc.height().await? + 1;
        let mut held = Vec::new();
        for height in next.saturating_sub(blocks)..next {
            let block = self.rpc.block(self.rpc.block_hash(height).await?).await?;
            held.extend(block.txdata.into_iter().filter(|transaction| !transaction.is_coinbase()));
        }
        Ok(held)
    }

    /// The newest blocks are void, and one more than they were stands in their place. `first`
    /// chooses what the first of these holds, from what was in the void ones; where such a block
    /// would not be valid, or nothing was chosen, it holds what the mempool has, as the others do.
    /// Says whether it was as chosen.
    ///
    /// # Errors
    /// What bitcoind says.
    pub async fn replace(
        &self,
        blocks: u32,
        first: impl FnOnce(Vec<Transaction>) -> Option<Vec<Transaction>>,
    ) -> Result<bool> {
        let _turn = self.turn.lock().await;
        let lowest = (self.rpc.height().await? + 1).saturating_sub(blocks);
        let chosen = first(self.newest(blocks).await?);
        self.rpc.invalidate_block(self.rpc.block_hash(lowest).await?).await?;
        let as_chosen = match chosen {
            Some(transactions) => {
                self.rpc.generate_block(&self.rewards.next(), &transactions).await.is_ok()
            }
            None => false,
        };
        mine(&self.rpc, blocks + u32::from(!as_chosen), &self.rewards.next(), &self.floor).await?;
        Ok(as_chosen)
    }

    /// One block per `pause`, from now on. A beat that the node misses is gone.
    pub fn every(&self, pause: Duration) -> Beat {
        let (rpc, rewards, floor, turn) =
            (self.rpc.clone(), self.rewards.clone(), self.floor.clone(), Arc::clone(&self.turn));
        Beat(tokio::spawn(async move {
            let mut beat = tokio::time::interval(pause);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                let _turn = turn.lock().await;
                mine(&rpc, 1, &rewards.next(), &floor).await.ok();
            }
        }))
    }

    /// Gives `to` one coin of each size, confirmed and spendable, and mines more rewards for itself
    /// if it must.
    ///
    /// # Errors
    /// What bitcoind says; when the chain has not that much to give.
    pub async fn fund(&self, to: &Address, sizes: &[Amount]) -> Result<Vec<OutPoint>> {
        let _turn = self.turn.lock().await;
        let mut given = Vec::new();
        for sizes in sizes.chunks(OUTPUTS_PER_TRANSACTION_MAX) {
            let outputs: Vec<TxOut> = sizes
                .iter()
                .map(|value| TxOut { value: *value, script_pubkey: to.script_pubkey() })
                .collect();
            let transaction = self.pay(outputs).await?;
            let txid = transaction.compute_txid();
            self.rpc
                .generate_block(&self.rewards.next(), &[transaction])
                .await
                .context("mining the coins")?;
            given.extend((0..).take(sizes.len()).map(|vout| OutPoint { txid, vout }));
        }
        Ok(given)
    }

    /// Gives each of these scripts one coin, confirmed.
    ///
    /// # Errors
    /// As [`Miner::fund`].
    pub async fn fund_each(&self, to: &[ScriptBuf], size: Amount) -> Result<()> {
        let _turn = self.turn.lock().await;
        for some in to.chunks(OUTPUTS_PER_TRANSACTION_MAX) {
            let outputs = some
                .iter()
                .map(|script| TxOut { value: size, script_pubkey: script.clone() })
                .collect();
            let transaction = self.pay(outputs).await?;
            self.rpc
                .generate_block(&self.rewards.next(), &[transaction])
                .await
                .context("mining the coins")?;
        }
        Ok(())
    }

    /// Sends a coin of its own to itself, and leaves it in the mempool.
    ///
    /// # Errors
    /// What bitcoind says.
    pub async fn stir(&self) -> Result<Txid> {
        let _turn = self.turn.lock().await;
        let output = TxOut { value: STIRRED, script_pubkey: self.rewards.next().script_pubkey() };
        Ok(self.rpc.send(&self.pay(vec![output]).await?).await?)
    }

    async fn pay(&self, outputs: Vec<TxOut>) -> Result<Transaction> {
        let needed: Amount = outputs.iter().map(|output| output.value).sum();
        let mut mined = 0;
        loop {
            if let Some(transaction) = spend(self.mature().await?, &outputs, &self.rewards.next()) {
                return Ok(transaction);
            }
            if mined >= MORE_BLOCKS_MAX {
                bail!("the miner has less than {needed} even after {mined} more blocks");
            }
            mined += MORE_BLOCKS_STEP;
            self.rpc.generate(MORE_BLOCKS_STEP, &self.rewards.next()).await?;
        }
    }

    /// What the next block may spend, the largest first.
    async fn mature(&self) -> Result<Vec<Unspent>> {
        let scripts: Vec<ScriptBuf> =
            (1..=SCRIPTS).map(|number| anyone_can_spend(number).to_p2wsh()).collect();
        let next = self.rpc.height().await? + 1;
        let mut coins = self.rpc.unspent(&scripts).await?;
        coins.retain(|coin| !coin.coinbase || next - coin.height >= COINBASE_MATURITY_BLOCKS);
        coins.sort_by_key(|coin| std::cmp::Reverse(coin.amount));
        Ok(coins)
    }
}

async fn mine(rpc: &Rpc, blocks: u32, to: &Address, floor: &Floor) -> Result<Vec<BlockHash>> {
    match floor.get() {
        0 => Ok(rpc.generate(blocks, to).await?),
        floor => {
            let mut mined = Vec::new();
            for _ in 0..blocks {
                mined.push(mine_above(rpc, to, floor).await?);
            }
            Ok(mined)
        }
    }
}

/// Mines what pays at least the floor, and asks again where a transaction was replaced meanwhile.
async fn mine_above(rpc: &Rpc, to: &Address, floor: u64) -> Result<BlockHash> {
    for _ in 1..MINING_TRIES_MAX {
        if let Ok(mined) =
            rpc.generate_block_of(to, &waiting::above(&rpc.waiting().await?, floor)).await
        {
            return Ok(mined);
        }
    }
    Ok(rpc.generate_block_of(to, &waiting::above(&rpc.waiting().await?, floor)).await?)
}

impl Rewards {
    fn next(&self) -> Address {
        let number = self.0.fetch_add(1, Ordering::Relaxed) % SCRIPTS + 1;
        Address::p2wsh(&anyone_can_spend(number), Network::Regtest)
    }
}

fn anyone_can_spend(number: u32) -> ScriptBuf {
    Builder::new().push_int(number.into()).into_script()
}

/// Takes as many coins as it must; what is left goes back. `None` when all of them are not enough.
fn spend(coins: Vec<Unspent>, outputs: &[TxOut], change_to: &Address) -> Option<Transaction> {
    let needed: Amount = outputs.iter().map(|output| output.value).sum();
    let change = TxOut { value: Amount::ZERO, script_pubkey: change_to.script_pubkey() };
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: outputs.to_vec(),
    };
    transaction.output.push(change);
    let mut taken = Amount::ZERO;
    for coin in coins {
        taken += coin.amount;
        transaction.input.push(input(&coin));
        let fee = Amount::from_sat(transaction.vsize() as u64 * FEE_SATS_PER_VBYTE);
        if let Some(left) = taken.checked_sub(needed + fee) {
            transaction.output.last_mut().expect("the change was pushed above").value = left;
            return Some(transaction);
        }
    }
    None
}

fn input(coin: &Unspent) -> TxIn {
    let script =
        (1..=SCRIPTS).map(anyone_can_spend).find(|script| script.to_p2wsh() == coin.script);
    let script = script.expect("the search was for these scripts");
    let witness = Witness::from_slice(&[script.into_bytes()]);
    TxIn {
        previous_output: coin.outpoint(),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness,
    }
}
