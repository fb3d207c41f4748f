use adit_chain::{Chain, Watch};
use adit_core::{Draft, Effect, Fact, LineageId, Purpose, SubmissionAnswer};
use adit_devnet::abi::{Blocklist, Pausable};
use adit_devnet::contracts;
use adit_devnet::primitives::{Address, U256};
use serde_json::json;

use crate::twist::Twister;
use crate::world::{BOB, Paid, World, apply, facts, leg, units};

#[tokio::test]
async fn a_payment_is_included_confirmed_final() {
    let world = World::with_dg().await;
    let chain = world.chain();
    world.automine(false).await;
    let mut paid = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let sent = chain.broadcast(&[paid.signed.clone(), paid.signed.clone()]).await;
    assert_eq!(sent[0].hash, paid.signed.hash);
    let answers: Vec<_> = sent.iter().map(|sent| sent.submissions[0].answer.clone()).collect();
    assert_eq!(answers, [SubmissionAnswer::Accepted, SubmissionAnswer::AlreadyKnown]);

    let unseen = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look");
    assert!(unseen.sightings.is_empty() && unseen.foreign.is_empty());
    let mut trail = unseen.trail;
    let mut seen = Vec::new();
    for _ in 0..5 {
        world.mine(1).await;
        let sightings = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
        assert!(sightings.foreign.is_empty());
        apply(&mut paid.lineage, &sightings);
        seen.push(facts(&sightings));
        trail = sightings.trail.clone();
        if let Some(Fact::Final { receipt, .. }) =
            sightings.sightings.last().map(|sighting| &sighting.fact)
        {
            assert_eq!(receipt.effects[0].effect, Effect::Paid);
            assert_eq!(receipt.fee_parts.len(), 1);
            assert!(!receipt.network_fee.is_zero());
        }
    }
    assert_eq!(seen, [vec!["included"], vec!["confirmed"], vec![], vec![], vec!["final"]]);
}

#[tokio::test]
async fn f55_many_payments_in_one_block_are_found_at_once() {
    let world = World::with_dg().await;
    let chain = world.chain();
    world.automine(false).await;
    let leg = leg("DG", BOB, 1);
    let plan = world.plan(&chain, std::slice::from_ref(&leg)).await.remove(0).expect("ready");
    let trail = chain.watch(&world.watch(&[], &[])).await.expect("a look").trail;
    let paid: Vec<Paid> =
        (0..300).map(|nonce| world.pay_with(&chain, &leg, &plan, nonce)).collect();
    let sent =
        chain.broadcast(&paid.iter().map(|paid| paid.signed.clone()).collect::<Vec<_>>()).await;
    assert!(sent.iter().all(|sent| sent.submissions[0].answer == SubmissionAnswer::Accepted));
    world.mine(6).await;
    let lineages: Vec<_> = paid.iter().map(|paid| &paid.lineage).collect();
    let sightings = chain.watch(&world.watch(&lineages, &trail)).await.expect("a look");
    let count = |word: &str| facts(&sightings).into_iter().filter(|fact| *fact == word).count();
    assert_eq!((count("included"), count("confirmed"), count("final")), (300, 300, 300));
    // Without a trail, by their hashes.
    let sightings = world.chain().watch(&world.watch(&lineages, &[])).await.expect("a look");
    assert_eq!(facts(&sightings).into_iter().filter(|fact| *fact == "final").count(), 300);
}

#[tokio::test]
async fn f37_a_reorganisation_takes_it_back_and_it_comes_again() {
    let world = World::with_dg().await;
    let chain = world.chain();
    world.automine(false).await;
    world.mine(3).await;
    let mut paid = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let trail = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look").trail;
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(1).await;
    let first = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&first), ["included"]);
    apply(&mut paid.lineage, &first);

    world.rpc("anvil_reorg", json!([2, []])).await;
    let second = chain.watch(&world.watch(&[&paid.lineage], &first.trail)).await.expect("a look");
    assert_eq!(facts(&second), ["vanished"]);
    apply(&mut paid.lineage, &second);

    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(1).await;
    let third = chain.watch(&world.watch(&[&paid.lineage], &second.trail)).await.expect("a look");
    assert_eq!(facts(&third), ["included"]);
}

#[tokio::test]
async fn f46_a_reverted_payment_is_never_confirmed_and_finally_reverted() {
    let mut world = World::new().await;
    let pause = world.token("PAUSE", &contracts::PAUSABLE_TOKEN, &[]).await;
    let chain = world.chain();
    let mut paid = world.pay(&chain, &leg("PAUSE", BOB, 3), 0).await;
    let trail = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look").trail;
    world.deployer().execute(pause, &Pausable::pauseCall {}).await.expect("paused");
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(2).await;
    let deep = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&deep), ["included"]);
    apply(&mut paid.lineage, &deep);
    world.mine(4).await;
    let last = chain.watch(&world.watch(&[&paid.lineage], &deep.trail)).await.expect("a look");
    let Some(Fact::Final { receipt, .. }) = last.sightings.first().map(|sighting| &sighting.fact)
    else {
        panic!("{last:?}")
    };
    assert_eq!(receipt.effects[0].effect, Effect::Reverted);
}

/// F54: two payouts of one round, and the token refuses one of the recipients before the block.
/// Each has a transaction of its own, so the one that reverts takes no other with it.
#[tokio::test]
async fn f54_a_payout_that_reverts_takes_no_other_with_it() {
    let mut world = World::new().await;
    let block = world.token("BLOCK", &contracts::BLOCKLIST_TOKEN, &[]).await;
    let chain = world.chain();
    let legs = [leg("BLOCK", BOB, 3), leg("BLOCK", Address::repeat_byte(0x54), 4)];
    let drafts = world.plan(&chain, &legs).await;
    let paid: Vec<Paid> = drafts
        .iter()
        .zip(&legs)
        .zip(0..)
        .map(|((draft, leg), nonce)| {
            world.pay_with(&chain, leg, draft.as_ref().expect("ready"), nonce)
        })
        .collect();
    let trail = chain.watch(&world.watch(&[], &[])).await.expect("a look").trail;
    world
        .deployer()
        .execute(block, &Blocklist::setBlockedCall { account: BOB, blocked: true })
        .await
        .expect("blocked");
    chain.broadcast(&paid.iter().map(|paid| paid.signed.clone()).collect::<Vec<_>>()).await;
    world.mine(6).await;
    let lineages: Vec<_> = paid.iter().map(|paid| &paid.lineage).collect();
    let seen = chain.watch(&world.watch(&lineages, &trail)).await.expect("a look");
    let effect = |lineage: LineageId| {
        seen.sightings.iter().filter(|sighting| sighting.lineage == lineage).find_map(|sighting| {
            match &sighting.fact {
                Fact::Final { receipt, .. } => Some(
                    receipt.effects.iter().map(|found| found.effect.clone()).collect::<Vec<_>>(),
                ),
                _ => None,
            }
        })
    };
    assert_eq!(effect(lineages[0].lineage), Some(vec![Effect::Reverted]));
    assert_eq!(effect(lineages[1].lineage), Some(vec![Effect::Paid]));
}

#[tokio::test]
async fn f30_a_cancel_pays_nobody() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let mut paid = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let cancel = world.sign(&world.cancel(&chain, 0).await);
    let mut second = paid.lineage.attempts[0].clone();
    second.attempt = adit_core::AttemptId(crate::world::next_id());
    (second.purpose, second.hash) = (Purpose::Cancel, cancel.hash);
    paid.lineage.attempts.push(second);
    chain.broadcast(&[cancel]).await;
    world.mine(5).await;
    let sightings = chain.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look");
    assert_eq!(facts(&sightings), ["included", "final"]);
    let Fact::Final { attempt, receipt } = &sightings.sightings[1].fact else { panic!("final") };
    assert_eq!(
        (*attempt, &receipt.effects[0].effect),
        (paid.lineage.attempts[1].attempt, &Effect::Cancelled)
    );
}

/// Another transaction of the same key, as a second tool would send it.
pub async fn foreign_transfer(world: &World, nonce: u64) -> adit_core::Signed {
    let chain = world.chain();
    let mut draft = world.cancel(&chain, nonce).await;
    let Draft::Evm(transaction) = &mut draft else { panic!("an EVM draft") };
    transaction.to = adit_evm::canonical(BOB);
    transaction.value = adit_core::Amount::new(7);
    world.sign(&draft)
}

#[tokio::test]
async fn f08_f22_foreign_use_is_seen_decoded_and_finally_kills_the_lineage() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let ours = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let trail = chain.watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look").trail;
    let theirs = [foreign_transfer(&world, 0).await, foreign_transfer(&world, 1).await];
    chain.broadcast(&theirs).await;
    world.mine(1).await;

    let scanned = chain.watch(&world.watch(&[&ours.lineage], &trail)).await.expect("a look");
    let searched = world.chain().watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    for look in [&scanned, &searched] {
        assert!(look.sightings.is_empty(), "not final yet: {look:?}");
        let seen: Vec<_> =
            look.foreign.iter().map(|foreign| (foreign.nonce, foreign.hash)).collect();
        assert_eq!(seen, [(0, Some(theirs[0].hash)), (1, Some(theirs[1].hash))]);
        assert!(
            look.foreign[0].decoded.contains("pays 7 wei to 0xbBbB"),
            "{}",
            look.foreign[0].decoded
        );
        assert_eq!(look.foreign[0].raw.as_ref(), Some(&theirs[0].raw));
    }

    world.mine(5).await;
    let last = chain.watch(&world.watch(&[&ours.lineage], &scanned.trail)).await.expect("a look");
    assert!(
        matches!(&last.sightings[0].fact, Fact::Conflicted { by, .. } if *by == theirs[0].hash),
        "{last:?}"
    );
}

/// Found by a simulated day: once the key was adopted from the next nonce on, the stranger was not
/// looked at any more, and the lineage whose nonce it took stayed open for ever.
#[tokio::test]
async fn f22_a_lineage_below_the_adopted_nonce_still_ends() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let ours = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let theirs = foreign_transfer(&world, 0).await;
    chain.broadcast(std::slice::from_ref(&theirs)).await;
    world.mine(6).await;
    for trail in [&[][..], &chain.watch(&world.watch(&[], &[])).await.expect("a look").trail] {
        let watch = Watch { adopted_from: 1, ..world.watch(&[&ours.lineage], trail) };
        let look = chain.watch(&watch).await.expect("a look");
        assert!(
            matches!(&look.sightings[0].fact, Fact::Conflicted { by, .. } if *by == theirs.hash),
            "{look:?}"
        );
        assert_eq!(look.foreign, [], "what was adopted is not reported again");
    }
}

#[tokio::test]
async fn f23_a_nonce_consumed_by_an_authorisation_is_reported_without_a_hash() {
    let world = World::new().await;
    let chain = world.chain();
    world.rpc("anvil_setNonce", json!([world.wallet.address, "0x1"])).await;
    world.mine(1).await;
    let look = chain.watch(&world.watch(&[], &[])).await.expect("a look");
    assert_eq!(look.foreign.len(), 1, "{look:?}");
    assert_eq!((look.foreign[0].nonce, look.foreign[0].hash), (0, None));
    assert!(look.sightings.is_empty());
}

/// F45: what is final is said by the chain's own rule. The same block is final by the node's tag
/// while a depth of four blocks still waits.
#[tokio::test]
async fn f45_a_payment_is_final_by_the_rule_of_its_chain() {
    let world = World::with_dg().await;
    let by_depth = world.chain();
    let mut config = world.config(adit_core::Trust::Single, &[world.anvil.url()]);
    config.finality = adit_core::Finality::Tag;
    let by_tag = adit_evm::EvmChain::new(config).expect("a chain");
    world.automine(false).await;
    let paid = world.pay(&by_depth, &leg("DG", BOB, 3), 0).await;
    let trail = by_depth.watch(&world.watch(&[], &[])).await.expect("a look").trail;
    by_depth.broadcast(std::slice::from_ref(&paid.signed)).await;
    for (blocks, depth, tag) in [(1, false, false), (2, false, true), (2, true, true)] {
        world.mine(blocks).await;
        for (chain, is_final) in [(&by_depth, depth), (&by_tag, tag)] {
            let seen = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
            assert_eq!(
                facts(&seen).contains(&"final"),
                is_final,
                "after {blocks} more: {:?}",
                facts(&seen)
            );
        }
    }
}

#[tokio::test]
async fn a_trail_funds_and_either_finality_follow_the_head() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let first = chain.watch(&world.watch(&[], &[])).await.expect("a look");
    world.mine(300).await;
    let second = chain.watch(&world.watch(&[], &first.trail)).await.expect("a look");
    assert_eq!(second.trail.last(), Some(&second.tip.head));
    assert_eq!(second.tip.final_height, second.tip.head.height - 4);
    let mut config = world.config(adit_core::Trust::Single, &[world.anvil.url()]);
    config.finality = adit_core::Finality::Tag;
    let tagged = adit_evm::EvmChain::new(config).expect("a chain").tip().await.expect("a tip");
    assert_eq!(
        tagged.final_height,
        tagged.head.height - 2,
        "anvil's finalised block is two slots below its newest"
    );
    let adit_core::Market::Evm(market) = tagged.market else { panic!("an EVM market") };
    assert!(market.base_fee_per_gas > 0 && market.fees.max_fee_per_gas > market.base_fee_per_gas);
    let funds = chain.funds(&world.lane, 0).await.expect("funds");
    let read: Vec<_> = funds
        .iter()
        .map(|reading| (reading.asset.as_str(), U256::from(reading.balance.base_units())))
        .collect();
    assert_eq!(read, [("ETH", units(1_000)), ("DG", units(1_000))]);
    assert_eq!(chain.consumed(&world.lane, 0).await, Ok(0));
}

#[tokio::test]
async fn without_receipts_of_blocks_everything_is_still_found() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let ours = world.pay(&chain, &leg("DG", BOB, 3), 0).await;
    let first = chain.watch(&world.watch(&[&ours.lineage], &[])).await.expect("a look");
    let theirs = foreign_transfer(&world, 1).await;
    chain.broadcast(&[ours.signed.clone(), theirs.clone()]).await;
    world.mine(6).await;
    let lacking = Twister::start(world.anvil.url()).await;
    lacking.lie(|call, result| {
        if call["method"] == "eth_getBlockReceipts" {
            *result = serde_json::Value::Null;
        }
    });
    let chain = world.chain_over(adit_core::Trust::Single, &[lacking.url()]);
    let look = chain.watch(&world.watch(&[&ours.lineage], &first.trail)).await.expect("a look");
    assert_eq!(facts(&look), ["included", "confirmed", "final"]);
    assert_eq!(
        look.foreign.iter().map(|foreign| foreign.hash).collect::<Vec<_>>(),
        [Some(theirs.hash)]
    );
}
