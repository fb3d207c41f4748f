//! Replacement, families, full pools, old age.

use super::*;

#[test]
fn older_rules_want_the_signal_and_newer_do_not() {
    let (mut chain, coins, _) = chain(1);
    let first = spend(&coins, COIN, 500, 2, Sequence::MAX);
    let second = spend(&coins, COIN, 5_000, 3, SIGNALS);
    for node in [0, 1] {
        send(&mut chain, node, &first).expect("taken");
    }
    assert!(
        send(&mut chain, 0, &second).expect_err("not signalled").contains("txn-mempool-conflict")
    );
    send(&mut chain, 1, &second).expect("whatever pays more replaces");
    assert!(chain.nodes[0].get(&first.compute_txid()).is_some());
    assert!(chain.nodes[1].get(&first.compute_txid()).is_none());
}

#[test]
fn a_replacement_pays_for_what_it_drives_out_and_for_its_own_relay() {
    let (mut chain, coins, _) = chain(2);
    let first = spend(&coins[..1], COIN, 1_000, 2, SIGNALS);
    let parent = send(&mut chain, 1, &first).expect("taken");
    let child = spend(&[OutPoint::new(parent, 0)], COIN - 1_000, 2_000, 3, SIGNALS);
    let child = send(&mut chain, 1, &child).expect("taken");
    let vbytes = chain.known[&parent].vbytes;
    let replacement = |fee| spend(&coins[..1], COIN, fee, 4, SIGNALS);
    for refused in [1_000 + vbytes, 3_000 + vbytes - 1] {
        assert!(
            send(&mut chain, 1, &replacement(refused))
                .expect_err("too little")
                .contains("insufficient fee"),
            "{refused}"
        );
    }
    send(&mut chain, 1, &replacement(3_000 + vbytes)).expect("pays for both and for itself");
    assert!(chain.nodes[1].get(&parent).is_none() && chain.nodes[1].get(&child).is_none());
}

#[test]
fn older_rules_allow_no_new_unconfirmed_coin_in_a_replacement() {
    let (mut chain, coins, _) = chain(2);
    let other = send(&mut chain, 0, &spend(&coins[1..], COIN, 500, 2, SIGNALS)).expect("taken");
    send(&mut chain, 0, &spend(&coins[..1], COIN, 500, 2, SIGNALS)).expect("taken");
    let both = spend(&[coins[0], OutPoint::new(other, 0)], 2 * COIN - 500, 9_000, 3, SIGNALS);
    assert!(
        send(&mut chain, 0, &both).expect_err("rule 2").contains("replacement-adds-unconfirmed")
    );
}

#[test]
fn a_chain_of_twenty_five_is_the_longest() {
    let (mut chain, coins, _) = chain(1);
    let (mut coin, mut worth) = (coins[0], COIN);
    for _ in 0..25 {
        let txid =
            send(&mut chain, 1, &spend(&[coin], worth, 500, 2, SIGNALS)).expect("within the limit");
        (coin, worth) = (OutPoint::new(txid, 0), worth - 500);
    }
    let refused =
        send(&mut chain, 1, &spend(&[coin], worth, 500, 2, SIGNALS)).expect_err("the 26th");
    assert!(refused.contains("too-long-mempool-chain"), "{refused}");
}

#[test]
fn a_full_pool_evicts_the_cheapest_family_and_takes_nothing_as_cheap() {
    let (mut chain, coins, mut dice) = chain(3);
    let cheap = spend(&coins[..1], COIN, 300, 2, SIGNALS);
    let carried = spend(&coins[1..2], COIN, 300, 2, SIGNALS);
    let dear = spend(&coins[2..], COIN, 9_000, 2, SIGNALS);
    let [cheap_id, carried_id, dear_id] =
        [&cheap, &carried, &dear].map(|body| send(&mut chain, 1, body).expect("taken"));
    let child = spend(&[OutPoint::new(carried_id, 0)], COIN - 300, 20_000, 3, SIGNALS);
    send(&mut chain, 1, &child).expect("taken");
    chain.set_pool_floor(1, 20_000, &mut dice);
    let held = [cheap_id, carried_id, dear_id].map(|txid| chain.nodes[1].get(&txid).is_some());
    assert_eq!(held, [false, true, true], "whose child pays for it stays");
    assert!(
        send(&mut chain, 1, &cheap).expect_err("too cheap").contains("mempool min fee not met")
    );
}

#[test]
fn what_waits_too_long_is_dropped_and_may_come_again() {
    let (mut chain, coins, mut dice) = chain(1);
    chain.set_level(1_000_000);
    let body = spend(&coins, COIN, 200, 2, SIGNALS);
    let txid = send(&mut chain, 1, &body).expect("taken");
    let nothing =
        super::super::miners::Terms { room: 0, level: 1_000_000, any_version_permille: 0 };
    chain.grow(nothing, NOW + EXPIRY_SECONDS + 1, &mut dice);
    assert!(chain.nodes[1].get(&txid).is_none() && !chain.miners.holds(&txid));
    send(&mut chain, 1, &body).expect("the same bytes again");
}

#[test]
fn who_lacks_a_coin_or_has_the_transaction_says_so_in_bitcoinds_words() {
    let (mut chain, coins, mut dice) = chain(1);
    let body = spend(&coins, COIN, 50_000, 2, SIGNALS);
    let orphan = spend(&[OutPoint::new(body.compute_txid(), 0)], COIN - 50_000, 9_000, 3, SIGNALS);
    assert!(send(&mut chain, 1, &orphan).expect_err("no parent").contains("-25"));
    let txid = send(&mut chain, 1, &body).expect("taken");
    send(&mut chain, 1, &body).expect("known in the pool");
    mine_until(&mut chain, txid, &mut dice);
    assert!(send(&mut chain, 1, &body).expect_err("in the chain").contains("-27"));
    assert!(
        send(&mut chain, 1, &spend(&coins, COIN, 60_000, 4, SIGNALS))
            .expect_err("spent")
            .contains("-25")
    );
}
