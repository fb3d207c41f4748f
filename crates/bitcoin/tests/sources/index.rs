//! A bitcoind without an index of transactions.

use adit_bitcoin::{Face, OutpointState};
use bitcoin::Txid;
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{FEE, World, alone, at, sought};

/// A bitcoind without `-txindex` knows no transaction that is in a block: it says so, and finds
/// spenders in the blocks themselves.
#[tokio::test]
async fn a_bitcoind_without_an_index_searches_blocks() {
    let Some(world) = World::start("no-index").await else { return };
    let bare = world.bitcoin.rpc().url();
    let twister = Twister::start(bare).await;
    twister.lie(|asked, (status, body)| {
        let asked: Value = serde_json::from_slice(&asked.body).expect("JSON");
        let mut said: Value = serde_json::from_slice(&body).expect("JSON");
        let calls = asked.as_array().cloned().unwrap_or_else(|| vec![asked.clone()]);
        let mut forget = |answer: &mut Value| {
            let call = calls.iter().find(|call| call["id"] == answer["id"]).expect("asked");
            match call["method"].as_str() {
                Some("getindexinfo") => answer["result"] = json!({}),
                Some("getrawtransaction") => {
                    let error = json!({ "code": -5, "message": "No such mempool transaction. Use \
                        -txindex" });
                    *answer = json!({ "jsonrpc": "2.0", "id": answer["id"], "error": error });
                }
                _ => {}
            }
        };
        match &mut said {
            Value::Array(answers) => answers.iter_mut().for_each(&mut forget),
            answer => forget(answer),
        }
        (status, said.to_string().into_bytes())
    });
    let node = alone(Face::Bitcoind, &world.with_password(twister.url()));

    let (coin, foreign, payee) = (world.coin().await, world.coin().await, world.address().await);
    let (payment, theft) =
        (world.spend(coin, &payee, FEE).await, world.spend(foreign, &payee, FEE).await);
    let before = world.head().await.height;
    let block = at(before + 1, world.mine_exactly(&[payment.clone(), theft.clone()]).await);
    world.mine().await;
    world.mine().await;
    let head = node.heads().await.expect("a head").block;
    assert_eq!(head.height, before + 3);
    let sought = [sought(coin, &[payment.compute_txid()]), sought(foreign, &[])];
    let readings = node.spends(&sought, before, head).await.expect("readings");
    let states: Vec<OutpointState> =
        readings.iter().filter_map(|reading| Some(reading.state.as_ref()?.value)).collect();
    let spent = |by: Txid| OutpointState::Spent { by, block };
    assert_eq!(states, [spent(payment.compute_txid()), spent(theft.compute_txid())]);
    // Not where it was not looked.
    let readings = node.spends(&sought, before + 2, head).await.expect("readings");
    assert!(readings.iter().all(|reading| reading.state.is_none()), "{readings:?}");
    assert_eq!(node.places(&[payment.compute_txid()], head).await.expect("an answer"), [None]);
}
