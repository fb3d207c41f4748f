//! `adit restore`: an earlier state of the database is put in place, or nothing is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use adit_devnet::postgres::Postgres;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::built::{Running, adit, least, run, text};

/// Another wallet than that of `least`.
pub const OTHER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// The address of the key of `least`.
const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub const ADMIN: &str = "an-admin-token-of-some-length";
const LOOKS_MAX: u32 = 300;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A lease lasts three seconds.
pub const LEASE_IS_OVER: Duration = Duration::from_millis(3_500);

/// What the running server says of its lanes and its store.
fn lanes(directory: &Path, server: &Running) -> Value {
    let asked = ["lanes", "explain", "--json", "--api", &server.address, "--token", ADMIN];
    let answer = run(directory, &asked, &[]);
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

/// Waits until the lane is leased and has read the journal; it needs no chain for that.
pub fn reads_journal(directory: &Path, server: &Running) {
    for _ in 0..LOOKS_MAX {
        if lanes(directory, server)["lanes"][0]["journalRead"] == true {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("the lane has not read the journal: {}", lanes(directory, server));
}

/// An installation that was served, and its backup; nothing runs any more.
pub fn served(variables: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), variables);
    reads_journal(directory.path(), &server);
    let made = run(directory.path(), &["backup", "--to", "copy"], variables);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(server.stop().0, Some(0));
    let copy = directory.path().join("copy/adit.db");
    (directory, copy)
}

/// Every file of the data folder with its content. SQLite's index of the log is no content.
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory.join("data")).expect("a folder");
    let named = entries.map(|entry| entry.expect("an entry").path());
    let content = named.filter(|path| !path.to_string_lossy().ends_with("-shm"));
    content.map(|path| (path.display().to_string(), fs::read(&path).expect("a file"))).collect()
}

/// Refused, with these words, and nothing was touched.
pub fn refused(directory: &Path, arguments: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let before = files(directory);
    let answer = run(directory, &[&["restore"][..], arguments].concat(), variables);
    let said = text(&answer.stderr);
    assert!(!answer.status.success(), "{arguments:?} was not refused: {}", text(&answer.stdout));
    for word in words {
        assert!(said.contains(word), "{arguments:?}: {word:?} is not in {said}");
    }
    let after = files(directory);
    assert!(
        before.keys().eq(after.keys()),
        "{arguments:?}: {:?} became {:?}",
        before.keys(),
        after.keys()
    );
    assert!(before == after, "{arguments:?} changed a file");
}

#[test]
fn f94_a_restored_database_begins_a_new_life_and_the_old_one_is_kept() {
    let (directory, copy) = served(&least(&[]));
    let (at, copied) = (directory.path(), fs::read(&copy).expect("a copy"));
    let restored = run(at, &["restore", "--database", "copy/adit.db"], &least(&[]));
    let said = text(&restored.stdout);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    for words in [
        "newest commit",
        "in the database epoch",
        "knows 0 payments",
        "is kept as data/adit.db.before-restore-",
        "adit serve",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    assert_eq!(fs::read(&copy).expect("a copy"), copied, "the copy is as it was");
    let kept: Vec<String> =
        files(at).into_keys().filter(|name| name.contains(".before-restore-")).collect();
    assert!(!kept.is_empty(), "{kept:?}");
    assert!(!files(at).keys().any(|name| name.contains(".restoring")), "nothing is left over");
    let server = Running::start(at, &least(&[]));
    reads_journal(at, &server);
    drop(server);
    let again = run(at, &["restore", "--declared", "--json"], &least(&[]));
    assert!(again.status.success(), "{}", text(&again.stderr));
    let found: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert!(found["incarnation"].is_string() && found["ageSeconds"].is_u64(), "{found}");
    let lane = &found["lanes"][0];
    assert!(lane["database"]["epoch"].as_u64() > Some(1), "a new life has a higher epoch: {found}");
    assert_eq!(lane["payments"]["madeAgain"], 0, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_of_ours_is_refused() {
    let variables = least(&[]);
    let (directory, copy) =
        tokio::task::spawn_blocking(|| served(&least(&[]))).await.expect("served");
    let at = directory.path();
    fs::write(
        at.join("notes.txt"),
        "not a database, and long enough to be looked at as one ".repeat(20),
    )
    .expect("written");
    fs::write(at.join("empty.db"), "").expect("written");
    sql(&at.join("other.db"), "CREATE TABLE guest (id INTEGER)").await;
    for file in ["notes.txt", "empty.db", "other.db"] {
        refused(
            at,
            &["--database", file],
            &variables,
            &[file, "is no database of Adit", "adit backup"],
        );
    }
    refused(at, &["--database", "missing.db"], &variables, &["missing.db cannot be read"]);
    refused(at, &["--database", "copy"], &variables, &["copy is no file", "copy/adit.db"]);
    refused(
        at,
        &["--database", "data/adit.db"],
        &variables,
        &["is the configured database itself", "--declared"],
    );
    refused(at, &[], &variables, &["--database FILE", "--declared"]);
    refused(at, &["--take-over"], &variables, &["--take-over goes with"]);
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', 1, x'00', 0)";
    sql(&copy, later).await;
    refused(
        at,
        &["--database", "copy/adit.db"],
        &variables,
        &["schema 9999", "run the newer program"],
    );
}

async fn sql(file: &Path, statement: &'static str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", file.display()))
        .await
        .expect("it opens");
    sqlx::query(statement).execute(&mut connection).await.expect("it runs");
    connection.close().await.expect("it closes");
}

#[test]
fn a_database_of_another_installation_is_refused() {
    let variables = least(&[]);
    let (directory, _) = served(&variables);
    let (other_wallet, of_wallet) = served(&least(&[("LOCK_MANAGER_PRIVATE_KEY", OTHER_KEY)]));
    let (other_journal, of_journal) = served(&variables);
    let (wallet, journal) = (of_wallet.display().to_string(), of_journal.display().to_string());
    refused(
        directory.path(),
        &["--database", &wallet],
        &variables,
        &["is of another installation", WALLET, "Name the right copy"],
    );
    refused(
        directory.path(),
        &["--database", &journal],
        &variables,
        &["is pinned to the signer's journal", "another installation"],
    );
    drop((other_wallet, other_journal));
}

#[test]
fn a_server_that_runs_keeps_its_database() {
    let (directory, _) = served(&least(&[]));
    let server = Running::start(directory.path(), &least(&[]));
    for arguments in [&["restore", "--database", "copy/adit.db"][..], &["restore", "--declared"]] {
        let answer = run(directory.path(), arguments, &least(&[]));
        let said = text(&answer.stderr);
        assert!(
            !answer.status.success()
                && said.contains("another adit process")
                && said.contains("stop that process"),
            "{said}"
        );
    }
    assert!(!files(directory.path()).keys().any(|name| name.contains(".before-restore-")));
    drop(server);
}

#[test]
fn a_journal_that_is_not_there_is_not_made() {
    let (directory, _) = served(&least(&[]));
    fs::rename(directory.path().join("data/signer.journal"), directory.path().join("elsewhere"))
        .expect("moved");
    refused(
        directory.path(),
        &["--database", "copy/adit.db"],
        &least(&[]),
        &["there is no journal at data/signer.journal", "put the newest"],
    );
    assert!(!directory.path().join("data/signer.journal").exists());
}

/// A signer of its own, behind a socket; killed when dropped.
struct Signer(Child);

impl Signer {
    fn start(directory: &Path, socket: &Path) -> Self {
        let child = adit(directory, &["signer"], &least(&[]))
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let signer = Self(child);
        for _ in 0..LOOKS_MAX {
            if socket.exists() {
                return signer;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("the signer has no socket");
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_separate_signer_that_is_away_or_has_another_journal_is_named() {
    let (directory, _) = served(&least(&[]));
    let other = tempfile::tempdir().expect("a directory");
    let socket = other.path().join("signer.sock");
    let config = format!(
        "[signer]\nsocket = \"{}\"\n[chains.base]\nwallet = \"{WALLET}\"\n",
        socket.display()
    );
    for place in [directory.path(), other.path()] {
        fs::write(place.join("adit.toml"), &config).expect("written");
    }
    let mut variables = least(&[]);
    variables.retain(|(name, _)| *name != "LOCK_MANAGER_PRIVATE_KEY");
    let named = socket.display().to_string();
    let arguments = ["--database", "copy/adit.db"];
    refused(
        directory.path(),
        &arguments,
        &variables,
        &[&named, "cannot be asked", "start `adit signer`"],
    );
    let signer = Signer::start(other.path(), &socket);
    refused(
        directory.path(),
        &arguments,
        &variables,
        &[&named, "is pinned to the signer's journal", "another installation"],
    );
    drop(signer);
}

#[test]
fn a_restore_that_broke_off_makes_no_empty_database() {
    let (directory, copy) = served(&least(&[]));
    let data = directory.path().join("data");
    fs::copy(copy, data.join("adit.db.restoring")).expect("copied");
    fs::rename(data.join("adit.db"), data.join("adit.db.before-restore-20261129T000000Z"))
        .expect("moved");
    let started = run(directory.path(), &["serve"], &least(&[]));
    assert!(
        text(&started.stderr).contains("a restore of data/adit.db broke off"),
        "{}",
        text(&started.stderr)
    );
    assert!(!data.join("adit.db").exists());
    let restored = run(directory.path(), &["restore", "--database", "copy/adit.db"], &least(&[]));
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(data.join("adit.db").exists() && !data.join("adit.db.restoring").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn f94_a_postgres_that_was_restored_is_declared() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path().to_owned();
    let postgres = Postgres::start(at.join("postgres.log")).await.expect("Postgres");
    for database in ["adit", "empty"] {
        postgres.create_database(database).await.expect("made");
    }
    let (ours, empty) = (postgres.url("adit"), postgres.url("empty"));
    tokio::task::spawn_blocking(move || {
        let variables = least(&[("DATABASE_URL", &ours)]);
        let server = Running::start(&at, &variables);
        reads_journal(&at, &server);
        refused_here(
            &at,
            &["--database", "x.db"],
            &variables,
            &["is for SQLite", "adit restore --declared"],
        );
        // Another host than the server's: the journal's lock does not stop it.
        fs::write(at.join("elsewhere.toml"), "[signer]\njournal = \"data/copy.journal\"\n")
            .expect("written");
        fs::copy(at.join("data/signer.journal"), at.join("data/copy.journal")).expect("copied");
        let elsewhere = ["--declared", "--config", "elsewhere.toml"];
        refused_here(&at, &elsewhere, &variables, &["a server still runs", "Stop every server"]);
        assert_eq!(server.stop().0, Some(0));
        std::thread::sleep(LEASE_IS_OVER);
        refused_here(
            &at,
            &["--declared"],
            &least(&[("DATABASE_URL", &empty)]),
            &["the database of store.url is no database of Adit"],
        );
        let declared = run(&at, &["restore", "--declared", "--json"], &variables);
        assert!(declared.status.success(), "{}", text(&declared.stderr));
        let found: Value = serde_json::from_slice(&declared.stdout).expect("JSON");
        assert!(found["incarnation"].is_string() && found["kept"].is_null(), "{found}");
        let server = Running::start(&at, &variables);
        reads_journal(&at, &server);
    })
    .await
    .expect("it ran");
    let tables = postgres
        .sql("empty", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .await
        .expect("asked");
    assert_eq!(tables.trim(), "0", "a foreign database is not touched");
    postgres.stop().await.expect("stopped");
}

fn refused_here(directory: &Path, arguments: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let answer = run(directory, &[&["restore"][..], arguments].concat(), variables);
    let said = text(&answer.stderr);
    assert!(!answer.status.success(), "{arguments:?} was not refused");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: {word:?} is not in {said}");
    }
}
