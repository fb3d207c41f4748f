//! `adit restore --journal FILE`: database and journal are put back together, or nothing is touched
//! (cases F91, F96).

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::built::{Running, least, run, text};
use crate::restore::{ADMIN, LEASE_IS_OVER, OTHER_KEY, files, reads_journal, refused, served};

const BOTH: [&str; 4] = ["--database", "copy/adit.db", "--journal", "copy/signer.journal"];

/// What the running server says of the release of the only lane.
fn release(directory: &Path, server: &Running, more: &[&str]) -> Result<Value, String> {
    let asked = [
        &["lanes", "release", "base", "--json", "--api", &server.address, "--token", ADMIN][..],
        more,
    ]
    .concat();
    let answer = run(directory, &asked, &[]);
    match answer.status.success() {
        true => Ok(serde_json::from_slice(&answer.stdout).expect("JSON")),
        false => Err(text(&answer.stderr)),
    }
}

#[test]
fn f96_both_are_restored_and_nothing_is_paid_before_a_sweep_and_two_admins() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let at = directory.path();
    let (journal, contexts) =
        (at.join("data/signer.journal"), at.join("data/signer.journal.contexts"));
    fs::write(&journal, "what a broken disk left of it\n").expect("written");
    let restored = run(at, &[&["restore"][..], &BOTH].concat(), &variables);
    let (said, warned) = (text(&restored.stdout), text(&restored.stderr));
    assert!(restored.status.success(), "{warned}");
    assert!(warned.contains("the journal in place cannot be read"), "{warned}");
    for words in [
        "is the older one, by",
        "The journal went back, too",
        "cannot be asked now",
        "the sweep: transactions to the wallet itself",
        "0 withdrawals wait in this database",
        "two admins",
        "The journal of before is kept as data/signer.journal.before-restore-",
        "the lanes sweep",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    assert_eq!(
        fs::read(&journal).expect("a journal"),
        fs::read(at.join("copy/signer.journal")).expect("a copy")
    );
    assert_eq!(contexts.exists(), at.join("copy/signer.journal.contexts").exists());
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    let standing = release(at, &server, &[]).expect("told");
    assert_eq!(
        (&standing["stage"], &standing["waiting"]),
        (&Value::from("declared"), &Value::from(0)),
        "{standing}"
    );
    let early = release(at, &server, &["--seen", "0"]).expect_err("it is not swept");
    assert!(early.contains("not swept yet"), "{early}");
}

/// F91, F96: the same copy of the database once more, in the middle of a restore of both. Alone it
/// would forget that the lane has to sweep, and that two admins release what waits; and the
/// journal's copy is the older one by then.
#[test]
fn f96_a_restore_of_both_is_not_forgotten_by_one_of_the_database() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let at = directory.path();
    fs::remove_file(at.join("data/signer.journal")).expect("lost");
    let restored = run(at, &[&["restore"][..], &BOTH].concat(), &variables);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let alone = ["--database", "copy/adit.db"];
    refused(at, &alone, &variables, &["is not released yet", "--journal-declared"]);
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    drop(server);
    refused(at, &alone, &variables, &["is not released yet", "--journal-declared"]);
    let again =
        run(at, &["restore", "--database", "copy/adit.db", "--journal-declared"], &variables);
    assert!(again.status.success(), "{}", text(&again.stderr));
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    assert_eq!(release(at, &server, &[]).expect("told")["stage"], "declared");
}

#[test]
fn f96_a_journal_that_is_newer_than_its_copy_is_kept() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let server = Running::start(directory.path(), &variables);
    reads_journal(directory.path(), &server);
    let running = run(directory.path(), &[&["restore"][..], &BOTH].concat(), &variables);
    assert!(
        !running.status.success() && text(&running.stderr).contains("another adit process"),
        "{}",
        text(&running.stderr)
    );
    drop(server);
    refused(
        directory.path(),
        &BOTH,
        &variables,
        &["it is the newer one", "adit restore --database FILE"],
    );
}

#[test]
fn f96_what_is_no_journal_of_ours_is_refused() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let at = directory.path();
    let (other, copy) = served(&least(&[("LOCK_MANAGER_PRIVATE_KEY", OTHER_KEY)]));
    let theirs = copy.with_file_name("signer.journal").display().to_string();
    fs::remove_file(at.join("data/signer.journal")).expect("lost");
    fs::write(at.join("notes.txt"), "not a journal\n").expect("written");
    let with = |file: &str, words: &[&str]| {
        refused(at, &["--database", "copy/adit.db", "--journal", file], &variables, words)
    };
    with("missing", &["missing cannot be read"]);
    with("copy", &["copy is no file", "copy/signer.journal"]);
    with("notes.txt", &["notes.txt is no journal that can be used here"]);
    with(&theirs, &["is pinned to the signer's journal", "another installation"]);
    refused(
        at,
        &["--journal", "copy/signer.journal", "--take-over"],
        &variables,
        &["--take-over goes with"],
    );
    refused(
        at,
        &["--database", "copy/adit.db", "--journal-declared"],
        &variables,
        &["there is no journal at data/signer.journal"],
    );
    drop(other);
}

#[test]
fn f96_a_journal_that_is_lost_begins_anew() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let at = directory.path();
    let lost = ["--database", "copy/adit.db", "--journal-lost"];
    refused(at, &lost, &variables, &["so it is not lost", "--journal-declared"]);
    fs::remove_file(at.join("data/signer.journal")).expect("lost");
    let restored = run(at, &[&["restore"][..], &lost].concat(), &variables);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(files(at).keys().any(|name| name.ends_with("signer.journal")), "a new one begins");
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    assert_eq!(release(at, &server, &[]).expect("told")["stage"], "declared");
}

/// What the server says of the only lane.
fn halted(directory: &Path, server: &Running) -> String {
    let asked = ["lanes", "explain", "--json", "--api", &server.address, "--token", ADMIN];
    let answer = run(directory, &asked, &[]);
    text(&answer.stdout)
}

/// F96: the database is whole. An older copy of the journal stops the lane, and goes on once it was
/// taught what the database recorded.
#[test]
fn f96_a_journal_that_is_lost_alone_is_taught() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let at = directory.path();
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    // With each renewal of its lease the lane notes how far the journal goes.
    std::thread::sleep(LEASE_IS_OVER);
    drop(server);
    let (journal, copy) = (at.join("data/signer.journal"), at.join("copy/signer.journal"));
    refused(at, &["--journal", "copy/signer.journal"], &variables, &["it is the newer one"]);
    fs::copy(&copy, &journal).expect("an older one in its place");
    let server = Running::start(at, &variables);
    let mut stands = String::new();
    for _ in 0..300 {
        stands = halted(at, &server);
        if stands.contains("halted") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(stands.contains("halted"), "{stands}");
    let running = run(at, &["restore", "--journal-declared"], &variables);
    assert!(
        !running.status.success() && text(&running.stderr).contains("another adit process"),
        "{}",
        text(&running.stderr)
    );
    drop(server);
    fs::remove_file(&journal).expect("lost");
    let taught = run(at, &["restore", "--journal", "copy/signer.journal", "--json"], &variables);
    assert!(taught.status.success(), "{}", text(&taught.stderr));
    let said: Value = serde_json::from_slice(&taught.stdout).expect("JSON");
    assert!(said["records"].is_u64() && said["attempts"]["taught"] == 0, "{said}");
    let server = Running::start(at, &variables);
    reads_journal(at, &server);
    assert_eq!(release(at, &server, &[]).expect("told")["stage"], "none", "nothing is swept");
}
