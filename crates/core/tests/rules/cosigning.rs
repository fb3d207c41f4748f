//! Versions that others have to sign besides us: handed out, they may be finished and sent by
//! anybody who has them.

use adit_core::*;

use crate::world::{World, block, hash, lane};

const PSBT: &[u8] = b"psbt\xff and what is signed so far";

/// A payment whose newest version waits for others.
struct Cosigning {
    world: World,
    withdrawal: WithdrawalId,
    lineage: LineageId,
}

impl Cosigning {
    fn new() -> Self {
        let mut world = World::with_points(100_000);
        let withdrawal = world.request_claim(3_000).expect("accepted");
        let lineage = world.reserve(withdrawal).expect("reserved");
        let mut cosigning = Self { world, withdrawal, lineage };
        cosigning.record(PSBT, hash(10));
        cosigning.world.see_tip(1_000_000_000);
        cosigning
    }

    fn latest(&self) -> AttemptId {
        self.world.lineage(self.lineage).latest().id
    }

    fn record(&mut self, raw: &[u8], hash: Hash32) {
        let signed = Signed { raw: Bytes(raw.to_vec()), hash };
        let (lineage, attempt) = (self.lineage, self.latest());
        self.world.must(Command::Record {
            lane: lane(),
            epoch: Epoch(1),
            lineage,
            attempt,
            signed,
            tip: None,
        });
    }

    fn cosign(
        &mut self,
        attempt: AttemptId,
        over: &[u8],
        raw: &[u8],
        hash: Hash32,
    ) -> Result<Answer, Refusal> {
        let signed = Signed { raw: Bytes(raw.to_vec()), hash };
        let over = Bytes(over.to_vec());
        self.world.give(Command::Cosign {
            lane: lane(),
            lineage: self.lineage,
            attempt,
            over,
            signed,
        })
    }

    fn awaits(&self, attempt: AttemptId) -> bool {
        let lineage = self.world.lineage(self.lineage);
        lineage.awaits_cosigners(lineage.attempt(attempt).expect("one of its own"))
    }

    fn step(&self) -> Step {
        let lineage = self.world.lineage(self.lineage).clone();
        self.world.ask_lane(|view| step(view, &lineage))
    }

    fn send(&mut self, attempt: AttemptId) -> Result<Answer, Refusal> {
        let legs = self.world.lineage(self.lineage).legs.clone();
        let (lineage, submissions) = (self.lineage, Vec::new());
        self.world.give(Command::Submitted {
            lane: lane(),
            epoch: Epoch(1),
            lineage,
            attempt,
            legs,
            submissions,
        })
    }

    /// A dearer version, recorded and waiting for others as well.
    fn bump(&mut self) -> AttemptId {
        let fees =
            EvmFees { max_fee_per_gas: 20_000_000_000, max_priority_fee_per_gas: 2_000_000_000 };
        let attempt = self.world.bump(self.lineage, fees);
        self.record(PSBT, hash(11));
        attempt
    }
}

/// F4: what lacks signatures never leaves by itself, however long it waits, and nothing dearer is
/// proposed.
#[test]
fn f04_what_lacks_signatures_is_not_sent_and_not_bumped() {
    let mut cosigning = Cosigning::new();
    let attempt = cosigning.latest();
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: None });
    cosigning.world.pass(48 * 3_600);
    cosigning.world.see_tip(50_000_000_000);
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: None });
    assert_eq!(cosigning.send(attempt).expect_err("not complete").code(), "BAD_ATTEMPT");
    let withdrawal = cosigning.world.withdrawal(cosigning.withdrawal).clone();
    let lineage = cosigning.world.lineage(cosigning.lineage).clone();
    let told =
        cosigning.world.ask_lane(|view| why(view, &withdrawal, Some(&lineage), &Line::default()));
    assert_eq!(told.reason, Reason::AwaitsCosigners { attempt, sent: 0 });
    assert!(told.sentence.contains("signatures of others"), "{}", told.sentence);
}

/// F15: complete signatures are sent; the same ones twice change nothing, and none of them is lost.
#[test]
fn f15_signatures_that_come_back_are_kept_once() {
    let mut cosigning = Cosigning::new();
    let attempt = cosigning.latest();
    cosigning.cosign(attempt, PSBT, b"psbt\xff two of three", hash(10)).expect("more signatures");
    assert_eq!(
        cosigning.cosign(attempt, PSBT, b"psbt\xff two of three", hash(10)),
        Ok(Answer::Unchanged)
    );
    let stale = cosigning.cosign(attempt, PSBT, b"psbt\xff another two of three", hash(10));
    assert_eq!(stale.expect_err("somebody was faster").code(), "CHANGED_MEANWHILE");
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: None });
    cosigning.cosign(attempt, b"psbt\xff two of three", &[2, 0], hash(10)).expect("complete");
    assert_eq!(
        cosigning.cosign(attempt, b"psbt\xff two of three", &[2, 0], hash(10)),
        Ok(Answer::Unchanged)
    );
    let other = cosigning.cosign(attempt, &[2, 0], &[2, 1], hash(10));
    assert_eq!(other.expect_err("complete bytes never change").code(), "CHANGED_MEANWHILE");
    assert_eq!(cosigning.step(), Step::Do(Act::Send { lineage: cosigning.lineage, attempt }));
}

#[test]
fn signatures_of_another_transaction_are_refused() {
    let mut cosigning = Cosigning::new();
    let attempt = cosigning.latest();
    assert_eq!(
        cosigning.cosign(attempt, PSBT, &[2, 0], hash(99)).expect_err("another").code(),
        "BAD_ATTEMPT"
    );
    let unknown = AttemptId(cosigning.world.id());
    assert_eq!(
        cosigning.cosign(unknown, PSBT, &[2, 0], hash(10)).expect_err("unknown").code(),
        "CHANGED_MEANWHILE"
    );
}

/// F5, F21: a co-signer who has it may send it himself. It is seen by its hash, and settled like
/// any other; after a reorganisation nothing that lacks signatures is sent.
#[test]
fn f05_f21_what_a_cosigner_sends_himself_is_seen_and_settled() {
    let mut cosigning = Cosigning::new();
    let (lineage, attempt) = (cosigning.lineage, cosigning.latest());
    cosigning.world.observe(lineage, Fact::Included { attempt, block: block(9) }).expect("seen");
    assert_eq!(cosigning.step(), Step::AwaitFinality);
    cosigning.world.observe(lineage, Fact::Vanished { attempt }).expect("gone again");
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: None });
    cosigning
        .world
        .observe(lineage, Fact::Included { attempt, block: block(10) })
        .expect("seen again");
    cosigning.world.finalize(lineage, attempt, &Effect::Paid).expect("final");
    assert_eq!(cosigning.world.withdrawal(cosigning.withdrawal).state.status(), Status::Completed);
    let late = cosigning.cosign(attempt, PSBT, &[2, 0], hash(10));
    assert_eq!(late.expect_err("it has ended").code(), "CHANGED_MEANWHILE");
}

/// F28, F29: while a dearer version waits for others, the one that they signed is repeated, and
/// whichever is mined counts.
#[test]
fn f28_f29_the_version_that_is_complete_stays_out_while_another_waits() {
    let mut cosigning = Cosigning::new();
    let (lineage, first) = (cosigning.lineage, cosigning.latest());
    cosigning.cosign(first, PSBT, &[2, 0], hash(10)).expect("complete");
    cosigning.send(first).expect("sent");
    let sent_at = cosigning.world.view.now;
    let second = cosigning.bump();
    let wait = cosigning.world.rules.chains[&lane().chain].rebroadcast_after;
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: Some(sent_at.plus(wait)) });
    cosigning.world.pass(wait.seconds());
    assert_eq!(cosigning.step(), Step::Do(Act::Send { lineage, attempt: first }));
    cosigning.cosign(second, PSBT, &[2, 1], hash(11)).expect("complete, too");
    assert_eq!(cosigning.step(), Step::Do(Act::Send { lineage, attempt: second }));
    cosigning.world.finalize(lineage, first, &Effect::Paid).expect("the first was mined");
    assert_eq!(cosigning.world.withdrawal(cosigning.withdrawal).state.status(), Status::Completed);
}

/// F28: what was signed after hours is not stuck at once: the clock of bumps begins when it is
/// complete.
#[test]
fn f28_what_others_took_hours_to_sign_is_not_bumped_at_once() {
    let mut cosigning = Cosigning::new();
    let (lineage, attempt) = (cosigning.lineage, cosigning.latest());
    cosigning.world.pass(6 * 3_600);
    cosigning.cosign(attempt, PSBT, &[2, 0], hash(10)).expect("complete");
    cosigning.send(attempt).expect("sent");
    cosigning.world.see_tip(50_000_000_000);
    assert!(matches!(cosigning.step(), Step::AwaitInclusion { .. }), "{:?}", cosigning.step());
    cosigning.world.pass(cosigning.world.rules.chains[&lane().chain].bump_after.seconds());
    cosigning.world.see_tip(50_000_000_000);
    assert!(
        matches!(cosigning.step(), Step::Do(Act::Bump { lineage: of, .. }) if of == lineage),
        "{:?}",
        cosigning.step()
    );
}

/// F30: who has been given it may finish it, so a wish to cancel asks for signatures of a
/// cancelling version, and the payment is not sent any more by us.
#[test]
fn f30_a_payment_that_waits_for_others_is_cancelled_by_the_chain_alone() {
    let mut cosigning = Cosigning::new();
    let (lineage, first) = (cosigning.lineage, cosigning.latest());
    assert!(cosigning.awaits(first));
    cosigning.world.wish_cancel(cosigning.withdrawal, lineage).expect("wished");
    assert_eq!(cosigning.world.withdrawal(cosigning.withdrawal).state.status(), Status::Processing);
    // From the wish on, though no cancelling version can be made while the chain is not read.
    cosigning.world.pass(3_600);
    assert_eq!(
        (cosigning.step(), cosigning.awaits(first)),
        (Step::AwaitUndoing { obstacle: Obstacle::ChainUnread }, false)
    );
    let wished = cosigning.cosign(first, PSBT, &[2, 0], hash(10)).expect_err("it is to be undone");
    assert_eq!(wished.code(), "BAD_ATTEMPT");
    cosigning.world.see_tip(1_000_000_000);
    let Step::Do(Act::Bump { purpose: Purpose::Cancel, .. }) = cosigning.step() else {
        panic!("{:?}", cosigning.step())
    };
    let Draft::Evm(draft) = cosigning.world.draft(cosigning.world.lineage(lineage).number(), 20)
    else {
        panic!("an EVM draft")
    };
    let fees = EvmFees { max_priority_fee_per_gas: 2_000_000_000, ..draft.fees };
    let cancelling =
        cosigning.world.add(lineage, Purpose::Cancel, EvmDraft { fees, ..draft }).expect("added");
    cosigning.record(PSBT, hash(11));
    let refused =
        cosigning.cosign(first, PSBT, &[2, 0], hash(10)).expect_err("it is being cancelled");
    assert_eq!(refused.code(), "BAD_ATTEMPT");
    assert_eq!(cosigning.step(), Step::AwaitCosigners { resend_at: None });
    assert!(cosigning.awaits(cancelling) && !cosigning.awaits(first));
    cosigning.cosign(cancelling, PSBT, &[2, 1], hash(11)).expect("complete");
    assert_eq!(cosigning.step(), Step::Do(Act::Send { lineage, attempt: cancelling }));
    cosigning.world.finalize(lineage, cancelling, &Effect::Cancelled).expect("final");
    assert_eq!(cosigning.world.withdrawal(cosigning.withdrawal).state.status(), Status::Cancelled);
}
