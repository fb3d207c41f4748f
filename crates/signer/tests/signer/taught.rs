//! A journal that forgot is taught what the database recorded (case F96).

use adit_core::{Amount, Epoch, Hash32, Timestamp};
use adit_signer::{
    JournalEntry, Learned, Lesson, LocalSigner, MemoryFile, PayoutStanding, Refused, SignRequest,
    Signer as _,
};

use crate::bitcoin::world as bitcoin;
use crate::world::{
    DAY_CAP, NOON_SECONDS, World, at_epoch, bump, cancel, config, entries_from, lane, lineage,
    nonce_taken, pay, pay_amount, payout, retire, retired, sign, supersede,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOON_SECONDS + seconds)
}

async fn entry(signer: &LocalSigner, request: &SignRequest) -> JournalEntry {
    JournalEntry {
        request: request.clone(),
        signed: sign(signer, request).await.expect("signs").signed,
    }
}

fn recorded(entry: &JournalEntry) -> Lesson {
    Lesson::Signed { at: at(-60), entry: entry.clone() }
}

fn given_back(payout_number: u128, ended: Option<(u128, u8)>) -> Lesson {
    Lesson::Retired { retirement: retire(1, payout_number, ended).retirement }
}

async fn teach(signer: &LocalSigner, lessons: &[Lesson]) -> Vec<Result<Learned, Refused>> {
    signer.teach(lessons).await.expect("the journal can be written")
}

/// What another journal had signed stands in this one, is told like everything else, and is signed
/// in no other way.
#[tokio::test]
async fn f96_what_is_taught_stands_in_the_journal_like_what_was_signed() {
    let before = World::new().start();
    let first = entry(&before, &pay(1, 1, 0)).await;
    let second = entry(&before, &at_epoch(4, pay(2, 2, 1))).await;
    let dearer = entry(&before, &at_epoch(4, bump(&second.request))).await;
    let fill = entry(&before, &at_epoch(4, cancel(3, 2))).await;
    let lessons = [&first, &second, &dearer, &fill].map(recorded);

    let world = World::new();
    let signer = world.start();
    assert_eq!(teach(&signer, &lessons).await, vec![Ok(Learned::Taught); 4]);
    let taught = world.disk.contents();
    assert_eq!(teach(&signer, &lessons).await, vec![Ok(Learned::Known); 4]);
    assert_eq!(world.disk.contents(), taught, "nothing is written twice");
    for signer in [signer, world.start()] {
        let told: Vec<_> =
            entries_from(&signer, &lane(), 0).await.into_iter().map(|entry| entry.signed).collect();
        assert_eq!(told, [&first, &second, &dearer, &fill].map(|entry| entry.signed.clone()));
        let stands = signer.standing(&[payout(1), payout(2), payout(3)]).await.expect("tells");
        let live = |number| PayoutStanding::Live { lineage: lineage(number) };
        assert_eq!(stands, [live(1), live(2), PayoutStanding::Unknown]);
        let twice = Refused::Equivocation { payout: payout(1), live: lineage(1) };
        assert_eq!(
            sign(&signer, &at_epoch(4, pay(1, 9, 3))).await,
            Err(twice),
            "a payout that was paid"
        );
        assert_eq!(
            sign(&signer, &at_epoch(4, pay(9, 9, 1))).await,
            Err(nonce_taken(1, 2)),
            "a nonce that was used"
        );
        let stale = Refused::StaleEpoch { got: Epoch(3), newest: Epoch(4) };
        assert_eq!(
            sign(&signer, &at_epoch(3, pay(9, 9, 3))).await,
            Err(stale),
            "a lease of before"
        );
        let again =
            sign(&signer, &at_epoch(4, second.request.clone())).await.expect("the same bytes");
        assert_eq!(again.signed, second.signed);
    }
}

/// Its own key has signed these bytes, and they do what the request says; else nothing of them is
/// written.
#[tokio::test]
async fn f96_bytes_that_the_key_did_not_sign_teach_nothing() {
    let before = World::new().start();
    let (one, other) = (entry(&before, &pay(1, 1, 0)).await, entry(&before, &pay(2, 2, 1)).await);
    let mut forged = one.clone();
    *forged.signed.raw.0.last_mut().expect("bytes") ^= 1;
    let swapped = JournalEntry { signed: other.signed, ..one.clone() };
    let mut renamed = one.clone();
    renamed.signed.hash = Hash32([1; 32]);
    let mut more = one.clone();
    more.request.approved[0].amount = Amount::new(101);
    let mut elsewhere = one.clone();
    elsewhere.request.lane.chain = "nowhere".parse().expect("a chain");

    let world = World::new();
    let signer = world.start();
    let empty = world.disk.contents();
    for wrong in [forged, swapped, renamed, more] {
        let answers = teach(&signer, &[recorded(&wrong)]).await;
        assert!(matches!(&answers[..], [Err(Refused::Mismatch { .. })]), "{answers:?}");
    }
    assert!(matches!(
        &teach(&signer, &[recorded(&elsewhere)]).await[..],
        [Err(Refused::UnknownKey { .. })]
    ));
    let far = JournalEntry { request: at_epoch(u64::MAX, one.request.clone()), ..one.clone() };
    assert!(matches!(
        &teach(&signer, &[recorded(&far)]).await[..],
        [Err(Refused::EpochTooFar { .. })]
    ));
    assert_eq!(world.disk.contents(), empty);
    assert_eq!(teach(&signer, &[recorded(&one)]).await, [Ok(Learned::Taught)]);
}

/// What the journal knows is not unlearned: the lesson is refused, and the rest of the call is
/// learned all the same.
#[tokio::test]
async fn f96_a_lesson_that_contradicts_the_journal_is_refused() {
    let before = World::new().start();
    let (one, two) = (entry(&before, &pay(1, 1, 0)).await, entry(&before, &pay(2, 2, 1)).await);
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(7, 7, 0)).await.expect("signs");
    assert_eq!(
        teach(&signer, &[recorded(&one), recorded(&two)]).await,
        [Err(nonce_taken(0, 7)), Ok(Learned::Taught)]
    );
    let other =
        JournalEntry { request: SignRequest { lineage: lineage(8), ..two.request.clone() }, ..two };
    assert!(
        matches!(&teach(&signer, &[recorded(&other)]).await[..], [Err(Refused::Mismatch { .. })]),
        "another lineage for one attempt"
    );
    assert_eq!(signer.standing(&[payout(1)]).await, Ok(vec![PayoutStanding::Unknown]));
    assert_eq!(signer.tip().expect("open").records, 2);
}

/// A payout that moved is taught with its move; one that was given back with the end of what had
/// carried it.
#[tokio::test]
async fn f96_moves_and_retirements_are_taught_with_their_ends() {
    let before = World::new().start();
    let first = entry(&before, &pay(1, 1, 0)).await;
    assert_eq!(before.supersede(&supersede(1, 1)).await, Ok(Ok(())));
    let second = entry(&before, &pay(1, 2, 1)).await;

    let world = World::new();
    let signer = world.start();
    let live = |number| Refused::Equivocation { payout: payout(1), live: lineage(number) };
    assert_eq!(
        teach(&signer, &[recorded(&first), recorded(&second)]).await,
        [Ok(Learned::Taught), Err(live(1))]
    );
    let left = Lesson::Left { supersede: supersede(1, 1) };
    assert_eq!(
        teach(&signer, &[left.clone(), recorded(&second)]).await,
        [Ok(Learned::Taught), Ok(Learned::Taught)]
    );
    assert_eq!(teach(&signer, &[left]).await, [Ok(Learned::Known)]);
    assert_eq!(
        teach(&signer, &[given_back(1, None), given_back(5, None)]).await,
        [Err(live(2)), Ok(Learned::Taught)]
    );
    assert_eq!(
        teach(&signer, &[given_back(1, Some((2, 3))), given_back(5, None)]).await,
        [Ok(Learned::Taught), Ok(Learned::Known)]
    );
    for signer in [signer, world.start()] {
        assert_eq!(sign(&signer, &pay(1, 6, 2)).await, Err(retired(1)));
        assert_eq!(sign(&signer, &pay(5, 6, 2)).await, Err(retired(5)));
    }
}

/// What was signed counts in the caps of its own day.
#[tokio::test]
async fn f96_what_is_taught_counts_in_the_caps_of_its_day() {
    let mut open = config();
    open.caps.values_mut().for_each(|caps| caps.per_day = Amount::MAX);
    let before = World::new().try_start(open).expect("starts");
    let yesterday = entry(&before, &pay_amount(1, 1, 0, 900)).await;
    let today = entry(&before, &pay_amount(2, 2, 1, 900)).await;
    let signer = World::new().start();
    let lessons = [
        Lesson::Signed { at: at(-86_400), entry: yesterday },
        Lesson::Signed { at: at(-60), entry: today },
    ];
    assert_eq!(teach(&signer, &lessons).await, vec![Ok(Learned::Taught); 2]);
    sign(&signer, &pay_amount(3, 3, 2, 900)).await.expect("today has room for 1,600 more");
    let above = sign(&signer, &pay_amount(4, 4, 3, 900)).await;
    assert!(
        matches!(&above, Err(Refused::AboveDailyCap { used, .. }) if used.base_units() == 1_800),
        "{DAY_CAP}: {above:?}"
    );
}

/// F77: a full disk learns nothing, and learns all of it once there is room.
#[tokio::test]
async fn f77_a_full_disk_is_taught_nothing() {
    let one = recorded(&entry(&World::new().start(), &pay(1, 1, 0)).await);
    let world = World { disk: MemoryFile::new(), ..World::new() };
    let signer = world.start();
    world.disk.set_room(Some(100));
    assert!(signer.teach(std::slice::from_ref(&one)).await.is_err());
    world.disk.set_room(None);
    assert_eq!(teach(&signer, &[one]).await, [Ok(Learned::Taught)]);
}

/// Bitcoin's signatures stand in the witness; the coins belong to the lineage from then on.
#[tokio::test]
async fn f96_a_bitcoin_payment_is_taught_with_its_coins() {
    let request = bitcoin::pay(1, &[1], &[(1, 1, 50_000)]);
    let entry = entry(&bitcoin::start(&World::new()), &request).await;
    let world = World::new();
    let signer = bitcoin::start(&world);
    let mut forged = entry.clone();
    let middle = forged.signed.raw.0.len() - 40;
    forged.signed.raw.0[middle] ^= 1;
    assert!(matches!(
        &teach(&signer, &[recorded(&forged)]).await[..],
        [Err(Refused::Mismatch { .. })]
    ));
    assert_eq!(teach(&signer, &[recorded(&entry)]).await, [Ok(Learned::Taught)]);
    let other = sign(&signer, &bitcoin::pay(2, &[1], &[(2, 1, 50_000)])).await;
    assert!(matches!(other, Err(Refused::AnchorTaken { .. })), "{other:?}");
}
