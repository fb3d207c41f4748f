//! Anchors that are coins: batches, versions that gain payees, change that others build on (section
//! E of the windows).

use adit_core::*;

use crate::world::{World, block, hash, lane, owner};

pub fn coin(name: u8, vout: u32) -> String {
    format!("{}:{vout}", hash(name).hex())
}

/// A transaction that spends these coins of `amount` each, pays these legs one by one, and offers
/// this much per virtual byte.
pub fn draft(number: u64, coins: &[String], legs: &[Leg], sat_per_vb: u64) -> BitcoinDraft {
    let vbytes = 100 * coins.len() as u64 + 31 * legs.len() as u64;
    let paid: u128 = legs.iter().map(|leg| leg.amount.base_units()).sum();
    let fee = FeeRate::from_sat_per_kvb(sat_per_vb * 1_000).fee_of(vbytes).base_units();
    let each = paid + 1_000_000;
    let input = |outpoint: &String| DraftInput {
        outpoint: outpoint.clone(),
        amount: Amount::new(each),
        keychain: Keychain::External,
        index: 0,
        confirmed: true,
    };
    let pays = |leg: &Leg| DraftOutput {
        script: Bytes(vec![1]),
        amount: leg.amount,
        purpose: OutputPurpose::Pays(vec![leg.payout]),
    };
    let index = u32::try_from(number).expect("small");
    let change = Amount::new(each * coins.len() as u128 - paid - fee);
    let change = DraftOutput {
        script: Bytes(vec![2]),
        amount: change,
        purpose: OutputPurpose::Change { index },
    };
    BitcoinDraft {
        number,
        inputs: coins.iter().map(input).collect(),
        outputs: legs.iter().map(pays).chain([change]).collect(),
        feerate: FeeRate::from_sat_per_kvb(sat_per_vb * 1_000),
        vbytes,
    }
}

pub struct Bitcoin {
    pub world: World,
    pub legs: Vec<Leg>,
}

impl Bitcoin {
    /// With so many approved payouts.
    pub fn with(payouts: usize) -> Self {
        let mut world = World::with_points(100_000);
        world.rules.chains.get_mut(&lane().chain).expect("a chain").offer_max = 300_000;
        let ids: Vec<WithdrawalId> =
            (0..payouts).map(|_| world.request_claim(3_000).expect("accepted")).collect();
        let legs = ids.into_iter().map(|id| world.leg(id)).collect();
        Self { world, legs }
    }

    pub fn reserve(&mut self, draft: BitcoinDraft, legs: &[Leg]) -> Result<LineageId, Refusal> {
        let draft = Draft::Bitcoin(draft);
        let (lineage, attempt) = (LineageId(self.world.id()), AttemptId(self.world.id()));
        let (legs, anchors) = (legs.to_vec(), draft.anchors(&lane()));
        let reserve = Reserve {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            lineage,
            attempt,
            anchors,
            legs,
            draft,
        };
        self.world.give(Command::Reserve(reserve)).map(|_| lineage)
    }

    pub fn add(
        &mut self,
        lineage: LineageId,
        purpose: Purpose,
        draft: BitcoinDraft,
        joining: &[Leg],
    ) -> Result<AttemptId, Refusal> {
        let draft = Draft::Bitcoin(draft);
        let claims = self.world.lineage(lineage).claims(&draft);
        let attempt = AttemptId(self.world.id());
        let (lane, owner, epoch, joining) = (lane(), owner(), Epoch(1), joining.to_vec());
        let add =
            AddAttempt { lane, owner, epoch, lineage, attempt, purpose, draft, claims, joining };
        self.world.give(Command::AddAttempt(add)).map(|_| attempt)
    }

    pub fn status(&self, leg: &Leg) -> Status {
        self.world.withdrawal(leg.withdrawal).state.status()
    }

    /// The attempt becomes final: whom it carries is paid, the others are not.
    pub fn finalize(&mut self, lineage: LineageId, attempt: AttemptId) {
        let known = self.world.lineage(lineage).clone();
        let version = known.attempt(attempt).expect("there").clone();
        let effect = |leg: &Leg| LegEffect {
            payout: leg.payout,
            effect: if version.pays(leg) { Effect::Paid } else { Effect::Cancelled },
        };
        let effects = known.legs.iter().map(effect).collect();
        let hash = version.signed().expect("signed").hash;
        let receipt = Receipt {
            hash,
            block: block(10),
            effects,
            network_fee: Amount::new(21),
            fee_parts: Vec::new(),
            fee_known: FeeKnown::Agreed,
        };
        self.world.observe(lineage, Fact::Final { attempt, receipt }).expect("final");
    }

    pub fn conflict(&mut self, lineage: LineageId, coins: &[String]) -> Result<Answer, Refusal> {
        let chain = lane().chain;
        let consumed = coins
            .iter()
            .map(|outpoint| Anchor::Outpoint { chain: chain.clone(), outpoint: outpoint.clone() })
            .collect();
        let decoded = "a transfer".to_owned();
        let fact = Fact::Conflicted {
            by: hash(99),
            block: block(10),
            decoded,
            payees: Vec::new(),
            consumed,
        };
        self.world.observe(lineage, fact)
    }
}

/// F56: a coin is in one live lineage, whatever the store would say about it.
#[test]
fn f56_a_coin_is_reserved_once() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let first = bitcoin
        .reserve(draft(7, &[coin(1, 0), coin(2, 0)], &legs[..1], 5), &legs[..1])
        .expect("free");
    let second = draft(8, &[coin(2, 0)], &legs[1..], 5);
    assert_eq!(
        bitcoin.reserve(second.clone(), &legs[1..]).expect_err("taken").code(),
        "CHANGED_MEANWHILE"
    );
    assert_eq!(bitcoin.status(&legs[1]), Status::Approved);
    let attempt = bitcoin.world.send(first, hash(10));
    bitcoin.finalize(first, attempt);
    bitcoin
        .reserve(second, &legs[1..])
        .expect("its lineage has ended; whether the coin is there the chain says");
}

/// A batch pays whom it says, each once and all of it, and nobody else.
#[test]
fn a_batch_that_pays_something_else_is_not_reserved() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let good = draft(7, &[coin(1, 0)], &legs, 5);
    let mut little = good.clone();
    little.outputs[0].amount = little.outputs[0].amount.minus(Amount::new(1));
    let mut much = good.clone();
    much.outputs[0].amount = much.outputs[0].amount.checked_add(Amount::new(1)).expect("small");
    let twice = draft(7, &[coin(1, 0)], &[legs[0].clone(), legs[0].clone()], 5);
    for wrong in [little, much, twice, draft(7, &[coin(1, 0)], &legs[..1], 5)] {
        assert_eq!(
            bitcoin.reserve(wrong, &legs).expect_err("not what was asked").code(),
            "BAD_ATTEMPT"
        );
    }
    let lineage = bitcoin.reserve(good, &legs).expect("both, once");
    let attempt = bitcoin.world.send(lineage, hash(10));
    bitcoin.finalize(lineage, attempt);
    assert!(legs.iter().all(|leg| bitcoin.status(leg) == Status::Completed));
}

/// F57, F58, F61: the next version spends the coins of the first, pays everybody whom that pays,
/// and offers what nodes want.
#[test]
fn f57_f58_f61_a_version_keeps_coins_and_payees_and_outbids() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let coins = [coin(1, 0), coin(2, 0)];
    let lineage = bitcoin.reserve(draft(7, &coins, &legs, 5), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let refused = [
        ("other coins", draft(7, &[coin(1, 0), coin(3, 0)], &legs, 20)),
        ("one coin less", draft(7, &coins[..1], &legs, 20)),
        ("a payee less", draft(7, &coins, &legs[..1], 20)),
        ("another number", draft(8, &coins, &legs, 20)),
        ("the same offer", draft(7, &coins, &legs, 5)),
        (
            "too little more for its relay",
            BitcoinDraft {
                feerate: FeeRate::from_sat_per_kvb(5_500),
                ..more_by(&draft(7, &coins, &legs, 5), 200)
            },
        ),
        ("above the cap", draft(7, &coins, &legs, 301)),
    ];
    for (what, next) in refused {
        assert_eq!(
            bitcoin.add(lineage, Purpose::Pay, next, &[]).expect_err(what).code(),
            "BAD_ATTEMPT",
            "{what}"
        );
    }
    bitcoin
        .add(lineage, Purpose::Pay, draft(7, &[coin(1, 0), coin(2, 0), coin(3, 0)], &legs, 6), &[])
        .expect("more coins, more fee");
    assert_eq!(
        bitcoin.world.lineage(lineage).anchors.len(),
        4,
        "three coins, and the change that the first version would have left"
    );
}

/// R3, F64: a cancelling version that spends a coin which is gone is not left to the market, which
/// asks nothing more: after the usual pause another one is due. A paying one is not: those before
/// it are sent again.
#[test]
fn f64_a_cancelling_version_that_is_lost_is_renewed_after_the_usual_pause() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let renewed = |bitcoin: &Bitcoin| {
        bitcoin.world.ask_lane(|view| renewal(view, bitcoin.world.lineage(lineage)))
    };
    let pass = |bitcoin: &mut Bitcoin, seconds| {
        bitcoin.world.pass(seconds);
        let market = Market::Bitcoin(BitcoinMarket::estimated(FeeRate::from_sat_per_kvb(5_000)));
        let tip = Tip { market, ..bitcoin.world.tip(1) };
        bitcoin.world.see(tip);
    };
    pass(&mut bitcoin, 60);
    assert_eq!(renewed(&bitcoin), None, "it pays");
    bitcoin
        .add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0), coin(2, 0)], &[], 20), &[])
        .expect("a cancel");
    bitcoin.world.send(lineage, hash(11));
    pass(&mut bitcoin, 1);
    assert_eq!(renewed(&bitcoin), None, "the usual pause is not over");
    pass(&mut bitcoin, 60);
    assert!(matches!(renewed(&bitcoin), Some(Act::Bump { purpose: Purpose::Cancel, .. })));
}

/// F57, R3, R4: what only a later version added may be gone, so the next one may do without it; it
/// stays with the lineage until that has ended, and whoever was paid by any version is not given
/// back before.
#[test]
fn r3_a_version_may_leave_out_a_coin_that_only_a_later_one_added() {
    for cancel_wins in [true, false] {
        let mut bitcoin = Bitcoin::with(2);
        let legs = bitcoin.legs.clone();
        let lineage =
            bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
        bitcoin.world.send(lineage, hash(10));
        bitcoin
            .add(lineage, Purpose::Pay, draft(7, &[coin(1, 0), coin(2, 0)], &legs[..1], 20), &[])
            .expect("a bump");
        let bumped = bitcoin.world.send(lineage, hash(11));
        let lost = draft(7, &[coin(2, 0), coin(3, 0)], &legs[..1], 60);
        assert_eq!(
            bitcoin
                .add(lineage, Purpose::Pay, lost, &[])
                .expect_err("not without the first's")
                .code(),
            "BAD_ATTEMPT"
        );
        bitcoin
            .add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 60), &[])
            .expect("without the coin that was added");
        let cancelling = bitcoin.world.send(lineage, hash(12));
        let other = draft(8, &[coin(2, 0)], &legs[1..], 5);
        assert_eq!(
            bitcoin.reserve(other, &legs[1..]).expect_err("the bump may still be mined").code(),
            "CHANGED_MEANWHILE"
        );
        bitcoin.finalize(lineage, if cancel_wins { cancelling } else { bumped });
        assert_eq!(
            bitcoin.status(&legs[0]),
            if cancel_wins { Status::Approved } else { Status::Completed }
        );
    }
}

/// The same with so many satoshi more for the miners.
fn more_by(draft: &BitcoinDraft, satoshi: u128) -> BitcoinDraft {
    let mut draft = draft.clone();
    let change = draft.outputs.last_mut().expect("change");
    change.amount = change.amount.minus(Amount::new(satoshi));
    draft
}

/// F59: who joins a later version is in the lineage; if an older version is final instead, he is
/// free again, with the proof.
#[test]
fn f59_a_payee_of_the_newer_version_is_free_again_when_the_older_is_final() {
    for newer_wins in [true, false] {
        let mut bitcoin = Bitcoin::with(2);
        let legs = bitcoin.legs.clone();
        let lineage =
            bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
        let older = bitcoin.world.send(lineage, hash(10));
        bitcoin
            .add(lineage, Purpose::Pay, draft(7, &[coin(1, 0)], &legs, 20), &legs[1..])
            .expect("one more payee");
        let newer = bitcoin.world.send(lineage, hash(11));
        assert_eq!(
            bitcoin.status(&legs[1]),
            Status::Processing,
            "an older version may still be mined without him"
        );
        let apart = draft(8, &[coin(5, 0)], &legs[1..], 5);
        assert_eq!(
            bitcoin.reserve(apart.clone(), &legs[1..]).expect_err("in a live lineage").code(),
            "CHANGED_MEANWHILE"
        );
        bitcoin.finalize(lineage, if newer_wins { newer } else { older });
        assert_eq!(bitcoin.status(&legs[0]), Status::Completed);
        assert_eq!(
            bitcoin.status(&legs[1]),
            if newer_wins { Status::Completed } else { Status::Approved }
        );
        if !newer_wins {
            let State::Approved { after, .. } = &bitcoin.world.withdrawal(legs[1].withdrawal).state
            else {
                panic!("approved")
            };
            assert_eq!(
                after.as_ref().map(|dead| (dead.lineage, dead.evidence)),
                Some((lineage, hash(10)))
            );
            bitcoin.reserve(apart, &legs[1..]).expect("free again");
        }
    }
}

/// Rule R4, attempt by attempt: a coin that only the bump added says nothing about the first
/// version.
#[test]
fn r4_a_coin_of_the_bump_taken_elsewhere_leaves_the_first_version_alive() {
    let mut bitcoin = Bitcoin::with(1);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    bitcoin
        .add(lineage, Purpose::Pay, draft(7, &[coin(1, 0), coin(2, 0)], &legs, 20), &[])
        .expect("a bump");
    bitcoin.world.send(lineage, hash(11));
    bitcoin.world.must(Command::AdoptKey { lane: lane(), from_nonce: 8 });
    assert_eq!(
        bitcoin.conflict(lineage, &[coin(2, 0)]).expect_err("the first version lives").code(),
        "BAD_ATTEMPT"
    );
    assert_eq!(bitcoin.status(&legs[0]), Status::Processing);
    bitcoin.conflict(lineage, &[coin(1, 0)]).expect("both versions spend it");
    assert_eq!(bitcoin.status(&legs[0]), Status::Approved);
}

/// An operator undoes one payment of a batch: when the cancelling version is final, he is given
/// back and the others are paid by another one.
#[test]
fn a_cancel_of_one_payee_gives_back_him_alone() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let lineage = bitcoin.reserve(draft(7, &[coin(1, 0)], &legs, 5), &legs).expect("free");
    bitcoin.world.send(lineage, hash(10));
    bitcoin.world.wish_cancel(legs[0].withdrawal, lineage).expect("wished");
    bitcoin.add(lineage, Purpose::Cancel, draft(7, &[coin(1, 0)], &[], 20), &[]).expect("a cancel");
    let undo = bitcoin.world.send(lineage, hash(11));
    bitcoin.finalize(lineage, undo);
    assert_eq!(
        [bitcoin.status(&legs[0]), bitcoin.status(&legs[1])],
        [Status::Cancelled, Status::Approved]
    );
}

/// F59, F73: the database lost a version and who joined by it; the signer's journal knows both. He
/// is in the lineage again, and nobody plans him anew.
#[test]
fn f59_f73_who_joined_by_a_lost_version_is_taken_back_with_it() {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let lineage =
        bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    bitcoin.world.send(lineage, hash(10));
    let mut journalled = bitcoin.world.lineage(lineage).clone();
    let lost = Draft::Bitcoin(draft(7, &[coin(1, 0), coin(2, 0)], &legs, 20));
    journalled.anchors.extend(journalled.claims(&lost));
    journalled.legs = legs.clone();
    let signed = Signed { raw: Bytes(vec![2]), hash: hash(11) };
    let (id, epoch, created_at) = (AttemptId(bitcoin.world.id()), Epoch(1), bitcoin.world.view.now);
    let stage = Stage::Signed { signed, knowledge: Knowledge::Signed };
    journalled.attempts.push(Attempt {
        id,
        version: 1,
        purpose: Purpose::Pay,
        draft: lost,
        epoch,
        created_at,
        stage,
    });
    let adopt = |lineage: Lineage| Command::AdoptLineage {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        lost: Vec::new(),
        rivals: Vec::new(),
        displaced: Vec::new(),
    };
    bitcoin.world.must(adopt(journalled.clone()));
    assert_eq!(bitcoin.status(&legs[1]), Status::Processing);
    let known = bitcoin.world.lineage(lineage).clone();
    assert_eq!(
        (known.legs.len(), known.attempts.len(), &known.anchors),
        (2, 2, &journalled.anchors)
    );
    assert_eq!(bitcoin.world.must(adopt(journalled)), Answer::Unchanged);
    bitcoin.finalize(lineage, id);
    assert!(legs.iter().all(|leg| bitcoin.status(leg) == Status::Completed));
}

/// F91: coins that were made one in the lost part are taken back from the journal, which is whole:
/// nobody waits for them to be final.
#[test]
fn f91_a_consolidation_of_the_journal_replaces_nothing_unknown() {
    let mut before = Bitcoin::with(0);
    let lineage = before.reserve(draft(7, &[coin(1, 0)], &[], 5), &[]).expect("free");
    before.world.send(lineage, hash(10));
    let journalled = before.world.lineage(lineage).clone();
    let mut backup = Bitcoin::with(0);
    backup.world.must(adopt(journalled, Vec::new()));
    assert!(!backup.world.lineage(lineage).replaces_unknown());
}

/// A lineage of two versions as the journal has it, and as a restored database has it, which lost
/// the newer version with its second payee and has seen the older one final.
fn lost_version() -> (Bitcoin, LineageId, Lineage) {
    let mut bitcoin = Bitcoin::with(2);
    let legs = bitcoin.legs.clone();
    let lineage =
        bitcoin.reserve(draft(7, &[coin(1, 0)], &legs[..1], 5), &legs[..1]).expect("free");
    let older = bitcoin.world.send(lineage, hash(10));
    let mut journalled = bitcoin.world.lineage(lineage).clone();
    let newer = Draft::Bitcoin(draft(7, &[coin(1, 0), coin(2, 0)], &legs, 20));
    journalled.anchors.extend(journalled.claims(&newer));
    journalled.legs.clone_from(&legs);
    let signed = Signed { raw: Bytes(vec![2]), hash: hash(11) };
    let (id, epoch, created_at) = (AttemptId(bitcoin.world.id()), Epoch(1), bitcoin.world.view.now);
    let stage = Stage::Signed { signed, knowledge: Knowledge::Signed };
    journalled.attempts.push(Attempt {
        id,
        version: 1,
        purpose: Purpose::Pay,
        draft: newer,
        epoch,
        created_at,
        stage,
    });
    bitcoin.finalize(lineage, older);
    (bitcoin, lineage, journalled)
}

fn adopt(lineage: Lineage, lost: Vec<Lost>) -> Command {
    Command::AdoptLineage {
        lane: lane(),
        epoch: Epoch(1),
        lineage,
        lost,
        rivals: Vec::new(),
        displaced: Vec::new(),
    }
}

fn waits_again(bitcoin: &Bitcoin, leg: &Leg, lineage: LineageId) {
    let State::Approved { after, .. } = &bitcoin.world.withdrawal(leg.withdrawal).state else {
        panic!("approved")
    };
    let dead = DeadLineage { lineage, evidence: hash(10) };
    assert_eq!(*after, Some(dead), "the signer is shown the proof before it lets the payout move");
}

/// F59, F73: the older version is final before the journal was read. Who joined by the newer one
/// waits again, with the proof, and the version is known.
#[test]
fn f73_who_joined_by_a_lost_version_of_an_ended_lineage_waits_again() {
    let (mut bitcoin, lineage, journalled) = lost_version();
    let legs = bitcoin.legs.clone();
    assert_eq!(bitcoin.world.must(adopt(journalled.clone(), Vec::new())), Answer::Done);
    waits_again(&bitcoin, &legs[1], lineage);
    let known = bitcoin.world.lineage(lineage).clone();
    assert_eq!((known.attempts.len(), known.legs.len(), known.is_live()), (2, 1, false));
    let Stage::Signed { knowledge, .. } = &known.attempts[1].stage else { panic!("signed") };
    assert_eq!(*knowledge, Knowledge::Conflicted { by: hash(10) });
    assert_eq!(bitcoin.world.must(adopt(journalled.clone(), Vec::new())), Answer::Unchanged);
    bitcoin.reserve(draft(8, &[coin(5, 0)], &legs[1..], 5), &legs[1..]).expect("free again");
    assert_eq!(
        bitcoin.world.must(adopt(journalled, Vec::new())),
        Answer::Unchanged,
        "he lives elsewhere now"
    );
}

/// F95: the same, of a withdrawal that the restored database has never seen.
#[test]
fn f95_who_joined_by_a_lost_version_of_an_ended_lineage_is_made_again() {
    let (lost_world, lineage, journalled) = lost_version();
    let leg = lost_world.legs[1].clone();
    let context = Some(PayoutContext::of(lost_world.world.withdrawal(leg.withdrawal)));
    let mut backup = Bitcoin::with(1);
    assert_eq!(backup.legs, lost_world.legs[..1], "the same first withdrawal");
    let mut older = Lineage { legs: backup.legs.clone(), ..journalled.clone() };
    older.attempts.truncate(1);
    older.anchors = older.attempts[0].draft.anchors(&lane());
    backup.world.must(adopt(older, Vec::new()));
    backup.finalize(lineage, journalled.attempts[0].id);
    let lost = vec![Lost { leg: leg.clone(), context, requested_at: backup.world.view.now }];
    assert_eq!(backup.world.must(adopt(journalled.clone(), lost)), Answer::Done);
    waits_again(&backup, &leg, lineage);
    assert_eq!(backup.world.must(adopt(journalled, Vec::new())), Answer::Unchanged);
    let apart = std::slice::from_ref(&leg);
    backup.reserve(draft(8, &[coin(5, 0)], apart, 5), apart).expect("free");
}

/// F59: what ended a lineage is a version that the database did not know. Nobody in it is paid
/// again.
#[test]
fn f73_a_lost_version_that_ended_its_lineage_sends_nobody_back() {
    let (mut bitcoin, _, mut journalled) = lost_version();
    let Stage::Signed { signed, .. } = &mut journalled.attempts[1].stage else { panic!("signed") };
    signed.hash = hash(10);
    let refused =
        bitcoin.world.give(adopt(journalled, Vec::new())).expect_err("it may have paid them");
    assert_eq!(refused.code(), "CHANGED_MEANWHILE");
}
