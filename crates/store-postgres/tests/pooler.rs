//! A pooler that shares sessions, or drops their settings, is refused, whatever it was told to
//! ignore.
//!
//! Where `pgbouncer` is not on the PATH or in /usr/sbin, nothing is tested: `apt-get install
//! pgbouncer`.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use adit_devnet::process::{Launch, Process};
use adit_devnet::{port, scratch};
use adit_store::StoreFault;
use adit_store_postgres::PostgresStore;
use support::{cluster, log, url, within};

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found =
        folders.map(|folder| folder.join("pgbouncer")).find(|candidate| candidate.is_file());
    if found.is_none() {
        eprintln!("pgbouncer is not installed: nothing is tested here");
    }
    found
}

/// A pooler before the database at that port. It does not run as root.
async fn pooler(program: PathBuf, database: u16, mode: &str, ignored: &str) -> (Process, u16) {
    let (folder, port) = (scratch::fresh("pgbouncer"), port::free().expect("a free port"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let settings = folder.join("pgbouncer.ini");
    let text = format!(
        "[databases]\nadit = host=127.0.0.1 port={database} dbname=adit user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = {mode}\nignore_startup_parameters = {ignored}\n"
    );
    std::fs::write(&settings, text).expect("it is written");
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let process = Launch::new("pgbouncer", program, log())
        .arguments([settings.as_os_str()])
        .directory("/")
        .user(root.then_some("postgres"))
        .start()
        .expect("pgbouncer starts");
    let answers = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("pgbouncer", answers).await;
    (process, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_shares_sessions_is_refused_with_what_to_do() {
    let Some(program) = program() else { return };
    let cluster = cluster().await;
    for ignored in ["", "extra_float_digits", "extra_float_digits, options"] {
        let (_pooler, port) = pooler(program.clone(), cluster.port(), "transaction", ignored).await;
        let refused =
            within("connecting", PostgresStore::connect(&url(port))).await.err().expect(ignored);
        assert!(matches!(refused, StoreFault::Unsupported { .. }), "{ignored:?}: {refused}");
        let said = refused.to_string();
        assert!(
            said.contains("connection pooler")
                && said.contains("the database itself, mostly port 5432"),
            "{said}"
        );
    }
}

/// The settings arrive, since the database itself has them: only the sessions show it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_refused_for_its_sessions_alone() {
    let Some(program) = program() else { return };
    let cluster = cluster().await;
    cluster.sql("adit", "ALTER DATABASE adit SET lock_timeout = '40s'").await.expect("it is set");
    let (_pooler, port) =
        pooler(program, cluster.port(), "transaction", "extra_float_digits, options").await;
    let refused = within("connecting", PostgresStore::connect(&url(port))).await.err();
    assert!(matches!(refused, Some(StoreFault::Unsupported { .. })), "{refused:?}");
}

/// In session mode a client keeps its session, and here without the limits that Adit sets.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_drops_the_settings_is_refused() {
    let Some(program) = program() else { return };
    let cluster = cluster().await;
    let (_pooler, port) =
        pooler(program, cluster.port(), "session", "extra_float_digits, options").await;
    let refused = within("connecting", PostgresStore::connect(&url(port))).await.err();
    assert!(matches!(refused, Some(StoreFault::Unsupported { .. })), "{refused:?}");
    PostgresStore::connect(&url(cluster.port())).await.expect("the database itself is accepted");
}
