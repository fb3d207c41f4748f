//! Reorganisations: what they undo, what they bring instead, and that nothing of the old branch
//! shines through.

use super::*;
use crate::evm::Mined;

fn paid(world: &mut World, count: u64) -> Vec<B256> {
    let raws: Vec<Bytes> = (0..count).map(|nonce| world.payment(nonce, BOB, 10, FAIR)).collect();
    raws.iter().map(|raw| world.send(raw)).collect()
}

#[test]
fn one_more_block_than_was_replaced_and_other_hashes_above_the_fork() {
    let mut world = World::new(1);
    world.mine(20);
    let hashes: Vec<_> = (0..=20).map(|height| world.chain.block_hash(height)).collect();
    world.reorg(5);
    assert_eq!(world.chain.head(), 21);
    for (height, old) in (0..=20).zip(hashes) {
        assert_eq!(world.chain.block_hash(height) == old, height <= 15, "height {height}");
    }
    let parents: Vec<Value> = (1..=21)
        .map(|height| world.ask("eth_getBlockByNumber", json!([format!("0x{height:x}"), false])))
        .collect();
    for (height, block) in (1..).zip(parents) {
        assert_eq!(
            block["parentHash"],
            json!(world.chain.block_hash(height - 1)),
            "height {height}"
        );
        assert_eq!(block["hash"], json!(world.chain.block_hash(height)), "height {height}");
    }
}

#[test]
fn f37_a_receipt_goes_and_another_comes() {
    let (mut same_block, mut gone_at_first) = (0, 0);
    for seed in 0..100 {
        let mut world = World::new(seed);
        world.mine(3);
        let raw = world.payment(0, BOB, 10, FAIR);
        let hash = world.send(&raw);
        world.mine_until(1);
        let before = world.receipt(hash);
        world.reorg(2);
        let after = world.receipt(hash);
        if after.is_null() {
            gone_at_first += 1;
            assert_eq!(
                world.now(),
                Purse { nonce: 0, coins: COINS, tokens: vec![HELD, HELD] },
                "seed {seed}"
            );
        }
        same_block += u32::from(after["blockHash"] == before["blockHash"]);
        // "already known", "nonce too low" or a hash: whatever it says, it is mined once.
        let _ = world.send_to(0, &raw);
        world.mine_until(1);
        assert_eq!(world.now().tokens[0], HELD - 10, "seed {seed}");
        world.assert_conserved();
    }
    assert_eq!(same_block, 0, "no block survives its own replacement");
    assert!(gone_at_first > 10, "{gone_at_first} of 100 were not mined at once again");
}

#[test]
fn another_version_may_be_mined_instead() {
    let bumped = Offer { max_fee: FAIR.max_fee * 2, tip: FAIR.tip * 2 };
    let mut changed = 0;
    for seed in 0..100 {
        let mut world = World::new(seed);
        let (first, second) = (world.payment(0, BOB, 10, FAIR), world.payment(0, BOB, 10, bumped));
        let hashes = [world.send(&first), world.send(&second)];
        world.mine_until(1);
        let mined = |world: &World| {
            world.chain.history(0, u64::MAX).map(|mined| mined.hash).collect::<Vec<_>>()
        };
        let before = mined(&world);
        world.reorg(1);
        let after = mined(&world);
        assert!(
            after.len() <= 1 && after.iter().all(|hash| hashes.contains(hash)),
            "seed {seed}: {after:?}"
        );
        changed += u32::from(!after.is_empty() && after != before);
        for hash in hashes {
            assert_eq!(world.receipt(hash).is_null(), !after.contains(&hash), "seed {seed}");
        }
    }
    assert!(changed > 5, "{changed} of 100");
}

#[test]
fn the_truth_follows_from_the_blocks_at_every_height() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        paid(&mut world, 40);
        for _ in 0..6 {
            world.mine(3);
            let depth = world.dice.between(0, 9);
            world.reorg(depth);
        }
        let history: Vec<Mined> = world.chain.history(0, u64::MAX).cloned().collect();
        for height in 0..=world.chain.head() {
            let until: Vec<&Mined> =
                history.iter().filter(|mined| mined.height <= height).collect();
            let fees: u128 = until.iter().map(|mined| mined.fee).sum();
            let tokens: u128 =
                until.iter().flat_map(|mined| &mined.moved).map(|moved| moved.amount).sum();
            let purse = Purse {
                nonce: until.len() as u64,
                coins: COINS - fees,
                tokens: vec![HELD - tokens, HELD],
            };
            assert_eq!(world.chain.wallet_at(height), purse, "seed {seed}, height {height}");
            let wallet = world.wallet();
            let tag = format!("0x{height:x}");
            assert_eq!(
                number(&world.ask("eth_getTransactionCount", json!([wallet, tag]))),
                until.len() as u128
            );
            assert_eq!(number(&world.ask("eth_getBalance", json!([wallet, tag]))), COINS - fees);
        }
        let nonces: Vec<u64> = history.iter().map(|mined| mined.nonce).collect();
        assert_eq!(nonces, (0..nonces.len() as u64).collect::<Vec<_>>(), "seed {seed}");
        world.assert_conserved();
    }
}

#[test]
fn any_depth_works_and_the_first_block_stays() {
    let mut world = World::new(4);
    let first = world.chain.block_hash(0);
    paid(&mut world, 3);
    world.mine(30);
    assert_eq!(world.chain.finalized(), 20);
    world.reorg(30);
    let seen = world
        .asked_of(0, 5, "eth_getBlockByNumber", json!(["finalized", false]))
        .expect("an answer");
    assert_eq!(
        number(&seen["number"]),
        5,
        "what was final before stays final for whoever is on the new branch"
    );
    for depth in [0, 30, 31, u64::MAX] {
        let head = world.chain.head();
        world.reorg(depth);
        assert_eq!(world.chain.head(), head + 1, "depth {depth}");
        assert_eq!(world.chain.block_hash(0), first);
        world.assert_conserved();
    }
    assert!(world.chain.finalized() >= 20, "the tag never goes back");
}

#[test]
fn f38_even_a_final_transaction_is_undone_beyond_finality() {
    let mut undone = 0;
    for seed in 0..20 {
        let mut world = World::new(seed);
        let hash = paid(&mut world, 1)[0];
        world.mine_until(1);
        world.mine(20);
        let head = world.chain.head();
        world.reorg(head);
        undone += u32::from(world.receipt(hash).is_null());
        world.assert_conserved();
    }
    assert!(undone > 0);
}

#[test]
fn f39_a_node_on_the_replaced_branch_tells_another_truth() {
    let mut differed = 0;
    for seed in 0..50 {
        let mut world = World::new(seed);
        let hash = paid(&mut world, 1)[0];
        world.mine_until(1);
        world.mine(2);
        let (head, old) = (world.chain.head(), world.receipt(hash));
        let old_block = world.ask("eth_getBlockByNumber", json!(["latest", true]));
        assert_eq!(world.chain.forked_at(), None);
        world.reorg(4.min(head));
        world.mine(3);
        let ask = |world: &mut World, method: &str, params: Value| {
            world
                .chain
                .answer_from_replaced(1, method, &params)
                .unwrap_or_else(|error| panic!("seed {seed}: {method}: {error}"))
        };
        let before =
            (world.chain.head(), world.chain.block_hash(head), world.now(), world.receipt(hash));
        assert_eq!(world.chain.forked_at(), Some(head - 4.min(head)));
        assert_eq!(ask(&mut world, "eth_getTransactionReceipt", json!([hash])), old, "seed {seed}");
        assert_eq!(
            ask(&mut world, "eth_getBlockByNumber", json!(["latest", true])),
            old_block,
            "seed {seed}"
        );
        let wallet = world.wallet();
        assert_eq!(
            ask(&mut world, "eth_getTransactionCount", json!([wallet, "latest"])),
            json!("0x1")
        );
        let fee = number(&old["gasUsed"]) * number(&old["effectiveGasPrice"]);
        assert_eq!(
            number(&ask(&mut world, "eth_getBalance", json!([wallet, "latest"]))),
            COINS - fee,
            "seed {seed}"
        );
        let after =
            (world.chain.head(), world.chain.block_hash(head), world.now(), world.receipt(hash));
        assert_eq!(before, after, "seed {seed}: asking changes nothing");
        differed += u32::from(after.3 != old);
        world.assert_conserved();
    }
    assert!(differed > 25, "{differed} of 50");
}

#[test]
fn what_was_mined_returns_to_miners_who_had_forgotten_it() {
    let mut returned = 0;
    for seed in 0..30 {
        let mut world = World::new(seed);
        let hash = paid(&mut world, 1)[0];
        world.mine_until(1);
        while world.chain.miners.holds(hash) {
            world.chain.drop_pool(&mut world.dice);
        }
        let head = world.chain.head();
        world.reorg(head);
        world.mine(ENOUGH_BLOCKS);
        returned += u32::from(world.now().nonce == 1);
    }
    assert!((10..30).contains(&returned), "{returned} of 30, and the others were lost");
}
