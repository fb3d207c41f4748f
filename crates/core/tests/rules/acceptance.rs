//! What an accepted request takes and records, and the refusals that are rare.

use adit_core::*;

use super::world::*;

fn code(world: &mut World, request: Request) -> &'static str {
    world.give(Command::Request(request)).expect_err("refused").code()
}

/// A withdrawal of coins out of the user's own coins.
fn of_coins(world: &mut World, base_units: u128) -> Request {
    Request {
        source_asset: asset("ETH"),
        asset: asset("ETH"),
        claim: None,
        amount: Amount::new(base_units),
        ..world.claim(dg(1))
    }
}

#[test]
fn who_and_what_is_not_known_is_refused() {
    let mut world = World::with_points(10_000);
    let request = world.claim(dg(3_000));
    let nobody = Request { user: "nobody".parse().expect("a user"), ..request.clone() };
    assert_eq!(code(&mut world, nobody), "USER_UNKNOWN");
    assert_eq!(
        code(&mut world, Request { asset: asset("NONE"), ..request.clone() }),
        "ASSET_UNKNOWN"
    );
    assert_eq!(
        code(&mut world, Request { source_asset: asset("NONE"), ..request.clone() }),
        "ASSET_UNKNOWN"
    );
    assert_eq!(
        code(&mut world, Request { source_asset: asset("ETH"), ..request.clone() }),
        "ASSET_NOT_WITHDRAWABLE"
    );
    assert_eq!(
        code(&mut world, Request { asset: asset("ETH"), ..request.clone() }),
        "ASSET_NOT_WITHDRAWABLE"
    );
    world.rules.claims = None;
    assert_eq!(code(&mut world, Request { claim: None, ..request }), "ASSET_NOT_WITHDRAWABLE");
}

/// F82: a wallet of somebody else is as good as none.
#[test]
fn f82_a_claim_by_anothers_wallet_is_refused() {
    let mut world = World::with_points(10_000);
    let bob: UserId = "bob".parse().expect("a user");
    world.must(Command::PutUser { user: bob.clone(), tier: None });
    let stolen = Request { user: bob, ..world.claim(dg(3_000)) };
    assert_eq!(code(&mut world, stolen), "WALLET_NOT_LINKED");
}

#[test]
fn deadlines_beyond_all_time_are_too_far() {
    let mut world = World::with_points(10_000);
    let mut request = world.claim(dg(3_000));
    request.claim.as_mut().expect("a claim").deadline = u64::MAX;
    let latest = world.view.now.seconds() + 900;
    assert_eq!(
        world.give(Command::Request(request.clone())),
        Err(Refusal::DeadlineTooFar { deadline: u64::MAX, latest })
    );
    world.rules.claims = None;
    let now = world.view.now.seconds().unsigned_abs();
    request.claim.as_mut().expect("a claim").deadline = now + 1;
    assert_eq!(
        code(&mut world, request),
        "DEADLINE_TOO_FAR",
        "without rules for claims none is good for the future"
    );
}

#[test]
fn nothing_is_not_paid_and_the_minimum_is() {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy.minimum = Amount::ZERO;
    let nothing = of_coins(&mut world, 0);
    assert_eq!(code(&mut world, nothing), "BELOW_MINIMUM");
    let mut below = world.claim(dg(3_000));
    below.amount = below.amount.minus(Amount::new(1));
    assert_eq!(code(&mut world, below), "BELOW_MINIMUM");
    world.request_claim(3_000).expect("exactly the minimum");
}

/// F79: amounts that fit alone and not with their fee, or not into the limits, are refused and not
/// wrapped.
#[test]
fn f79_what_does_not_fit_with_its_fee_is_refused() {
    let mut world = World::with_points(0);
    let huge = of_coins(&mut world, u128::MAX);
    world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy.fee =
        Fee { flat: Amount::ZERO, basis_points: 1, from_amount: false };
    assert_eq!(code(&mut world, huge.clone()), "INVALID_AMOUNT", "with its fee");
    world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy.fee =
        Fee { flat: Amount::MAX, basis_points: 1, from_amount: false };
    assert_eq!(code(&mut world, of_coins_of(&huge, 5)), "INVALID_AMOUNT", "the fee alone");
}

fn of_coins_of(request: &Request, base_units: u128) -> Request {
    Request { amount: Amount::new(base_units), ..request.clone() }
}

/// The balance covers amount and fee, to the last unit; what was held and what is left is recorded.
#[test]
fn what_is_held_is_amount_and_fee_to_the_last_unit() {
    let mut world = World::with_points(0);
    world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy.fee =
        Fee { flat: Amount::new(10), basis_points: 0, from_amount: false };
    world.must(world.credit("eth", "ETH", 1_000));
    let over = of_coins(&mut world, 991);
    let short = Refusal::InsufficientBalance {
        asset: asset("ETH"),
        available: Amount::new(1_000),
        needed: Amount::new(1_001),
    };
    assert_eq!(world.give(Command::Request(over)), Err(short));
    let all = of_coins(&mut world, 990);
    let id = all.id;
    world.must(Command::Request(all));
    let known = world.withdrawal(id);
    assert_eq!(
        (known.deducted, known.fee, known.amount),
        (Amount::new(1_000), Amount::new(10), Amount::new(990))
    );
    assert_eq!(
        (known.balance_before, known.balance_after, world.available("ETH")),
        (Amount::new(1_000), Amount::ZERO, 0)
    );
    assert_eq!((known.payout.0, known.claim.clone(), known.policy_revision), (id.0, None, 1));
    let hold = world.transfers.last().expect("held");
    assert_eq!((hold.kind, hold.id), (TransferKind::Hold, known.hold));
    assert_eq!(
        hold.credit,
        Account::Hot { wallet: lane(), asset: asset("ETH") },
        "where it goes when it is settled"
    );
}

/// F80: points are rounded up where the token is finer, and the fee is converted with the amount.
#[test]
fn f80_a_claim_costs_points_rounded_up() {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.fee =
        Fee { flat: dg(1), basis_points: 0, from_amount: false };
    let mut request = world.claim(dg(3_000));
    request.amount = request.amount.plus(Amount::new(1));
    let id = request.id;
    world.must(Command::Request(request.clone()));
    let known = world.withdrawal(id);
    assert_eq!((known.deducted, known.fee), (Amount::new(3_002), Amount::new(1)));
    let claim = known.claim.as_ref().expect("kept");
    let signed = request.claim.expect("a claim");
    assert_eq!(
        (claim.nonce, claim.deadline, claim.digest, &claim.signature),
        (0, signed.deadline, signed.digest, &signed.signature)
    );
    let hold = world.transfers.last().expect("held");
    assert_eq!(hold.credit, Account::Issuer { book: book(), asset: asset("XP") });
}

/// Only a claim uses a claim's nonce up; the pace is kept for both.
#[test]
fn a_withdrawal_without_a_claim_uses_no_nonce() {
    let mut world = World::with_points(10_000);
    world.must(world.credit("eth", "ETH", 1_000));
    let coins = of_coins(&mut world, 500);
    world.must(Command::Request(coins));
    let row = world.view.users[&user()].row.as_ref().expect("the user");
    assert_eq!((row.claim_nonce, row.last_accepted_at), (0, Some(world.view.now)));
    world.request_claim(3_000).expect("nonce 0 is still good");
}

/// A used key is remembered with what it asked, by its digest alone and for its own client only.
#[test]
fn an_idempotency_key_belongs_to_its_client() {
    let mut world = World::with_points(10_000);
    let key = |fingerprint: u8| {
        Some(Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(fingerprint) })
    };
    let request = Request { idempotency: key(1), ..world.claim(dg(3_000)) };
    let first = request.id;
    world.must(Command::Request(request));
    let other = Request { idempotency: key(1), ..world.claim(dg(3_000)) };
    let answer = world
        .give_as(Actor::User { user: user() }, Command::Request(other))
        .expect("another client's key");
    assert!(matches!(answer, Answer::Accepted(_)));
    let digest = "once".parse::<IdempotencyKey>().expect("a key").digest();
    let record = &world.view.clone().into_batch().appended.idempotency[0];
    assert_eq!(
        (record.client.as_str(), &record.key, record.withdrawal),
        ("engine", &IdempotencyKey::stored(digest), first)
    );
    assert_eq!((record.fingerprint, record.at), (hash(1), world.view.now));
}

/// The user hears that it was asked, and that it was approved only where nobody has to.
#[test]
fn acceptance_is_told_and_approval_where_it_was_given() {
    for (threshold, kinds) in [(None, 2), (Some(Amount::ZERO), 1)] {
        let mut world = World::with_points(10_000);
        world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = threshold;
        let news = world.events.len();
        let id = world.request_claim(3_000).expect("accepted");
        let told: Vec<&Event> = world.events[news..].iter().collect();
        assert!(
            matches!(&told[0].kind, EventKind::Requested { amount, .. } if *amount == dg(3_000))
        );
        assert_eq!(told.len(), kinds);
        assert!(told.iter().all(|event| event.withdrawal == Some(id)));
    }
}

/// A fee that is taken from the amount: the balance loses what was asked, the payee gets the rest,
/// and the rest is worth paying out.
#[test]
fn a_fee_from_the_amount_leaves_what_is_paid() {
    let mut world = World::with_points(0);
    world.must(world.credit("eth", "ETH", 10_000));
    let policy = &mut world.rules.assets.get_mut(&asset("ETH")).expect("ETH").policy;
    policy.fee = Fee { flat: Amount::new(10), basis_points: 100, from_amount: true };
    policy.minimum = Amount::new(500);
    let request = |world: &mut World, amount: u128| {
        let mut request = world.claim(Amount::new(amount));
        (request.source_asset, request.asset, request.claim) = (asset("ETH"), asset("ETH"), None);
        let id = request.id;
        world.give(Command::Request(request)).map(|_| id)
    };
    let refused = request(&mut world, 514).expect_err("499 and a half would be left of it");
    assert!(
        matches!(refused, Refusal::BelowMinimum { minimum, asked, .. } if (minimum.base_units(), asked.base_units()) == (516, 514))
    );
    let id = request(&mut world, 2_000).expect("accepted");
    let accepted = world.withdrawal(id);
    assert_eq!(
        [accepted.amount, accepted.fee, accepted.deducted].map(Amount::base_units),
        [1_970, 30, 2_000]
    );
    assert_eq!(world.available("ETH"), 8_000);
}

/// Abuse +35: a key is rotated between a time-out and the retry. Its client is the same, so it is
/// the same request.
#[test]
fn p35_a_rotated_key_answers_for_its_client() {
    let mut world = World::with_points(10_000);
    let client = ClientId::named("shop").expect("a client");
    let by = |number: u128| Actor::Service {
        client: client.clone(),
        credential: CredentialId(uuid::Uuid::from_u128(number)),
    };
    let idempotency =
        Some(Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(1) });
    let request = Request { idempotency: idempotency.clone(), ..world.claim(dg(3_000)) };
    let first = request.id;
    world.give_as(by(1), Command::Request(request)).expect("accepted");
    let again = Request { idempotency, ..world.claim(dg(3_000)) };
    assert_eq!(world.give_as(by(2), Command::Request(again)), Ok(Answer::Replayed(first)));
}

/// Abuse +34: whoever asked does not approve it, by whichever of their keys.
#[test]
fn p34_no_key_of_the_client_that_asked_approves() {
    let mut world = World::with_points(10_000);
    world.rules.assets.get_mut(&asset("DG")).expect("DG").policy.approve_above = Some(Amount::ZERO);
    let client = ClientId::named("ada").expect("a client");
    let by = |number: u128| Actor::Admin {
        client: client.clone(),
        credential: CredentialId(uuid::Uuid::from_u128(number)),
    };
    let request = world.claim(dg(3_000));
    let (withdrawal, user) = (request.id, request.user.clone());
    world.give_as(by(1), Command::Request(request)).expect("accepted");
    let approve = || Command::Approve { withdrawal, user: user.clone() };
    for key in [1, 2] {
        assert_eq!(
            world.give_as(by(key), approve()).expect_err("their own").code(),
            "SELF_APPROVAL"
        );
    }
    assert_eq!(
        world.give_as(Actor::admin(CredentialId(uuid::Uuid::from_u128(3))), approve()),
        Ok(Answer::Done)
    );
}
