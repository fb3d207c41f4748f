//! bitcoind as a process, its client, and the miner.

use std::path::PathBuf;
use std::time::Duration;

use adit_devnet::bitcoin::Node;
use adit_devnet::wait;
use bitcoin::{Amount, Txid};
use serde_json::json;

use crate::world::{COIN, FEE, PAUSE, World, is_there, log};

fn is_gone(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).map_or(true, |text| text.is_empty())
}

#[tokio::test]
async fn bitcoind_starts_refuses_in_its_own_words_and_leaves_nothing_behind() {
    if !is_there("bitcoind") {
        return;
    }
    let node = Node::start(log("node")).await.expect("bitcoind starts");
    assert_eq!(node.rpc().height().await.expect("an answer"), 0);
    let error = node.rpc().send_raw("zz").await.expect_err("no transaction");
    assert_eq!(error.refusal().expect("bitcoind answered").code, -22, "{error}");
    let error = node.rpc().block_hash(7).await.expect_err("no such block");
    assert_eq!(error.refusal().expect("bitcoind answered").code, -8, "{error}");

    let (pid, arguments) = (
        node.pid(),
        std::fs::read_to_string(format!("/proc/{}/cmdline", node.pid())).expect("it runs"),
    );
    let data = arguments
        .split('\0')
        .find_map(|argument| argument.strip_prefix("-datadir="))
        .expect("a folder")
        .to_owned();
    drop(node);
    assert!(is_gone(pid), "bitcoind ({pid}) still runs");
    assert!(!PathBuf::from(data).exists(), "its data is still there");
}

#[tokio::test]
async fn dear_blocks_leave_behind_what_pays_little_and_the_faces_estimate_what_they_are_told() {
    let Some(world) = World::start("dear").await else { return };
    let (coins, payee) = ([world.coin().await, world.coin().await], world.address("bech32").await);
    let cheap = world.spend(coins[0], &payee, FEE).await;
    let dear = world.spend(coins[1], &payee, FEE * 10).await;
    for transaction in [&cheap, &dear] {
        world.bitcoin.rpc().send(transaction).await.expect("sent");
    }
    world.bitcoin.ask_for(20);
    world.bitcoin.miner().mine(2).await.expect("mined");
    assert_eq!(
        world.bitcoin.rpc().mempool().await.expect("a mempool"),
        [cheap.compute_txid()],
        "about 9 sat/vB"
    );
    assert_eq!(world.esplora("/fee-estimates").await, json!({}), "estimates are another matter");
    world.bitcoin.gateway().estimate(Some(20));
    assert_eq!(world.esplora("/fee-estimates").await["6"], 20.0);
    assert_eq!(world.blockcypher("").await["medium_fee_per_kb"], 20_000);

    world.bitcoin.ask_for(0);
    world.bitcoin.gateway().estimate(None);
    world.mine().await;
    assert_eq!(world.bitcoin.rpc().mempool().await.expect("a mempool"), []);
    assert_eq!(world.esplora("/fee-estimates").await, json!({}));
}

#[tokio::test]
async fn the_miner_gives_coins_keeps_a_beat_and_mines_exactly_what_it_is_told() {
    let Some(mut world) = World::start("miner").await else { return };
    let owner = world.address("bech32m").await;
    // More than the first rewards are worth: it has to mine for it.
    let sizes = [
        Amount::from_btc(400.0).expect("an amount"),
        COIN,
        Amount::from_btc(200.0).expect("an amount"),
    ];
    let coins = world.bitcoin.miner().fund(&owner, &sizes).await.expect("funded");
    let unspent = world.bitcoin.rpc().unspent(&[owner.script_pubkey()]).await.expect("a search");
    for (coin, size) in coins.iter().zip(sizes) {
        let found = unspent.iter().find(|found| found.outpoint() == *coin).expect("it is there");
        assert_eq!((found.amount, found.coinbase), (size, false));
    }

    let (first, second) =
        (world.spend(coins[1], &owner, FEE).await, world.spend(coins[1], &owner, FEE * 2).await);
    let verdict =
        &world.bitcoin.rpc().would_accept(std::slice::from_ref(&first)).await.expect("a verdict")
            [0];
    assert!(verdict.allowed, "{verdict:?}");
    world.bitcoin.rpc().send(&first).await.expect("sent");
    world.bitcoin.miner().mine_exactly(std::slice::from_ref(&second)).await.expect("mined");
    assert_eq!(
        world.bitcoin.rpc().mempool().await.expect("a mempool"),
        Vec::<Txid>::new(),
        "the other one took its coin"
    );
    let verdict = &world.bitcoin.rpc().would_accept(&[first]).await.expect("a verdict")[0];
    assert_eq!(
        (verdict.allowed, verdict.reject_reason.as_deref()),
        (false, Some("missing-inputs"))
    );

    world.bitcoin.rpc().set_mock_time(4_000_000_000).await.expect("a clock");
    let block = world.bitcoin.miner().mine(1).await.expect("mined")[0];
    assert_eq!(world.bitcoin.rpc().block(block).await.expect("a block").header.time, 4_000_000_000);

    let before = world.bitcoin.rpc().height().await.expect("a height");
    world.bitcoin.mine_every(Duration::from_millis(20));
    let mined = async || Ok((world.bitcoin.rpc().height().await? >= before + 3).then_some(()));
    wait::until("three blocks", Duration::from_secs(10), PAUSE, mined).await.expect("it beats");
    // What is funded meanwhile is in the chain all the same.
    for _ in 0..10 {
        let coin = world.bitcoin.miner().fund(&owner, &[COIN]).await.expect("funded")[0];
        let unspent =
            world.bitcoin.rpc().unspent(&[owner.script_pubkey()]).await.expect("a search");
        assert!(unspent.iter().any(|found| found.outpoint() == coin), "{coin}");
    }
    world.bitcoin.mine_no_more();
    world.bitcoin.stop().await.expect("stops");
}
