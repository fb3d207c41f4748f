//! What nobody knows, and what bitcoind does not want.

use bitcoin::Amount;
use bitcoin::consensus::encode::serialize_hex;
use serde_json::{Value, json};

use crate::world::{FEE, World};

const NOBODY: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const UNKNOWN: &str = "00000000000000000000000000000000000000000000000000000000deadbeef";

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
        (
            "/address/1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2".to_owned(),
            400,
            "Address on invalid network",
        ),
        ("/scripthash/00".to_owned(), 400, "Invalid scripthash"),
        ("/nothing".to_owned(), 404, "endpoint does not exist \"/nothing\""),
    ] {
        assert_eq!(world.raw_esplora(&path).await, (status, text.to_owned()), "{path}");
    }
    assert_eq!(
        world.esplora(&format!("/tx/{UNKNOWN}/status")).await,
        json!({ "confirmed": false })
    );
    assert_eq!(
        world.esplora(&format!("/tx/{UNKNOWN}/outspend/0")).await,
        json!({ "spent": false })
    );
    let stats = world.esplora(&format!("/address/{NOBODY}")).await;
    assert_eq!((&stats["address"], &stats["chain_stats"]["tx_count"]), (&json!(NOBODY), &json!(0)));
    for path in ["utxo", "txs", "txs/chain"] {
        assert_eq!(world.esplora(&format!("/address/{NOBODY}/{path}")).await, json!([]), "{path}");
    }

    let (status, body) = world.raw_blockcypher(&format!("/txs/{UNKNOWN}")).await;
    assert_eq!(
        (status, body),
        (404, json!({ "error": format!("Transaction {UNKNOWN} not found.") }))
    );
    assert_eq!(world.raw_blockcypher("/blocks/4000000000").await.0, 404);
    assert_eq!(
        world.raw_blockcypher("/addrs/xyz").await,
        (404, json!({ "error": "Wallet xyz not found." }))
    );
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
    assert!(
        body["error"].as_str().is_some_and(|text| text.starts_with("Error building transaction")),
        "{body}"
    );
    let (status, _) = world
        .post(format!("{}/txs/push", world.bitcoin.blockcypher_url()), "no JSON".to_owned())
        .await;
    assert_eq!(status, 400);

    let (coin, payee) = (world.coin().await, world.address("bech32").await);
    let (first, cheap) = (
        world.spend(coin, &payee, FEE).await,
        world.spend(coin, &payee, FEE + Amount::from_sat(1)).await,
    );
    assert_eq!(world.send(&first).await.0, 200);
    assert_eq!(world.send(&first).await.0, 200, "once more is no error");
    assert!(world.send(&cheap).await.1.contains(r#""code":-26"#), "a replacement pays for itself");
    world.mine().await;
    assert!(world.send(&first).await.1.contains(r#""code":-27"#), "it is in the chain");
    assert!(
        world
            .send(&cheap)
            .await
            .1
            .contains(r#"{"code":-25,"message":"bad-txns-inputs-missingorspent"}"#)
    );
    let (status, body) = world.push(&serialize_hex(&cheap)).await;
    assert_eq!(
        (status, body),
        (400, json!({ "error": "Error validating transaction: bad-txns-inputs-missingorspent." }))
    );
}
