//! What a lost database knew of a payout comes back with the journal: case F95.

use adit_core::{
    Amount, ClaimContext, Hash32, JournalId, KeyContext, PayoutContext, PayoutId, Timestamp, UserId,
};
use adit_signer::{
    CONTEXT_BYTES_MAX, Journal, LocalSigner, MemoryFile, Record, SignRequest, SignerFault,
};

use crate::world::{
    NOON_SECONDS, World, bump, config, entries_from, journal_id, lane, pay, payout, sign, try_sign,
};

fn context(user: &str) -> PayoutContext {
    PayoutContext {
        user: user.parse().expect("a user"),
        book: "pool-1".parse().expect("a book"),
        source_asset: "XP".parse().expect("an asset"),
        deducted: Amount::new(12_345),
        fee: Amount::new(45),
        claim: Some(ClaimContext { nonce: 7, deadline: 1_795_349_000, digest: Hash32([3; 32]) }),
        idempotency: Some(KeyContext {
            client: "key/a".parse().expect("a client"),
            key: Hash32([4; 32]),
            fingerprint: Hash32([5; 32]),
        }),
    }
}

fn paid_for(user: &str, number: u64) -> SignRequest {
    let contexts = vec![(payout(number.into()), context(user))];
    SignRequest { contexts, ..pay(number.into(), number.into(), number) }
}

async fn told(signer: &LocalSigner) -> Vec<Vec<(PayoutId, PayoutContext)>> {
    entries_from(signer, &lane(), 0).await.into_iter().map(|entry| entry.request.contexts).collect()
}

fn user(name: &str) -> UserId {
    name.parse().expect("a user")
}

#[tokio::test]
async fn f95_a_context_comes_back_with_its_entry_and_stands_nowhere_in_clear() {
    let world = World::new();
    let signer = world.start();
    let first = paid_for("somebody-in-particular", 0);
    sign(&signer, &first).await.expect("signs");
    sign(&signer, &bump(&first)).await.expect("bumps");
    let expected = vec![(payout(0), context("somebody-in-particular"))];
    for signer in [signer, world.start()] {
        assert_eq!(told(&signer).await, [expected.clone(), expected.clone()]);
    }
    let journal = String::from_utf8(world.disk.contents()).expect("text");
    for clear in [
        "somebody-in-particular",
        "pool-1",
        "12345",
        "12_345",
        "contexts",
        "key/a",
        &"04".repeat(32),
    ] {
        assert!(!journal.contains(clear), "{clear} stands in the journal");
    }
    assert!(world.contexts.is_synced(), "the key is durable before what it seals is");
    let again = SignRequest { contexts: Vec::new(), ..first };
    sign(&world.start(), &again).await.expect("the same attempt, whatever is told with it");
}

#[tokio::test]
async fn f95_a_forgotten_users_context_does_not_come_back() {
    let world = World::new();
    let signer = world.start();
    for (at, user) in [(0, "erased"), (1, "kept"), (2, "erased")] {
        sign(&signer, &paid_for(user, at)).await.expect("signs");
    }
    assert_eq!(signer.forget_user(&user("nobody")).await, Ok(false));
    assert_eq!(signer.forget_user(&user("erased")).await, Ok(true));
    assert_eq!(signer.forget_user(&user("erased")).await, Ok(false));
    let expected = [vec![], vec![(payout(1), context("kept"))], vec![]];
    assert_eq!(told(&signer).await, expected);
    assert_eq!(told(&world.start()).await, expected);
    let keys = String::from_utf8(world.contexts.contents()).expect("text");
    assert!(keys.contains("kept") && !keys.contains("erased"));
    sign(&signer, &paid_for("erased", 3)).await.expect("a new key");
    assert_eq!(told(&world.start()).await[2..], [vec![], vec![(payout(3), context("erased"))]]);
}

/// A context is of one payout: in another record it says nothing.
#[tokio::test]
async fn f95_a_context_of_another_payout_is_not_sealed_and_not_opened() {
    let world = World::new();
    let mut request = paid_for("somebody", 0);
    request.contexts.insert(0, (payout(77), context("somebody-else")));
    sign(&world.start(), &request).await.expect("signs");
    assert_eq!(told(&world.start()).await, [vec![(payout(0), context("somebody"))]]);
    assert!(!String::from_utf8(world.contexts.contents()).expect("text").contains("somebody-else"));
}

/// The payout is authenticated with it: moved to another record, it does not open.
#[tokio::test]
async fn f95_a_context_that_was_moved_to_another_payout_does_not_open() {
    let world = World::new();
    sign(&world.start(), &paid_for("somebody", 0)).await.expect("signs");
    let mut records = Vec::new();
    let environment = config().environment;
    Journal::open(Box::new(world.disk.clone()), &environment, |record, _| records.push(record))
        .expect("opens");
    let forged = MemoryFile::new();
    let mut journal =
        Journal::start(Box::new(forged.clone()), journal_id(), &environment).expect("starts");
    for mut record in records {
        let Record::Signed { entry, sealed, .. } = &mut record else { panic!("one signature") };
        entry.request.approved[0].payout = payout(5);
        sealed[0].payout = payout(5);
        journal.stage(&record);
    }
    journal.commit().expect("writes");
    let world = World { disk: forged, ..world };
    assert_eq!(told(&world.start()).await, [vec![]]);
}

#[tokio::test]
async fn f95_the_longest_names_fit() {
    let world = World::new();
    let mut request = paid_for(&"u".repeat(128), 0);
    let longest = PayoutContext {
        book: "b".repeat(32).parse().expect("a book"),
        source_asset: "A".repeat(24).parse().expect("an asset"),
        deducted: Amount::MAX,
        fee: Amount::MAX,
        claim: Some(ClaimContext {
            nonce: u64::MAX,
            deadline: u64::MAX,
            digest: Hash32([255; 32]),
        }),
        idempotency: Some(KeyContext {
            client: "c".repeat(140).parse().expect("a client"),
            key: Hash32([255; 32]),
            fingerprint: Hash32([255; 32]),
        }),
        ..context(&"u".repeat(128))
    };
    request.contexts[0].1 = longest.clone();
    sign(&world.start(), &request).await.expect("signs");
    assert_eq!(told(&world.start()).await, [vec![(payout(0), longest)]]);
    let journal = String::from_utf8(world.disk.contents()).expect("text");
    let (_, sealed) = journal.split_once("\"sealed\":\"0x").expect("sealed");
    let bytes = sealed.find('"').expect("an end") / 2;
    assert_eq!((bytes, CONTEXT_BYTES_MAX), (501, 512));
}

#[tokio::test]
async fn f95_a_torn_keys_file_loses_the_torn_key_alone() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &paid_for("one", 0)).await.expect("signs");
    let whole = world.contexts.contents().len();
    sign(&signer, &paid_for("two", 1)).await.expect("signs");
    let keys = world.contexts.contents();
    for length in whole..keys.len() - 1 {
        let torn = World {
            disk: MemoryFile::holding(world.disk.contents()),
            contexts: MemoryFile::holding(keys[..length].to_vec()),
            ..World::new()
        };
        let signer = torn.start();
        assert_eq!(
            told(&signer).await,
            [vec![(payout(0), context("one"))], vec![]],
            "{length} bytes"
        );
        sign(&signer, &paid_for("three", 2)).await.expect("signs");
        assert_eq!(
            told(&torn.start()).await[2],
            [(payout(2), context("three"))],
            "what is written after a torn line is whole"
        );
    }
}

#[tokio::test]
async fn f95_a_keys_file_that_cannot_be_written_signs_nothing() {
    let world = World::new();
    let signer = world.start();
    for room in [0, 10, 100] {
        world.contexts.set_room(Some(room));
        let fault = try_sign(&signer, &paid_for("one", 0)).await;
        assert!(matches!(fault, Err(SignerFault::Journal { .. })), "{fault:?}");
        assert_eq!(signer.tip().expect("open").records, 0);
    }
    world.contexts.set_room(None);
    sign(&signer, &paid_for("one", 0)).await.expect("signs again");
    assert_eq!(told(&world.start()).await, [vec![(payout(0), context("one"))]]);
    sign(&signer, &pay(1, 1, 1)).await.expect("and what has no context needs no key");
}

/// F77: a disk that takes a part of a key's line, or all of it and does not promise that it stays,
/// keeps none of it once the batch is refused. An erasure finds what the signer knows of, so
/// nothing else may name a user.
#[tokio::test]
async fn f77_a_key_that_could_not_be_written_leaves_nothing_in_the_file() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &paid_for("one", 0)).await.expect("signs");
    let before = world.contexts.contents();
    let hinder: [fn(&MemoryFile); 2] =
        [|disk| disk.set_room(Some(50)), |disk| disk.set_sync_fails(true)];
    for hinder in hinder {
        hinder(&world.contexts);
        let fault = try_sign(&signer, &paid_for("two", 1)).await;
        assert!(matches!(fault, Err(SignerFault::Journal { .. })), "{fault:?}");
        world.contexts.set_room(None);
        world.contexts.set_sync_fails(false);
        assert_eq!(world.contexts.contents(), before);
    }
    sign(&signer, &paid_for("one", 1))
        .await
        .expect("a user whose key is there needs no room for another");
    assert!(
        world.contexts.is_synced(),
        "nothing stands there that a loss of power would take away"
    );
}

/// Where the disk does not take the cut either, an erasure removes what is left.
#[tokio::test]
async fn f77_a_part_of_a_key_that_could_not_be_cut_off_goes_with_the_next_erasure() {
    let world = World::new();
    let signer = world.start();
    world.contexts.set_room(Some(50));
    world.contexts.set_truncate_fails(true);
    try_sign(&signer, &paid_for("somebody", 0)).await.expect_err("no room");
    world.contexts.set_room(None);
    assert!(
        String::from_utf8(world.contexts.contents()).expect("text").contains("somebody"),
        "what is there cannot be cut off"
    );
    assert_eq!(signer.forget_user(&user("somebody")).await, Ok(false));
    assert_eq!(world.contexts.contents(), b"");
    sign(&signer, &paid_for("two", 0)).await.expect("signs");
    assert_eq!(told(&world.start()).await, [vec![(payout(0), context("two"))]]);
}

#[tokio::test]
async fn f95_the_keys_stand_beside_the_journal_and_are_not_needed_to_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let (path, keys) =
        (directory.path().join("journal"), directory.path().join("journal.contexts"));
    let open = |id: JournalId| {
        LocalSigner::open(config(), &path, id, Box::new(|| Timestamp::from_seconds(NOON_SECONDS)))
            .expect("opens")
    };
    let signer = open(journal_id());
    sign(&signer, &paid_for("one", 0)).await.expect("signs");
    sign(&signer, &paid_for("two", 1)).await.expect("signs");
    signer.forget_user(&user("one")).await.expect("writes");
    drop(signer);
    assert_eq!(keys.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    let signer = open(journal_id());
    assert_eq!(told(&signer).await, [vec![], vec![(payout(1), context("two"))]]);
    drop(signer);
    std::fs::remove_file(&keys).expect("lost");
    std::fs::create_dir(&keys).expect("unreadable");
    let signer = open(journal_id());
    assert_eq!(told(&signer).await, [vec![], vec![]]);
    sign(&signer, &paid_for("three", 2)).await.expect("signs without");
    drop(signer);
    std::fs::remove_dir(&keys).expect("removed");
    assert_eq!(told(&open(journal_id())).await, [vec![], vec![], vec![]]);
}
