//! Journals of older builds are read and continued, and no older build reads what comes after: case
//! F78.

use adit_core::Epoch;
use adit_signer::{EnvironmentId, Journal, MemoryFile, Record, Refused, Signer as _, Stamp};

use crate::bitcoin::world as bitcoin;
use crate::world::{
    World, at_epoch, claim, config, entries_from, lane, lease, lineage, next_attempt, nonce_taken,
    pay, payout, sign, stamp, under,
};

/// Written by the signer as it was before it knew Bitcoin: a payment, its bump and its cancel, a
/// payment of coins, a supersede, the moved payout, a newer lease that signed nothing.
const BEFORE_BITCOIN: &[u8] = include_bytes!("journals/before_bitcoin.journal");
/// Written by the signer as it was before stores had incarnations: the same, and on Bitcoin a
/// batch, one with another payee, a payment to nobody, both ways of a supersede, the moved payout
/// under a newer lease.
const FORMAT_1: &[u8] = include_bytes!("journals/format_1.journal");

fn holding(bytes: &[u8]) -> World {
    // Attempts of the old journals have the first numbers.
    (0..100).for_each(|_| {
        next_attempt();
    });
    World { disk: MemoryFile::holding(bytes.to_vec()), ..World::new() }
}

#[tokio::test]
async fn f78_a_journal_of_before_bitcoin_is_read() {
    let world = holding(BEFORE_BITCOIN);
    let signer = world.try_start(config()).expect("starts");
    assert_eq!(signer.tip().expect("open").records, 7);
    assert_eq!(entries_from(&signer, &lane(), 0).await.len(), 5);
    assert!(world.disk.contents() == BEFORE_BITCOIN, "only read");
    let stale = sign(&signer, &pay(4, 4, 4)).await.expect_err("a newer lease was seen");
    assert!(matches!(stale, Refused::StaleEpoch { .. }), "{stale}");
    assert_eq!(sign(&signer, &at_epoch(2, pay(4, 4, 2))).await.err(), Some(nonce_taken(2, 3)));
    let live = sign(&signer, &at_epoch(2, pay(1, 4, 4))).await.err();
    assert_eq!(live, Some(Refused::Equivocation { payout: payout(1), live: lineage(3) }));
}

#[tokio::test]
async fn f78_a_journal_of_format_1_is_read_and_continued() {
    let world = holding(FORMAT_1);
    let signer = bitcoin::start(&world);
    let segwit = bitcoin::lane(adit_signer::AccountKind::Segwit);
    for (lane, entries, epoch) in [(lane(), 5, Epoch(3)), (segwit, 4, Epoch(2))] {
        let told = entries_from(&signer, &lane, 0).await;
        assert_eq!(told.len(), entries);
        assert!(
            told.iter().all(|entry| entry.request.stamp == Stamp::default()
                && entry.request.contexts.is_empty())
        );
        let standing = signer
            .lanes()
            .await
            .expect("answers")
            .into_iter()
            .find(|standing| standing.lane == lane)
            .expect("known");
        assert_eq!((standing.epoch, standing.counter), (epoch, 0));
    }
    assert!(world.disk.contents() == FORMAT_1, "only read");
    assert_eq!(sign(&signer, &at_epoch(3, pay(9, 9, 0))).await.err(), Some(nonce_taken(0, 1)));
    let taken = Refused::EpochTaken { epoch: Epoch(3) };
    assert_eq!(
        lease(&signer, &claim(3, stamp(1, 10, 1))).await,
        Err(taken),
        "an epoch that was seen is nobody's"
    );
    lease(&signer, &claim(4, stamp(1, 10, 1))).await.expect("any incarnation is the first");
    let next = under(4, stamp(1, 10, 2), pay(4, 4, 3));
    sign(&signer, &next).await.expect("signs");
    let signer = bitcoin::start(&world);
    assert_eq!(entries_from(&signer, &lane(), 0).await.len(), 6);
    sign(&signer, &next).await.expect("again");
    lease(&signer, &claim(5, stamp(1, 11, 3))).await.expect("leases");
    let text = String::from_utf8(world.disk.contents()).expect("text");
    assert_eq!(
        text.matches("\"record\":\"format\"").count(),
        1,
        "once, however often it is opened"
    );
}

/// An older build stops at a record that it does not know.
#[tokio::test]
async fn f78_an_older_build_meets_a_record_that_it_does_not_know_before_anything_else() {
    let world = holding(FORMAT_1);
    let signer = bitcoin::start(&world);
    world.disk.set_room(Some(300));
    assert!(signer.sign(&[at_epoch(3, pay(4, 4, 9))]).await.is_err(), "the disk is full");
    assert!(world.disk.contents() == FORMAT_1, "cut back");
    world.disk.set_room(None);
    sign(&signer, &at_epoch(3, pay(4, 4, 9))).await.expect("signs");
    let mut records = Vec::new();
    let environment = EnvironmentId::new("test").expect("a name");
    Journal::open(Box::new(world.disk.clone()), &environment, |record, _| records.push(record))
        .expect("opens");
    assert_eq!(records[records.len() - 2], Record::Format { version: 2 });
    let fresh = World::new();
    sign(&fresh.start(), &pay(1, 1, 0)).await.expect("signs");
    let text = String::from_utf8(fresh.disk.contents()).expect("text");
    assert!(
        text.contains("\"version\":2") && !text.contains("\"record\":\"format\""),
        "a new journal says it in its header"
    );
}
