//! The proxy's pool and its faces, in front of a real anvil: each rule that anvil itself does not
//! keep.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_devnet::anvil::{Anvil, Chain};
use adit_devnet::chance::Chance;
use adit_devnet::deployer::Deployer;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::{Address, B256, Bytes, U256};
use adit_devnet::proxy::{Drops, Face, Pool, Proxy};
use adit_devnet::rpc::Rpc;
use adit_devnet::wait;
use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Signature, TxKind};
use serde_json::{Value, json};

const GWEI: u128 = 1_000_000_000;
const CHAIN_ID: u64 = 31_337;
const PAYEE: Address = Address::repeat_byte(0x9a);

/// A chain that mines when it is told to, a pool before it, and a rich wallet.
struct World {
    anvil: Anvil,
    pool: Arc<Pool>,
    wallet: Wallet,
}

impl World {
    async fn start(name: &str) -> Self {
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("proxy-{name}-{}.log", std::process::id()));
        let anvil = Anvil::start(&Chain::default(), log).await.expect("anvil starts");
        let wallet = Wallet::named(name);
        Deployer::new(anvil.rpc())
            .pay(wallet.address, U256::from(100 * GWEI) * U256::from(GWEI))
            .await
            .expect("funded");
        anvil
            .rpc()
            .call::<Value>("evm_setAutomine", json!([false]))
            .await
            .expect("mines when it is told to");
        // A reorganisation must not take its funds.
        anvil.rpc().mine(8).await.expect("mined");
        let pool = Pool::before(anvil.url()).expect("a pool");
        Self { anvil, pool, wallet }
    }

    async fn face(&self, lag_blocks: u64) -> (Proxy, Rpc) {
        let face = Face { pool: Some(Arc::clone(&self.pool)), lag_blocks, ..Face::default() };
        let proxy = Proxy::start_as(face, self.anvil.url()).await.expect("the proxy starts");
        let rpc = Rpc::new(proxy.url()).expect("a client");
        (proxy, rpc)
    }

    /// One wei to [`PAYEE`], signed.
    fn raw(&self, nonce: u64, max_fee: u128, max_tip: u128) -> Bytes {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: max_tip,
            to: TxKind::Call(PAYEE),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let bytes = self.wallet.sign(transaction.signature_hash());
        let signature = Signature::from_raw(&bytes).expect("a signature");
        Bytes::from(transaction.into_signed(signature).encoded_2718())
    }

    /// The next block, at this base fee.
    async fn mine_at(&self, base_fee: u128) {
        self.base_fee(base_fee).await;
        self.anvil.rpc().mine(1).await.expect("mined");
    }

    async fn base_fee(&self, base_fee: u128) {
        let fee = U256::from(base_fee);
        self.anvil
            .rpc()
            .call::<Value>("anvil_setNextBlockBaseFeePerGas", json!([fee]))
            .await
            .expect("set");
    }

    async fn reorg(&self, depth: u64) {
        self.anvil
            .rpc()
            .call::<Value>("anvil_reorg", json!([depth, []]))
            .await
            .expect("reorganised");
    }

    /// Mines at one gwei until the chain has so many transactions of the wallet.
    async fn mined(&self, count: u64) {
        wait::until(
            "transactions to be mined",
            Duration::from_secs(10),
            Duration::from_millis(60),
            async || {
                self.mine_at(GWEI).await;
                Ok((self.anvil.rpc().nonce(self.wallet.address).await? == count).then_some(()))
            },
        )
        .await
        .expect("mined");
    }
}

async fn send(rpc: &Rpc, raw: &Bytes) -> Result<B256, String> {
    rpc.call("eth_sendRawTransaction", json!([raw])).await.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn a_replacement_needs_a_tenth_more_on_both_fields() {
    let world = World::start("bump").await;
    let (_proxy, rpc) = world.face(0).await;
    let first = send(&rpc, &world.raw(0, 50 * GWEI, GWEI)).await.expect("taken");
    let one_percent = send(&rpc, &world.raw(0, 51 * GWEI, GWEI + GWEI / 100))
        .await
        .expect_err("anvil would take it");
    assert!(one_percent.contains("replacement transaction underpriced (-32000)"), "{one_percent}");
    let one_field =
        send(&rpc, &world.raw(0, 60 * GWEI, GWEI)).await.expect_err("the tip is the same");
    assert!(one_field.contains("replacement transaction underpriced"), "{one_field}");
    let second =
        send(&rpc, &world.raw(0, 55 * GWEI, GWEI + GWEI / 10)).await.expect("a tenth more");
    world.mined(1).await;
    assert!(rpc.receipt(first).await.expect("an answer").is_none());
    assert!(rpc.receipt(second).await.expect("an answer").is_some(), "the replacement was mined");
    assert_eq!(world.pool.sends().accepted(), 2);
}

#[tokio::test]
async fn what_is_below_the_base_fee_waits_until_it_falls() {
    let world = World::start("cheap").await;
    let (_proxy, rpc) = world.face(0).await;
    world.mine_at(80 * GWEI).await;
    let hash = send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await.expect("taken, and waits");
    let known = send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await.expect_err("it is there");
    assert!(known.contains("already known"), "{known}");
    for _ in 0..3 {
        world.mine_at(80 * GWEI).await;
    }
    assert!(rpc.receipt(hash).await.expect("an answer").is_none(), "too cheap for these blocks");
    world.mined(1).await;
    assert!(rpc.receipt(hash).await.expect("an answer").is_some());
}

/// anvil drops what falls below the base fee after it was taken; a node keeps it.
#[tokio::test]
async fn what_falls_below_the_base_fee_comes_back() {
    let world = World::start("evicted").await;
    let (_proxy, rpc) = world.face(0).await;
    world.base_fee(GWEI).await;
    let hash = send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await.expect("taken, and executable");
    for _ in 0..3 {
        world.mine_at(80 * GWEI).await;
    }
    assert!(rpc.receipt(hash).await.expect("an answer").is_none(), "too cheap for these blocks");
    world.mined(1).await;
    assert!(rpc.receipt(hash).await.expect("an answer").is_some());
}

#[tokio::test]
async fn gaps_wait_and_mined_nonces_are_too_low() {
    let world = World::start("gaps").await;
    let (_proxy, rpc) = world.face(0).await;
    let later = send(&rpc, &world.raw(1, 20 * GWEI, GWEI)).await.expect("queued");
    world.mine_at(GWEI).await;
    assert!(rpc.receipt(later).await.expect("an answer").is_none(), "a nonce is missing before it");
    send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await.expect("fills the gap");
    world.mined(2).await;
    assert!(rpc.receipt(later).await.expect("an answer").is_some());
    let low = send(&rpc, &world.raw(1, 90 * GWEI, 9 * GWEI)).await.expect_err("mined");
    assert!(low.contains("nonce too low: next nonce 2, tx nonce 1"), "{low}");
    let poor = World { wallet: Wallet::named("nobody"), ..world };
    let broke = send(&rpc, &poor.raw(0, GWEI, 1)).await.expect_err("an empty wallet");
    assert!(broke.contains("insufficient funds for gas * price + value"), "{broke}");
}

#[tokio::test]
async fn what_a_reorganisation_removed_returns() {
    let world = World::start("reorg").await;
    let (_proxy, rpc) = world.face(0).await;
    let hashes = [
        send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await,
        send(&rpc, &world.raw(1, 20 * GWEI, GWEI)).await,
    ];
    world.mined(2).await;
    world.anvil.rpc().mine(2).await.expect("mined");
    world.reorg(5).await;
    assert_eq!(
        world.anvil.rpc().nonce(world.wallet.address).await.expect("a nonce"),
        0,
        "both are gone"
    );
    world.mined(2).await;
    for hash in hashes {
        assert!(
            rpc.receipt(hash.expect("taken")).await.expect("an answer").is_some(),
            "mined again"
        );
    }
    assert_eq!(world.anvil.rpc().native_balance(PAYEE).await.expect("a balance"), U256::from(2));
}

#[tokio::test]
async fn a_lagging_face_shares_the_pool_and_shows_the_past() {
    let world = World::start("lag").await;
    let (_fast, fast) = world.face(0).await;
    let (_slow, slow) = world.face(3).await;
    world.anvil.rpc().mine(4).await.expect("mined");
    let hash = send(&slow, &world.raw(0, 20 * GWEI, GWEI)).await.expect("taken by the slow one");
    assert!(
        send(&fast, &world.raw(0, 20 * GWEI, GWEI))
            .await
            .expect_err("one pool")
            .contains("already known")
    );
    world.mined(1).await;
    let height = fast.block_number().await.expect("a height");
    assert_eq!(slow.block_number().await.expect("a height"), height - 3);
    assert_eq!(
        (
            fast.nonce(world.wallet.address).await.expect("a nonce"),
            slow.nonce(world.wallet.address).await.expect("a nonce")
        ),
        (1, 0)
    );
    assert_eq!(slow.native_balance(PAYEE).await.expect("a balance"), U256::ZERO);
    assert!(fast.receipt(hash).await.expect("an answer").is_some());
    assert!(slow.receipt(hash).await.expect("an answer").is_none());
    let unknown: Value = slow
        .call("eth_getBlockByNumber", json!([format!("{height:#x}"), false]))
        .await
        .expect("an answer");
    assert!(unknown.is_null());
    world.anvil.rpc().mine(3).await.expect("mined");
    assert!(slow.receipt(hash).await.expect("an answer").is_some(), "it has arrived");
    assert_eq!(slow.native_balance(PAYEE).await.expect("a balance"), U256::from(1));
}

#[tokio::test]
async fn some_answers_are_dropped_and_what_was_asked_is_done() {
    let world = World::start("drops").await;
    let drops = Drops { per_mille: 300, chance: Chance::of(11) };
    let proxy = Proxy::start_as(Face { drops: Some(drops), ..Face::default() }, world.anvil.url())
        .await
        .expect("starts");
    let rpc = Rpc::new(proxy.url()).expect("a client");
    let before = world.anvil.rpc().block_number().await.expect("a height");
    let mut lost = 0;
    for _ in 0..40 {
        let answer = tokio::time::timeout(Duration::from_millis(500), rpc.mine(1)).await;
        lost += u64::from(!matches!(answer, Ok(Ok(()))));
    }
    assert_eq!(
        world.anvil.rpc().block_number().await.expect("a height"),
        before + 40,
        "all were done"
    );
    assert_eq!(lost, proxy.dropped());
    assert!((4..=22).contains(&lost), "{lost} of 40 were lost at 30 %");
}

#[tokio::test]
async fn a_trap_springs_before_anybody_is_told() {
    let world = World::start("trap").await;
    let (_proxy, rpc) = world.face(0).await;
    let (told, hears) = std::sync::mpsc::channel();
    world.pool.sends().trap(2, Box::new(move |face| told.send(face).expect("the test listens")));
    send(&rpc, &world.raw(0, 20 * GWEI, GWEI)).await.expect("the first");
    assert!(hears.try_recv().is_err(), "not yet");
    send(&rpc, &world.raw(1, 20 * GWEI, GWEI)).await.expect("the second");
    assert_eq!(hears.try_recv(), Ok(0));
    assert!(!world.pool.sends().disarm(), "it springs once");
}
