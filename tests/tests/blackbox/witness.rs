//! A third witness (case F91): one snapshot sets database and journal back, and a file or an object
//! elsewhere knows better.

use std::fs;

use adit_devnet::object_store::{BUCKET, KEY_ID, ObjectStore, REGION, SECRET};
use adit_devnet::primitives::Address;
use adit_tests::people::{Person, endow};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::{Context, Result};
use toml::Table;

use crate::restores::move_files;

/// Everything that one snapshot of the volume has.
const VOLUME: [&str; 5] =
    ["adit.db", "adit.db-wal", "adit.db-shm", "signer.journal", "signer.journal.contexts"];

#[tokio::test]
async fn f91_a_file_elsewhere_tells_that_both_went_back() -> Result<()> {
    let elsewhere = adit_tests::system::folder("witness-elsewhere")?;
    let _left_by_an_earlier_run = fs::remove_dir_all(&elsewhere);
    fs::create_dir_all(&elsewhere)?;
    let file = elsewhere.join("adit.witness");
    let section = Table::from_iter([("file".to_owned(), file.display().to_string().into())]);
    both_go_back("witness-file", section, || Ok(fs::read(&file)?)).await
}

#[tokio::test]
async fn f91_an_object_elsewhere_tells_that_both_went_back() -> Result<()> {
    let store = ObjectStore::start().await?;
    let object =
        [("endpoint", store.url()), ("bucket", BUCKET), ("key", "devnet/adit"), ("region", REGION)];
    let object = Table::from_iter(object.map(|(key, value)| (key.to_owned(), value.into())));
    let section = Table::from_iter([("object".to_owned(), object.into())]);
    both_go_back("witness-object", section, || {
        store.object("devnet/adit").context("nothing was written")
    })
    .await
}

/// Everything was mined since the snapshot, and is final: neither of the two, nor any pool, shows
/// that something is missing.
async fn both_go_back(
    topic: &str,
    section: Table,
    witness: impl Fn() -> Result<Vec<u8>>,
) -> Result<()> {
    let settings = Settings::sqlite().impatient().section("witness", section);
    let settings = settings
        .environment("AWS_ACCESS_KEY_ID", KEY_ID)
        .environment("AWS_SECRET_ACCESS_KEY", SECRET);
    let mut system = System::start(topic, settings).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "4").await?;
    let payee = |number: u8| Address::repeat_byte(0xd0 + number);
    paid(&system, &ada, payee(0)).await?;
    system.devnet.server(0).stop().await?;
    let copy = system.directory().join("copy");
    fs::create_dir(&copy)?;
    move_files(system.directory(), &copy, &VOLUME)?;
    for number in [1, 2] {
        system.devnet.server(0).start_again().await?;
        paid(&system, &ada, payee(number)).await?;
        system.devnet.server(0).kill().await?;
    }
    let known = witness()?;
    move_files(&copy, system.directory(), &VOLUME)?;
    system.devnet.server(0).start_again().await?;
    let admin = system.admin()?;
    let halted = async || {
        let lanes = admin.get("/api/admin/lanes").await?.expect_success("reading lanes")?;
        let halted = lanes["items"][0]["halted"].clone();
        Ok((!halted.is_null()).then_some(halted))
    };
    let halted = system.until("the lane to stop", halted).await?;
    assert_eq!(halted["reason"], "both_went_back", "{halted}");
    assert!(halted.to_string().contains("the third witness is ahead of the database"), "{halted}");
    assert_eq!(witness()?, known, "what it says is not written over");
    system.stop().await
}

async fn paid(system: &System, ada: &Person, payee: Address) -> Result<()> {
    let id = ada.withdrawn("ETH", "1", payee).await?;
    assert_eq!(system.until_over(ada, &id).await?["status"], "completed");
    Ok(())
}
