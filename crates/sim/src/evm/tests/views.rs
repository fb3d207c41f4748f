//! What nodes show: by head, by tag, by height.

use super::*;

#[test]
fn a_node_that_lags_knows_nothing_newer() {
    let mut world = World::new(1);
    world.mine(5);
    let raw = world.payment(0, BOB, 7, FAIR);
    let hash = world.send(&raw);
    world.mine_until(1);
    let mined_at = world.chain.head();
    let wallet = world.wallet();
    let balance = Erc20::balanceOfCall { account: wallet }.abi_encode();
    let call = json!([{ "to": TOKEN, "data": Bytes::from(balance) }, "latest"]);
    for (upto, known) in [(mined_at - 1, false), (mined_at, true)] {
        let mut ask = |method: &str, params: Value| {
            world.asked_of(1, upto, method, params).unwrap_or_else(|error| panic!("{error}"))
        };
        assert_eq!(ask("eth_getTransactionReceipt", json!([hash])).is_null(), !known);
        assert_eq!(ask("eth_getTransactionByHash", json!([hash])).is_null(), !known);
        assert_eq!(
            ask("eth_getTransactionCount", json!([wallet, "latest"])),
            json!(if known { "0x1" } else { "0x0" })
        );
        assert_eq!(ask("eth_blockNumber", json!([])), json!(format!("0x{upto:x}")));
        assert_eq!(
            ask("eth_getBlockByNumber", json!(["latest", false]))["number"],
            json!(format!("0x{upto:x}"))
        );
        assert!(ask("eth_getBlockByNumber", json!([format!("0x{:x}", upto + 1), false])).is_null());
        assert_eq!(number(&ask("eth_call", call.clone())), HELD - if known { 7 } else { 0 });
    }
    let unknown = world.asked_of(
        1,
        mined_at - 1,
        "eth_getBalance",
        json!([wallet, format!("0x{mined_at:x}")]),
    );
    assert_eq!(unknown.expect_err("no such state").message, "header not found");
}

#[test]
fn a_block_shows_its_transactions_and_receipts() {
    let mut world = World::new(2);
    let raws = [world.payment(0, BOB, 7, FAIR), world.coins(1, EVE, 9, FAIR)];
    let hashes = raws.map(|raw| world.send(&raw));
    world.mine_until(2);
    let wallet = world.wallet();
    let mut seen = Vec::new();
    for height in 0..=world.chain.head() {
        let tag = format!("0x{height:x}");
        let (short, full) = (
            world.ask("eth_getBlockByNumber", json!([tag, false])),
            world.ask("eth_getBlockByNumber", json!([tag, true])),
        );
        let receipts = world.ask("eth_getBlockReceipts", json!([tag]));
        let transactions = full["transactions"].as_array().expect("a list").clone();
        assert_eq!(receipts.as_array().expect("a list").len(), transactions.len());
        for (index, transaction) in transactions.iter().enumerate() {
            let receipt = &receipts[index];
            assert_eq!(short["transactions"][index], transaction["hash"]);
            assert_eq!(transaction["from"], json!(wallet));
            assert_eq!(
                world.ask("eth_getTransactionByHash", json!([transaction["hash"]])),
                *transaction
            );
            assert_eq!(
                world.ask("eth_getTransactionReceipt", json!([transaction["hash"]])),
                *receipt
            );
            assert_eq!((&receipt["blockHash"], &receipt["status"]), (&full["hash"], &json!("0x1")));
            seen.push(transaction["hash"].clone());
        }
    }
    assert_eq!(json!(seen), json!(hashes));
    let token = world.receipt(hashes[0]);
    assert_eq!(token["logs"].as_array().map(Vec::len), Some(1));
    assert_eq!(token["logs"][0]["address"], json!(TOKEN));
    assert_eq!(world.receipt(hashes[1])["logs"], json!([]));
}

#[test]
fn f44_finality_stalls_and_goes_on_and_never_goes_back() {
    let mut world = World::new(3);
    let finalized = |world: &mut World, upto: u64| {
        number(
            &world
                .asked_of(0, upto, "eth_getBlockByNumber", json!(["finalized", false]))
                .expect("an answer")["number"],
        )
    };
    world.mine(30);
    assert_eq!((world.chain.finalized(), finalized(&mut world, 30)), (20, 20));
    assert_eq!(finalized(&mut world, 15), 5, "a node that lags knows less of it");
    world.chain.stall_finality(true);
    world.mine(30);
    assert_eq!((world.chain.finalized(), finalized(&mut world, 60)), (20, 20));
    world.reorg(8);
    assert_eq!(world.chain.finalized(), 20);
    world.chain.stall_finality(false);
    world.mine(1);
    assert_eq!((world.chain.finalized(), world.chain.head()), (52, 62));
    world.reorg(9);
    assert!(world.chain.finalized() >= 52);
    let safe = number(&world.ask("eth_getBlockByNumber", json!(["safe", false]))["number"]);
    assert!((53..=63).contains(&safe), "{safe}");
    assert_eq!(number(&world.ask("eth_getBlockByNumber", json!(["earliest", false]))["number"]), 0);
}

#[test]
fn fees_are_told_for_the_next_block_too() {
    let mut world = World::new(4);
    world.mine(10);
    let history = world.ask("eth_feeHistory", json!(["0x5", "latest", [50]]));
    let fees: Vec<u128> =
        history["baseFeePerGas"].as_array().expect("a list").iter().map(number).collect();
    assert_eq!((fees.len(), history["reward"].as_array().map(Vec::len)), (6, Some(5)));
    assert_eq!(number(&history["reward"][0][0]), TIP);
    assert_eq!(number(&world.ask("eth_maxPriorityFeePerGas", json!([]))), TIP);
    world.mine(1);
    let newest = world.ask("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(number(&newest["baseFeePerGas"]), fees[5]);
    let whole = world.ask("eth_feeHistory", json!(["0x400", "latest", []]));
    assert_eq!(whole["baseFeePerGas"].as_array().map(Vec::len), Some(13));
}

#[test]
fn times_grow_even_where_the_clock_does_not() {
    let mut world = World::new(5);
    for at in [START_SECONDS + 100, START_SECONDS + 100, START_SECONDS - 50, START_SECONDS + 200] {
        world.chain.mine(at, &mut world.dice);
    }
    let times: Vec<u128> =
        (0..=4).map(|height| number(&world.ask("eth_getBlockByNumber", json!([format!("0x{height:x}"), false]))["timestamp"])).collect();
    let start = u128::from(START_SECONDS);
    assert_eq!(times, [start, start + 100, start + 101, start + 102, start + 200]);
}

#[test]
fn what_it_does_not_know_it_says_in_the_protocols_codes() {
    let mut world = World::new(6);
    let mut code = |method: &str, params: Value| {
        world.asked_of(0, 0, method, params).expect_err("an error").code
    };
    assert_eq!(code("eth_mining", json!([])), -32_601);
    for (method, params) in [
        ("eth_getBalance", json!([])),
        ("eth_getBalance", json!(["0x12", "latest"])),
        ("eth_getBlockByNumber", json!(["newest", false])),
        ("eth_getBlockByNumber", json!(["-0x1", false])),
        ("eth_getTransactionReceipt", json!(["0xab"])),
        ("eth_sendRawTransaction", json!(["hello"])),
        ("eth_call", json!([{}, "latest"])),
        ("eth_simulateV1", json!([{}, "latest"])),
    ] {
        assert_eq!(code(method, params.clone()), -32_602, "{method} {params}");
    }
}

#[test]
fn contracts_have_code_and_others_have_none() {
    let mut world = World::new(7);
    world.chain.set_recipient_reverts(EVE, true);
    let wallet = world.wallet();
    let codes = [TOKEN, OTHER_TOKEN, EVE, BOB, wallet]
        .map(|account| world.ask("eth_getCode", json!([account, "latest"])).to_string());
    assert_eq!(codes[3..], ["\"0x\"", "\"0x\""]);
    let different: std::collections::BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), 4, "every contract has code of its own");
    let slot = world.ask("eth_getStorageAt", json!([TOKEN, B256::ZERO, "latest"]));
    assert_eq!(slot, json!(B256::ZERO));
    let decimals = Bytes::from(Erc20::decimalsCall {}.abi_encode());
    assert_eq!(
        number(&world.ask("eth_call", json!([{ "to": TOKEN, "data": decimals }, "latest"]))),
        18
    );
}

#[test]
fn one_seed_is_one_history() {
    let run = |seed: u64| {
        let mut world = World::new(seed);
        for nonce in 0..30 {
            let raw = world.payment(nonce, BOB, 1, FAIR);
            world.send(&raw);
            world.mine(2);
        }
        world.reorg(5);
        world.chain.drop_pool(&mut world.dice);
        world.mine(20);
        let head = world.chain.head();
        (
            world.chain.block_hash(head),
            world.now(),
            world.chain.history(0, head).cloned().collect::<Vec<_>>(),
        )
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11).2, run(12).2);
}
