//! A standby follows through a forwarder, misses what is written after a cut, and begins a timeline
//! of its own.

use adit_devnet::forwarder::Forwarder;
use adit_devnet::postgres::Postgres;
use adit_devnet::scratch;
use anyhow::Result;

const DATABASE: &str = "postgres";

#[tokio::test]
async fn a_promoted_standby_misses_what_was_written_after_the_cut() -> Result<()> {
    let logs = scratch::fresh("standby-logs");
    let mut primary = Postgres::start(logs.join("primary.log")).await?;
    let replication = Forwarder::start(primary.port()).await?;
    let standby = Postgres::standby_of(replication.port(), logs.join("standby.log")).await?;
    primary.sql(DATABASE, "CREATE TABLE kept ()").await?;
    primary.is_followed().await?;
    replication.cut();
    primary.sql(DATABASE, "CREATE TABLE lost ()").await?;
    primary.crash().await?;
    standby.promote().await?;
    assert_eq!(standby.timeline().await?, 2);
    let known = "SELECT to_regclass('kept') IS NOT NULL, to_regclass('lost') IS NOT NULL";
    assert_eq!(standby.sql(DATABASE, known).await?, "t|f");

    primary.start_again().await?;
    assert_eq!(
        (primary.timeline().await?, primary.sql(DATABASE, known).await?.as_str()),
        (1, "t|t")
    );
    standby.sql(DATABASE, "CREATE TABLE another ()").await?;
    std::fs::remove_dir_all(&logs)?;
    Ok(())
}
