//! What both faces say when all is well, and where their lists go on.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::{Hash, sha256};
use serde_json::{Value, json};

use crate::world::{COIN, FEE, World};

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
    let utxo =
        json!([{ "txid": txid, "vout": 0, "status": { "confirmed": false }, "value": 999_000 }]);
    assert_eq!(world.esplora(&format!("/address/{payee}/utxo")).await, utxo);
    let waiting = world.blockcypher(&format!("/txs/{txid}?token=secret&includeHex=true")).await;
    assert_eq!(
        (&waiting["confirmations"], &waiting["block_height"], &waiting["double_spend"]),
        (&json!(0), &json!(-1), &json!(false))
    );
    assert_eq!(waiting["hex"], serialize_hex(&payment));
    let owed = world.blockcypher(&format!("/addrs/{payee}")).await;
    assert_eq!(
        (&owed["balance"], &owed["unconfirmed_balance"], &owed["final_balance"]),
        (&json!(0), &json!(999_000), &json!(999_000))
    );
    assert_eq!(owed["unconfirmed_txrefs"][0]["tx_hash"], txid.to_string());

    let block = world.mine().await;
    let height = world.bitcoin.rpc().height().await.expect("a height");
    let status = world.esplora(&format!("/tx/{txid}/status")).await;
    let time = world.bitcoin.rpc().block(block).await.expect("a block").header.time;
    assert_eq!(
        status,
        json!({ "confirmed": true, "block_height": height, "block_hash": block, "block_time": time })
    );
    let spend = world.esplora(&format!("/tx/{}/outspend/{}", coin.txid, coin.vout)).await;
    assert_eq!(spend, json!({ "spent": true, "txid": txid, "vin": 0, "status": status }));
    assert_eq!(world.esplora(&format!("/tx/{txid}/outspends")).await, json!([{ "spent": false }]));
    assert_eq!(world.esplora(&format!("/tx/{txid}/hex")).await, serialize_hex(&payment));
    let stats = world.esplora(&format!("/address/{payee}")).await;
    let nothing = json!({ "funded_txo_count": 0, "funded_txo_sum": 0, "spent_txo_count": 0, "spent_txo_sum": 0, "tx_count": 0 });
    let received = json!({ "funded_txo_count": 1, "funded_txo_sum": 999_000, "spent_txo_count": 0, "spent_txo_sum": 0, "tx_count": 1 });
    assert_eq!(
        stats,
        json!({ "address": payee, "chain_stats": received, "mempool_stats": nothing })
    );

    let confirmed = world.blockcypher(&format!("/txs/{txid}")).await;
    assert_eq!(
        (&confirmed["confirmations"], &confirmed["block_hash"], &confirmed["fees"]),
        (&json!(1), &json!(block), &json!(1_000))
    );
    assert_eq!(confirmed["outputs"][0]["addresses"], json!([payee]));
    let owed = world.blockcypher(&format!("/addrs/{payee}?unspentOnly=true")).await;
    assert_eq!(
        (&owed["balance"], &owed["n_tx"], &owed["txrefs"][0]["tx_output_n"]),
        (&json!(999_000), &json!(1), &json!(0))
    );
    let latest = world.blockcypher("").await;
    assert_eq!((&latest["height"], &latest["hash"]), (&json!(height), &json!(block)));
}

#[tokio::test]
async fn blocks_are_told_alike_by_both_faces() {
    let Some(world) = World::start("blocks").await else { return };
    let block = world.mine().await;
    let real = world.bitcoin.rpc().block(block).await.expect("a block");
    let height = world.bitcoin.rpc().height().await.expect("a height");
    let told: Value =
        world.bitcoin.rpc().call("getblockheader", json!([block])).await.expect("a header");

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
    assert_eq!(
        world.esplora(&format!("/block/{block}/txids")).await,
        json!([real.txdata[0].compute_txid()])
    );
    let status = world.esplora(&format!("/block/{}/status", real.header.prev_blockhash)).await;
    assert_eq!(status, json!({ "in_best_chain": true, "height": height - 1, "next_best": block }));

    for name in [block.to_string(), height.to_string()] {
        let shown = world.blockcypher(&format!("/blocks/{name}")).await;
        assert_eq!(
            (&shown["hash"], &shown["n_tx"], &shown["depth"]),
            (&json!(block), &json!(1), &json!(0))
        );
        assert_eq!(
            shown["total"],
            real.txdata[0].output.iter().map(|output| output.value.to_sat()).sum::<u64>()
        );
    }
    assert_eq!(world.esplora("/fee-estimates").await, json!({}));
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
    assert_eq!(
        world.esplora(&format!("/address/{payee}/txs/chain/{last}")).await.as_array().map(Vec::len),
        Some(3)
    );
    let script_hash = sha256::Hash::hash(payee.script_pubkey().as_bytes());
    assert_eq!(world.esplora(&format!("/scripthash/{script_hash}/txs")).await, first);

    let page = world.blockcypher(&format!("/txs/{crowd}")).await;
    assert_eq!(
        (&page["vout_sz"], page["outputs"].as_array().map(Vec::len)),
        (&json!(31), Some(20))
    );
    let next = page["next_outputs"]
        .as_str()
        .and_then(|url| url.strip_prefix(world.bitcoin.blockcypher_url()))
        .expect("it goes on");
    let rest = world.blockcypher(next).await;
    assert_eq!(
        (rest["outputs"].as_array().map(Vec::len), &rest["next_outputs"]),
        (Some(11), &Value::Null)
    );
    // The newest block alone has 30 of them: a list is cut between blocks.
    let cut = world.blockcypher(&format!("/addrs/{payee}?limit=10")).await;
    assert_eq!((cut["txrefs"].as_array().map(Vec::len), &cut["hasMore"]), (Some(30), &json!(true)));
    let before = &cut["txrefs"][29]["block_height"];
    let rest = world.blockcypher(&format!("/addrs/{payee}?before={before}")).await;
    assert_eq!(
        (rest["txrefs"].as_array().map(Vec::len), &rest["hasMore"]),
        (Some(27), &Value::Null)
    );
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
        assert_eq!(
            (&output["scriptpubkey_type"], &output["scriptpubkey_address"]),
            (&json!(esplora), &address)
        );
        let output = &world.blockcypher(&format!("/txs/{}", coin.txid)).await["outputs"][0];
        assert_eq!(
            (&output["script_type"], &output["addresses"]),
            (&json!(blockcypher), &json!([address]))
        );
        let unspent = world.esplora(&format!("/address/{payee}/utxo")).await;
        assert_eq!(unspent[0]["value"], COIN.to_sat());
    }
}
