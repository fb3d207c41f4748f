//! What was true and is no more.

use adit_bitcoin::{OutpointState, TransactionState};
use bitcoin::OutPoint;

use crate::world::{FEE, World, alone, at, sought, state};

/// F37, F65, F69: a reorganisation confirms a conflicting transaction. The outpoint says so; the id
/// of the payment alone never would.
#[tokio::test]
async fn f37_f65_a_conflict_in_a_reorganisation_is_the_new_truth_for_every_face() {
    let Some(world) = World::start("reorg").await else { return };
    let (coin, payee, thief) = (world.coin().await, world.address().await, world.address().await);
    let (payment, theft) =
        (world.spend(coin, &payee, FEE).await, world.spend(coin, &thief, FEE).await);
    let (paid, stolen) = (payment.compute_txid(), theft.compute_txid());
    let node = world.node();
    world.send(&payment).await;
    let left_behind = at(world.head().await.height + 1, world.mine().await);
    assert_eq!(
        state(&node, coin, &[paid]).await,
        Some(OutpointState::Spent { by: paid, block: left_behind })
    );
    let coins = node.coins(&[payee.script_pubkey()], left_behind).await.expect("coins");
    assert_eq!(coins.len(), 1);

    let hash = left_behind.hash.to_string();
    world
        .bitcoin
        .rpc()
        .invalidate_block(hash.trim_start_matches("0x").parse().expect("a hash"))
        .await
        .expect("void");
    world.catch_up().await;
    assert_eq!(
        state(&node, coin, &[paid]).await,
        Some(OutpointState::Unspent),
        "back in the mempool"
    );
    let block = at(left_behind.height, world.mine_exactly(&[theft]).await);
    world.mine().await;

    // About the head that is gone nobody votes any more.
    assert!(node.spends(&[sought(coin, &[paid])], 100, left_behind).await.is_err());
    assert!(node.coins(&[payee.script_pubkey()], left_behind).await.is_err());
    for (face, url) in world.faces() {
        let one = alone(face, &url);
        assert_eq!(
            state(&one, coin, &[paid]).await,
            Some(OutpointState::Spent { by: stolen, block }),
            "{face:?}"
        );
        let head = one.heads().await.expect("a head").block;
        let places = one.places(&[paid, stolen], head).await.expect("places");
        let places: Vec<TransactionState> =
            places.into_iter().map(|place| place.expect("known").value).collect();
        assert_eq!(
            places,
            [TransactionState::NotInChain, TransactionState::Confirmed { block }],
            "{face:?}"
        );
        assert_eq!(
            state(&one, OutPoint::new(stolen, 0), &[]).await,
            Some(OutpointState::Unspent),
            "{face:?}"
        );
        assert!(
            one.coins(&[payee.script_pubkey()], head).await.expect("coins").is_empty(),
            "{face:?}"
        );
    }
    assert_eq!(
        state(&node, coin, &[paid, stolen]).await,
        Some(OutpointState::Spent { by: stolen, block })
    );
    assert_eq!(state(&node, OutPoint::new(paid, 0), &[]).await, Some(OutpointState::Absent));
    let blocks = node.blocks_at(&[left_behind.height]).await.expect("blocks");
    assert_eq!(blocks[0].as_ref().map(|agreed| agreed.value), Some(block));
}
