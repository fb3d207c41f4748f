//! Blocks, reorganisations, and what a node tells that is behind.

use super::*;

#[test]
fn a_block_proves_itself() {
    let (mut chain, coins, mut dice) = chain(1);
    let txid = send(&mut chain, 1, &spend(&coins, COIN, 50_000, 2, SIGNALS)).expect("taken");
    mine_until(&mut chain, txid, &mut dice);
    let head = chain.head();
    let hash = ask(&mut chain, head, "getblockhash", json!([head]));
    let hex = ask(&mut chain, head, "getblock", json!([hash, 0]));
    let block: bitcoin::Block =
        bitcoin::consensus::encode::deserialize_hex(hex.as_str().expect("hexadecimal"))
            .expect("a block");
    assert_eq!(json!(block.block_hash()), hash);
    assert!(
        block.check_merkle_root() && block.txdata.iter().any(|body| body.compute_txid() == txid)
    );
}

#[test]
fn a_node_that_is_behind_knows_nothing_of_what_came_later() {
    let (mut chain, coins, mut dice) = chain(1);
    let before = chain.head();
    let txid = send(&mut chain, 0, &spend(&coins, COIN, 50_000, 2, SIGNALS)).expect("taken");
    mine_until(&mut chain, txid, &mut dice);
    let (now, coin) = (chain.head(), json!([coins[0].txid, coins[0].vout, false]));
    assert!(ask(&mut chain, now, "gettxout", coin.clone()).is_null());
    assert!(ask(&mut chain, before, "gettxout", coin).is_object());
    assert!(
        ask(&mut chain, before, "getrawtransaction", json!([txid, 1]))
            .as_str()
            .expect("an error")
            .contains("-5")
    );
    let listed = |script: ScriptBuf| json!(["start", [format!("raw({})", script.to_hex_string())]]);
    assert_eq!(
        ask(&mut chain, now, "scantxoutset", listed(script(2)))["unspents"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        ask(&mut chain, before, "scantxoutset", listed(script(2)))["unspents"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
}

/// What seeds are for: a version that was replaced is mined after all, and everything on the other
/// one is dead for good.
#[test]
fn a_reorganisation_can_confirm_the_older_version() {
    let mut older = 0;
    for seed in 0..60 {
        let (mut chain, coins, _) = chain(1);
        let mut dice = Dice::new(seed);
        let first = send(&mut chain, 1, &spend(&coins, COIN, 5_000, 2, SIGNALS)).expect("taken");
        let second =
            send(&mut chain, 1, &spend(&coins, COIN, 50_000, 3, SIGNALS)).expect("replaces");
        let child = spend(&[OutPoint::new(second, 0)], COIN - 50_000, 9_000, 4, SIGNALS);
        let child = send(&mut chain, 1, &child).expect("taken");
        mine_either(&mut chain, [first, second], &mut dice);
        // A miner who had heard of one version only took that one at once.
        if chain.is_mined(first) {
            continue;
        }
        chain.reorg(chain.head() - chain.finalized(), NOW, &mut dice);
        (0..FINAL_BLOCKS + 20).for_each(|_| chain.mine(NOW, &mut dice));
        if chain.is_final(first) {
            older += 1;
            assert!(chain.is_dead(second) && chain.is_dead(child) && !chain.is_mined(child));
        } else {
            assert!(!chain.is_dead(second), "seed {seed}");
        }
        assert!(
            !(chain.is_mined(first) && chain.is_mined(second)),
            "seed {seed}: a coin is spent once"
        );
    }
    assert!(older > 0, "no seed of 60 confirmed the older version");
}

#[test]
fn money_is_kept_by_every_block() {
    let (mut chain, mut coins, mut dice) = chain(4);
    let mut fees = 0;
    for number in 0..4 {
        let txid = send(&mut chain, 1, &spend(&coins[..1], COIN, 10_000 + number, 1, SIGNALS))
            .expect("taken");
        coins.remove(0);
        mine_until(&mut chain, txid, &mut dice);
        fees += chain.tx(txid).expect("sent").fee;
        if number == 2 {
            chain.reorg(1, NOW, &mut dice);
            mine_until(&mut chain, txid, &mut dice);
        }
    }
    let scripts = [script(1)];
    let held: u64 = chain.coins_of(&scripts, chain.head()).map(|(_, value)| value).sum();
    assert_eq!(held + fees, 4 * COIN);
}

#[test]
fn a_strangers_transaction_that_miners_prefer_kills_ours_when_it_is_final() {
    let (mut chain, coins, mut dice) = chain(1);
    let ours = send(&mut chain, 1, &spend(&coins, COIN, 50_000, 2, SIGNALS)).expect("taken");
    let theirs =
        chain.inject(spend(&coins, COIN, 300, 9, Sequence::MAX), true, NOW, &mut dice).txid;
    mine_until(&mut chain, theirs, &mut dice);
    assert!(!chain.is_dead(ours), "it may come back with a reorganisation");
    (0..FINAL_BLOCKS).for_each(|_| chain.mine(NOW, &mut dice));
    assert!(chain.is_dead(ours) && !chain.is_mined(ours));
}
