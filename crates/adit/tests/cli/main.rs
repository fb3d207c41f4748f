//! The built binary: what it prints, refuses, starts and stops. It contacts no chain.

mod both;
mod built;
mod keys;
mod metrics;
mod restore;
mod shared;
mod witness;

use crate::built::{Running, least, run, text};

/// A Bitcoin chain with this wallet, whose keys are sealed here or elsewhere.
fn bitcoin(descriptor: &str, elsewhere: bool) -> String {
    let keys = if elsewhere { "elsewhere" } else { "sealed" };
    format!(
        "[chains.bitcoin]\nkind = \"bitcoin\"\nnetwork = \"regtest\"\ntrust = \"single\"\nbitcoind \
         = [\"http://a:b@127.0.0.1:9/\"]\ndescriptor = \"{descriptor}\"\nkeys = \"{keys}\"\n"
    )
}

#[test]
fn the_template_it_prints_can_be_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let printed = run(directory.path(), &["config"], &[]);
    std::fs::write(directory.path().join("a.toml"), &printed.stdout).expect("written");
    let checked = run(directory.path(), &["config", "--check", "a.toml"], &[]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).starts_with("a.toml can be used"), "{}", text(&checked.stdout));
}

#[test]
fn a_bad_value_is_named_and_nothing_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = run(
        directory.path(),
        &["serve"],
        &least(&[("PORT", "http"), ("DG_WITHDRAWAL_MIN_AMOUNT", "-1")]),
    );
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("(from the environment variable PORT)"), "{said}");
    assert!(said.contains("assets.DG.policy.minimum is \"-1\""), "{said}");
    assert!(!directory.path().join("data").exists(), "nothing was made");
}

#[test]
fn a_server_starts_from_the_environment_and_stops_when_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &least(&[]));
    let again = run(directory.path(), &["serve"], &least(&[]));
    let said = text(&again.stderr);
    assert!(
        !again.status.success() && said.contains("another adit process uses data/adit.db"),
        "{said}"
    );
    let listed = run(
        directory.path(),
        &[
            "withdrawals",
            "list",
            "--json",
            "--api",
            &server.address,
            "--token",
            "an-admin-token-of-some-length",
        ],
        &[],
    );
    assert!(
        listed.status.success() && text(&listed.stdout).contains("\"items\":[]"),
        "{}",
        text(&listed.stderr)
    );
    let refused = run(
        directory.path(),
        &["withdrawals", "list", "--api", &server.address, "--token", "another"],
        &[],
    );
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("401"),
        "{}",
        text(&refused.stderr)
    );
    let (status, log) = server.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("Adit has stopped"), "{log}");
}

#[test]
fn the_journal_of_another_environment_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &least(&[]));
    assert_eq!(server.stop().0, Some(0));
    std::fs::write(directory.path().join("adit.toml"), "[signer]\nenvironment = \"staging\"\n")
        .expect("written");
    let refused = run(directory.path(), &["serve"], &least(&[]));
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success()
            && said.contains("\"production\"")
            && said.contains("\"staging\""),
        "{said}"
    );
}

#[test]
fn a_sealed_seed_pays_with_the_address_that_it_shows() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut variables = least(&[("ADIT_KEY_PASSPHRASE", "correct horse")]);
    variables.retain(|(name, _)| *name != "LOCK_MANAGER_PRIVATE_KEY");
    let missing = run(directory.path(), &["keys", "show"], &variables);
    assert!(text(&missing.stderr).contains("adit keys init"), "{}", text(&missing.stderr));
    let made = run(directory.path(), &["keys", "init", "--json"], &variables);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(made["words"].as_str().expect("words").split(' ').count(), 24);
    let shown = run(directory.path(), &["keys", "show"], &variables);
    assert_eq!(
        text(&shown.stdout).trim(),
        format!("base  {}", made["address"].as_str().expect("an address"))
    );
    let cosigner = run(directory.path(), &["keys", "cosigner", "--network", "regtest"], &variables);
    let key = text(&cosigner.stdout);
    assert!(key.contains("/48'/1'/0'/2']tpub"), "{key}{}", text(&cosigner.stderr));
    let key = key.trim();
    let shared = |arguments: &[&str]| {
        run(
            directory.path(),
            &[&["keys", "descriptor", "--network", "regtest"][..], arguments].concat(),
            &[],
        )
    };
    let one = text(&shared(&[key]).stdout);
    assert!(
        one.starts_with("wpkh([") && one.contains("/<0;1>/*)#") && one.contains("bcrt1q"),
        "{one}"
    );
    let twice = text(&shared(&["--needed", "2", key, key]).stderr);
    assert!(twice.contains("twice in this wallet"), "{twice}");
    let unsaid = text(&shared(&[key, key]).stderr);
    assert!(unsaid.contains("--needed is missing; say how many of the 2 keys"), "{unsaid}");
    let bare = key.split_once(']').expect("an origin").1;
    let without = text(&shared(&[bare]).stderr);
    assert!(without.contains("it has no origin"), "{without}");
    let other = "[73c5da0a/48'/1'/0'/2']tpubDFH9dgzveyD8zTbPUFuLrGmCydNvxehyNdUXKJAQN8x4aZ4j6UZqGfnqFrD4NqyaTVGKbvEW54tsvPTK2UoSbCC1PJY8iCNiwTL3RWZEheQ";
    let descriptor =
        |keys: &[&str]| text(&shared(keys).stdout).lines().next().unwrap_or_default().to_owned();
    for (keys, elsewhere, starts) in [
        (&["--needed", "2", key, other][..], false, true),
        (&[other][..], false, false),
        (&[other][..], true, true),
    ] {
        std::fs::write(directory.path().join("shared.toml"), bitcoin(&descriptor(keys), elsewhere))
            .expect("written");
        let shown = run(directory.path(), &["keys", "show", "--config", "shared.toml"], &variables);
        let said = text(&shown.stdout) + &text(&shown.stderr);
        assert_eq!(shown.status.success(), starts, "{said}");
        assert!(
            said.contains(if starts {
                "by `adit psbt`"
            } else {
                "none of the keys of chains.bitcoin.descriptor"
            }),
            "{said}"
        );
    }
    let refused = run(directory.path(), &["keys", "cosigner", "--network", "testnet3"], &variables);
    assert!(
        text(&refused.stderr).contains("allowed are mainnet, testnet4, signet, regtest"),
        "{}",
        text(&refused.stderr)
    );
    let again = run(directory.path(), &["keys", "init"], &variables);
    assert!(text(&again.stderr).contains("never overwritten"), "{}", text(&again.stderr));
}

#[test]
fn no_key_is_adopted_blindly_or_beside_a_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let adopt = |chain: &str| {
        text(
            &run(
                directory.path(),
                &["keys", "adopt", "--chain", chain, "--nonce", "7"],
                &least(&[]),
            )
            .stderr,
        )
    };
    assert!(
        adopt("base").contains("cannot be compared with the chain, so nothing was changed"),
        "{}",
        adopt("base")
    );
    assert!(adopt("nope").contains("--chain is \"nope\"; allowed are base"), "{}", adopt("nope"));
    let server = Running::start(directory.path(), &least(&[]));
    assert!(adopt("base").contains("another adit process"), "the server has the database");
    drop(server);
}

/// The server beside it may be older than this program: its database keeps its schema.
#[test]
fn a_backup_migrates_nothing() {
    const OLDER: i64 = 6;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("data")).expect("made");
    let database = directory.path().join("data/adit.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(async {
        let migrations =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../store-sqlite/migrations");
        let all = sqlx::migrate::Migrator::new(migrations).await.expect("migrations");
        let then =
            all.iter().filter(|migration| migration.version <= OLDER).cloned().collect::<Vec<_>>();
        let server =
            sqlx::SqlitePool::connect(&format!("sqlite://{}?mode=rwc", database.display()))
                .await
                .expect("a fresh file opens");
        let older =
            sqlx::migrate::Migrator { migrations: then.into(), ..sqlx::migrate::Migrator::DEFAULT };
        older.run(&server).await.expect("the older schema is made");
        server
    });
    let made = run(directory.path(), &["backup", "--to", "copy"], &least(&[]));
    assert!(made.status.success(), "{}", text(&made.stderr));
    let newest = runtime.block_on(
        sqlx::query_scalar::<_, i64>("SELECT MAX(version) FROM _sqlx_migrations")
            .fetch_one(&server),
    );
    assert_eq!(newest.expect("it is read"), OLDER);
    assert!(directory.path().join("copy/adit.db").exists());
}

#[test]
fn a_backup_has_database_and_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &least(&[]));
    let made = run(directory.path(), &["backup", "--to", "copy"], &least(&[]));
    assert!(made.status.success(), "{}", text(&made.stderr));
    for file in ["adit.db", "signer.journal"] {
        let bytes =
            std::fs::metadata(directory.path().join("copy").join(file)).expect("copied").len();
        assert_ne!(bytes, 0, "{file}");
    }
    assert!(
        directory.path().join("copy/signer.journal.contexts").exists(),
        "the keys of the contexts go with the journal"
    );
    drop(server);
    let postgres = run(
        directory.path(),
        &["backup", "--to", "other"],
        &least(&[("DATABASE_URL", "postgres://u:hush@127.0.0.1:1/d")]),
    );
    assert!(
        text(&postgres.stderr).contains("pg_dump") && !text(&postgres.stderr).contains("hush"),
        "{}",
        text(&postgres.stderr)
    );
}
