//! Accepting and refusing: order of checks, limits, idempotency, windows at their edges.

use adit_core::*;
use proptest::prelude::*;

use super::world::*;

#[test]
fn a_claim_holds_points_and_consumes_its_nonce() {
    let mut world = World::with_points(10_000);
    let id = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.available("XP"), 7_000);
    let claim = world.withdrawal(id);
    assert_eq!(
        (claim.deducted, claim.balance_before, claim.balance_after),
        (Amount::new(3_000), Amount::new(10_000), Amount::new(7_000))
    );
    assert_eq!(claim.state.status(), Status::Approved);
    assert_eq!(world.view.users[&user()].row.as_ref().expect("the user").claim_nonce, 1);
}

/// D4: when several things are wrong, the first in order is reported, and nothing is consumed.
#[test]
fn the_first_wrong_thing_is_reported() {
    let mut world = World::with_points(10);
    let mut wrong = world.claim(dg(1));
    wrong.destination = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    if let Some(claim) = &mut wrong.claim {
        claim.nonce = 5;
        claim.deadline = 1;
    }
    let mut codes = Vec::new();
    let mut step = |world: &mut World, request: &Request| {
        codes.push(world.give(Command::Request(request.clone())).expect_err("refused").code())
    };
    step(&mut world, &wrong);
    wrong.destination = destination();
    step(&mut world, &wrong);
    wrong.claim.as_mut().expect("a claim").nonce = 0;
    step(&mut world, &wrong);
    wrong.claim.as_mut().expect("a claim").deadline = 1_700_000_000 + 901;
    step(&mut world, &wrong);
    wrong.claim.as_mut().expect("a claim").deadline = 1_700_000_000 + 900;
    step(&mut world, &wrong);
    wrong.amount = dg(100_001);
    step(&mut world, &wrong);
    world.must(world.credit("more", "XP", 1_000_000));
    step(&mut world, &wrong);
    assert_eq!(
        codes,
        [
            "WALLET_NOT_LINKED",
            "NONCE_INVALID",
            "SIGNATURE_EXPIRED",
            "DEADLINE_TOO_FAR",
            "BELOW_MINIMUM",
            "INSUFFICIENT_BALANCE",
            "DAILY_LIMIT_EXCEEDED"
        ]
    );
    wrong.amount = dg(3_000);
    world.must(Command::Request(wrong));
}

/// Abuse case 16, at the second.
#[test]
fn a_deadline_is_met_in_its_own_second_and_missed_in_the_next() {
    let mut world = World::with_points(10_000);
    let request = world.claim(dg(3_000));
    let deadline = i64::try_from(request.claim.as_ref().expect("a claim").deadline).expect("fits");
    world.at(deadline + 1);
    assert_eq!(
        world.give(Command::Request(request.clone())).expect_err("too late").code(),
        "SIGNATURE_EXPIRED"
    );
    world.at(deadline);
    world.must(Command::Request(request));
}

#[test]
fn f82_a_replay_names_the_withdrawal_that_used_the_nonce() {
    let mut world = World::with_points(10_000);
    let request = world.claim(dg(3_000));
    world.must(Command::Request(request.clone()));
    let again = Request { id: WithdrawalId(world.id()), ..request.clone() };
    let refusal = world.give(Command::Request(again)).expect_err("used");
    assert_eq!(refusal, Refusal::NonceUsed { expected: 1, got: 0, withdrawal: Some(request.id) });
    let mut digest = Request { id: WithdrawalId(world.id()), ..request.clone() };
    digest.claim.as_mut().expect("a claim").nonce = 1;
    assert_eq!(
        world.give(Command::Request(digest)),
        Err(Refusal::DigestUsed { withdrawal: request.id })
    );
    assert_eq!(world.available("XP"), 7_000);
}

#[test]
fn an_idempotency_key_replays_its_own_body_and_refuses_another() {
    let mut world = World::with_points(10_000);
    let mut request = world.claim(dg(3_000));
    request.idempotency =
        Some(Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(1) });
    world.must(Command::Request(request.clone()));
    let again = Request { id: WithdrawalId(world.id()), ..request.clone() };
    assert_eq!(world.must(Command::Request(again.clone())), Answer::Replayed(request.id));
    let other = Request {
        idempotency: Some(Idempotency {
            key: "once".parse().expect("a key"),
            fingerprint: hash(2),
        }),
        ..again
    };
    assert_eq!(
        world.give(Command::Request(other)),
        Err(Refusal::IdempotencyMismatch { withdrawal: request.id })
    );
}

#[test]
fn a_refused_request_leaves_its_key_unused() {
    let mut world = World::with_points(10);
    let mut request = world.claim(dg(3_000));
    request.idempotency =
        Some(Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(1) });
    assert_eq!(
        world.give(Command::Request(request.clone())).expect_err("poor").code(),
        "INSUFFICIENT_BALANCE"
    );
    world.must(world.credit("later", "XP", 5_000));
    assert!(matches!(world.must(Command::Request(request)), Answer::Accepted(_)));
}

#[test]
fn the_limit_says_how_much_is_left_and_when_more_will_be() {
    let mut world = World::with_points(1_000_000);
    let first = world.view.now;
    world.request_claim(60_000).expect("accepted");
    world.pass(3_600);
    world.request_claim(30_000).expect("accepted");
    let Err(Refusal::LimitExceeded { limit, .. }) = world.request_claim(10_001) else {
        panic!("over the limit")
    };
    assert_eq!((limit.left, limit.more_at), (dg(10_000), Some(first.plus(Span::from_hours(24)))));
    world.request_claim(10_000).expect("exactly what is left");
    world.at(first.plus(Span::from_hours(24)).seconds());
    world.request_claim(60_000).expect("the first has just left the window");
}

#[test]
fn a_suspension_refuses_and_its_end_accepts() {
    let mut world = World::with_points(10_000);
    let points = Scope::Asset { asset: asset("XP") };
    for scope in
        [Scope::All, Scope::Asset { asset: asset("DG") }, points, Scope::User { user: user() }]
    {
        world.must(Command::Suspend { scope: scope.clone(), reason: "drill".to_owned() });
        assert_eq!(world.request_claim(3_000).expect_err("suspended").code(), "SUSPENDED");
        world.must(Command::Resume { scope });
    }
    world.request_claim(3_000).expect("accepted");
}

#[test]
fn a_second_wallet_waits_and_a_foreign_one_is_refused() {
    let mut world = World::with_points(10_000);
    let second: Destination =
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".parse().expect("an address");
    world.must(Command::LinkWallet { user: user(), address: second.clone() });
    let request = Request { destination: second.clone(), ..world.claim(dg(3_000)) };
    assert_eq!(
        world.give(Command::Request(request)).expect_err("cooling").code(),
        "WALLET_COOLING"
    );
    let bob: UserId = "bob".parse().expect("a user");
    world.must(Command::PutUser { user: bob.clone(), tier: None });
    assert_eq!(
        world.give(Command::LinkWallet { user: bob, address: second.clone() }),
        Err(Refusal::WalletTaken { wallet: second.clone() })
    );
    world.pass(86_400);
    let request = Request { destination: second, ..world.claim(dg(3_000)) };
    world.must(Command::Request(request));
}

#[test]
fn a_credit_is_booked_once_per_id() {
    let mut world = World::with_points(0);
    world.must(world.credit("a", "XP", 5));
    assert_eq!(world.must(world.credit("a", "XP", 5)), Answer::Unchanged);
    assert_eq!(
        world.give(world.credit("a", "XP", 6)).expect_err("another").code(),
        "CREDIT_MISMATCH"
    );
    assert_eq!(world.available("XP"), 5);
}

#[test]
fn points_are_not_paid_as_they_are() {
    let mut world = World::with_points(10_000);
    let request =
        Request { asset: asset("XP"), claim: None, amount: Amount::new(5), ..world.claim(dg(1)) };
    assert_eq!(
        world.give(Command::Request(request)).expect_err("points").code(),
        "ASSET_NOT_WITHDRAWABLE"
    );
}

proptest! {
    /// Abuse case 25: whatever the clock does, and whatever is cancelled in between, no window ever
    /// holds more than its maximum.
    #[test]
    fn no_window_ever_holds_more_than_its_maximum(steps in prop::collection::vec((3_000u64..60_000, -20_000i64..40_000, any::<bool>()), 1..60)) {
        let mut world = World::with_points(100_000_000);
        world.rules.cancels_per_day_max = 1_000;
        let mut accepted: Vec<(WithdrawalId, Timestamp, u64)> = Vec::new();
        for (whole, seconds, cancel) in steps {
            world.at(world.view.now.seconds() + seconds);
            if let Ok(id) = world.request_claim(whole) {
                accepted.push((id, world.withdrawal(id).limit.at, whole));
                if cancel {
                    let command = Command::Cancel { withdrawal: id, user: user(), book: book(), source_asset: asset("XP"), asset: asset("DG"), lineage: None, reason: "test".to_owned() };
                    world.must(command);
                    accepted.pop();
                }
            }
            for (_, end, _) in &accepted {
                let inside = accepted.iter().filter(|(_, at, _)| *at <= *end && *at > end.minus(Span::from_hours(24)));
                let sum: u64 = inside.map(|(_, _, whole)| whole).sum();
                prop_assert!(sum <= 100_000, "{sum} DG within 24 hours");
            }
        }
    }
}
