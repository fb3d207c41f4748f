//! Payments that stand on the change of others: what may be replaced, what dies with a version, and
//! children that pay for their parents.

use adit_core::*;

use crate::coins::{Bitcoin, coin, draft};
use crate::world::{block, hash, lane};

/// F60: change that another payment builds on is not replaced from under it, and change that may be
/// replaced is not built on.
#[test]
fn f60_what_others_stand_on_is_not_replaced() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let parent = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    bitcoin.world.send(parent, hash(10));
    let change = coin(10, 1);
    let child = bitcoin
        .reserve(draft(8, std::slice::from_ref(&change), &legs[1..], 5), &legs[1..])
        .expect("our own change");
    let bump = draft(7, &[coin(1, 0)], &legs[..1], 20);
    assert_eq!(
        bitcoin
            .add(parent, Purpose::Pay, bump.clone(), &[])
            .expect_err("a child stands on it")
            .code(),
        "CHANGED_MEANWHILE"
    );
    assert_eq!(
        bitcoin
            .add(parent, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 20), &[])
            .expect_err("so does a cancel")
            .code(),
        "CHANGED_MEANWHILE"
    );
    let attempt = bitcoin.world.send(child, hash(11));
    bitcoin.finalize(child, attempt);
    bitcoin.add(parent, Purpose::Pay, bump, &[]).expect("nobody stands on it any more");
    let late = draft(9, &[change], &[], 5);
    assert_eq!(
        bitcoin.reserve(late, &[]).expect_err("the first version's change may never be").code(),
        "CHANGED_MEANWHILE"
    );
}

/// Rule R4, F59, F69: a payment stands on the change of a version; another version is final
/// instead. It can never be mined: its payee is free, and nobody used the key, so the lane goes on.
/// What still may be is not given up.
#[test]
fn r4_f69_what_stood_on_a_version_that_lost_is_dead_and_its_payee_is_free() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let parent = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    let older = bitcoin.world.send(parent, hash(10));
    bitcoin
        .add(parent, Purpose::Pay, draft(7, &[coin(1, 0)], &legs[..1], 20), &[])
        .expect("a bump");
    bitcoin.world.send(parent, hash(11));
    let child = bitcoin
        .reserve(draft(8, &[coin(11, 1)], &legs[1..], 5), &legs[1..])
        .expect("the change of the newest");
    bitcoin.world.send(child, hash(12));
    bitcoin
        .add(child, Purpose::Pay, draft(8, &[coin(11, 1), coin(2, 0)], &legs[1..], 20), &[])
        .expect("a bump");
    bitcoin.world.send(child, hash(13));
    let chain = lane().chain;
    let consumed = |coins: &[String]| {
        let anchor = |outpoint: &String| Anchor::Outpoint {
            chain: chain.clone(),
            outpoint: outpoint.clone(),
        };
        coins.iter().map(anchor).collect::<Vec<_>>()
    };
    let orphaned = |winner, by, coins: &[String]| Fact::Orphaned {
        winner,
        by,
        block: block(10),
        consumed: consumed(coins),
    };
    for wrong in [
        orphaned(parent, hash(99), &[coin(11, 1)]),
        orphaned(child, hash(12), &[coin(11, 1)]),
        orphaned(LineageId(bitcoin.world.id()), hash(10), &[coin(11, 1)]),
        orphaned(parent, hash(10), &[coin(2, 0)]),
        orphaned(parent, hash(10), &[]),
    ] {
        assert_eq!(
            bitcoin.world.observe(child, wrong.clone()).expect_err("no proof").code(),
            "BAD_ATTEMPT",
            "{wrong:?}"
        );
        assert_eq!(bitcoin.status(&legs[1]), Status::Processing);
    }
    bitcoin
        .world
        .observe(child, orphaned(parent, hash(10), &[coin(11, 1)]))
        .expect("both of its attempts spend it");
    assert_eq!(
        (bitcoin.status(&legs[1]), bitcoin.world.lane().state.clone()),
        (Status::Approved, LaneState::Running)
    );
    let State::Approved { after, .. } = &bitcoin.world.withdrawal(legs[1].withdrawal).state else {
        panic!("approved")
    };
    assert_eq!(after.as_ref().map(|dead| (dead.lineage, dead.evidence)), Some((child, hash(10))));
    bitcoin.finalize(parent, older);
    bitcoin
        .reserve(draft(9, &[coin(2, 0)], &legs[1..], 5), &legs[1..])
        .expect("he is paid by another one, with the coin that is free");
}

/// Rules R4, F22: a batch took a coin that an ended payment of ours had spent, since it was listed
/// by sources that were behind. Nobody else used the key: the payee is free, and the lane goes on.
/// Not where that transaction pays him itself.
#[test]
fn r4_f22_who_lost_a_coin_to_another_payment_of_ours_is_free_and_the_lane_goes_on() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let first = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    let alone = bitcoin.world.send(first, hash(10));
    bitcoin
        .add(first, Purpose::Pay, draft(7, &[coin(1, 0)], &legs, 20), &legs[1..])
        .expect("the second one joins");
    bitcoin.world.send(first, hash(11));
    bitcoin.finalize(first, alone);
    assert_eq!(
        (bitcoin.status(&legs[0]), bitcoin.status(&legs[1])),
        (Status::Completed, Status::Approved)
    );
    let second = bitcoin
        .reserve(draft(8, &[coin(1, 0)], &legs[1..], 5), &legs[1..])
        .expect("whether the coin is there the chain says");
    bitcoin.world.send(second, hash(12));
    let consumed = vec![Anchor::Outpoint { chain: lane().chain, outpoint: coin(1, 0) }];
    let lost =
        |by| Fact::Orphaned { winner: first, by, block: block(10), consumed: consumed.clone() };
    assert_eq!(
        bitcoin.world.observe(second, lost(hash(11))).expect_err("that one pays him").code(),
        "BAD_ATTEMPT"
    );
    assert_eq!(bitcoin.status(&legs[1]), Status::Processing);
    bitcoin.world.observe(second, lost(hash(10))).expect("that one does not");
    assert_eq!(
        (bitcoin.status(&legs[1]), bitcoin.world.lane().state.clone()),
        (Status::Approved, LaneState::Running)
    );
}

/// F60, F61: what has all its versions, and waits for a dearer market, gets a child; what others
/// stand on, what leaves nothing and what is to be undone does not. The child pays nobody, and is
/// raised for both from then on.
#[test]
fn f60_f61_what_cannot_be_replaced_any_more_is_lifted_by_a_child() {
    let mut bitcoin = Bitcoin::with(1);
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max =
        ATTEMPTS_MAX_LEAST;
    let legs = bitcoin.legs.clone();
    let parent = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(parent, hash(10));
    let acts = |bitcoin: &mut Bitcoin, sat_per_kvb: u64| {
        bitcoin.world.pass(60);
        let market =
            Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(sat_per_kvb)));
        let tip = Tip { market, ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
        bitcoin.world.due()
    };
    assert!(matches!(acts(&mut bitcoin, 30_000)[..], [Act::Bump { .. }]));
    bitcoin
        .add(parent, Purpose::Pay, draft(7, &[coin(1, 0)], &legs, 20), &[])
        .expect("the last allowed version");
    bitcoin.world.send(parent, hash(11));
    let lifted = acts(&mut bitcoin, 30_000);
    let offer = Offer::Bitcoin(FeeRate::from_sat_per_kvb(30_000));
    assert_eq!(lifted, [Act::Lift { lineage: parent, offer }]);
    assert!(matches!(acts(&mut bitcoin, 20_000)[..], [Act::Send { .. }]), "it offers enough");
    let child = bitcoin
        .reserve(draft(8, &[coin(11, 1)], &[], 60), &[])
        .expect("the change of the newest version");
    let fund = bitcoin.world.send(child, hash(12));
    let raised = acts(&mut bitcoin, 60_000);
    let bumps: Vec<LineageId> = raised
        .iter()
        .filter_map(|act| if let Act::Bump { lineage, .. } = act { Some(*lineage) } else { None })
        .collect();
    assert_eq!(bumps, [child], "{raised:?}");
    assert!(
        !raised.iter().any(|act| matches!(act, Act::Lift { .. })),
        "somebody stands on the parent"
    );
    let attempt = bitcoin.world.lineage(parent).latest().id;
    bitcoin.finalize(parent, attempt);
    bitcoin.finalize(child, fund);
    assert_eq!(bitcoin.status(&legs[0]), Status::Completed);
}

#[test]
fn f60_what_is_to_be_undone_or_leaves_nothing_is_not_lifted() {
    let mut bitcoin = Bitcoin::with(1);
    bitcoin.world.rules.chains.get_mut(&lane().chain).expect("a chain").attempts_max =
        ATTEMPTS_MAX_LEAST;
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let known = bitcoin.world.lineage(lineage).clone();
    assert!(may_be_lifted(std::slice::from_ref(&known), &known));
    let mut spent = known.clone();
    let Draft::Bitcoin(draft) = &mut spent.attempts[0].draft else { panic!("of Bitcoin") };
    draft.outputs.retain(DraftOutput::is_payment);
    assert!(!may_be_lifted(std::slice::from_ref(&spent), &spent), "no change");
    let Leg { withdrawal, user, book, source_asset, asset, .. } = legs[0].clone();
    let reason = "asked".to_owned();
    bitcoin.world.must(Command::Cancel {
        withdrawal,
        user,
        book,
        source_asset,
        asset,
        lineage: Some(lineage),
        reason,
    });
    let undone = bitcoin.world.lineage(lineage).clone();
    assert!(
        !may_be_lifted(std::slice::from_ref(&undone), &undone),
        "it would be paid all the sooner"
    );
}
