//! A chain whose blocks have no base fee takes legacy transactions (case F23).

use adit_chain::{Chain, NextVersion};
use adit_core::{
    Attempt, AttemptId, Draft, Epoch, EvmDraft, EvmPricing, Fact, FeeKnown, Lineage, LineageId,
    LineageState, Market, Offer, Purpose, Stage, Timestamp,
};
use serde_json::json;

use crate::world::{BOB, World, facts, leg, next_id, offer};

fn lineage(world: &World, draft: &EvmDraft, purpose: Purpose) -> Lineage {
    let attempt = Attempt {
        id: AttemptId(next_id()),
        version: 0,
        purpose,
        draft: Draft::Evm(draft.clone()),
        epoch: Epoch(1),
        created_at: Timestamp::default(),
        stage: Stage::Reserved,
    };
    Lineage {
        id: LineageId(next_id()),
        lane: world.lane.clone(),
        anchors: attempt.draft.anchors(&world.lane),
        legs: Vec::new(),
        attempts: vec![attempt],
        state: LineageState::Live,
        cancel: None,
        created_at: Timestamp::default(),
    }
}

/// The pinned fact, the price, the payment, its fee, a higher offer and a cancel are all of type 0,
/// and nodes take them.
#[tokio::test]
async fn f23_a_chain_without_base_fees_is_paid_in_legacy_transactions() {
    let world = World::without_base_fees().await;
    let chain = world.chain();
    let identity = chain.identity(&world.lane).await.expect("an identity");
    assert_eq!(identity.pins["pricing"], "legacy");
    let Market::Evm(market) = chain.tip().await.expect("a tip").market else {
        panic!("an EVM market")
    };
    assert_eq!(market.base_fee_per_gas, 0);
    assert_eq!(market.fees.max_fee_per_gas, market.fees.max_priority_fee_per_gas);
    assert!(market.fees.max_fee_per_gas > 0, "as the node asks");

    let paid = world.pay(&chain, &leg("ETH", BOB, 3), 0).await;
    let Draft::Evm(draft) = &paid.lineage.attempts[0].draft else { panic!("an EVM draft") };
    assert_eq!(draft.pricing, EvmPricing::Legacy);
    let shown = chain.read_back(&world.lane, &paid.signed.raw).expect("a transaction of ours");
    assert_eq!(shown.draft, Draft::Evm(draft.clone()));
    let trail = chain.watch(&world.watch(&[], &[])).await.expect("a look").trail;
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(6).await;
    let seen = chain.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    assert_eq!(facts(&seen), ["included", "confirmed", "final"]);
    let Fact::Final { receipt, .. } = &seen.sightings[2].fact else { panic!("final") };
    assert_eq!(receipt.fee_known, FeeKnown::Agreed);
    assert_eq!(receipt.network_fee.base_units(), 21_000 * draft.fees.max_fee_per_gas);

    // What waits is outbid, and last undone, at its nonce.
    world.automine(false).await;
    let waiting = world.pay(&chain, &leg("ETH", BOB, 3), 1).await;
    chain.broadcast(std::slice::from_ref(&waiting.signed)).await;
    let Draft::Evm(first) = &waiting.lineage.attempts[0].draft else { panic!("an EVM draft") };
    let Offer::Evm(fees) = offer(&chain).await else { panic!("an EVM offer") };
    let mut price = fees.max_fee_per_gas;
    let mut last = lineage(&world, first, Purpose::Pay);
    for purpose in [Purpose::Pay, Purpose::Cancel, Purpose::Cancel] {
        price += price / 4;
        let offer = Offer::Evm(adit_core::EvmFees {
            max_fee_per_gas: price,
            max_priority_fee_per_gas: price / 10,
        });
        let next = NextVersion { lineage: &last, purpose, offer, live: &[], waiting: &[] };
        let ready =
            chain.successor(&next).await.expect("nobody is asked").expect("always possible");
        let Draft::Evm(next) = &ready.draft else { panic!("an EVM draft") };
        assert_eq!((next.pricing, next.nonce), (EvmPricing::Legacy, 1));
        assert_eq!(next.fees.max_priority_fee_per_gas, price, "a legacy transaction has one price");
        let sent = chain.broadcast(&[world.sign(&ready.draft)]).await;
        assert_eq!(
            sent[0].submissions[0].answer,
            adit_core::SubmissionAnswer::Accepted,
            "{purpose:?}"
        );
        last = lineage(&world, next, purpose);
    }
    world.mine(1).await;
    assert_eq!(
        world.rpc("eth_getTransactionCount", json!([world.wallet.address, "latest"])).await,
        json!("0x2")
    );
    let bob = world.rpc("eth_getBalance", json!([BOB, "latest"])).await;
    assert_eq!(
        bob,
        json!(format!("0x{:x}", 3_000_000_000_000_000_000_u128)),
        "the second payment was undone"
    );
}

/// A chain with base fees is told so, and its drafts are of type 2.
#[tokio::test]
async fn f23_a_chain_with_base_fees_is_pinned_as_such() {
    let world = World::new().await;
    let chain = world.chain();
    assert_eq!(chain.identity(&world.lane).await.expect("an identity").pins["pricing"], "eip1559");
    let paid = world.pay(&chain, &leg("ETH", BOB, 3), 0).await;
    assert_eq!(paid.signed.raw.0[0], 2);
}
