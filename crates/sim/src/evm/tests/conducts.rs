//! What tokens and recipients do when they are tried, and when they are mined.

use super::*;
use crate::evm::{Moved, TokenConduct};

/// What a conduct shows: the status, how many events, and what Bob has afterwards of 1,000 sent.
type Shown = (&'static str, usize, u128);

const AMOUNT: u128 = 1_000;

fn mined(world: &mut World) -> Shown {
    let raw = world.payment(0, BOB, AMOUNT, FAIR);
    let hash = world.send(&raw);
    world.mine_until(1);
    let receipt = world.receipt(hash);
    let call = Bytes::from(Erc20::balanceOfCall { account: BOB }.abi_encode());
    let held = number(&world.ask("eth_call", json!([{ "to": TOKEN, "data": call }, "latest"])));
    let truth = world.chain.history(0, u64::MAX).next().expect("mined").clone();
    assert_eq!(truth.succeeded, receipt["status"] == "0x1");
    assert_eq!(
        truth.moved.iter().filter(|moved| moved.to == BOB).map(|moved| moved.amount).sum::<u128>(),
        held
    );
    assert_eq!(world.now().coins, COINS - truth.fee);
    world.assert_conserved();
    shown(&receipt, held)
}

fn shown(answer: &Value, held: u128) -> Shown {
    let status = if answer["status"] == "0x1" { "0x1" } else { "0x0" };
    (status, answer["logs"].as_array().map_or(0, Vec::len), held)
}

/// The balances of Bob around a payment, as `adit-evm` asks.
fn simulated(world: &mut World) -> (Shown, Value) {
    let wallet = world.wallet();
    let balance = json!({ "from": wallet, "to": TOKEN, "input": Bytes::from(Erc20::balanceOfCall { account: BOB }.abi_encode()) });
    let pay = Bytes::from(Erc20::transferCall { to: BOB, amount: U256::from(AMOUNT) }.abi_encode());
    let pay =
        json!({ "from": wallet, "to": TOKEN, "value": "0x0", "input": pay, "gas": "0x1e8480" });
    let blocks = json!({ "blockStateCalls": [{ "calls": [balance, pay, balance] }], "validation": false, "traceTransfers": false });
    let answer = world.ask("eth_simulateV1", json!([blocks, "latest"]));
    let calls = answer[0]["calls"].as_array().expect("calls").clone();
    let held = number(&calls[2]["returnData"]) - number(&calls[0]["returnData"]);
    (shown(&calls[1], held), calls[1].clone())
}

fn dry_run(world: &mut World, method: &str) -> Result<Value, RpcError> {
    let pay = Bytes::from(Erc20::transferCall { to: BOB, amount: U256::from(AMOUNT) }.abi_encode());
    let call =
        json!([{ "from": world.wallet(), "to": TOKEN, "value": "0x0", "input": pay }, "latest"]);
    let head = world.chain.head();
    world.asked_of(0, head, method, call)
}

#[test]
fn every_conduct_shows_when_tried_and_when_mined() {
    let honest: Shown = ("0x1", 1, AMOUNT);
    let refusing: Shown = ("0x0", 0, 0);
    let nothing: Shown = ("0x1", 0, 0);
    for (conduct, tried, done) in [
        (TokenConduct::Honest, honest, honest),
        (TokenConduct::ReturnsNothing, honest, honest),
        (TokenConduct::Reverts, refusing, refusing),
        (TokenConduct::ReturnsFalse, nothing, nothing),
        (TokenConduct::Silent, nothing, nothing),
        (TokenConduct::TakesFee { basis_points: 250 }, ("0x1", 2, 975), ("0x1", 2, 975)),
        (TokenConduct::Blocks(BOB), refusing, refusing),
        (TokenConduct::Blocks(EVE), honest, honest),
        (TokenConduct::PaysTwice, ("0x1", 2, 2 * AMOUNT), ("0x1", 2, 2 * AMOUNT)),
        (TokenConduct::BurnsGas, refusing, refusing),
        (TokenConduct::SimulatesWell, honest, refusing),
    ] {
        let mut world = World::new(1);
        world.chain.set_conduct(TOKEN, conduct);
        assert_eq!(simulated(&mut world).0, tried, "{conduct:?}, tried");
        assert_eq!(
            dry_run(&mut world, "eth_estimateGas").is_ok(),
            tried.0 == "0x1",
            "{conduct:?}, estimated"
        );
        assert_eq!(mined(&mut world), done, "{conduct:?}, mined");
    }
}

#[test]
fn f47_what_a_dry_run_returns_tells_true_from_false_from_nothing() {
    for (conduct, returned) in [
        (TokenConduct::Honest, json!(B256::with_last_byte(1))),
        (TokenConduct::ReturnsFalse, json!(B256::ZERO)),
        (TokenConduct::ReturnsNothing, json!("0x")),
        (TokenConduct::Silent, json!(B256::with_last_byte(1))),
    ] {
        let mut world = World::new(2);
        world.chain.set_conduct(TOKEN, conduct);
        assert_eq!(dry_run(&mut world, "eth_call"), Ok(returned), "{conduct:?}");
    }
}

#[test]
fn f49_a_revert_is_told_in_words_and_in_data() {
    let mut world = World::new(3);
    world.chain.set_conduct(TOKEN, TokenConduct::Reverts);
    let error = dry_run(&mut world, "eth_call").expect_err("paused");
    assert_eq!((error.code, error.message.as_str()), (3, "execution reverted: Pausable: paused"));
    assert!(error.data.expect("a reason").starts_with("0x08c379a0"));
    let (_, call) = simulated(&mut world);
    assert_eq!(call["error"]["code"], json!(3));
    world.chain.set_conduct(TOKEN, TokenConduct::BurnsGas);
    assert_eq!(dry_run(&mut world, "eth_estimateGas").expect_err("burnt").message, "out of gas");
}

#[test]
fn f46_a_conduct_that_only_shows_when_mined() {
    for (conduct, done) in [
        (TokenConduct::Silent, ("0x1", 0, 0)),
        (TokenConduct::TakesFee { basis_points: 100 }, ("0x1", 2, 990)),
    ] {
        let mut world = World::new(4);
        world.chain.set_conduct_when_mined(TOKEN, conduct);
        assert_eq!(simulated(&mut world).0, ("0x1", 1, AMOUNT));
        assert_eq!(mined(&mut world), done, "{conduct:?}");
    }
}

#[test]
fn a_recipient_that_refuses_coins_reverts_and_its_fee_is_paid() {
    let mut world = World::new(5);
    world.chain.set_recipient_reverts(EVE, true);
    let raws = [world.coins(0, EVE, 5, FAIR), world.coins(1, BOB, 6, FAIR)];
    for raw in &raws {
        world.send(raw);
    }
    world.mine_until(2);
    let history: Vec<_> = world.chain.history(0, u64::MAX).cloned().collect();
    assert_eq!((history[0].succeeded, history[0].moved.as_slice()), (false, &[][..]));
    assert_eq!(history[1].moved, [Moved { token: None, to: BOB, amount: 6 }]);
    assert_eq!(world.now().coins, COINS - 6 - history[0].fee - history[1].fee);
    let call = json!([{ "from": world.wallet(), "to": EVE, "value": "0x5" }, "latest"]);
    assert_eq!(
        world.asked_of(0, 0, "eth_estimateGas", call.clone()).expect_err("it refuses").code,
        3
    );
    world.chain.set_recipient_reverts(EVE, false);
    assert_eq!(world.ask("eth_estimateGas", call), json!("0x5208"));
    world.assert_conserved();
}

#[test]
fn a_simulation_goes_on_top_of_itself_and_changes_nothing() {
    let mut world = World::new(6);
    let wallet = world.wallet();
    let pay = |amount: u128| {
        let input =
            Bytes::from(Erc20::transferCall { to: BOB, amount: U256::from(amount) }.abi_encode());
        json!({ "from": wallet, "to": TOKEN, "input": input })
    };
    let before = world.now();
    let blocks = json!({ "blockStateCalls": [{ "calls": [pay(HELD - 5), pay(6), pay(5)] }] });
    let answer = world.ask("eth_simulateV1", json!([blocks, "latest"]));
    let status: Vec<&Value> =
        answer[0]["calls"].as_array().expect("calls").iter().map(|call| &call["status"]).collect();
    assert_eq!(status, ["0x1", "0x0", "0x1"]);
    assert!(
        number(&answer[0]["calls"][0]["gasUsed"]) > number(&answer[0]["calls"][2]["gasUsed"]),
        "a new holder costs a slot"
    );
    assert_eq!(world.now(), before);
    let coins = json!({ "from": wallet, "to": BOB, "value": format!("0x{:x}", COINS) });
    let blocks = json!({ "blockStateCalls": [{ "calls": [coins, coins] }] });
    let head = world.chain.head();
    let error =
        world.asked_of(0, head, "eth_simulateV1", json!([blocks, "latest"])).expect_err("too much");
    assert_eq!(error.code, -38_014);
}

#[test]
fn too_little_gas_fails_and_costs_all_of_it() {
    let mut world = World::new(7);
    let input =
        Bytes::from(Erc20::transferCall { to: BOB, amount: U256::from(AMOUNT) }.abi_encode());
    let raw =
        signed(&world.key, TxEip1559 { gas_limit: 40_000, input, ..plain(0, TOKEN, 0, FAIR) });
    let hash = world.send(&raw);
    world.mine_until(1);
    let receipt = world.receipt(hash);
    assert_eq!((&receipt["status"], number(&receipt["gasUsed"])), (&json!("0x0"), 40_000));
    assert_eq!(world.now().tokens[0], HELD);
}
