//! What the three faces say when all is well: the same.

use adit_bitcoin::{
    COINBASE_MATURITY_BLOCKS, Face, Fresh, ListedCoin, Node, OutpointState, TransactionState,
};
use adit_core::{BlockRef, FeeRate};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Txid};

use crate::twist::Twister;
use crate::world::{COIN, FEE, World, alone, at, sought};

/// Each face alone, and all of them.
async fn each(world: &World) -> Vec<(String, Node)> {
    let mut nodes: Vec<(String, Node)> = world
        .faces()
        .into_iter()
        .map(|(face, url)| (format!("{face:?}"), alone(face, &url)))
        .collect();
    nodes.push(("all".to_owned(), world.node()));
    nodes
}

#[tokio::test]
async fn heads_and_blocks_are_the_same_through_every_face() {
    let Some(world) = World::start("heads").await else { return };
    let head = world.head().await;
    for (face, node) in each(&world).await {
        let told = node.heads().await.expect(&face);
        assert_eq!(told.block, head, "{face}");
        let age = now_seconds() - told.mined_at.micros() / 1_000_000;
        assert!((-7_200..600).contains(&age), "{face}: {age} seconds");
        let genesis = node.genesis().await.expect(&face);
        let blocks = node.blocks_at(&[head.height, 0, head.height + 1]).await.expect(&face);
        let blocks: Vec<Option<BlockRef>> =
            blocks.into_iter().map(|block| block.map(|agreed| agreed.value)).collect();
        assert_eq!(blocks, [Some(head), Some(genesis), None], "{face}");
        assert!(
            node.readings().iter().all(|reading| reading.failures == 0),
            "{face}: {:?}",
            node.readings()
        );
    }
}

fn now_seconds() -> i64 {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("this century")
}

#[tokio::test]
async fn f66_coins_are_confirmed_ones_and_rewards_are_told_apart() {
    let Some(world) = World::start("coins").await else { return };
    let (mine, other) = (world.address().await, world.address().await);
    let (kept, spent) = (world.coin_at(&mine).await, world.coin_at(&mine).await);
    world.send(&world.spend(spent, &other, FEE).await).await;
    let rpc = world.bitcoin.rpc();
    let first = rpc.block(rpc.block_hash(1).await.expect("a block")).await.expect("a block");
    let rewards_to = first.txdata[0].output[0].script_pubkey.clone();
    let head = world.head().await;
    for (face, node) in each(&world).await {
        let coins =
            node.coins(&[mine.script_pubkey(), other.script_pubkey()], head).await.expect(&face);
        let [ListedCoin { outpoint, amount, script, height, coinbase, .. }] = &coins[..] else {
            panic!("{face}: {coins:?}")
        };
        assert_eq!(
            (*outpoint, amount.base_units(), *coinbase),
            (kept, u128::from(COIN.to_sat()), false),
            "{face}"
        );
        assert_eq!((script, *height), (&mine.script_pubkey(), head.height - 1), "{face}");

        let rewards = node.coins(std::slice::from_ref(&rewards_to), head).await.expect(&face);
        let is_young = |coin: &ListedCoin| head.height + 1 - coin.height < COINBASE_MATURITY_BLOCKS;
        assert!(rewards.iter().any(is_young) && !rewards.iter().all(is_young), "{face}");
        assert!(
            rewards.iter().all(|coin| coin.coinbase == is_young(coin)),
            "{face}: what is mature is not asked about"
        );
    }
    world.mine().await;
    for (face, node) in each(&world).await {
        let coins = node.coins(&[other.script_pubkey()], head).await.expect(&face);
        assert!(coins.is_empty(), "{face}: as of the head before, it is not there yet");
    }
    let head = world.head().await;
    let coins = world.node().coins(&[other.script_pubkey()], head).await.expect("coins");
    assert_eq!(coins.iter().map(|coin| coin.height).collect::<Vec<_>>(), [head.height]);
}

#[tokio::test]
async fn f65_who_spent_an_output_is_found_with_and_without_a_candidate() {
    let Some(world) = World::start("spends").await else { return };
    let (coin, payee) = (world.coin().await, world.address().await);
    let payment = world.spend(coin, &payee, FEE).await;
    let (txid, change) = (payment.compute_txid(), OutPoint::new(payment.compute_txid(), 0));
    let unknown = OutPoint::new(Txid::from_byte_array([7; 32]), 0);

    let before = world.head().await;
    world.send(&payment).await;
    for (face, node) in each(&world).await {
        let readings = node
            .spends(&[sought(coin, &[txid]), sought(change, &[])], 100, before)
            .await
            .expect(&face);
        let states: Vec<OutpointState> =
            readings.iter().filter_map(|reading| Some(reading.state.as_ref()?.value)).collect();
        assert_eq!(
            states,
            [OutpointState::Unspent, OutpointState::Absent],
            "{face}: a mempool proves nothing"
        );
        assert!(
            !readings[0].pending.is_empty()
                && readings[0].pending.iter().all(|(_, by)| *by == txid),
            "{face}: {readings:?}"
        );
    }

    let block = at(before.height + 1, world.mine().await);
    let spent = OutpointState::Spent { by: txid, block };
    for (face, node) in each(&world).await {
        for candidates in [vec![txid], vec![]] {
            let readings = node
                .spends(&[sought(coin, &candidates), sought(change, &[])], 100, block)
                .await
                .expect(&face);
            let states: Vec<OutpointState> =
                readings.iter().filter_map(|reading| Some(reading.state.as_ref()?.value)).collect();
            assert_eq!(states, [spent, OutpointState::Unspent], "{face}");
            assert!(readings.iter().all(|reading| reading.pending.is_empty()), "{face}");
        }
        // As of the head before, the spend is "not yet"; a bitcoind, which knows only what is
        // unspent now, does not vote.
        let readings = node.spends(&[sought(coin, &[txid])], 100, before).await.expect(&face);
        let state = readings[0].state.as_ref().map(|agreed| agreed.value);
        let expected = if face == "Bitcoind" { None } else { Some(OutpointState::Unspent) };
        assert_eq!(state, expected, "{face}");
    }
    for (face, url) in world.faces() {
        let state = crate::world::state(&alone(face, &url), unknown, &[]).await;
        assert!(matches!(state, Some(OutpointState::Absent) | None), "{face:?}: {state:?}");
    }
    assert_eq!(crate::world::state(&world.node(), unknown, &[]).await, Some(OutpointState::Absent));
}

#[tokio::test]
async fn transactions_are_found_by_id_and_proved_by_their_bytes() {
    let Some(world) = World::start("transactions").await else { return };
    let (coin, payee) = (world.coin().await, world.address().await);
    let payment = world.spend(coin, &payee, FEE).await;
    let txid = payment.compute_txid();
    let unknown = Txid::from_byte_array([7; 32]);
    let places = async |node: &Node, face: &str| -> Vec<TransactionState> {
        let head = node.heads().await.expect(face).block;
        let places = node.places(&[txid, unknown, coin.txid], head).await.expect(face);
        places.into_iter().map(|place| place.expect("known").value).collect()
    };
    let funded = TransactionState::Confirmed { block: world.head().await };

    for (face, node) in each(&world).await {
        assert_eq!(node.transaction(txid).await.expect(&face), None, "{face}");
    }
    world.send(&payment).await;
    for (face, node) in each(&world).await {
        assert_eq!(node.transaction(txid).await.expect(&face).as_ref(), Some(&payment), "{face}");
        // Esplora says of both 200 and "confirmed": false.
        assert_eq!(
            places(&node, &face).await,
            [TransactionState::NotInChain, TransactionState::NotInChain, funded],
            "{face}"
        );
    }
    let block = world.mine().await;
    let block = at(world.head().await.height, block);
    for (face, node) in each(&world).await {
        let [here, nowhere, before] = places(&node, &face).await[..] else { panic!("three") };
        assert_eq!(
            (here, nowhere, before),
            (TransactionState::Confirmed { block }, TransactionState::NotInChain, funded),
            "{face}"
        );
    }
}

#[tokio::test]
async fn fees_are_the_lower_middle_and_never_below_the_floor() {
    let Some(world) = World::start("fees").await else { return };
    // A quiet regtest: Esplora and bitcoind have no estimate and no vote, and BlockCypher always
    // names some.
    let quiet = world.node().fee_rates().await.expect("an answer").expect("rates");
    assert_eq!(
        (quiet.next_block, quiet.six_blocks),
        (FeeRate::from_sat_per_kvb(2_000), FeeRate::from_sat_per_kvb(1_000))
    );
    let silent = alone(adit_bitcoin::Face::Esplora, world.bitcoin.esplora_url())
        .fee_rates()
        .await
        .expect("an answer");
    assert_eq!(silent, None, "nobody knows");
    let twister = Twister::start(world.bitcoin.esplora_url()).await;
    twister.say("/fee-estimates", r#"{"1":12.5,"6":3.0021}"#);
    let faces =
        vec![(adit_bitcoin::Face::Esplora, twister.url().to_owned()), world.faces().remove(1)];
    let alone = alone(adit_bitcoin::Face::Esplora, twister.url())
        .fee_rates()
        .await
        .expect("an answer")
        .expect("rates");
    assert_eq!((alone.next_block.sat_per_kvb(), alone.six_blocks.sat_per_kvb()), (12_500, 3_003));
    twister.say("/fee-estimates", r#"{"1":1000000.0,"6":1000000.0}"#);
    let lied = crate::world::node(faces).fee_rates().await.expect("an answer").expect("rates");
    assert_eq!(
        (lied.next_block.sat_per_kvb(), lied.six_blocks.sat_per_kvb()),
        (2_000, 1_000),
        "one liar cannot raise it"
    );
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let node = alone(adit_bitcoin::Face::Esplora, "http://127.0.0.1:1");
    let head = BlockRef { height: 0, hash: adit_core::Hash32([0; 32]) };
    is_send(node.heads());
    is_send(node.blocks_at(&[1]));
    is_send(node.genesis());
    is_send(node.coins(&[], head));
    is_send(node.spends(&[], 0, head));
    is_send(node.places(&[], head));
    is_send(node.transaction(Txid::from_byte_array([7; 32])));
    is_send(node.fee_rates());
    is_send(node.broadcast(&[]));
}

/// Who spends from a wallet is found in blocks and in pools, by what it spent and not by what it
/// leaves (F91).
#[tokio::test]
async fn f91_who_spends_from_scripts_is_the_same_through_every_face() {
    let Some(world) = World::start("spenders").await else { return };
    let (mine, other) = (world.address().await, world.address().await);
    let [old, mined, pooled, _kept] = [
        world.coin_at(&mine).await,
        world.coin_at(&mine).await,
        world.coin_at(&mine).await,
        world.coin_at(&mine).await,
    ];
    let before = world.spend(old, &other, FEE).await;
    world.send(&before).await;
    world.mine().await;
    let since = world.head().await.height + 1;
    let (mined, pooled) =
        (world.spend(mined, &other, FEE).await, world.spend(pooled, &other, FEE).await);
    let deposit = world.coin_at(&mine).await;
    world.send(&mined).await;
    world.mine().await;
    world.send(&pooled).await;
    let head = world.head().await;
    let own = [mine.script_pubkey()];
    for (face, node) in each(&world).await {
        let found = node.spenders(&own, &Fresh::default(), since, head).await.expect(&face);
        let mut told: Vec<_> = found.iter().map(|spender| (spender.txid, spender.block)).collect();
        told.sort();
        let mut wanted = [(mined.compute_txid(), Some(head)), (pooled.compute_txid(), None)];
        wanted.sort();
        assert_eq!(told, wanted, "{face}: neither the older one nor the deposit {deposit}");
    }
    let only = |made: &bitcoin::Transaction| Fresh([made.output[0].script_pubkey.clone()].into());
    let bare = alone(Face::Bitcoind, &world.bitcoin.rpc().url_with_password());
    let found = bare.spenders(&[], &only(&mined), since, head).await.expect("blocks");
    assert_eq!(
        found.iter().map(|spender| spender.txid).collect::<Vec<_>>(),
        [mined.compute_txid()],
        "by the change that it makes"
    );
}
