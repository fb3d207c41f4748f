use adit_chain::{Chain, Obstacle, PlanRequest};
use adit_core::{Amount, EvmDraft, Trust};
use adit_devnet::abi::{Blocklist, Changing, Pausable};
use adit_devnet::contracts;
use adit_devnet::primitives::Address;
use adit_evm::gas_limit;
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{BOB, World, asset, leg, leg_to, offer};

type Planned = Result<EvmDraft, Obstacle>;

fn reason(planned: &Planned) -> &str {
    match planned {
        Err(Obstacle::WouldFail { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn good_payments_are_ready_and_their_gas_is_right() {
    let world = World::with_dg().await;
    let chain = world.chain();
    let legs: Vec<_> = (1..=150).map(|number| leg("DG", Address::repeat_byte(number), 1)).collect();
    let planned = world.plan(&chain, &legs).await;
    assert!(planned.iter().all(Result::is_ok), "{planned:?}");

    let paid = world.pay(&chain, &leg("DG", BOB, 1), 0).await;
    chain.broadcast(std::slice::from_ref(&paid.signed)).await;
    world.mine(1).await;
    let receipt = world
        .anvil
        .rpc()
        .receipt(paid.signed.hash.0.into())
        .await
        .expect("answered")
        .expect("mined");
    let used: u64 = receipt.gas_used.to();
    let plan = planned[0].as_ref().expect("ready");
    assert_eq!(plan.gas_limit, gas_limit(used), "the estimate is what is used");
}

#[tokio::test]
async fn f48_f49_f50_odd_tokens_are_found_before_anything_is_signed() {
    let mut world = World::with_dg().await;
    world.token("SILENT", &contracts::SILENT_TOKEN, &[]).await;
    world.token("FALSE", &contracts::FALSE_TOKEN, &[]).await;
    world.token("FEE", &contracts::FEE_TOKEN, &[]).await;
    let pause = world.token("PAUSE", &contracts::PAUSABLE_TOKEN, &[]).await;
    let block = world.token("BLOCK", &contracts::BLOCKLIST_TOKEN, &[]).await;
    let change = world.token("CHANGE", &contracts::CHANGING_TOKEN, &[]).await;
    let deployer = world.deployer();
    deployer.execute(pause, &Pausable::pauseCall {}).await.expect("paused");
    deployer
        .execute(block, &Blocklist::setBlockedCall { account: BOB, blocked: true })
        .await
        .expect("blocked");
    let lie = Changing::setBehaviourCall { value: adit_devnet::abi::Behaviour::LiesInItsLog };
    deployer.execute(change, &lie).await.expect("lies");

    let chain = world.chain();
    let legs = ["DG", "SILENT", "FALSE", "FEE", "PAUSE", "BLOCK", "CHANGE", "DG"]
        .map(|id| leg(id, BOB, 10));
    let planned = world.plan(&chain, &legs).await;
    for good in [0, 1, 7] {
        assert!(planned[good].is_ok(), "{:?}", planned[good]);
    }
    assert!(reason(&planned[2]).contains("false"), "{:?}", planned[2]);
    assert!(reason(&planned[3]).contains("was asked"), "{:?}", planned[3]);
    assert!(!reason(&planned[4]).is_empty() && !reason(&planned[5]).is_empty());
    assert!(reason(&planned[6]).contains("balances"), "{:?}", planned[6]);

    for (id, works) in [
        ("DG", true),
        ("SILENT", true),
        ("FALSE", false),
        ("PAUSE", false),
        ("BLOCK", true),
        ("ETH", true),
    ] {
        assert_eq!(chain.probe(&world.lane, &asset(id)).await, Ok(works), "{id}");
    }
}

#[tokio::test]
async fn f52_hostile_recipients_harm_only_themselves() {
    let world = World::with_dg().await;
    let burner = world.deployer().deploy(&contracts::GAS_BURNER, &[]).await.expect("deployed");
    let refuser =
        world.deployer().deploy(&contracts::REVERTING_RECEIVER, &[]).await.expect("deployed");
    let mut legs: Vec<_> = (0..40).map(|_| leg("ETH", burner, 1)).collect();
    legs.extend([
        leg("ETH", refuser, 1),
        leg("ETH", BOB, 1),
        leg("DG", BOB, 1),
        leg("DG", burner, 1),
    ]);
    let planned = world.plan(&world.chain(), &legs).await;
    assert!(
        planned[..41].iter().all(|planned| matches!(planned, Err(Obstacle::WouldFail { .. }))),
        "{planned:?}"
    );
    assert!(planned[41..].iter().all(Result::is_ok), "{planned:?}");
}

#[tokio::test]
async fn f34_what_does_not_fit_is_unfunded_and_the_rest_goes_on() {
    let world = World::with_dg().await;
    let legs = [
        leg("DG", BOB, 900),
        leg("DG", BOB, 101),
        leg("DG", BOB, 100),
        leg("ETH", BOB, 1_000),
        leg("ETH", BOB, 999),
        leg("ETH", BOB, 1),
    ];
    let planned = world.plan(&world.chain(), &legs).await;
    let unfunded = |planned: &Planned| matches!(planned, Err(Obstacle::Unfunded { .. }));
    assert_eq!(
        planned.iter().map(unfunded).collect::<Vec<_>>(),
        [false, true, false, true, false, true],
        "{planned:?}"
    );
    let Err(Obstacle::Unfunded { asset: what, needed, held }) = &planned[1] else {
        panic!("unfunded")
    };
    assert_eq!(
        (what, needed.to_units(18), held.to_units(18)),
        (&asset("DG"), "101".to_owned(), "100".to_owned())
    );
    let all =
        leg_to("ETH", legs[0].destination.clone(), Amount::new(1_000_000_000_000_000_000_000));
    assert!(
        unfunded(&world.plan(&world.chain(), &[all]).await[0]),
        "nothing would be left for the fee"
    );
}

#[tokio::test]
async fn f33_without_simulation_estimates_find_reverts_and_false() {
    let mut world = World::with_dg().await;
    world.token("FALSE", &contracts::FALSE_TOKEN, &[]).await;
    let pause = world.token("PAUSE", &contracts::PAUSABLE_TOKEN, &[]).await;
    world.deployer().execute(pause, &Pausable::pauseCall {}).await.expect("paused");
    let proxy = adit_devnet::proxy::Proxy::start(world.anvil.url()).await.expect("a proxy");
    let missing = adit_devnet::proxy::Fault::Refused {
        code: -32_601,
        message: "Method not found".to_owned(),
    };
    proxy.always(Some("eth_simulateV1"), missing);
    let chain = world.chain_over(Trust::Single, &[proxy.url()]);
    let planned =
        world.plan(&chain, &["DG", "FALSE", "PAUSE", "ETH"].map(|id| leg(id, BOB, 1))).await;
    assert!(planned[0].is_ok() && planned[3].is_ok(), "{planned:?}");
    assert!(reason(&planned[1]).contains("false"));
    assert!(!reason(&planned[2]).is_empty());
}

/// F33: a node's error about one payment keeps nobody else back, whatever it says and with or
/// without simulation; where the node can tell nothing at all, no payment is to blame.
#[tokio::test]
async fn f33_an_error_of_one_trial_concerns_that_payment_alone() {
    let world = World::with_dg().await;
    let node = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Single, &[node.url()]);
    let unsimulated = json!({ "code": -32_601, "message": "the method eth_simulateV1 does not \
        exist/is not available" });
    let is_simulation = |call: &Value| call["method"] == "eth_simulateV1";
    let odd = Address::repeat_byte(0x0d);
    let about_odd = move |call: &Value| {
        call["params"][0].to_string().to_ascii_lowercase().contains(&format!("{odd:x}"))
    };
    let legs = [leg("ETH", odd, 1), leg("ETH", BOB, 1), leg("DG", BOB, 1)];
    for (error, fails) in [
        (json!({ "code": -32_000, "message": "gas required exceeds allowance (8000000)" }), true),
        (
            json!({ "code": -32_015, "message": "VM execution error.", "data": "Reverted 0x08c379a0" }),
            true,
        ),
        (json!({ "code": -32_603, "message": "internal error" }), false),
    ] {
        let refusal = error.clone();
        let missing = unsimulated.clone();
        node.twist(move |call, answer| {
            let error = if is_simulation(call) { &missing } else { &refusal };
            if is_simulation(call) || about_odd(call) {
                *answer = json!({ "jsonrpc": "2.0", "id": call["id"], "error": error });
            }
        });
        let planned = world.plan(&chain, &legs).await;
        assert!(planned[1..].iter().all(Result::is_ok), "{error}: {planned:?}");
        let as_expected = |planned: &Planned| match planned {
            Err(Obstacle::WouldFail { .. }) => fails,
            Err(Obstacle::Untold { .. }) => !fails,
            _ => false,
        };
        assert!(as_expected(&planned[0]), "{error}: {:?}", planned[0]);
    }
    let busy = json!({ "code": -32_603, "message": "internal error" });
    node.refuse(busy, |call| {
        call["method"] == "eth_simulateV1" || call["method"] == "eth_estimateGas"
    });
    let request = world.asked(&chain, &legs).await;
    assert!(chain.plan(&request).await.is_err(), "it can say nothing, and no payment is to blame");
}

#[tokio::test]
async fn one_endpoint_alone_makes_nothing_ready() {
    let mut world = World::new().await;
    world.token("FALSE", &contracts::FALSE_TOKEN, &[]).await;
    let liar = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url()]);
    liar.lie(|call, result: &mut Value| {
        if call["method"] == "eth_simulateV1" {
            *result = Value::Null;
        }
    });
    let request = world.asked(&chain, &[leg("FALSE", BOB, 1)]).await;
    assert!(
        chain.plan(&request).await.is_err(),
        "an endpoint that answers nonsense does not count"
    );
}

/// F103: what pays nobody gets the gas that endpoints estimate, the highest of a quorum, and never
/// less than any transaction takes. Where nobody answers the last limit holds; a higher offer of a
/// cancel estimates anew.
#[tokio::test]
async fn f103_a_self_transfer_is_estimated_and_never_below_its_floor() {
    let world = World::with_dg().await;
    let (one, two) =
        (Twister::start(world.anvil.url()).await, Twister::start(world.anvil.url()).await);
    let chain = world.chain_over(Trust::Quorum, &[one.url(), two.url()]);
    let estimates = |twister: &Twister, gas: Option<&'static str>| match gas {
        Some(gas) => twister.lie(move |call, result| {
            if call["method"] == "eth_estimateGas" {
                *result = json!(gas);
            }
        }),
        None => twister.refuse(json!({ "code": -32_000, "message": "busy" }), |call| {
            call["method"] == "eth_estimateGas"
        }),
    };
    let offer = offer(&chain).await;
    let fill = async || {
        let draft = chain
            .fill(&world.lane, 7, offer)
            .await
            .expect("answered")
            .expect("an EVM chain has nonces");
        let adit_core::Draft::Evm(draft) = draft else { panic!("an EVM draft") };
        (draft.nonce, draft.gas_limit)
    };
    assert_eq!(fill().await, (7, 21_000), "as anvil says");
    let high = gas_limit(120_000);
    for (first, second, limit) in [
        (Some("0x1d4c0"), Some("0x1d4c0"), high),
        (Some("0x5208"), Some("0x1d4c0"), high),
        (None, Some("0x1"), high),
        (Some("0x1"), Some("0x1"), 21_000),
        (Some("0x1"), Some("0x1d4c0"), high),
    ] {
        [&one, &two].iter().for_each(|twister| twister.heal());
        estimates(&one, first);
        estimates(&two, second);
        assert_eq!(fill().await.1, limit, "{first:?} {second:?}");
        let adit_core::Draft::Evm(cancel) = world.cancel(&chain, 7).await else {
            panic!("an EVM draft")
        };
        assert_eq!(
            (cancel.gas_limit, cancel.to),
            (limit, world.lane.wallet.clone()),
            "{first:?} {second:?}"
        );
    }
}

/// F39: what the wallet holds is read at the highest block whose payments are booked, or above, and
/// otherwise not known.
#[tokio::test]
async fn f39_money_is_not_counted_by_an_endpoint_that_is_behind_a_booked_payment() {
    let world = World::with_dg().await;
    let (ahead, behind) = (world.chain(), Twister::start(world.anvil.url()).await);
    let lagging = world.chain_over(Trust::Single, &[behind.url()]);
    let paid = world.pay(&ahead, &leg("DG", BOB, 3), 0).await;
    let trail = ahead.watch(&world.watch(&[&paid.lineage], &[])).await.expect("a look").trail;
    ahead.broadcast(std::slice::from_ref(&paid.signed)).await;
    let seen = ahead.watch(&world.watch(&[&paid.lineage], &trail)).await.expect("a look");
    let booked = seen.tip.head.height;
    behind.stand_at(booked - 1);
    let offer = offer(&ahead).await;
    let request = PlanRequest {
        lane: world.lane.clone(),
        first: 1,
        offer,
        legs: vec![leg("DG", BOB, 1)],
        committed: Default::default(),
        booked,
        live: &[],
    };
    let right = adit_chain::Fault::Behind { chain: "anvil".to_owned(), head: booked - 1, booked };
    assert_eq!(lagging.plan(&request).await, Err(right.clone()));
    assert_eq!(lagging.funds(&world.lane, booked).await, Err(right));
    assert!(
        lagging.funds(&world.lane, booked - 1).await.is_ok_and(|funds| funds.len() == 2),
        "as long as nothing newer is booked"
    );
    behind.heal();
    assert_eq!(lagging.plan(&request).await.expect("a plan").ready.len(), 1);
    assert!(lagging.funds(&world.lane, booked).await.is_ok());
}
