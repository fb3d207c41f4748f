//! A payment whose user nobody knows is matched by a person, once (case F95).

use adit_core::*;

use super::made_again::{Journal, restored};
use super::world::*;

fn suspense() -> Account {
    Account::Suspense { asset: asset("DG") }
}

fn balance(world: &World, account: &Account) -> u128 {
    world
        .view
        .accounts
        .get(account)
        .and_then(|slot| slot.row)
        .unwrap_or_default()
        .available()
        .base_units()
}

/// A payment without context, adopted, and final where `is_final`.
fn unmatched(is_final: bool) -> (World, Journal) {
    let (mut world, journal) = restored(10_000, 10_000);
    let journal = journal.nobodys();
    journal.adopt(&mut world, Vec::new()).expect("adopted");
    if is_final {
        world
            .finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Paid)
            .expect("final");
    }
    (world, journal)
}

fn to(journal: &Journal, to: Matched) -> Command {
    let (leg, lineage) = (journal.lost[0].leg.clone(), journal.lineage.id);
    Command::Match { leg, lane: lane(), lineage, to, note: "their mail of today".to_owned() }
}

fn to_alice() -> Matched {
    alice_for("DG", dg(3_000))
}

fn alice_for(source_asset: &str, deducted: Amount) -> Matched {
    Matched::User {
        user: user(),
        book: book(),
        charge: Charge { source_asset: asset(source_asset), deducted },
    }
}

fn incarnation(world: &World) -> &Incarnation {
    world.view.incarnation.row.as_ref().expect("leased")
}

/// F95: it is processing for nobody, on suspense, and a request that equals it waits for a person
/// although the policy would approve it.
#[test]
fn f95_a_payment_without_a_context_is_nobodys_until_it_is_final() {
    let (mut world, journal) = unmatched(false);
    let id = journal.requests[0].id;
    assert_eq!(
        (world.withdrawal(id).user.as_str(), world.withdrawal(id).state.status()),
        ("unknown", Status::Processing)
    );
    assert_eq!(world.net(&suspense()), -(dg(3_000).base_units() as i128));
    assert_eq!(incarnation(&world).unmatched.len(), 1);
    let equal = world.request_claim(3_000).expect("accepted");
    let other = world.request_claim(3_001).expect("accepted");
    assert_eq!(
        [equal, other].map(|id| world.withdrawal(id).state.status()),
        [Status::Pending, Status::Approved]
    );
    assert_eq!(
        world.give(to(&journal, to_alice())).expect_err("not final").code(),
        "NOT_MATCHABLE"
    );
    world.finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Paid).expect("final");
    assert_eq!(world.withdrawal(id).state.status(), Status::HeldForInspection);
}

/// F95: matched to a user it is completed, charged to their balance and then to a debt; suspense
/// has back what it lent.
#[test]
fn f95_a_match_to_a_user_charges_what_they_have_and_then_a_debt() {
    let (mut world, journal) = unmatched(true);
    world.must(world.credit("dg", "DG", dg(1_000).base_units()));
    assert_eq!(world.must(to(&journal, to_alice())), Answer::Done);
    let id = journal.requests[0].id;
    assert_eq!(
        (&world.withdrawal(id).user, world.withdrawal(id).state.status()),
        (&user(), Status::Completed)
    );
    let debt = Account::Debt { user: user(), book: book(), asset: asset("DG") };
    assert_eq!(
        (world.net(&suspense()), world.net(&debt), world.available("DG")),
        (0, -(dg(2_000).base_units() as i128), 0)
    );
    assert_eq!(incarnation(&world).nobodys().count(), 0);
    assert_eq!(world.must(to(&journal, to_alice())), Answer::Unchanged, "the same again");
    let bob: UserId = "bob".parse().expect("a user");
    world.must(Command::PutUser { user: bob.clone(), tier: None });
    let charge = Charge { source_asset: asset("DG"), deducted: dg(3_000) };
    let other = to(&journal, Matched::User { user: bob, book: book(), charge });
    assert_eq!(world.give(other).expect_err("it is alice's").code(), "NOT_MATCHABLE");
}

/// F95: a claim took points. Matched without them, the same points would be claimed once more; what
/// the backup does not owe any more is a debt of points. The token came out of our own funds, as it
/// does when a claim is settled.
#[test]
fn f95_a_match_of_a_claims_payment_takes_its_points() {
    let (mut world, journal) = unmatched(true);
    let as_claim = to(&journal, alice_for("XP", Amount::new(3_000)));
    assert_eq!(world.must(as_claim.clone()), Answer::Done);
    let known = world.withdrawal(journal.requests[0].id).clone();
    assert_eq!(
        (known.source_asset, known.deducted, known.balance_before),
        (asset("XP"), Amount::new(3_000), Amount::new(10_000))
    );
    let treasury = Account::Treasury { asset: asset("DG") };
    let debt = Account::Debt { user: user(), book: book(), asset: asset("DG") };
    assert_eq!((world.available("XP"), world.net(&suspense()), world.net(&debt)), (7_000, 0, 0));
    assert_eq!(world.net(&treasury), -(dg(3_000).base_units() as i128));
    assert_eq!(world.must(as_claim), Answer::Unchanged, "the same again");
    let otherwise = to(&journal, alice_for("XP", Amount::new(2_000)));
    assert_eq!(world.give(otherwise).expect_err("other points").code(), "NOT_MATCHABLE");
    let refused = world.request_claim(7_001).expect_err("3,000 of them are spent");
    assert_eq!(refused.code(), "INSUFFICIENT_BALANCE");
}

#[test]
fn f95_points_that_a_matched_user_does_not_have_are_a_debt_of_points() {
    let (mut world, journal) = unmatched(true);
    world.must(to(&journal, alice_for("XP", Amount::new(12_000))));
    let debt = Account::Debt { user: user(), book: book(), asset: asset("XP") };
    assert_eq!((world.available("XP"), world.net(&debt), world.net(&suspense())), (0, -2_000, 0));
    world.must(world.credit("more", "XP", 2_500));
    assert_eq!((world.available("XP"), world.net(&debt)), (500, 0));
}

/// F95: points of another book than that of claims would be a debt that nobody looks at, and the
/// claim's own points could be claimed once more.
#[test]
fn f95_points_are_taken_from_the_book_of_claims() {
    let (mut world, journal) = unmatched(true);
    let charge = Charge { source_asset: asset("XP"), deducted: Amount::new(3_000) };
    let book = "xq".parse().expect("a book");
    let elsewhere = to(&journal, Matched::User { user: user(), book, charge });
    assert_eq!(world.give(elsewhere).expect_err("another book").code(), "NOT_MATCHABLE");
    assert_eq!(world.available("XP"), 10_000);
}

/// F95: what a payment took beyond what it paid was our fee.
#[test]
fn f95_a_match_may_say_the_fee_that_was_taken() {
    let (mut world, journal) = unmatched(true);
    world.must(world.credit("dg", "DG", dg(5_000).base_units()));
    world.must(to(&journal, alice_for("DG", dg(3_001))));
    let fees = Account::Fees { asset: asset("DG") };
    assert_eq!((world.available("DG"), world.net(&suspense())), (dg(1_999).base_units(), 0));
    assert_eq!(
        (world.withdrawal(journal.requests[0].id).fee, world.net(&fees)),
        (dg(1), dg(1).base_units() as i128)
    );
}

#[test]
fn f95_a_charge_that_no_payment_takes_is_refused() {
    let (mut world, journal) = unmatched(true);
    let wrong =
        [alice_for("ETH", dg(3_000)), alice_for("XP", Amount::ZERO), alice_for("DG", dg(2_999))];
    for charge in wrong {
        assert_eq!(
            world.give(to(&journal, charge)).expect_err("no payment takes this").code(),
            "NOT_MATCHABLE"
        );
    }
    let huge = to(&journal, alice_for("XP", Amount::MAX));
    assert_eq!(world.give(huge).expect_err("nobody has so much").code(), "INVALID_AMOUNT");
    assert_eq!(world.withdrawal(journal.requests[0].id).state.status(), Status::HeldForInspection);
}

/// F95: the key or claim that they asked with was lost. Whoever was matched and asks for the same
/// again waits for a person, for a week: it may be the payment that they have.
#[test]
fn f95_whoever_was_matched_and_asks_for_the_same_again_waits_for_a_person() {
    let (mut world, journal) = unmatched(true);
    world.must(to(&journal, to_alice()));
    world.must(world.credit("dg", "DG", dg(20_000).base_units()));
    let again = world.request_claim(3_000).expect("accepted");
    let other = world.request_claim(3_001).expect("accepted");
    assert_eq!(
        [again, other].map(|id| world.withdrawal(id).state.status()),
        [Status::Pending, Status::Approved]
    );
    world.pass(7 * 24 * 3_600);
    let later = world.request_claim(3_000).expect("accepted");
    assert_eq!(world.withdrawal(later).state.status(), Status::Approved, "a week has passed");
}

/// F97: the days in which an equal request waits are counted from a time that somebody knows.
#[test]
fn f97_nothing_is_matched_to_a_user_while_nobody_knows_the_time() {
    let (mut world, journal) = unmatched(true);
    world.view.clock_doubt = Some(ClockDoubt::Unconfirmed);
    assert_eq!(
        world.give(to(&journal, to_alice())).expect_err("nobody knows the time").code(),
        "CLOCK_DOUBTED"
    );
    world.view.clock_doubt = None;
    assert_eq!(world.must(to(&journal, to_alice())), Answer::Done);
}

#[test]
fn f95_a_payment_is_not_matched_to_nobody() {
    let (mut world, journal) = unmatched(true);
    let charge = Charge { source_asset: asset("DG"), deducted: dg(3_000) };
    let nobody = Matched::User { user: "unknown".parse().expect("a user"), book: book(), charge };
    assert_eq!(world.give(to(&journal, nobody)).expect_err("nobody").code(), "NOT_MATCHABLE");
}

/// F91: a payment of the wallet that nobody here had asked for, such as a thief's. Said to have
/// paid, it is a loss: suspense keeps it, and nobody waits because of it any more.
#[test]
fn f91_a_payment_that_was_nobodys_stays_on_suspense() {
    let (mut world, journal) = unmatched(true);
    let leg = world.leg(journal.requests[0].id);
    let suspense = Account::Suspense { asset: leg.source_asset.clone() };
    let before = world.net(&suspense);
    let lineage = Some(journal.lineage.id);
    world.must(Command::Inspect {
        leg: leg.clone(),
        lane: lane(),
        lineage,
        paid: true,
        note: "the key was stolen".to_owned(),
    });
    assert_eq!(world.withdrawal(leg.withdrawal).state.status(), Status::Completed);
    assert_eq!(world.net(&suspense), before, "what suspense lent is lost");
    assert!(world.view.incarnation.row.as_ref().expect("leased").unmatched.is_empty());
}

/// F95: matched to a withdrawal in inspection, that one is completed and nobody's is cancelled; one
/// payment is never given to two.
#[test]
fn f95_a_match_to_a_withdrawal_completes_it_once() {
    let (mut world, journal) = unmatched(true);
    let inspected = |world: &mut World, whole: u64, n: u8| {
        let id = world.request_claim(whole).expect("accepted");
        world.give(Command::Approve { withdrawal: id, user: user() }).ok();
        let lineage = world.reserve(id).expect("reserved");
        let attempt = world.send(lineage, hash(n));
        world
            .finalize(lineage, attempt, &Effect::Unexpected { finding: "odd".to_owned() })
            .expect("final");
        id
    };
    world.must(world.credit("more", "XP", 10_000));
    let (first, second) = (inspected(&mut world, 3_000, 20), inspected(&mut world, 3_000, 21));
    let other_amount = inspected(&mut world, 3_001, 22);
    let waiting = world.request_claim(3_000).expect("accepted");
    let paid = world.request_claim(3_002).expect("accepted");
    let lineage = world.reserve(paid).expect("reserved");
    let attempt = world.send(lineage, hash(23));
    world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    let matched =
        |world: &World, id: WithdrawalId| to(&journal, Matched::Withdrawal { leg: world.leg(id) });
    for wrong in [other_amount, waiting, paid] {
        let command = matched(&world, wrong);
        assert_eq!(
            world.give(command).expect_err("not equal, or not under inspection").code(),
            "NOT_MATCHABLE"
        );
    }
    let command = matched(&world, first);
    let refused = world.give_unretired(Actor::Engine, command.clone()).expect_err("not retired");
    let ended = Some(DeadLineage { lineage: journal.lineage.id, evidence: hash(1) });
    assert!(
        matches!(&refused, Refusal::NotRetired { payouts } if payouts.len() == 1 && payouts[0].ended == ended),
        "{refused:?}"
    );
    assert_eq!(world.must(command.clone()), Answer::Done);
    let id = journal.requests[0].id;
    assert_eq!(
        [id, first, second].map(|id| world.withdrawal(id).state.status()),
        [Status::Cancelled, Status::Completed, Status::HeldForInspection]
    );
    let unknown = Account::User {
        user: "unknown".parse().expect("a user"),
        book: "unknown".parse().expect("a book"),
        asset: asset("DG"),
    };
    assert_eq!((world.net(&suspense()), balance(&world, &unknown)), (0, 0));
    assert_eq!(incarnation(&world).unmatched, []);
    assert_eq!(world.must(command), Answer::Unchanged, "the same again");
    for other in [second, paid] {
        let command = matched(&world, other);
        assert_eq!(
            world.give(command).expect_err("one payment, one withdrawal").code(),
            "NOT_MATCHABLE"
        );
    }
    assert_eq!(
        world.give(to(&journal, to_alice())).expect_err("it is the first one's").code(),
        "NOT_MATCHABLE"
    );
}

/// F95: nobody's payment that a cancelling attempt replaced was not made, either: it is no payment
/// that a person could match, least of all because of itself.
#[test]
fn f95_nobodys_payment_that_a_cancel_replaced_is_given_back_to_suspense() {
    let (mut world, journal) = unmatched(false);
    let (id, lineage) = (journal.requests[0].id, journal.lineage.id);
    let Draft::Evm(paying) = world.lineage(lineage).latest().draft.clone() else {
        panic!("an EVM draft")
    };
    let fees = EvmFees {
        max_fee_per_gas: 2 * paying.fees.max_fee_per_gas,
        max_priority_fee_per_gas: 2 * paying.fees.max_priority_fee_per_gas,
    };
    let cancelling = EvmDraft { fees, input: Bytes::default(), ..paying };
    world.add(lineage, Purpose::Cancel, cancelling).expect("a cancelling attempt");
    let cancel = world.send(lineage, hash(9));
    world.finalize(lineage, cancel, &Effect::Cancelled).expect("final");
    assert_eq!(
        (world.withdrawal(id).state.status(), world.net(&suspense())),
        (Status::Cancelled, 0)
    );
    assert_eq!(incarnation(&world).unmatched, []);
    assert_eq!(
        world.give(to(&journal, to_alice())).expect_err("it was not paid").code(),
        "NOT_MATCHABLE"
    );
    let equal = world.request_claim(3_000).expect("accepted");
    assert_eq!(
        world.withdrawal(equal).state.status(),
        Status::Approved,
        "nothing is left that it could be"
    );
}

/// F95, R8: a final transaction of nobody's that did something else than it was asked is judged
/// first. A match would charge its user for what nobody knows to have been paid.
#[test]
fn f95_nobodys_payment_with_another_effect_waits_for_a_verdict() {
    let (mut world, journal) = unmatched(false);
    let (id, lineage) = (journal.requests[0].id, journal.lineage.id);
    let odd = Effect::Unexpected {
        finding: "it did not revert, and no transfer is in its log".to_owned(),
    };
    world.finalize(lineage, journal.lineage.latest().id, &odd).expect("final");
    assert_eq!(world.withdrawal(id).state.status(), Status::HeldForInspection);
    world.must(world.credit("dg", "DG", dg(3_000).base_units()));
    assert_eq!(
        world.give(to(&journal, to_alice())).expect_err("a verdict comes first").code(),
        "NOT_MATCHABLE"
    );
    assert_eq!(world.available("DG"), dg(3_000).base_units());
    let note = "nothing arrived".to_owned();
    world.must(Command::Inspect {
        leg: world.leg(id),
        lane: lane(),
        lineage: Some(lineage),
        paid: false,
        note,
    });
    assert_eq!((world.withdrawal(id).state.status(), world.net(&suspense())), (Status::Failed, 0));
    assert_eq!(incarnation(&world).unmatched, []);
}

/// F95: nobody's payment that was not made gives suspense back what it lent, and no request waits
/// because of it any more.
#[test]
fn f95_nobodys_payment_that_reverts_repays_suspense() {
    let (mut world, journal) = unmatched(false);
    world
        .finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Reverted)
        .expect("final");
    assert_eq!(
        (world.withdrawal(journal.requests[0].id).state.status(), world.net(&suspense())),
        (Status::Failed, 0)
    );
    assert_eq!(incarnation(&world).unmatched, []);
}
