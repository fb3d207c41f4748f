//! Bitcoin's parts on a real bitcoind: the node, the miner, and what both faces of the gateway say about the same chain.

use std::path::PathBuf;
use std::time::Duration;

use adit_devnet::bitcoin::{Bitcoin, Node};
use adit_devnet::parts;
use adit_devnet::rpc::http_client;
use adit_devnet::wait;
use anyhow::Result;
use bitcoin::address::NetworkUnchecked;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Amount, BlockHash, Denomination, OutPoint, Transaction, Txid};
use serde_json::{Value, json};

const NOBODY: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const UNKNOWN: &str = "00000000000000000000000000000000000000000000000000000000deadbeef";
const COIN: Amount = Amount::from_sat(1_000_000);
const FEE: Amount = Amount::from_sat(1_000);
/// The gateway looks ten times a second; a busy machine may need longer to let it.
const SEEN_BOUND: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Bitcoin, and a wallet in bitcoind that owns some of it.
struct World {
    bitcoin: Bitcoin,
    http: reqwest::Client,
}

fn log(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bitcoin-{name}-{}.log", std::process::id()))
}

/// Whether there is a bitcoind to test; who has none is told, loudly.
fn is_there(test: &str) -> bool {
    match parts::bitcoind() {
        Ok(_) => true,
        Err(missing) => {
            println!("SKIPPED {test}, nothing of Bitcoin is tested: {missing}");
            false
        }
    }
}

impl World {
    async fn start(name: &str) -> Option<Self> {
        if !is_there(name) {
            return None;
        }
        let bitcoin = Bitcoin::start(log(name)).await.expect("Bitcoin starts");
        bitcoin.rpc().call::<Value>("createwallet", json!(["tests"])).await.expect("a wallet");
        Some(Self { bitcoin, http: http_client(Duration::from_secs(10)).expect("a client") })
    }

    /// An address of the wallet.
    async fn address(&self, kind: &str) -> Address {
        let address: Address<NetworkUnchecked> = self.bitcoin.rpc().call("getnewaddress", json!(["", kind])).await.expect("an address");
        address.assume_checked()
    }

    /// A coin of the wallet.
    async fn coin(&self) -> OutPoint {
        let owner = self.address("bech32").await;
        self.bitcoin.miner().fund(&owner, &[COIN]).await.expect("funded")[0]
    }

    /// The wallet's coin to one address, less the fee; signed, replaceable, not sent.
    async fn spend(&self, coin: OutPoint, to: &Address, fee: Amount) -> Transaction {
        let rpc = self.bitcoin.rpc();
        let value = (COIN - fee).to_string_in(Denomination::Bitcoin);
        let inputs = json!([{ "txid": coin.txid, "vout": coin.vout }]);
        let raw: String = rpc.call("createrawtransaction", json!([inputs, { to.to_string(): value }])).await.expect("made");
        let signed: Value = rpc.call("signrawtransactionwithwallet", json!([raw])).await.expect("signed");
        assert_eq!(signed["complete"], true);
        deserialize_hex(signed["hex"].as_str().expect("hex")).expect("a transaction")
    }

    async fn get(&self, base: &str, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{base}{path}")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    async fn post(&self, url: String, body: String) -> (u16, String) {
        let answer = self.http.post(url).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Esplora, whatever the status.
    async fn raw_esplora(&self, path: &str) -> (u16, String) {
        self.get(self.bitcoin.esplora_url(), path).await
    }

    async fn esplora(&self, path: &str) -> Value {
        let (status, body) = self.raw_esplora(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::String(body))
    }

    /// BlockCypher, whatever the status.
    async fn raw_blockcypher(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get(self.bitcoin.blockcypher_url(), path).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    async fn blockcypher(&self, path: &str) -> Value {
        let (status, body) = self.raw_blockcypher(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn send(&self, transaction: &Transaction) -> (u16, String) {
        self.post(format!("{}/tx", self.bitcoin.esplora_url()), serialize_hex(transaction)).await
    }

    async fn push(&self, hex: &str) -> (u16, Value) {
        let url = format!("{}/txs/push?token=secret", self.bitcoin.blockcypher_url());
        let (status, body) = self.post(url, json!({ "tx": hex }).to_string()).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until the gateway has seen a block by itself.
    async fn seen(&self, block: BlockHash) {
        let tip = async || -> Result<_> { Ok((self.esplora("/blocks/tip/hash").await == block.to_string()).then_some(())) };
        wait::until("the gateway to see the block", SEEN_BOUND, PAUSE, tip).await.expect("it is seen");
    }

    async fn mine(&self) -> BlockHash {
        let block = self.bitcoin.miner().mine(1).await.expect("mined")[0];
        self.seen(block).await;
        block
    }
}

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

    let (pid, arguments) = (node.pid(), std::fs::read_to_string(format!("/proc/{}/cmdline", node.pid())).expect("it runs"));
    let data = arguments.split('\0').find_map(|argument| argument.strip_prefix("-datadir=")).expect("a folder").to_owned();
    drop(node);
    assert!(is_gone(pid), "bitcoind ({pid}) still runs");
    assert!(!PathBuf::from(data).exists(), "its data is still there");
}

#[tokio::test]
async fn the_miner_gives_coins_keeps_a_beat_and_mines_exactly_what_it_is_told() {
    let Some(mut world) = World::start("miner").await else { return };
    let owner = world.address("bech32m").await;
    // More than the first rewards are worth: it has to mine for it.
    let sizes = [Amount::from_btc(400.0).expect("an amount"), COIN, Amount::from_btc(200.0).expect("an amount")];
    let coins = world.bitcoin.miner().fund(&owner, &sizes).await.expect("funded");
    let unspent = world.bitcoin.rpc().unspent(&owner.script_pubkey()).await.expect("a search");
    for (coin, size) in coins.iter().zip(sizes) {
        let found = unspent.iter().find(|found| found.outpoint() == *coin).expect("it is there");
        assert_eq!((found.amount, found.coinbase), (size, false));
    }

    let (first, second) = (world.spend(coins[1], &owner, FEE).await, world.spend(coins[1], &owner, FEE * 2).await);
    let verdict = &world.bitcoin.rpc().would_accept(std::slice::from_ref(&first)).await.expect("a verdict")[0];
    assert!(verdict.allowed, "{verdict:?}");
    world.bitcoin.rpc().send(&first).await.expect("sent");
    world.bitcoin.miner().mine_exactly(std::slice::from_ref(&second)).await.expect("mined");
    assert_eq!(world.bitcoin.rpc().mempool().await.expect("a mempool"), Vec::<Txid>::new(), "the other one took its coin");
    let verdict = &world.bitcoin.rpc().would_accept(&[first]).await.expect("a verdict")[0];
    assert_eq!((verdict.allowed, verdict.reject_reason.as_deref()), (false, Some("missing-inputs")));

    world.bitcoin.rpc().set_mock_time(4_000_000_000).await.expect("a clock");
    let block = world.bitcoin.miner().mine(1).await.expect("mined")[0];
    assert_eq!(world.bitcoin.rpc().block(block).await.expect("a block").header.time, 4_000_000_000);

    let before = world.bitcoin.rpc().height().await.expect("a height");
    world.bitcoin.mine_every(Duration::from_millis(20));
    let mined = async || Ok((world.bitcoin.rpc().height().await? >= before + 3).then_some(()));
    wait::until("three blocks", Duration::from_secs(10), PAUSE, mined).await.expect("it beats");
    world.bitcoin.mine_no_more();
    world.bitcoin.stop().await.expect("stops");
}

#[tokio::test]
async fn a_payment_is_seen_by_both_faces_at_once_and_confirmed_with_its_block() {
    let Some(world) = World::start("payment").await else { return };
    let (coin, payee) = (world.coin().await, world.address("bech32").await);
    let payment = world.spend(coin, &payee, FEE).await;
    let txid = payment.compute_txid();

    assert_eq!(world.send(&payment).await, (200, txid.to_string()));
    let paid = world.esplora(&format!("/tx/{txid}")).await;
    assert_eq!((&paid["fee"], &paid["status"]), (&json!(1_000), &json!({ "confirmed": false })));
    assert_eq!(paid["vin"][0]["prevout"]["value"], 1_000_000);
    let utxo = json!([{ "txid": txid, "vout": 0, "status": { "confirmed": false }, "value": 999_000 }]);
    assert_eq!(world.esplora(&format!("/address/{payee}/utxo")).await, utxo);
    let waiting = world.blockcypher(&format!("/txs/{txid}?token=secret&includeHex=true")).await;
    assert_eq!((&waiting["confirmations"], &waiting["block_height"], &waiting["double_spend"]), (&json!(0), &json!(-1), &json!(false)));
    assert_eq!(waiting["hex"], serialize_hex(&payment));
    let owed = world.blockcypher(&format!("/addrs/{payee}")).await;
    assert_eq!((&owed["balance"], &owed["unconfirmed_balance"], &owed["final_balance"]), (&json!(0), &json!(999_000), &json!(999_000)));
    assert_eq!(owed["unconfirmed_txrefs"][0]["tx_hash"], txid.to_string());

    let block = world.mine().await;
    let height = world.bitcoin.rpc().height().await.expect("a height");
    let status = world.esplora(&format!("/tx/{txid}/status")).await;
    let time = world.bitcoin.rpc().block(block).await.expect("a block").header.time;
    assert_eq!(status, json!({ "confirmed": true, "block_height": height, "block_hash": block, "block_time": time }));
    let spend = world.esplora(&format!("/tx/{}/outspend/{}", coin.txid, coin.vout)).await;
    assert_eq!(spend, json!({ "spent": true, "txid": txid, "vin": 0, "status": status }));
    assert_eq!(world.esplora(&format!("/tx/{txid}/outspends")).await, json!([{ "spent": false }]));
    assert_eq!(world.esplora(&format!("/tx/{txid}/hex")).await, serialize_hex(&payment));
    let stats = world.esplora(&format!("/address/{payee}")).await;
    let nothing = json!({ "funded_txo_count": 0, "funded_txo_sum": 0, "spent_txo_count": 0, "spent_txo_sum": 0, "tx_count": 0 });
    let received = json!({ "funded_txo_count": 1, "funded_txo_sum": 999_000, "spent_txo_count": 0, "spent_txo_sum": 0, "tx_count": 1 });
    assert_eq!(stats, json!({ "address": payee, "chain_stats": received, "mempool_stats": nothing }));

    let confirmed = world.blockcypher(&format!("/txs/{txid}")).await;
    assert_eq!((&confirmed["confirmations"], &confirmed["block_hash"], &confirmed["fees"]), (&json!(1), &json!(block), &json!(1_000)));
    assert_eq!(confirmed["outputs"][0]["addresses"], json!([payee]));
    let owed = world.blockcypher(&format!("/addrs/{payee}?unspentOnly=true")).await;
    assert_eq!((&owed["balance"], &owed["n_tx"], &owed["txrefs"][0]["tx_output_n"]), (&json!(999_000), &json!(1), &json!(0)));
    let latest = world.blockcypher("").await;
    assert_eq!((&latest["height"], &latest["hash"]), (&json!(height), &json!(block)));
}

#[tokio::test]
async fn blocks_are_told_alike_by_both_faces() {
    let Some(world) = World::start("blocks").await else { return };
    let block = world.mine().await;
    let real = world.bitcoin.rpc().block(block).await.expect("a block");
    let height = world.bitcoin.rpc().height().await.expect("a height");
    let told: Value = world.bitcoin.rpc().call("getblockheader", json!([block])).await.expect("a header");

    assert_eq!(world.esplora("/blocks/tip/height").await, height);
    assert_eq!(world.esplora(&format!("/block-height/{height}")).await, block.to_string());
    let shown = world.esplora(&format!("/block/{block}")).await;
    for (esplora, bitcoind) in [
        ("id", "hash"),
        ("height", "height"),
        ("timestamp", "time"),
        ("mediantime", "mediantime"),
        ("nonce", "nonce"),
        ("merkle_root", "merkleroot"),
        ("previousblockhash", "previousblockhash"),
        ("tx_count", "nTx"),
        ("version", "version"),
    ] {
        assert_eq!(shown[esplora], told[bitcoind], "{esplora}");
    }
    assert_eq!(world.esplora(&format!("/block/{block}/header")).await, serialize_hex(&real.header));
    assert_eq!(world.esplora(&format!("/block/{block}/txids")).await, json!([real.txdata[0].compute_txid()]));
    let status = world.esplora(&format!("/block/{}/status", real.header.prev_blockhash)).await;
    assert_eq!(status, json!({ "in_best_chain": true, "height": height - 1, "next_best": block }));

    for name in [block.to_string(), height.to_string()] {
        let shown = world.blockcypher(&format!("/blocks/{name}")).await;
        assert_eq!((&shown["hash"], &shown["n_tx"], &shown["depth"]), (&json!(block), &json!(1), &json!(0)));
        assert_eq!(shown["total"], real.txdata[0].output.iter().map(|output| output.value.to_sat()).sum::<u64>());
    }
    assert_eq!(world.esplora("/fee-estimates").await, json!({}));
}

#[tokio::test]
async fn a_double_spend_in_a_reorganisation_is_the_new_truth() {
    let Some(world) = World::start("reorg").await else { return };
    let (coin, payee, thief) = (world.coin().await, world.address("bech32").await, world.address("bech32").await);
    let (payment, theft) = (world.spend(coin, &payee, FEE).await, world.spend(coin, &thief, FEE).await);
    let (paid, stolen) = (payment.compute_txid(), theft.compute_txid());
    assert_eq!(world.send(&payment).await.0, 200);
    let left_behind = world.mine().await;
    assert_eq!(world.blockcypher(&format!("/txs/{paid}")).await["confirmations"], 1);

    world.bitcoin.rpc().invalidate_block(left_behind).await.expect("void");
    world.bitcoin.gateway().catch_up().await.expect("the gateway follows");
    assert_eq!(world.esplora(&format!("/tx/{paid}")).await["status"], json!({ "confirmed": false }), "back in the mempool");
    let block = world.bitcoin.miner().mine_exactly(&[theft]).await.expect("mined");
    world.seen(block).await;

    assert_eq!(world.raw_esplora(&format!("/tx/{paid}")).await, (404, "Transaction not found".to_owned()));
    assert_eq!(world.esplora(&format!("/tx/{paid}/status")).await, json!({ "confirmed": false }));
    assert_eq!(world.esplora(&format!("/tx/{stolen}/status")).await["block_hash"], block.to_string());
    assert_eq!(world.esplora(&format!("/tx/{}/outspend/{}", coin.txid, coin.vout)).await["txid"], stolen.to_string());
    assert_eq!(world.esplora(&format!("/address/{payee}/utxo")).await, json!([]));
    assert_eq!(world.esplora(&format!("/address/{payee}/txs")).await, json!([]));
    assert_eq!(world.esplora(&format!("/address/{thief}/utxo")).await[0]["txid"], stolen.to_string());
    assert_eq!(world.raw_esplora(&format!("/block/{left_behind}")).await, (404, "Block not found".to_owned()));
    let nowhere = json!({ "in_best_chain": false, "height": null, "next_best": null });
    assert_eq!(world.esplora(&format!("/block/{left_behind}/status")).await, nowhere);

    let lost = world.blockcypher(&format!("/txs/{paid}")).await;
    assert_eq!((&lost["double_spend"], &lost["double_of"], &lost["confirmations"]), (&json!(true), &json!(stolen), &json!(0)));
    let won = world.blockcypher(&format!("/txs/{stolen}")).await;
    assert_eq!((&won["double_spend"], &won["confirmations"]), (&json!(false), &json!(1)));
    assert_eq!(world.blockcypher(&format!("/addrs/{payee}")).await["final_balance"], 0);
    assert_eq!(world.blockcypher("").await["last_fork_hash"], left_behind.to_string());

    // And back again: the first block counts once more, and has two on it.
    world.bitcoin.rpc().invalidate_block(block).await.expect("void");
    world.bitcoin.rpc().reconsider_block(left_behind).await.expect("valid again");
    world.seen(left_behind).await;
    assert_eq!(world.esplora(&format!("/tx/{paid}/status")).await["block_hash"], left_behind.to_string());
    assert_eq!(world.raw_esplora(&format!("/tx/{stolen}")).await.0, 404);
    assert_eq!(world.blockcypher(&format!("/txs/{paid}")).await["double_spend"], false);
    assert_eq!(world.blockcypher(&format!("/txs/{stolen}")).await["double_of"], paid.to_string());
}

#[tokio::test]
async fn a_replaced_transaction_is_unknown_to_esplora_and_a_double_spend_to_blockcypher() {
    let Some(world) = World::start("replaced").await else { return };
    let (coin, payee) = (world.coin().await, world.address("bech32").await);
    let (first, bump) = (world.spend(coin, &payee, FEE).await, world.spend(coin, &payee, FEE * 3).await);
    let (old, new) = (first.compute_txid(), bump.compute_txid());
    assert_eq!(world.send(&first).await.0, 200);
    let (status, pushed) = world.push(&serialize_hex(&bump)).await;
    assert_eq!((status, &pushed["tx"]["hash"], &pushed["tx"]["opt_in_rbf"]), (201, &json!(new), &json!(true)));

    assert_eq!(world.raw_esplora(&format!("/tx/{old}")).await, (404, "Transaction not found".to_owned()));
    assert_eq!(world.raw_esplora(&format!("/tx/{old}/hex")).await.0, 404);
    assert_eq!(world.raw_esplora(&format!("/tx/{old}/outspends")).await.0, 404);
    assert_eq!(world.esplora(&format!("/tx/{old}/status")).await, json!({ "confirmed": false }));
    assert_eq!(world.esplora(&format!("/tx/{old}/outspend/0")).await, json!({ "spent": false }));
    assert_eq!(world.esplora(&format!("/address/{payee}/txs")).await[0]["txid"], new.to_string());
    // While neither is in a block, each wants the other's coin.
    assert_eq!(world.blockcypher(&format!("/txs/{old}")).await["double_of"], new.to_string());
    assert_eq!(world.blockcypher(&format!("/txs/{new}")).await["double_of"], old.to_string());

    world.mine().await;
    assert_eq!(world.blockcypher(&format!("/txs/{old}")).await["double_spend"], true);
    assert_eq!(world.blockcypher(&format!("/txs/{new}")).await["double_spend"], false);
    assert_eq!(world.blockcypher(&format!("/addrs/{payee}")).await["final_n_tx"], 1);
}

#[tokio::test]
async fn what_nobody_knows_is_told_as_the_public_servers_tell_it() {
    let Some(world) = World::start("unknown").await else { return };
    for (path, status, text) in [
        (format!("/tx/{UNKNOWN}"), 404, "Transaction not found"),
        (format!("/tx/{UNKNOWN}/hex"), 404, "Transaction not found"),
        (format!("/block/{UNKNOWN}"), 404, "Block not found"),
        (format!("/block/{UNKNOWN}/header"), 404, "Block not found"),
        (format!("/block/{UNKNOWN}/txids"), 404, "Block not found"),
        ("/block-height/4000000000".to_owned(), 404, "Block not found"),
        ("/block-height/-1".to_owned(), 400, "Invalid number"),
        ("/tx/xyz".to_owned(), 400, "Invalid hex string"),
        ("/address/xyz".to_owned(), 400, "Invalid Bitcoin address"),
        ("/address/1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2".to_owned(), 400, "Address on invalid network"),
        ("/scripthash/00".to_owned(), 400, "Invalid scripthash"),
        ("/nothing".to_owned(), 404, "endpoint does not exist \"/nothing\""),
    ] {
        assert_eq!(world.raw_esplora(&path).await, (status, text.to_owned()), "{path}");
    }
    assert_eq!(world.esplora(&format!("/tx/{UNKNOWN}/status")).await, json!({ "confirmed": false }));
    assert_eq!(world.esplora(&format!("/tx/{UNKNOWN}/outspend/0")).await, json!({ "spent": false }));
    let stats = world.esplora(&format!("/address/{NOBODY}")).await;
    assert_eq!((&stats["address"], &stats["chain_stats"]["tx_count"]), (&json!(NOBODY), &json!(0)));
    for path in ["utxo", "txs", "txs/chain"] {
        assert_eq!(world.esplora(&format!("/address/{NOBODY}/{path}")).await, json!([]), "{path}");
    }

    let (status, body) = world.raw_blockcypher(&format!("/txs/{UNKNOWN}")).await;
    assert_eq!((status, body), (404, json!({ "error": format!("Transaction {UNKNOWN} not found.") })));
    assert_eq!(world.raw_blockcypher("/blocks/4000000000").await.0, 404);
    assert_eq!(world.raw_blockcypher("/addrs/xyz").await, (404, json!({ "error": "Wallet xyz not found." })));
    let empty = world.blockcypher(&format!("/addrs/{NOBODY}?unspentOnly=true")).await;
    assert_eq!((&empty["final_balance"], &empty["txrefs"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn what_bitcoind_refuses_reaches_the_sender() {
    let Some(world) = World::start("refused").await else { return };
    let esplora = format!("{}/tx", world.bitcoin.esplora_url());
    let (status, said) = world.post(esplora.clone(), "broken".to_owned()).await;
    assert_eq!(status, 400);
    let refusal = said.strip_prefix("sendrawtransaction RPC error: ").expect(&said);
    assert_eq!(serde_json::from_str::<Value>(refusal).expect("JSON")["code"], -22);
    let (status, body) = world.push("broken").await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().is_some_and(|text| text.starts_with("Error building transaction")), "{body}");
    let (status, _) = world.post(format!("{}/txs/push", world.bitcoin.blockcypher_url()), "no JSON".to_owned()).await;
    assert_eq!(status, 400);

    let (coin, payee) = (world.coin().await, world.address("bech32").await);
    let (first, cheap) = (world.spend(coin, &payee, FEE).await, world.spend(coin, &payee, FEE + Amount::from_sat(1)).await);
    assert_eq!(world.send(&first).await.0, 200);
    assert_eq!(world.send(&first).await.0, 200, "once more is no error");
    assert!(world.send(&cheap).await.1.contains(r#""code":-26"#), "a replacement pays for itself");
    world.mine().await;
    assert!(world.send(&first).await.1.contains(r#""code":-27"#), "it is in the chain");
    assert!(world.send(&cheap).await.1.contains(r#"{"code":-25,"message":"bad-txns-inputs-missingorspent"}"#));
    let (status, body) = world.push(&serialize_hex(&cheap)).await;
    assert_eq!((status, body), (400, json!({ "error": "Error validating transaction: bad-txns-inputs-missingorspent." })));
}

#[tokio::test]
async fn long_lists_go_on_where_each_face_says() {
    let Some(world) = World::start("pages").await else { return };
    let payee = world.address("bech32").await;
    for _ in 0..27 {
        world.bitcoin.miner().fund(&payee, &[COIN]).await.expect("funded");
    }
    let crowd = world.bitcoin.miner().fund(&payee, &[COIN; 30]).await.expect("funded")[0].txid;
    world.bitcoin.gateway().catch_up().await.expect("the gateway follows");

    let first = world.esplora(&format!("/address/{payee}/txs")).await;
    assert_eq!((first.as_array().map(Vec::len), &first[0]["txid"]), (Some(25), &json!(crowd)));
    assert_eq!(world.esplora(&format!("/address/{payee}/txs/chain")).await, first);
    let last = first[24]["txid"].as_str().expect("an id");
    assert_eq!(world.esplora(&format!("/address/{payee}/txs/chain/{last}")).await.as_array().map(Vec::len), Some(3));
    let script_hash = bitcoin::hashes::Hash::hash(payee.script_pubkey().as_bytes());
    let script_hash: bitcoin::hashes::sha256::Hash = script_hash;
    assert_eq!(world.esplora(&format!("/scripthash/{script_hash}/txs")).await, first);

    let page = world.blockcypher(&format!("/txs/{crowd}")).await;
    assert_eq!((&page["vout_sz"], page["outputs"].as_array().map(Vec::len)), (&json!(31), Some(20)));
    let next = page["next_outputs"].as_str().and_then(|url| url.strip_prefix(world.bitcoin.blockcypher_url())).expect("it goes on");
    let rest = world.blockcypher(next).await;
    assert_eq!((rest["outputs"].as_array().map(Vec::len), &rest["next_outputs"]), (Some(11), &Value::Null));
    // The newest block alone has 30 of them: a list is cut between blocks.
    let cut = world.blockcypher(&format!("/addrs/{payee}?limit=10")).await;
    assert_eq!((cut["txrefs"].as_array().map(Vec::len), &cut["hasMore"]), (Some(30), &json!(true)));
    let before = &cut["txrefs"][29]["block_height"];
    let rest = world.blockcypher(&format!("/addrs/{payee}?before={before}")).await;
    assert_eq!((rest["txrefs"].as_array().map(Vec::len), &rest["hasMore"]), (Some(27), &Value::Null));
    assert_eq!(rest["balance"], COIN.to_sat() * 57);
}

#[tokio::test]
async fn every_kind_of_address_has_its_name() {
    let Some(world) = World::start("kinds").await else { return };
    for (kind, esplora, blockcypher) in [
        ("legacy", "p2pkh", "pay-to-pubkey-hash"),
        ("p2sh-segwit", "p2sh", "pay-to-script-hash"),
        ("bech32", "v0_p2wpkh", "pay-to-witness-pubkey-hash"),
        ("bech32m", "v1_p2tr", "pay-to-taproot"),
    ] {
        let payee = world.address(kind).await;
        let coin = world.bitcoin.miner().fund(&payee, &[COIN]).await.expect("funded")[0];
        world.bitcoin.gateway().catch_up().await.expect("the gateway follows");
        let output = &world.esplora(&format!("/tx/{}", coin.txid)).await["vout"][0];
        let address = json!(payee);
        assert_eq!((&output["scriptpubkey_type"], &output["scriptpubkey_address"]), (&json!(esplora), &address));
        let output = &world.blockcypher(&format!("/txs/{}", coin.txid)).await["outputs"][0];
        assert_eq!((&output["script_type"], &output["addresses"]), (&json!(blockcypher), &json!([address])));
        let unspent = world.esplora(&format!("/address/{payee}/utxo")).await;
        assert_eq!(unspent[0]["value"], COIN.to_sat());
    }
}
