//! Withdrawals that only the signer's journal knows are made again (case F95).

use adit_core::*;
use uuid::Uuid;

use super::coins::{Bitcoin, coin, draft};
use super::world::*;

fn key() -> Idempotency {
    Idempotency { key: "once".parse().expect("a key"), fingerprint: hash(1) }
}

/// What the journal knows of payments that a restored store has lost.
pub struct Journal {
    pub lineage: Lineage,
    pub lost: Vec<Lost>,
    pub requests: Vec<Request>,
}

impl Journal {
    pub fn adopt(&self, world: &mut World, rivals: Vec<Leg>) -> Result<Answer, Refusal> {
        world.give(self.command(world, rivals))
    }

    pub fn command(&self, world: &World, rivals: Vec<Leg>) -> Command {
        let (lineage, lost) = (self.lineage.clone(), self.lost.clone());
        Command::AdoptLineage {
            lane: lane(),
            epoch: world.epoch,
            lineage,
            lost,
            rivals,
            displaced: Vec::new(),
        }
    }

    /// The same as an older journal has it: without contexts.
    pub fn nobodys(mut self) -> Self {
        for (lost, leg) in self.lost.iter_mut().zip(&mut self.lineage.legs) {
            let nobody = nobodys(&leg.asset, leg.amount);
            (leg.user, leg.book, leg.source_asset) =
                (nobody.user, nobody.book, nobody.source_asset);
            *lost = Lost { leg: leg.clone(), context: None, requested_at: lost.requested_at };
        }
        self
    }
}

/// A store restored to before a payment of 3,000 DG that was sent; the user had `had` XP before it,
/// and has `has` in the backup.
pub fn restored(had: u128, has: u128) -> (World, Journal) {
    let mut world = World::with_points(had);
    let request = Request { idempotency: Some(key()), ..world.claim(dg(3_000)) };
    world.must(Command::Request(request.clone()));
    let lineage = world.reserve(request.id).expect("reserved");
    world.send(lineage, hash(1));
    let lost = Lost {
        leg: world.leg(request.id),
        context: Some(PayoutContext::of(world.withdrawal(request.id))),
        requested_at: world.view.now,
    };
    let journal = Journal {
        lineage: world.lineage(lineage).clone(),
        lost: vec![lost],
        requests: vec![request],
    };
    let mut backup = World::with_points(has);
    backup.id();
    for _ in 0..100 {
        backup.id();
    }
    (backup, journal)
}

pub fn debt(of: &UserId) -> Account {
    Account::Debt { user: of.clone(), book: book(), asset: asset("XP") }
}

fn again(request: &Request) -> Request {
    Request { id: WithdrawalId(Uuid::from_u128(request.id.0.as_u128() + 1)), ..request.clone() }
}

/// F95: made again with its user, its hold, its limit, its key and its claim; whoever asks again
/// finds it.
#[test]
fn f95_a_lost_withdrawal_is_made_again_with_everything_that_it_consumed() {
    let (mut world, journal) = restored(10_000, 10_000);
    assert_eq!(journal.adopt(&mut world, Vec::new()), Ok(Answer::Done));
    let request = &journal.requests[0];
    let known = world.withdrawal(request.id).clone();
    assert!(
        matches!(known.state, State::Processing { lineage, .. } if lineage == journal.lineage.id)
    );
    assert_eq!(
        (&known.user, known.deducted, world.available("XP")),
        (&user(), Amount::new(3_000), 7_000)
    );
    assert_eq!((known.limit.amount, known.balance_before), (dg(3_000), Amount::new(10_000)));
    assert!(matches!(world.events.last().expect("told").kind, EventKind::MadeAgain { .. }));
    assert_eq!(world.must(Command::Request(again(request))), Answer::Replayed(request.id));
    let without_key = Request { idempotency: None, ..again(request) };
    let refused = world.give(Command::Request(without_key)).expect_err("its nonce is used");
    assert_eq!(
        (refused.code(), refused),
        ("NONCE_USED", Refusal::NonceUsed { expected: 1, got: 0, withdrawal: Some(request.id) })
    );
    let mut other_nonce = Request { idempotency: None, ..again(request) };
    other_nonce.claim.as_mut().expect("a claim").nonce = 1;
    let refused = world.give(Command::Request(other_nonce)).expect_err("its digest is used");
    assert_eq!(refused, Refusal::DigestUsed { withdrawal: request.id });
    assert_eq!(journal.adopt(&mut world, Vec::new()), Ok(Answer::Unchanged));
    world.finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Paid).expect("final");
    assert_eq!(
        (world.withdrawal(request.id).state.status(), world.available("XP")),
        (Status::Completed, 7_000)
    );
}

/// F95: what the restored store does not owe the user any more is a debt, which credits pay off
/// first; until then it lowers what can be asked for.
#[test]
fn f95_a_shortfall_is_a_debt_that_credits_pay_off_first() {
    let (mut world, journal) = restored(10_000, 1_000);
    journal.adopt(&mut world, Vec::new()).expect("adopted");
    assert_eq!((world.available("XP"), world.net(&debt(&user()))), (0, -2_000));
    world.must(world.credit("part", "XP", 500));
    assert_eq!((world.available("XP"), world.net(&debt(&user()))), (0, -1_500));
    world.must(world.credit("rest", "XP", 5_000));
    assert_eq!((world.available("XP"), world.net(&debt(&user()))), (3_500, 0));
    world.must(world.credit("more", "XP", 10));
    assert_eq!(world.available("XP"), 3_510);
}

/// F95: a payment that fails gives its hold back beside the debt; nobody takes out what they owe.
#[test]
fn f95_a_debt_lowers_what_can_be_asked_for() {
    let (mut world, journal) = restored(10_000, 1_000);
    journal.adopt(&mut world, Vec::new()).expect("adopted");
    world
        .finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Reverted)
        .expect("final");
    assert_eq!((world.available("XP"), world.net(&debt(&user()))), (3_000, -2_000));
    let refused = world.request_claim(3_000).expect_err("2,000 of it are owed");
    assert!(
        matches!(refused, Refusal::InsufficientBalance { available, .. } if available == Amount::new(1_000)),
        "{refused:?}"
    );
}

/// F95: a user whom the backup has never seen.
#[test]
fn f95_a_user_whom_the_store_does_not_know_is_made_again() {
    let (_, journal) = restored(10_000, 0);
    let mut journal = journal;
    let bob: UserId = "bob".parse().expect("a user");
    journal.lineage.legs[0].user = bob.clone();
    journal.lost[0].leg.user = bob.clone();
    journal.lost[0].context.as_mut().expect("kept").user = bob.clone();
    let mut world = World::with_points(0);
    journal.adopt(&mut world, Vec::new()).expect("adopted");
    let row = world.view.users[&bob].row.as_ref().expect("made again");
    assert_eq!((row.claim_nonce, row.event_seq, world.net(&debt(&bob))), (1, 1, -3_000));
}

/// F95: a leg that is not its withdrawal's is not made again.
#[test]
fn f95_a_leg_that_differs_from_its_context_is_refused() {
    let (mut world, mut journal) = restored(10_000, 10_000);
    journal.lost[0].context.as_mut().expect("kept").user = "bob".parse().expect("a user");
    assert_eq!(
        journal.adopt(&mut world, Vec::new()).expect_err("another user's").code(),
        "CHANGED_MEANWHILE"
    );
}

/// F95: whoever asked again before the journal was read is replaced by the first one, in the same
/// commit, once it is retired; what it held is free for the first one, so no debt comes about.
#[test]
fn f95_a_rival_that_waits_is_given_back_and_the_first_one_stands() {
    for by_key in [true, false] {
        let (mut world, journal) = restored(3_000, 3_000);
        let mut rival = again(&journal.requests[0]);
        if by_key {
            rival.claim.as_mut().expect("a claim").digest = hash(77);
        } else {
            rival.idempotency = None;
        }
        world.must(Command::Request(rival.clone()));
        assert_eq!(world.available("XP"), 0);
        assert_eq!(
            journal.adopt(&mut world, Vec::new()),
            Err(Refusal::Rival { withdrawal: rival.id })
        );
        let rivals = vec![world.leg(rival.id)];
        let command = journal.command(&world, rivals.clone());
        let refused = world.give_unretired(Actor::Engine, command).expect_err("not retired");
        assert!(
            matches!(&refused, Refusal::NotRetired { payouts } if payouts.len() == 1 && payouts[0].payout == rivals[0].payout)
        );
        assert_eq!(journal.adopt(&mut world, rivals), Ok(Answer::Done));
        assert_eq!(world.withdrawal(rival.id).state.status(), Status::Cancelled);
        let replaced = EventKind::Replaced { as_withdrawal: journal.requests[0].id };
        assert!(
            world
                .events
                .iter()
                .any(|event| event.kind == replaced && event.withdrawal == Some(rival.id))
        );
        assert_eq!(
            (world.available("XP"), world.net(&debt(&user()))),
            (0, 0),
            "it needs just what its rival held"
        );
    }
}

/// F95: a rival that is under way is left; both are known, and the user is charged for both.
#[test]
fn f95_a_rival_that_does_not_wait_is_left() {
    let (mut world, mut journal) = restored(10_000, 10_000);
    let rival = again(&journal.requests[0]);
    world.must(Command::Request(rival.clone()));
    world.reserve(rival.id).expect("reserved");
    journal.lineage.anchors = vec![Anchor::Nonce { lane: lane(), nonce: 8 }];
    let Draft::Evm(draft) = &mut journal.lineage.attempts[0].draft else { panic!("an EVM draft") };
    draft.nonce = 8;
    let rivals = vec![world.leg(rival.id)];
    assert_eq!(journal.adopt(&mut world, rivals), Ok(Answer::Done));
    assert_eq!(
        (world.withdrawal(rival.id).state.status(), world.available("XP")),
        (Status::Processing, 4_000)
    );
    assert_eq!(world.retirements, []);
}

/// F95: one batch paid the same user twice, and the store has neither: the second finds what the
/// first left.
#[test]
fn f95_several_lost_withdrawals_of_one_user_are_made_again_together() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let id = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(id, hash(10));
    let lineage = bitcoin.world.lineage(id).clone();
    let requested_at = bitcoin.world.view.now;
    let context = |leg: &Leg| Some(PayoutContext::of(bitcoin.world.withdrawal(leg.withdrawal)));
    let lost = legs
        .iter()
        .map(|leg| Lost { leg: leg.clone(), context: context(leg), requested_at })
        .collect();
    let mut world = World::with_points(4_000);
    let command = Command::AdoptLineage {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        lost,
        rivals: Vec::new(),
        displaced: Vec::new(),
    };
    assert_eq!(world.must(command), Answer::Done);
    assert_eq!((world.available("XP"), world.net(&debt(&user()))), (0, -2_000));
    let places: Vec<u64> =
        legs.iter().map(|leg| world.withdrawal(leg.withdrawal).limit.seq).collect();
    assert_eq!(places, [1, 2], "each has its own place in the limits");
    let before: Vec<Amount> =
        legs.iter().map(|leg| world.withdrawal(leg.withdrawal).balance_before).collect();
    assert_eq!(before, [4_000, 1_000].map(Amount::new));
}

/// F73: the backup is of several epochs ago, and a payment since is of a withdrawal that it has
/// never seen. Nobody is accepted before it is known again, and its user is told about it then.
#[test]
fn f73_a_restore_finds_the_row_that_no_backup_has() {
    let (mut world, journal) = restored(10_000, 10_000);
    let next = IncarnationId(Uuid::from_u128(2));
    world.must(Command::FindWentBack {
        because: WentBack::Declared { what: "backup".to_owned() },
        next,
        take_over: false,
    });
    world.must(Command::Reincarnate { next, lanes: vec![(lane(), Epoch(7), 70)] });
    let request = &journal.requests[0];
    assert_eq!(
        world.give(Command::Request(again(request))).expect_err("unread").code(),
        "STORE_RECONCILING"
    );
    assert_eq!(world.lease().epoch, Epoch(9));
    let early = world.start_lane();
    assert_eq!(world.give(early).expect_err("unread").code(), "JOURNAL_UNREAD");
    journal.adopt(&mut world, Vec::new()).expect("adopted");
    world.read_journal();
    assert_eq!(world.must(Command::Request(again(request))), Answer::Replayed(request.id));
    world.start();
    let other = world.request_claim(3_000).expect("accepted");
    let lineage = world.reserve(other).expect("reserved");
    assert_eq!(world.lineage(lineage).number(), 8, "number 7 is the lost one's");
    world.finalize(journal.lineage.id, journal.lineage.latest().id, &Effect::Paid).expect("final");
    assert_eq!(
        (world.withdrawal(request.id).state.status(), world.available("XP")),
        (Status::Completed, 4_000)
    );
}

/// F95: nobody's payments stand under a name that no user may have.
#[test]
fn f95_no_user_is_named_as_nobody_is() {
    let mut world = World::with_points(10_000);
    let nobody: UserId = "unknown".parse().expect("a name");
    let Command::Credit(credit) = world.credit("one", "XP", 1) else { panic!("a credit") };
    let mut request = world.claim(dg(1));
    request.user = nobody.clone();
    for command in [
        Command::PutUser { user: nobody.clone(), tier: None },
        Command::Credit(Credit { user: nobody.clone(), ..credit }),
        Command::Request(request),
    ] {
        let refused = world.give(command).expect_err("it is nobody's name");
        assert_eq!(refused, Refusal::ReservedUser { user: nobody.clone() });
    }
}
