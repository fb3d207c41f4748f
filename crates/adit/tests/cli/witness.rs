//! `[witness.object]`: the server does not start on a store that overwrites, and says so (case
//! F91).

use std::fs;

use adit_devnet::object_store::{BUCKET, Behaviour, KEY_ID, ObjectStore, REGION, SECRET};
use tokio::runtime::Runtime;

use crate::built::{Running, least, run, text};

#[test]
fn f91_a_server_does_not_start_on_a_store_that_ignores_conditions() {
    let runtime = Runtime::new().expect("threads");
    let store = runtime.block_on(ObjectStore::start()).expect("a port");
    let directory = tempfile::tempdir().expect("a directory");
    let section = format!(
        "[witness.object]\nendpoint = {:?}\nbucket = {BUCKET:?}\nregion = {REGION:?}\n",
        store.url()
    );
    fs::write(directory.path().join("adit.toml"), section).expect("written");
    let variables = least(&[("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
    store.behave(Behaviour::IgnoresConditions);
    let refused = run(directory.path(), &["serve"], &variables);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("a witness needs conditional writes"),
        "{said}"
    );
    // One that does not answer may be faithful: the server starts, and its lanes say what they wait
    // for.
    store.behave(Behaviour::Overloaded);
    let (status, log) = Running::start(directory.path(), &variables).stop();
    assert_eq!(status, Some(0), "{log}");
    store.behave(Behaviour::Faithful);
    let (status, log) = Running::start(directory.path(), &variables).stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(store.object("adit/witness.probe").is_some() && !log.contains(SECRET), "{log}");
}
