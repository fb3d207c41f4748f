//! The journal: torn, damaged, full, foreign and locked.

use std::path::Path;

use adit_core::{Epoch, JournalId, Timestamp};
use adit_signer::{
    DiskFile, EnvironmentId, Journal, JournalError, JournalFile as _, LocalSigner, MemoryFile,
    OpenError, Record, Refused, SignRequest, Signer as _, SignerFault,
};
use uuid::Uuid;

use crate::world::{
    NOON_SECONDS, World, after, config, entries_from, environment, in_a_row, journal_id, lane,
    lineage, pay, sign, supersede, try_sign,
};

fn start_on(bytes: Vec<u8>) -> Result<LocalSigner, JournalError> {
    let world = World { disk: MemoryFile::holding(bytes), ..World::new() };
    world.try_start(config()).map_err(|error| match error {
        OpenError::Journal(error) => error,
        OpenError::Config(error) => panic!("{error}"),
    })
}

fn open_on_disk(path: &Path, id: u128) -> Result<LocalSigner, OpenError> {
    LocalSigner::open(
        config(),
        path,
        JournalId(Uuid::from_u128(id)),
        Box::new(|| Timestamp::from_seconds(NOON_SECONDS)),
    )
}

/// A journal with two signatures, and its length before the second.
async fn two_signatures() -> (Vec<u8>, usize) {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    let whole = world.disk.contents().len();
    sign(&signer, &pay(2, 2, 1)).await.expect("signs");
    (world.disk.contents(), whole)
}

#[tokio::test]
async fn killed_at_each_byte_of_the_last_record_it_starts_and_remembers_the_others() {
    let (bytes, whole) = two_signatures().await;
    for length in whole..bytes.len() {
        for zeros in [0, 1, 4_096] {
            let mut torn = bytes[..length].to_vec();
            torn.resize(length + zeros, 0);
            let world = World { disk: MemoryFile::holding(torn), ..World::new() };
            let signer = world
                .try_start(config())
                .unwrap_or_else(|error| panic!("{length} bytes and {zeros} zeros: {error}"));
            assert_eq!(signer.tip().expect("open").records, 1);
            assert_eq!(world.disk.contents(), bytes[..whole], "the rest is removed");
        }
    }
    let signer = start_on(bytes[..bytes.len() - 1].to_vec()).expect("starts");
    assert!(matches!(sign(&signer, &pay(1, 3, 7)).await, Err(Refused::Equivocation { .. })));
    sign(&signer, &pay(3, 3, 1)).await.expect("the torn one was never answered");
    assert_eq!(start_on(bytes).expect("starts").tip().expect("open").records, 2);
}

#[tokio::test]
async fn a_changed_byte_anywhere_is_found() {
    let (bytes, _) = two_signatures().await;
    for at in 0..bytes.len() {
        // The bit 0x20 makes a letter large: the same to a reader of hex.
        let bit = if bytes[at].is_ascii_lowercase() { 0x20 } else { 1 };
        let mut changed = bytes.clone();
        changed[at] ^= bit;
        let error = start_on(changed)
            .err()
            .unwrap_or_else(|| panic!("bit {bit:#x} of byte {at} was changed unnoticed"));
        assert!(
            matches!(error, JournalError::Damaged { .. } | JournalError::Foreign { .. }),
            "byte {at}: {error}"
        );
    }
}

#[tokio::test]
async fn a_missing_repeated_or_moved_record_is_found() {
    let (bytes, whole) = two_signatures().await;
    let header = bytes.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    let (first, second) = (&bytes[header..whole], &bytes[whole..]);
    for wrong in [
        [&bytes[..header], second].concat(),
        [&bytes[..], second].concat(),
        [&bytes[..header], second, first].concat(),
    ] {
        assert!(matches!(start_on(wrong).err(), Some(JournalError::Damaged { .. })));
    }
    for length in 1..header {
        assert!(
            matches!(start_on(bytes[..length].to_vec()).err(), Some(JournalError::Foreign { .. })),
            "cut to {length}"
        );
    }
    assert!(matches!(start_on(b"{}\n".repeat(100)).err(), Some(JournalError::Foreign { .. })));
}

/// Nothing of a whole journal is mended, so a disk that takes no writes does not keep the signer
/// from telling what it signed.
#[tokio::test]
async fn a_whole_journal_is_only_read() {
    let (bytes, _) = two_signatures().await;
    let world = World { disk: MemoryFile::holding(bytes), ..World::new() };
    world.disk.set_room(Some(0));
    world.disk.set_sync_fails(true);
    world.disk.set_truncate_fails(true);
    assert_eq!(entries_from(&world.start(), &lane(), 0).await.len(), 2);
}

/// A journal is read by the megabyte, and its lines do not end where that does.
#[test]
fn a_journal_of_megabytes_is_read_to_its_end() {
    let disk = MemoryFile::new();
    let mut journal =
        Journal::start(Box::new(disk.clone()), journal_id(), &environment("test")).expect("starts");
    let seen = |epoch| Record::Epoch {
        at: Timestamp::from_seconds(NOON_SECONDS),
        lane: lane(),
        epoch: Epoch(epoch),
    };
    for epoch in 0..8_000 {
        journal.stage(&seen(epoch));
    }
    journal.commit().expect("writes");
    assert!((1 << 20..2 << 20).contains(&disk.contents().len()), "{}", disk.contents().len());
    let mut read = Vec::new();
    let opened = Journal::open(Box::new(disk), &environment("test"), |record, _| read.push(record))
        .expect("opens");
    assert_eq!(opened.tip(), journal.tip());
    assert!(read.into_iter().eq((0..8_000).map(seen)));
}

/// Whole records cut off leave no trace in the file, but the tip that was noted elsewhere does not
/// come back.
#[tokio::test]
async fn the_tip_tells_a_shortened_journal() {
    let (bytes, whole) = two_signatures().await;
    let full = start_on(bytes.clone()).expect("starts").tip().expect("open");
    let cut = start_on(bytes[..whole].to_vec()).expect("starts").tip().expect("open");
    assert!(cut.records < full.records && cut.chain != full.chain);
}

/// F91: the chain after any number of records is what the tip said when there were so many, for who
/// wrote them and for who opens them again, in memory and on a real disk. It is read from the
/// nearest mark, so there are more records than lie between two marks.
#[test]
fn f91_the_chain_after_so_many_records_is_what_the_tip_was_then() {
    const RECORDS: u64 = 1_100;
    let directory = tempfile::tempdir().expect("a directory");
    let disk = MemoryFile::new();
    let on_disk = || {
        Box::new(
            DiskFile::open_or_create(
                &directory.path().join("journal"),
                journal_id(),
                &environment("test"),
            )
            .expect("opens"),
        )
    };
    let seen = |epoch| Record::Epoch {
        at: Timestamp::from_seconds(NOON_SECONDS),
        lane: lane(),
        epoch: Epoch(epoch),
    };
    let reopen = |file: Box<dyn adit_signer::JournalFile>| {
        Journal::open(file, &environment("test"), |_, _| {}).expect("opens")
    };
    let start: Box<dyn Fn() -> Journal> = Box::new(|| {
        Journal::start(Box::new(disk.clone()), journal_id(), &environment("test")).expect("starts")
    });
    let again: Box<dyn Fn() -> Journal> = Box::new(|| reopen(Box::new(disk.clone())));
    let real: Box<dyn Fn() -> Journal> = Box::new(|| reopen(on_disk()));
    for (begin, open_again) in [(&start, &again), (&real, &real)] {
        let mut journal = begin();
        let mut tips = vec![journal.tip()];
        for batch in 0..RECORDS / 11 {
            for within in 0..11 {
                journal.stage(&seen(batch * 11 + within));
            }
            journal.commit().expect("writes");
            tips.push(journal.tip());
        }
        let told = |journal: &mut Journal| {
            for tip in &tips {
                assert_eq!(
                    journal.chain_after(tip.records).expect("reads"),
                    Some(tip.chain),
                    "after {}",
                    tip.records
                );
            }
            assert_eq!(journal.chain_after(RECORDS + 1).expect("reads"), None, "it has fewer");
            journal.stage(&seen(RECORDS));
            assert_eq!(
                journal.chain_after(RECORDS + 1).expect("reads"),
                None,
                "what is staged is no part of it"
            );
            journal.discard();
        };
        told(&mut journal);
        drop(journal);
        told(&mut open_again());
    }
}

#[tokio::test]
async fn f77_a_full_disk_signs_nothing_and_recovers() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    let before = world.disk.contents();
    for room in [0, 1, 100, 1_000] {
        world.disk.set_room(Some(room));
        let fault = signer.sign(&after(1, [pay(2, 2, 1), pay(3, 3, 2)])).await;
        assert!(matches!(fault, Err(SignerFault::Journal { .. })), "{fault:?}");
        assert_eq!(world.disk.contents(), before, "cut back");
        assert!(matches!(
            signer.supersede(&supersede(1, 1)).await,
            Err(SignerFault::Journal { .. })
        ));
    }
    world.disk.set_room(None);
    let answers = signer.sign(&after(1, [pay(4, 4, 1), pay(2, 5, 2)])).await.expect("writes again");
    assert!(
        answers.iter().all(Result::is_ok),
        "nothing of the failed batches was remembered: {answers:?}"
    );
    assert_eq!(entries_from(&world.start(), &lane(), 0).await.len(), 3);
}

#[tokio::test]
async fn f77_a_sync_that_fails_signs_nothing() {
    let world = World::new();
    let signer = world.start();
    world.disk.set_sync_fails(true);
    assert!(matches!(try_sign(&signer, &pay(1, 1, 0)).await, Err(SignerFault::Journal { .. })));
    world.disk.set_sync_fails(false);
    let fault = try_sign(&signer, &pay(1, 1, 0)).await;
    assert!(
        matches!(&fault, Err(SignerFault::Journal { detail }) if detail.contains("start again")),
        "{fault:?}"
    );
    sign(&world.start(), &pay(1, 2, 0)).await.expect("after a restart");
}

#[tokio::test]
async fn a_disk_that_cannot_be_cut_back_stops_the_signer() {
    let world = World::new();
    let signer = world.start();
    world.disk.set_room(Some(10));
    world.disk.set_truncate_fails(true);
    assert!(try_sign(&signer, &pay(1, 1, 0)).await.is_err());
    world.disk.set_room(None);
    assert!(try_sign(&signer, &pay(1, 1, 0)).await.is_err());
    world.disk.set_truncate_fails(false);
    sign(&world.start(), &pay(1, 1, 0)).await.expect("the torn rest is removed at the next start");
}

/// The same on a real disk: what a crash left is cut off, and the next signature follows what was
/// answered.
#[tokio::test]
async fn killed_while_it_wrote_to_a_real_disk_it_goes_on_after_the_last_whole_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    let signer = open_on_disk(&path, 7).expect("starts");
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    let whole = signer.tip().expect("open");
    sign(&signer, &pay(2, 2, 1)).await.expect("signs");
    drop(signer);
    let bytes = std::fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("torn");

    let signer = open_on_disk(&path, 8).expect("starts again");
    assert_eq!(signer.tip(), Ok(whole));
    assert_eq!(path.metadata().expect("there").len(), whole.bytes, "the rest is removed");
    sign(&signer, &pay(3, 3, 1)).await.expect("the torn one was never answered");
    sign(&signer, &pay(4, 4, 2)).await.expect("signs");
    let tip = signer.tip();
    drop(signer);
    let signer = open_on_disk(&path, 9).expect("starts again");
    assert_eq!(signer.tip(), tip);
    assert_eq!(entries_from(&signer, &lane(), 0).await.len(), 3);
}

/// A pipe has no disk below it that could keep anything: the system says so, and the signer is
/// told.
#[test]
fn f77_what_cannot_be_made_durable_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("journal");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
    let mut file =
        DiskFile::open_or_create(&pipe, journal_id(), &environment("test")).expect("opens");
    assert!(file.sync().is_err());
}

#[tokio::test]
async fn five_hundred_requests_are_synced_once() {
    let world = World::new();
    let mut config = config();
    config.caps.values_mut().for_each(|caps| caps.per_day = adit_core::Amount::MAX);
    let signer = world.try_start(config).expect("starts");
    let syncs = world.disk.syncs();
    let next = |at: u128| SignRequest {
        previous: at.checked_sub(1).map(lineage),
        ..pay(at, at, u64::try_from(at).expect("small"))
    };
    let requests: Vec<_> = (0..500).map(next).collect();
    let answers = signer.sign(&requests).await.expect("writes");
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.disk.syncs() - syncs, 1);
}

/// Where each line stands is counted while it is staged, not read from the disk: what counts wrong
/// cuts wrong after a failed write.
#[tokio::test]
async fn a_batch_is_found_again_by_whoever_wrote_it() {
    let world = World::new();
    let signer = world.start();
    let requests = in_a_row([pay(1, 1, 0), pay(2, 2, 1), pay(3, 3, 2)]);
    let mut signed = signer.sign(&requests).await.expect("writes");
    assert_eq!(signer.tip().expect("open").bytes, world.disk.contents().len() as u64);
    signed.push(sign(&signer, &pay(4, 4, 3)).await);
    let told = entries_from(&signer, &lane(), 0).await.into_iter().map(|entry| entry.signed);
    assert!(told.eq(signed.into_iter().map(|answer| answer.expect("signed").signed)));
}

/// What was answered survives the loss of everything that was not synced.
#[tokio::test]
async fn what_was_answered_is_durable() {
    let world = World::new();
    let answer = sign(&world.start(), &pay(1, 1, 0)).await.expect("signs");
    world.disk.crash(0);
    let entries = entries_from(&world.start(), &lane(), 0).await;
    assert_eq!(entries[0].signed, answer.signed);
}

#[tokio::test]
async fn f24_a_journal_of_another_environment_does_not_open() {
    let world = World::new();
    sign(&world.start(), &pay(1, 1, 0)).await.expect("signs");
    let mut staging = config();
    staging.environment = environment("staging");
    let error = world.try_start(staging).err().expect("another environment");
    assert_eq!(
        error,
        OpenError::Journal(JournalError::Environment {
            found: "test".into(),
            given: "staging".into()
        })
    );
}

#[test]
fn f24_an_environment_is_named_by_1_to_64_visible_characters() {
    for name in ["x".to_owned(), "production-2".to_owned(), "x".repeat(64)] {
        assert_eq!(EnvironmentId::new(name.clone()).expect("a name").as_str(), name);
    }
    for name in [
        String::new(),
        "x".repeat(65),
        "two words".to_owned(),
        "tab\t".to_owned(),
        "süd".to_owned(),
    ] {
        assert!(EnvironmentId::new(name.clone()).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn f24_a_journal_on_disk_has_one_signer_and_keeps_its_name() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    let open = |id| open_on_disk(&path, id);
    let request = pay(1, 1, 0);
    let signer = open(7).expect("starts");
    let signature = sign(&signer, &request).await.expect("signs");
    assert!(matches!(open(8).err(), Some(OpenError::Journal(JournalError::Locked { .. }))));
    drop(signer);
    let signer = open(8).expect("starts again");
    assert_eq!(signer.journal().await, Ok(journal_id()), "the name it was given first");
    assert_eq!(sign(&signer, &request).await, Ok(signature));
    assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(
        directory.path().read_dir().expect("a directory").count(),
        2,
        "nothing is left beside it and its keys"
    );
    drop(signer);
    std::fs::write(&path, "").expect("emptied");
    let error = open(9).err().expect("an emptied journal is no new start");
    assert!(matches!(error, OpenError::Journal(JournalError::Foreign { .. })), "{error}");
}

/// The sectors of one append reach the disk in any order. Whichever of them is missing after a
/// crash, nothing of the append was answered: it is kept beside the journal, and the signer goes on
/// from what was synced before.
#[tokio::test]
async fn f77_a_hole_in_the_last_append_is_cut_and_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    let signer = open_on_disk(&path, 7).expect("starts");
    sign(&signer, &pay(1, 1, 0)).await.expect("signs");
    let synced = signer.tip().expect("open");
    let three = after(1, [pay(2, 2, 1), pay(3, 3, 2), pay(4, 4, 3)]);
    assert!(signer.sign(&three).await.expect("writes").iter().all(Result::is_ok));
    drop(signer);
    let bytes = std::fs::read(&path).expect("read");
    let (start, end) = (usize::try_from(synced.bytes).expect("small"), bytes.len());
    let sectors: Vec<usize> = (start / 512..end.div_ceil(512)).map(|sector| sector * 512).collect();
    assert!(sectors.len() > 3, "{sectors:?}");
    for sector in sectors {
        let hole = sector.max(start)..(sector + 512).min(end);
        let mut holed = bytes.clone();
        holed[hole.clone()].fill(0);
        std::fs::write(&path, &holed).expect("written");
        let signer =
            open_on_disk(&path, 8).unwrap_or_else(|error| panic!("a hole at {hole:?}: {error}"));
        let records = signer.tip().expect("open").records;
        assert!(
            (synced.records..synced.records + 3).contains(&records),
            "a hole at {hole:?} leaves {records} records"
        );
        drop(signer);
        let cut = path.metadata().expect("there").len();
        let aside = path.with_file_name(format!("journal.torn-{cut}"));
        // What ends in zeros is a torn line, as ever.
        if hole.end < end {
            assert_eq!(
                std::fs::read(&aside).expect("kept"),
                holed[usize::try_from(cut).expect("small")..],
                "a hole at {hole:?}"
            );
            std::fs::remove_file(aside).expect("removed");
        }
    }
}

/// What was synced before the last append was answered for: a hole in it is damage, however well it
/// lies on sectors.
#[tokio::test]
async fn f77_a_hole_before_the_last_append_is_damage() {
    let world = World::new();
    let signer = world.start();
    for request in in_a_row([pay(1, 1, 0), pay(2, 2, 1), pay(3, 3, 2)]) {
        sign(&signer, &request).await.expect("signs");
        world.pass(1);
    }
    let bytes = world.disk.contents();
    let lines: Vec<usize> = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for (from, is_last) in [(lines[0], false), (lines[1], false), (lines[2], true)] {
        let sector = from.next_multiple_of(512);
        let mut changed = bytes.clone();
        changed[sector..sector + 512].fill(0);
        assert_eq!(start_on(changed).is_ok(), is_last, "a hole at {sector}, in the line at {from}");
    }
}

/// Bytes that were changed, and zeros that no disk leaves, are damage wherever they are.
#[tokio::test]
async fn f77_what_is_no_hole_of_sectors_is_damage() {
    let (bytes, whole) = two_signatures().await;
    let start = whole.next_multiple_of(512);
    assert!(start + 512 < bytes.len(), "the last line has a sector of its own");
    let zeroed = |range: std::ops::Range<usize>| {
        let mut changed = bytes.clone();
        changed[range].fill(0);
        start_on(changed)
    };
    assert!(zeroed(start..start + 512).is_ok(), "a sector");
    for wrong in
        [start + 1..start + 512, start..start + 511, start + 1..start + 2, whole - 40..whole - 20]
    {
        let error =
            zeroed(wrong.clone()).err().unwrap_or_else(|| panic!("{wrong:?} is taken for a hole"));
        assert!(matches!(error, JournalError::Damaged { .. }), "{wrong:?}: {error}");
    }
}
