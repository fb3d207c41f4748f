//! A lane's life: leased by one process, reconciled before it runs, stopped until a person explains
//! it.

use std::collections::BTreeMap;

use adit_core::*;

use super::world::*;

fn journal_of(number: u128) -> JournalId {
    JournalId(uuid::Uuid::from_u128(number))
}

fn replica(number: u128) -> ReplicaId {
    ReplicaId(uuid::Uuid::from_u128(number))
}

fn token(number: u128) -> LeaseToken {
    LeaseToken(uuid::Uuid::from_u128(number))
}

/// A lease of this epoch with the token of this claim. Nothing but leases was counted for the
/// signer.
fn granted(epoch: u64, claim: u128) -> Result<Answer, Refusal> {
    let (incarnation, token) = (first_incarnation(), token(claim));
    Ok(Answer::Leased(Granted {
        epoch: Epoch(epoch),
        incarnation,
        token,
        counter: epoch,
        witness: None,
    }))
}

fn other_lane() -> LaneId {
    "devnet:0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("a lane")
}

fn opening(from_number: u64, held: u128) -> Opening {
    Opening {
        from_number,
        holdings: vec![Holding { asset: asset("ETH"), amount: Amount::new(held) }],
    }
}

/// A lane that nobody has leased yet. Each claim of its lease draws a token: 1, 2, 3 … The signer
/// notes the first opening that it is told.
struct Fresh(World, u128, Option<Opening>);

impl Fresh {
    fn new() -> Self {
        Self(World::with_points(10_000), 0, None)
    }

    fn lease(&mut self, owner: u128, seconds: u64, with: u128) -> Result<Answer, Refusal> {
        self.claim(owner, seconds, with, false)
    }

    fn claim(
        &mut self,
        owner: u128,
        seconds: u64,
        with: u128,
        alone: bool,
    ) -> Result<Answer, Refusal> {
        self.1 += 1;
        let (owner, length, journal, token) =
            (replica(owner), Span::from_seconds(seconds), journal_of(with), token(self.1));
        self.0.give(Command::Lease {
            lane: other_lane(),
            owner,
            length,
            journal,
            tip: None,
            token,
            first: first_incarnation(),
            alone,
        })
    }

    /// Reads the journal, where `owner` may, and ends reconciling.
    fn start(
        &mut self,
        owner: u128,
        epoch: u64,
        chain_nonce: u64,
        unfinished: bool,
        held: u128,
    ) -> Result<Answer, Refusal> {
        let funds =
            vec![Funds { asset: asset("ETH"), balance: Amount::new(held), at: self.0.view.now }];
        let pins = BTreeMap::from([("chain_id".to_owned(), "31337".to_owned())]);
        let (lane, owner, epoch) = (other_lane(), replica(owner), Epoch(epoch));
        self.0.give(Command::JournalRead { lane: lane.clone(), owner, epoch }).ok();
        let row = self.0.view.lanes[&lane].row.as_ref().expect("leased");
        let seen = opening(row.first_number(chain_nonce, unfinished), held);
        let opening = (!row.has_started()).then(|| self.2.get_or_insert(seen).clone());
        self.0.give(Command::StartLane { lane, owner, epoch, chain_nonce, opening, pins, funds })
    }

    fn lane(&self) -> &Lane {
        self.0.view.lanes[&other_lane()].row.as_ref().expect("leased")
    }

    fn net(&self, account: &Account) -> i128 {
        self.0.net(account)
    }
}

/// F20: a process that is alone on its store need not wait for a lease whose owner cannot exist any
/// more. It still gets a new epoch, which fences whatever is left of him, reconciles first, and
/// needs the lane's own signer.
#[test]
fn f20_who_is_alone_takes_over_at_once_with_a_new_epoch() {
    let mut lane = Fresh::new();
    assert_eq!(lane.lease(1, 10, 9), granted(1, 1));
    lane.start(1, 1, 0, false, 0).expect("started");
    assert_eq!(
        lane.claim(1, 10, 9, true),
        granted(1, 1),
        "his own lease is extended, with its token"
    );
    assert_eq!(lane.lane().state, LaneState::Running);
    assert_eq!(lane.claim(2, 10, 8, true).expect_err("another journal").code(), "FOREIGN_JOURNAL");
    assert_eq!(lane.claim(2, 10, 9, true), granted(2, 4));
    assert_eq!(lane.lane().state, LaneState::Reconciling);
    assert_eq!(lane.start(1, 1, 0, false, 0).expect_err("fenced").code(), "NOT_LEASED");
    assert_eq!(lane.lease(1, 10, 9).expect_err("held by the second").code(), "LEASE_HELD");
}

/// F20, rule R7: one owner at a time, until the very end of his lease; a new owner has a new epoch
/// and reconciles first.
#[test]
fn f20_a_lease_has_one_owner_until_its_end_and_a_new_epoch_after_it() {
    let mut lane = Fresh::new();
    let begun = lane.0.view.now;
    assert_eq!(lane.lease(1, 10, 9), granted(1, 1));
    lane.start(1, 1, 0, false, 0).expect("started");
    lane.0.pass(9);
    let held = Refusal::LeaseHeld {
        lane: other_lane().to_string(),
        until: begun.plus(Span::from_seconds(10)),
    };
    assert_eq!(lane.lease(2, 10, 9), Err(held));
    assert_eq!(lane.lease(1, 10, 9), granted(1, 1), "extended, with its token");
    assert_eq!(lane.lane().state, LaneState::Running, "an extension changes nothing else");
    lane.0.pass(10);
    assert_eq!(lane.lease(2, 10, 9), granted(2, 4), "its end is no part of it");
    assert_eq!(lane.lane().state, LaneState::Reconciling);
    assert_eq!(lane.start(1, 1, 0, false, 0).expect_err("an older lease").code(), "NOT_LEASED");
    assert_eq!(lane.start(1, 2, 0, false, 0).expect_err("another's lease").code(), "NOT_LEASED");
    assert_eq!(lane.lease(2, 10, 10).expect_err("another journal").code(), "FOREIGN_JOURNAL");
}

#[test]
fn f20_an_owner_who_let_his_lease_run_out_gets_a_new_epoch_too() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    lane.start(1, 1, 0, false, 0).expect("started");
    lane.0.pass(10);
    assert_eq!(lane.start(1, 1, 0, false, 0).expect_err("it has run out").code(), "NOT_LEASED");
    assert_eq!(lane.lease(1, 10, 9), granted(2, 2));
    assert_eq!(lane.lane().state, LaneState::Reconciling);
}

#[test]
fn a_halted_lane_stays_halted_whoever_leases_it() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    let reason = HaltReason::Operator { reason: "drill".to_owned() };
    let halt = Command::HaltLane { lane: other_lane(), reason: reason.clone() };
    assert_eq!(lane.0.must(halt.clone()), Answer::Done);
    assert_eq!(lane.0.must(halt), Answer::Unchanged, "the first reason stays");
    lane.0.pass(10);
    lane.lease(2, 10, 9).expect("leased");
    assert!(
        matches!(&lane.lane().state, LaneState::Halted { reason: kept, .. } if *kept == reason)
    );
    assert_eq!(lane.start(2, 2, 0, false, 0), Ok(Answer::Unchanged));
}

/// The first start takes over what the chain shows: its count of nonces, and what the wallet holds.
#[test]
fn f22_a_used_wallet_is_adopted_from_its_own_count() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    lane.start(1, 1, 30, false, 5).expect("started");
    assert_eq!((lane.lane().next_nonce, lane.lane().adopted_from), (30, 30));
    let hot = Account::Hot { wallet: other_lane(), asset: asset("ETH") };
    assert_eq!(lane.net(&hot), -5, "what the wallet holds is a debit balance");
    assert_eq!(
        lane.lane().balance_of(&asset("ETH")).map(|funds| funds.balance),
        Some(Amount::new(5))
    );
    assert!(lane.lane().balance_of(&asset("DG")).is_none());
    assert_eq!(lane.start(1, 1, 30, false, 5), Ok(Answer::Unchanged), "it runs already");
}

#[test]
fn an_empty_wallet_opens_no_account_and_is_not_opened_twice() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    let moved = lane.0.transfers.len();
    lane.start(1, 1, 0, false, 0).expect("started");
    assert_eq!(lane.0.transfers.len(), moved);
    lane.0.pass(10);
    lane.lease(1, 10, 9).expect("leased again");
    lane.start(1, 2, 0, false, 7).expect("started again");
    assert_eq!(lane.0.transfers.len(), moved, "what came in later is not an opening balance");
}

/// F95: a store that lost the lane's first start begins where that one had begun. What the wallet
/// holds by now lacks what was paid since, which is made again from the journal and booked once
/// more when it is settled.
#[test]
fn f95_a_first_start_that_was_lost_begins_where_it_had_begun() {
    let mut lane = Fresh::new();
    lane.2 = Some(opening(30, 100));
    lane.lease(1, 10, 9).expect("leased");
    lane.start(1, 1, 30, true, 60).expect("started");
    assert_eq!(
        (lane.lane().next_nonce, lane.lane().adopted_from),
        (30, 30),
        "and it needs no person, whoever waits"
    );
    assert_eq!(lane.net(&Account::Hot { wallet: other_lane(), asset: asset("ETH") }), -100);
    assert_eq!(
        lane.lane().balance_of(&asset("ETH")).map(|funds| funds.balance),
        Some(Amount::new(60)),
        "what it can pay with now"
    );
}

#[test]
fn f95_a_lane_does_not_start_for_the_first_time_without_an_opening() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    let (id, owner, epoch, pins) = (
        other_lane(),
        replica(1),
        Epoch(1),
        BTreeMap::from([("chain_id".to_owned(), "31337".to_owned())]),
    );
    lane.0.give(Command::JournalRead { lane: id.clone(), owner, epoch }).expect("read");
    let start = Command::StartLane {
        lane: id,
        owner,
        epoch,
        chain_nonce: 0,
        opening: None,
        pins,
        funds: Vec::new(),
    };
    assert_eq!(lane.0.give(start).expect_err("no opening").code(), "CHANGED_MEANWHILE");
    assert_eq!(lane.lane().state, LaneState::Reconciling);
}

/// F89: a wallet that was used before, and withdrawals that wait: that is what a restored backup
/// looks like.
#[test]
fn f89_a_used_wallet_with_waiting_withdrawals_does_not_start() {
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    lane.start(1, 1, 1, true, 0).expect("judged");
    assert!(matches!(
        &lane.lane().state,
        LaneState::Halted { reason: HaltReason::ForeignUse { nonce: 0, hash: None, .. }, .. }
    ));
}

/// F73, F89: a chain that has more of this wallet's transactions than the book stops the lane; one
/// that has as many does not.
#[test]
fn f89_a_chain_ahead_of_the_book_stops_the_lane() {
    for (chain_nonce, runs) in [(29, true), (30, true), (31, false)] {
        let mut lane = Fresh::new();
        lane.lease(1, 10, 9).expect("leased");
        lane.start(1, 1, 30, false, 0).expect("started");
        lane.0.pass(10);
        lane.lease(1, 10, 9).expect("leased again");
        lane.start(1, 2, chain_nonce, false, 0).expect("judged");
        assert_eq!(lane.lane().state == LaneState::Running, runs, "the chain has {chain_nonce}");
        assert_eq!(lane.lane().next_nonce, 30, "the chain is never a source of our count");
    }
}

/// F22: what used a number may be found only later, in older blocks. Then the halt says it; nothing
/// else takes its place.
#[test]
fn f22_what_used_a_number_takes_the_place_of_not_knowing_it() {
    let mut world = World::with_points(0);
    let foreign = |nonce, found: Option<u8>| HaltReason::ForeignUse {
        nonce,
        hash: found.map(hash),
        decoded: format!("{nonce} {found:?}"),
    };
    let mut halt = |reason: &HaltReason| {
        world.must(Command::HaltLane { lane: lane(), reason: reason.clone() });
        let LaneState::Halted { reason, .. } = world.lane().state.clone() else {
            panic!("it is halted")
        };
        reason
    };
    let (unknown, found) = (foreign(9, None), foreign(9, Some(1)));
    assert_eq!(halt(&unknown), unknown);
    assert_eq!(halt(&foreign(10, Some(2))), unknown, "another number");
    assert_eq!(halt(&found), found);
    assert_eq!(halt(&foreign(9, Some(3))), found);
    assert_eq!(halt(&unknown), found);
}

/// F106: a lease is dated and judged by the database's clock where that has one, whatever the
/// process believes the time to be.
#[test]
fn f106_the_stores_clock_dates_leases_and_judges_them() {
    let mut lane = Fresh::new();
    let store = lane.0.view.now.plus(Span::from_seconds(600));
    lane.0.view.store_clock = Some(store);
    lane.lease(1, 10, 9).expect("leased");
    assert_eq!(
        lane.lane().lease.as_ref().map(|lease| lease.until),
        Some(store.plus(Span::from_seconds(10)))
    );
    assert_eq!(lane.lease(2, 10, 9).expect_err("held").code(), "LEASE_HELD");
    lane.0.view.now = store.plus(Span::from_seconds(3_600));
    assert_eq!(lane.lease(2, 10, 9).expect_err("its own clock is nobody's").code(), "LEASE_HELD");
    lane.0.view.store_clock = Some(store.plus(Span::from_seconds(11)));
    lane.lease(2, 10, 9).expect("it is over");
}

/// F22: nobody takes nonces back that were given out; the next one is the least.
#[test]
fn f22_a_key_is_adopted_from_the_next_nonce_on_and_not_below() {
    let mut world = World::with_points(0);
    let adopt = |from_nonce: u64| Command::AdoptKey { lane: lane(), from_nonce };
    assert_eq!(world.give(adopt(6)).expect_err("given out").code(), "BAD_ATTEMPT");
    world.must(adopt(7));
    assert_eq!(
        (world.lane().next_nonce, world.lane().adopted_from, &world.lane().state),
        (7, 7, &LaneState::Reconciling)
    );
}

/// F22, F73, found by a simulated day: the nonces that an adoption passes over may be our own,
/// forgotten by a restored database. The journal is read from the next nonce on, so that one moves
/// only when reconciling is over.
#[test]
fn f22_an_adoption_does_not_pass_over_what_the_journal_may_know() {
    let mut world = World::with_points(0);
    world.must(Command::AdoptKey { lane: lane(), from_nonce: 9 });
    assert_eq!((world.lane().next_nonce, world.lane().adopted_from), (7, 9));
    let mut lane = Fresh::new();
    lane.lease(1, 10, 9).expect("leased");
    lane.start(1, 1, 7, false, 0).expect("started");
    lane.0.must(Command::AdoptKey { lane: other_lane(), from_nonce: 9 });
    assert_eq!(lane.lane().next_nonce, 7, "what the journal knows is read from here on");
    lane.start(1, 1, 9, true, 0).expect("judged");
    assert_eq!((lane.lane().next_nonce, &lane.lane().state), (9, &LaneState::Running));
}

/// F51, F41: of a halted lane only a token's code can be accepted anew, and only where it was
/// pinned.
#[test]
fn f51_only_known_code_is_accepted_anew() {
    let mut world = World::with_points(0);
    let resume = |fact: &str| {
        let accept = Some(AcceptedPin { fact: fact.to_owned(), value: "0xbb".to_owned() });
        Command::ResumeLane { lane: lane(), accept }
    };
    assert_eq!(world.must(resume("code/DG")), Answer::Unchanged, "it runs");
    world.must(Command::HaltLane { lane: lane(), reason: HaltReason::WalletHasCode });
    let pins =
        &mut world.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane").pins;
    pins.extend([
        ("decimals/DG".to_owned(), "18".to_owned()),
        ("implementation/DG".to_owned(), "0xaa".to_owned()),
    ]);
    for fact in ["code/DG", "decimals/DG", "chain_id", "genesis"] {
        assert_eq!(world.give(resume(fact)).expect_err("refused").code(), "BAD_ATTEMPT", "{fact}");
    }
    world.must(resume("implementation/DG"));
    assert_eq!(
        (world.lane().pins["implementation/DG"].as_str(), &world.lane().state),
        ("0xbb", &LaneState::Reconciling)
    );
    let told = &world.events.last().expect("told").kind;
    assert!(
        matches!(told, EventKind::LaneResumed { accepted: Some(fact), .. } if fact == "implementation/DG")
    );
}

/// What is pinned is compared with what is seen now: a fact that is new is no change.
#[test]
fn f41_f51_the_changed_fact_is_named_with_both_values() {
    let mut row = Lane::new(other_lane());
    row.pins = BTreeMap::from([
        ("chain_id".to_owned(), "1".to_owned()),
        ("code/DG".to_owned(), "0xaa".to_owned()),
    ]);
    let seen = |id: &str, code: &str| {
        let facts = [("chain_id", id), ("code/DG", code), ("code/USD", "0xcc")];
        facts.into_iter().map(|(fact, value)| (fact.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(changed_pin(&row, &seen("1", "0xaa")), None);
    let changed = HaltReason::PinChanged {
        fact: "code/DG".to_owned(),
        pinned: "0xaa".to_owned(),
        seen: "0xbb".to_owned(),
    };
    assert_eq!(changed_pin(&row, &seen("1", "0xbb")), Some(changed));
    assert!(
        matches!(changed_pin(&row, &seen("2", "0xaa")), Some(HaltReason::PinChanged { fact, .. }) if fact == "chain_id")
    );
}

/// F42: a node that syncs or has stalled names an older final block than was known; what was final
/// stays final.
#[test]
fn f42_a_node_that_lags_does_not_take_finality_back() {
    let mut world = World::with_points(0);
    for (named, known) in [(18, 18), (12, 18), (0, 18), (19, 19)] {
        let tip = Tip { final_height: named, ..world.tip(1) };
        world.see(tip);
        assert_eq!(
            world.lane().tip.as_ref().map(|tip| tip.final_height),
            Some(known),
            "it names {named}"
        );
    }
}

/// The trail is bounded, a balance replaces the one before it, and only the lease's own process
/// reports.
#[test]
fn progress_is_bounded_and_reported_by_the_lease() {
    let mut world = World::with_points(0);
    let advance = |world: &mut World, final_height: u64, blocks: u64, held: u128| {
        let tip = Tip { final_height, ..world.tip(1) };
        let funds =
            vec![Funds { asset: asset("ETH"), balance: Amount::new(held), at: world.view.now }];
        world.must(Command::Advance {
            lane: lane(),
            epoch: Epoch(1),
            tip,
            trail: (0..blocks).map(block).collect(),
            funds,
            coin_places: None,
        });
    };
    let most = TRAIL_BLOCKS_MAX as u64;
    advance(&mut world, 18, most, 5);
    assert_eq!(world.lane().trail.len(), TRAIL_BLOCKS_MAX);
    advance(&mut world, 12, most + 1, 6);
    assert_eq!(
        (world.lane().trail.first(), world.lane().trail.last()),
        (Some(&block(1)), Some(&block(most)))
    );
    assert_eq!(world.lane().funds.len(), 1);
    assert_eq!(
        world.lane().balance_of(&asset("ETH")).map(|funds| funds.balance),
        Some(Amount::new(6))
    );
    let late = Command::Advance {
        lane: lane(),
        epoch: Epoch(2),
        tip: world.tip(1),
        trail: Vec::new(),
        funds: Vec::new(),
        coin_places: None,
    };
    assert_eq!(world.give(late).expect_err("no such lease").code(), "NOT_LEASED");
}

/// What an observer learned before an admin asked for a whole look does not take the place of that
/// look.
#[test]
fn f100_a_rescan_outlasts_what_was_learned_before_it() {
    let mut world = World::with_points(0);
    let learn = |world: &mut World, places: &CoinPlaces| {
        let (tip, coin_places) = (world.tip(1), Some(places.clone()));
        world.must(Command::Advance {
            lane: lane(),
            epoch: Epoch(1),
            tip,
            trail: Vec::new(),
            funds: Vec::new(),
            coin_places,
        });
        world.lane().coin_places.clone()
    };
    let before = CoinPlaces { below: 9, holding: [3].into(), rescans: 0 };
    assert_eq!(learn(&mut world, &before), before);
    assert!(before.may_hold(3) && before.may_hold(9) && !before.may_hold(8));
    world.must(Command::Rescan { lane: lane() });
    let nothing = CoinPlaces { rescans: 1, ..CoinPlaces::default() };
    assert_eq!((world.lane().coin_places.clone(), nothing.may_hold(0)), (nothing.clone(), true));
    assert_eq!(learn(&mut world, &before), nothing);
    let after = CoinPlaces { rescans: 1, ..before };
    assert_eq!(learn(&mut world, &after), after);
}
