//! Pools of nodes and miners: order, replacement, loss, and waiting for the base fee.

use super::*;
use crate::evm::QUEUED_TRANSACTIONS_MAX;

fn refusal(world: &mut World, raw: &Bytes) -> String {
    world.send_to(0, raw).expect_err("it must be refused").message
}

#[test]
fn nonces_are_mined_in_their_order_whatever_the_order_of_sending() {
    let mut world = World::new(1);
    let third = world.payment(2, BOB, 3, FAIR);
    let second = world.payment(1, BOB, 2, FAIR);
    world.send(&third);
    world.send(&second);
    world.mine(20);
    assert_eq!(world.now().nonce, 0, "a gap waits");
    let first = world.payment(0, BOB, 1, FAIR);
    world.send(&first);
    world.mine_until(3);
    let nonces: Vec<u64> = world.chain.history(0, u64::MAX).map(|mined| mined.nonce).collect();
    assert_eq!(nonces, [0, 1, 2]);
    assert_eq!(world.now().tokens, [HELD - 6, HELD]);
}

#[test]
fn a_node_answers_as_geth_does() {
    let mut world = World::new(2);
    let first = world.payment(0, BOB, 1, FAIR);
    world.send(&first);
    assert_eq!(refusal(&mut world, &first), "already known");
    for (max_fee, tip) in [
        (FAIR.max_fee * 11 / 10, FAIR.tip),
        (FAIR.max_fee, FAIR.tip * 11 / 10),
        (FAIR.max_fee * 109 / 100, FAIR.tip * 109 / 100),
    ] {
        let cheap = world.payment(0, BOB, 1, Offer { max_fee, tip });
        assert_eq!(refusal(&mut world, &cheap), "replacement transaction underpriced");
    }
    let better = world.payment(
        0,
        BOB,
        1,
        Offer { max_fee: FAIR.max_fee * 11 / 10, tip: FAIR.tip * 11 / 10 },
    );
    world.send(&better);
    world.mine_until(1);
    for mined in [&first, &better] {
        assert_eq!(refusal(&mut world, mined), "nonce too low: next nonce 1, tx nonce 0");
    }
    let dear = world.coins(1, BOB, COINS, FAIR);
    assert!(refusal(&mut world, &dear).starts_with("insufficient funds for gas * price + value"));
    let inverted = world.coins(1, BOB, 1, Offer { max_fee: TIP, tip: TIP + 1 });
    assert!(
        refusal(&mut world, &inverted)
            .starts_with("max priority fee per gas higher than max fee per gas")
    );
    let low = signed(&world.key, TxEip1559 { gas_limit: 20_999, ..plain(1, BOB, 1, FAIR) });
    assert!(refusal(&mut world, &low).starts_with("intrinsic gas too low"));
}

#[test]
fn what_is_not_the_wallets_is_refused() {
    let mut world = World::new(3);
    let stranger = SecretKey::from_secret_bytes([0x43; 32]).expect("a number below the order");
    assert_eq!(refusal(&mut world, &signed(&stranger, plain(0, BOB, 1, FAIR))), "invalid sender");
    let elsewhere = signed(&world.key, TxEip1559 { chain_id: 1, ..plain(0, BOB, 1, FAIR) });
    assert_eq!(refusal(&mut world, &elsewhere), "invalid chain id for signer: have 1 want 8453");
    let legacy = alloy::primitives::hex!(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0"
        "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a0"
        "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
    assert!(refusal(&mut world, &legacy.into()).starts_with("transaction type not supported: 0"));
    for garbage in [vec![], vec![2], vec![0xff; 40]] {
        assert!(refusal(&mut world, &garbage.clone().into()).starts_with("rlp:"), "{garbage:?}");
    }
}

#[test]
fn all_versions_are_seen_and_an_older_one_is_mined_sometimes() {
    let bumped = Offer { max_fee: FAIR.max_fee * 2, tip: FAIR.tip * 2 };
    let (mut older, mut newer) = (0, 0);
    for seed in 0..200 {
        let mut world = World::new(seed);
        let (first, second) = (world.payment(0, BOB, 1, FAIR), world.payment(0, BOB, 1, bumped));
        let hashes = [world.send(&first), world.send(&second)];
        world.mine_until(1);
        let mined = world.chain.history(0, u64::MAX).next().expect("mined").hash;
        assert!(hashes.contains(&mined), "seed {seed}");
        if mined == hashes[0] {
            older += 1
        } else {
            newer += 1
        }
        assert_eq!(world.chain.history(0, u64::MAX).count(), 1, "seed {seed}: one of them, once");
    }
    assert!(older > 5 && newer > 100, "{older} older, {newer} newer");
}

#[test]
fn what_pools_forget_is_mined_after_it_is_sent_again() {
    let mut lost = 0;
    for seed in 0..50 {
        let mut world = World::new(seed);
        let raw = world.payment(0, BOB, 1, FAIR);
        let hash = world.send(&raw);
        world.chain.drop_pool(&mut world.dice);
        let gone = !world.chain.miners.holds(hash);
        lost += u32::from(gone);
        if gone {
            world.mine(ENOUGH_BLOCKS);
            assert_eq!(world.now().nonce, 0, "seed {seed}");
        }
        // Either answer is good: the node may have kept what the miners forgot, and tells them
        // again.
        if let Err(error) = world.send_to(0, &raw) {
            assert!(
                error.message == "already known" || error.message.starts_with("nonce too low"),
                "seed {seed}: {error}"
            );
        }
        world.mine_until(1);
    }
    assert!((10..50).contains(&lost), "{lost} of 50 lost");
}

#[test]
fn f32_below_the_base_fee_it_waits() {
    let mut world = World::new(5);
    world.chain.set_fee_level(BASE_FEE * 50);
    world.mine(60);
    let raw = world.payment(0, BOB, 1, FAIR);
    world.send(&raw);
    world.mine(ENOUGH_BLOCKS);
    assert_eq!(world.now().nonce, 0);
    world.chain.set_fee_level(BASE_FEE);
    world.mine_until(1);
    let paid = world.chain.history(0, u64::MAX).next().expect("mined").clone();
    let receipt = world.receipt(paid.hash);
    assert!(number(&receipt["effectiveGasPrice"]) <= FAIR.max_fee);
    assert_eq!(paid.fee, number(&receipt["effectiveGasPrice"]) * number(&receipt["gasUsed"]));
}

#[test]
fn what_the_wallet_cannot_afford_waits() {
    let mut world = World::new(6);
    let most = world.coins(0, BOB, COINS - 100_000 * FAIR.max_fee, FAIR);
    let next = world.coins(1, EVE, 5_000_000_000_000_000, FAIR);
    world.send_to(1, &next).expect("alone it is affordable");
    world.send_to(0, &most).expect("alone it is affordable");
    let error = world.send_to(0, &next).expect_err("together they are not");
    assert!(
        error.message.starts_with("insufficient funds for gas * price + value")
            && error.message.contains("queued cost"),
        "{error}"
    );
    world.mine(ENOUGH_BLOCKS);
    assert_eq!(world.now().nonce, 1, "the second is never mined");
    world.assert_conserved();
}

#[test]
fn a_node_that_swallows_says_yes_and_tells_nobody() {
    let mut world = World::new(7);
    world.chain.set_swallows(0, true);
    let raw = world.payment(0, BOB, 1, FAIR);
    world.send(&raw);
    assert_eq!(refusal(&mut world, &raw), "already known");
    world.mine(ENOUGH_BLOCKS);
    assert_eq!(world.now().nonce, 0);
    world.chain.set_swallows(0, false);
    assert_eq!(refusal(&mut world, &raw), "already known", "and from now on it tells");
    world.mine_until(1);
}

#[test]
fn each_node_has_a_pool_of_its_own() {
    let mut world = World::new(8);
    let raw = world.payment(0, BOB, 1, FAIR);
    let hash = world.send(&raw);
    assert!(
        world
            .asked_of(1, 0, "eth_getTransactionByHash", json!([hash]))
            .expect("an answer")
            .is_null()
    );
    assert_eq!(world.ask("eth_getTransactionByHash", json!([hash]))["blockHash"], Value::Null);
    assert_eq!(world.ask("eth_getRawTransactionByHash", json!([hash])), json!(raw));
    let wallet = world.wallet();
    assert_eq!(world.ask("eth_getTransactionCount", json!([wallet, "pending"])), json!("0x1"));
    assert_eq!(world.ask("eth_getTransactionCount", json!([wallet, "latest"])), json!("0x0"));
    assert_eq!(
        world
            .asked_of(1, 0, "eth_getTransactionCount", json!([wallet, "pending"]))
            .expect("an answer"),
        json!("0x0")
    );
}

#[test]
fn a_queue_behind_a_gap_is_bounded() {
    let mut world = World::new(9);
    let most = QUEUED_TRANSACTIONS_MAX as u64;
    let queued: Vec<Bytes> =
        (1..=most + 1).map(|nonce| world.payment(nonce, BOB, 1, FAIR)).collect();
    let hashes: Vec<B256> = queued.iter().map(|raw| world.send(raw)).collect();
    assert!(
        !world.ask("eth_getTransactionByHash", json!([hashes[most as usize - 1]])).is_null(),
        "the last that fits"
    );
    assert!(
        world.ask("eth_getTransactionByHash", json!([hashes[most as usize]])).is_null(),
        "accepted and dropped"
    );
    let first = world.payment(0, BOB, 1, FAIR);
    world.send(&first);
    world.mine_until(most + 1);
    world.mine(ENOUGH_BLOCKS);
    assert_eq!(world.now().nonce, most + 1);
}

#[test]
fn f22_an_injected_transaction_goes_first() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (ours, foreign) = (world.payment(0, BOB, 1, FAIR), world.coins(0, EVE, 5, FAIR));
        world.send(&ours);
        world.chain.inject(&foreign, &mut world.dice);
        world.mine_until(1);
        assert_eq!(
            world.chain.history(0, u64::MAX).next().expect("mined").hash,
            keccak256(&foreign),
            "seed {seed}"
        );
    }
}

#[test]
fn a_low_tip_waits_longer_and_is_mined_in_the_end() {
    let blocks = |tip: u128| -> u64 {
        let mined = |seed: u64| {
            let mut world = World::new(seed);
            let raw = world.payment(0, BOB, 1, Offer { tip, ..FAIR });
            world.send(&raw);
            world.mine_until(1);
            world.chain.head()
        };
        (0..50).map(mined).sum()
    };
    let (low, fair) = (blocks(TIP / 10), blocks(TIP));
    assert!(low > 3 * fair, "{low} blocks with a low tip, {fair} with a fair one");
}
