//! A source that says what is not so, or nothing that can be read.

use adit_bitcoin::{BitcoinConfig, Face, Network, Node, OutpointState};
use adit_chain::Fault;
use bitcoin::consensus::encode::serialize_hex;
use serde_json::json;

use crate::twist::Twister;
use crate::world::{FEE, World, config, node, state};

/// The world through three faces, the first of which may lie.
async fn twisted(world: &World) -> (Twister, Node) {
    let twister = Twister::start(world.bitcoin.esplora_url()).await;
    let mut faces = world.faces();
    faces[0].1 = twister.url().to_owned();
    (twister, node(faces))
}

#[tokio::test]
async fn f39_f40_one_liar_moves_nothing() {
    let Some(world) = World::start("liar").await else { return };
    let (coin, payee) = (world.coin().await, world.address().await);
    let payment = world.spend(coin, &payee, FEE).await;
    let (twister, node) = twisted(&world).await;
    let head = world.head().await;

    // A payment that nobody made is confirmed, an output that nobody spent is spent.
    let status = json!({ "confirmed": true, "block_height": head.height, "block_hash": head.hash.to_string().trim_start_matches("0x") });
    let spend =
        json!({ "spent": true, "txid": payment.compute_txid(), "vin": 0, "status": status });
    twister.say("/outspend/", spend.to_string());
    assert_eq!(state(&node, coin, &[payment.compute_txid()]).await, Some(OutpointState::Unspent));
    twister.say("/status", status.to_string());
    let places = node.places(&[payment.compute_txid()], head).await.expect("places");
    assert_eq!(
        places[0].as_ref().map(|agreed| agreed.value),
        Some(adit_bitcoin::TransactionState::NotInChain)
    );

    // Coins that are not there, or larger than they are.
    let utxo = json!([{ "txid": payment.compute_txid(), "vout": 0, "value": 7, "status": status }]);
    twister.say("/utxo", utxo.to_string());
    assert!(node.coins(&[payee.script_pubkey()], head).await.expect("coins").is_empty());

    // The other way round: what happened did not.
    world.send(&payment).await;
    world.mine().await;
    twister.change("/outspend/", |said| *said = json!({ "spent": false }));
    let spent = state(&node, coin, &[]).await;
    assert!(
        matches!(spent, Some(OutpointState::Spent { by, .. }) if by == payment.compute_txid()),
        "{spent:?}"
    );
    twister.say("/utxo", "[]");
    let head = world.head().await;
    assert_eq!(node.coins(&[payee.script_pubkey()], head).await.expect("coins").len(), 1);
}

#[tokio::test]
async fn f39_who_claims_other_blocks_is_set_aside() {
    let Some(world) = World::start("blocks").await else { return };
    let (twister, node) = twisted(&world).await;
    let fantasy = "00000000000000000000000000000000000000000000000000000000deadbeef";
    // Far ahead: nobody follows. It is alone with it, and nothing disproves it.
    twister.lie(move |asked, said| match asked.path.as_str() {
        "/blocks/tip/hash" => (200, fantasy.into()),
        path if path.ends_with(fantasy) => (
            200,
            json!({ "id": fantasy, "height": 9_000, "timestamp": 1 }).to_string().into_bytes(),
        ),
        _ => said,
    });
    assert_eq!(node.heads().await.expect("a head").block, world.head().await);
    // Another block where the others have theirs.
    let height = world.head().await.height;
    twister.lie(move |asked, said| match asked.path.as_str() {
        "/blocks/tip/hash" => (200, fantasy.into()),
        path if path.ends_with(fantasy) => (
            200,
            json!({ "id": fantasy, "height": height, "timestamp": 1 }).to_string().into_bytes(),
        ),
        path if path == format!("/block-height/{height}") => (200, fantasy.into()),
        _ => said,
    });
    for _ in 0..adit_chain::OUTVOTED_MAX {
        assert!(!node.readings()[0].quarantined);
        assert_eq!(node.heads().await.expect("a head").block, world.head().await);
    }
    let reading = &node.readings()[0];
    assert!(reading.quarantined && reading.open, "{reading:?}");
    assert!(
        reading.last_failure.as_deref().is_some_and(|said| said.contains("deadbeef")),
        "{reading:?}"
    );
    assert_eq!(node.heads().await.expect("the others are enough").witnesses.len(), 2);
}

#[tokio::test]
async fn f41_the_wrong_network_is_never_heard() {
    let Some(world) = World::start("network").await else { return };
    // All of them are regtest, and the main network was wanted.
    let elsewhere = Node::new(BitcoinConfig { network: Network::Mainnet, ..config(world.faces()) })
        .expect("a node");
    let fault = elsewhere.heads().await.expect_err("nobody serves it");
    assert!(matches!(fault, Fault::WrongNetwork { .. }), "{fault}");
    assert!(fault.to_string().contains("mainnet with genesis 000000000019d668"), "{fault}");
    assert!(
        elsewhere.readings().iter().all(|reading| reading.quarantined),
        "{:?}",
        elsewhere.readings()
    );

    // One of them is another one.
    let (twister, node) = twisted(&world).await;
    twister.lie(|asked, said| match asked.path.as_str() {
        "/block-height/0" => {
            (200, b"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f".to_vec())
        }
        _ => said,
    });
    assert_eq!(node.heads().await.expect("two are enough").witnesses.len(), 2);
    let aside: Vec<bool> = node.readings().iter().map(|reading| reading.quarantined).collect();
    assert_eq!(aside, [true, false, false]);
}

#[tokio::test]
async fn f40_other_bytes_than_the_id_says_set_it_aside() {
    let Some(world) = World::start("bytes").await else { return };
    let (coin, payee) = (world.coin().await, world.address().await);
    let (payment, other) =
        (world.spend(coin, &payee, FEE).await, world.spend(coin, &payee, FEE * 2).await);
    world.send(&payment).await;
    world.mine().await;
    let (twister, node) = twisted(&world).await;
    twister.say("/hex", serialize_hex(&other));
    assert_eq!(node.transaction(payment.compute_txid()).await, Ok(Some(payment.clone())));
    let alone = crate::world::alone(Face::Esplora, twister.url());
    assert!(alone.transaction(payment.compute_txid()).await.is_err());
    let reading = &alone.readings()[0];
    assert!(reading.quarantined && reading.failures > 0, "{reading:?}");
}

#[tokio::test]
async fn html_endless_bodies_and_nonsense_are_set_aside_and_move_nothing() {
    let Some(world) = World::start("nonsense").await else { return };
    let endless: Vec<u8> = vec![b'1'; adit_chain::ANSWER_BYTES_MAX + 1];
    let bodies: [(u16, Vec<u8>); 6] = [
        (200, b"<html>busy</html>".to_vec()),
        (404, b"<html>not found</html>".to_vec()),
        (429, b"Too many requests".to_vec()),
        (200, b"{\"height\":-1}".to_vec()),
        (200, Vec::new()),
        (200, endless),
    ];
    for (status, body) in bodies {
        let (twister, node) = twisted(&world).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        twister.lie(move |_, _| (status, body.clone()));
        for _ in 0..adit_chain::BREAKER_FAILURES_MAX {
            assert_eq!(
                node.heads().await.expect("two are enough").block,
                world.head().await,
                "{shown}"
            );
        }
        let reading = &node.readings()[0];
        assert!(reading.open && reading.last_failure.is_some(), "{shown}: {reading:?}");
        twister.heal();
    }
    // Healed and after its time, it is heard again.
    let (twister, node) = twisted(&world).await;
    twister.say("/blocks/tip/hash", "<html>");
    node.heads().await.expect("two are enough");
    twister.heal();
    assert_eq!(node.heads().await.expect("all three").witnesses.len(), 3);
}

/// A node that answers JSON-RPC, and nothing of the form that its methods have.
#[tokio::test]
async fn results_of_another_form_set_a_bitcoind_aside() {
    let Some(world) = World::start("forms").await else { return };
    let twister = Twister::start(world.bitcoin.rpc().url()).await;
    let mut faces = world.faces();
    faces[2].1 = world.with_password(twister.url());
    let node = node(faces);
    assert_eq!(node.heads().await.expect("all three").witnesses.len(), 3);
    twister.change("/", |said| said["result"] = json!({ "height": -1 }));
    for _ in 0..adit_chain::OUTVOTED_MAX {
        assert_eq!(node.heads().await.expect("two are enough").block, world.head().await);
    }
    let reading = &node.readings()[2];
    assert!(reading.quarantined && reading.open, "{reading:?}");
    assert!(!format!("{reading:?}").contains("__cookie__"), "{reading:?}");
}
