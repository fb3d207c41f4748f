//! What was true and is no more.

use bitcoin::consensus::encode::serialize_hex;
use serde_json::json;

use crate::world::{FEE, World};

#[tokio::test]
async fn a_double_spend_in_a_reorganisation_is_the_new_truth() {
    let Some(world) = World::start("reorg").await else { return };
    let (coin, payee, thief) =
        (world.coin().await, world.address("bech32").await, world.address("bech32").await);
    let (payment, theft) =
        (world.spend(coin, &payee, FEE).await, world.spend(coin, &thief, FEE).await);
    let (paid, stolen) = (payment.compute_txid(), theft.compute_txid());
    assert_eq!(world.send(&payment).await.0, 200);
    let left_behind = world.mine().await;
    assert_eq!(world.blockcypher(&format!("/txs/{paid}")).await["confirmations"], 1);

    world.bitcoin.rpc().invalidate_block(left_behind).await.expect("void");
    world.bitcoin.gateway().catch_up().await.expect("the gateway follows");
    assert_eq!(
        world.esplora(&format!("/tx/{paid}")).await["status"],
        json!({ "confirmed": false }),
        "back in the mempool"
    );
    let block = world.bitcoin.miner().mine_exactly(&[theft]).await.expect("mined");
    world.seen(block).await;

    assert_eq!(
        world.raw_esplora(&format!("/tx/{paid}")).await,
        (404, "Transaction not found".to_owned())
    );
    assert_eq!(world.esplora(&format!("/tx/{paid}/status")).await, json!({ "confirmed": false }));
    assert_eq!(
        world.esplora(&format!("/tx/{stolen}/status")).await["block_hash"],
        block.to_string()
    );
    assert_eq!(
        world.esplora(&format!("/tx/{}/outspend/{}", coin.txid, coin.vout)).await["txid"],
        stolen.to_string()
    );
    assert_eq!(world.esplora(&format!("/address/{payee}/utxo")).await, json!([]));
    assert_eq!(world.esplora(&format!("/address/{payee}/txs")).await, json!([]));
    assert_eq!(
        world.esplora(&format!("/address/{thief}/utxo")).await[0]["txid"],
        stolen.to_string()
    );
    assert_eq!(
        world.raw_esplora(&format!("/block/{left_behind}")).await,
        (404, "Block not found".to_owned())
    );
    let nowhere = json!({ "in_best_chain": false, "height": null, "next_best": null });
    assert_eq!(world.esplora(&format!("/block/{left_behind}/status")).await, nowhere);

    let lost = world.blockcypher(&format!("/txs/{paid}")).await;
    assert_eq!(
        (&lost["double_spend"], &lost["double_of"], &lost["confirmations"]),
        (&json!(true), &json!(stolen), &json!(0))
    );
    let won = world.blockcypher(&format!("/txs/{stolen}")).await;
    assert_eq!((&won["double_spend"], &won["confirmations"]), (&json!(false), &json!(1)));
    assert_eq!(world.blockcypher(&format!("/addrs/{payee}")).await["final_balance"], 0);
    assert_eq!(world.blockcypher("").await["last_fork_hash"], left_behind.to_string());

    // And back again: the first block counts once more, and has two on it.
    world.bitcoin.rpc().invalidate_block(block).await.expect("void");
    world.bitcoin.rpc().reconsider_block(left_behind).await.expect("valid again");
    world.seen(left_behind).await;
    assert_eq!(
        world.esplora(&format!("/tx/{paid}/status")).await["block_hash"],
        left_behind.to_string()
    );
    assert_eq!(world.raw_esplora(&format!("/tx/{stolen}")).await.0, 404);
    assert_eq!(world.blockcypher(&format!("/txs/{paid}")).await["double_spend"], false);
    assert_eq!(world.blockcypher(&format!("/txs/{stolen}")).await["double_of"], paid.to_string());
}

#[tokio::test]
async fn a_replaced_transaction_is_unknown_to_esplora_and_a_double_spend_to_blockcypher() {
    let Some(world) = World::start("replaced").await else { return };
    let (coin, payee) = (world.coin().await, world.address("bech32").await);
    let (first, bump) =
        (world.spend(coin, &payee, FEE).await, world.spend(coin, &payee, FEE * 3).await);
    let (old, new) = (first.compute_txid(), bump.compute_txid());
    assert_eq!(world.send(&first).await.0, 200);
    let (status, pushed) = world.push(&serialize_hex(&bump)).await;
    assert_eq!(
        (status, &pushed["tx"]["hash"], &pushed["tx"]["opt_in_rbf"]),
        (201, &json!(new), &json!(true))
    );

    assert_eq!(
        world.raw_esplora(&format!("/tx/{old}")).await,
        (404, "Transaction not found".to_owned())
    );
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
