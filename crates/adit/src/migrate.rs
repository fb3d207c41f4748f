//! `adit migrate`: brings the schema up to date. `adit serve` does the same when it starts.

use anyhow::Result;
use serde_json::json;

use crate::config::Config;
use crate::database::Database;
use crate::output::Output;

/// # Errors
/// As [`Database::open`].
pub async fn run(config: &Config, output: Output) -> Result<()> {
    let database = Database::open(&config.store).await?;
    database.store.ping().await?;
    output.result(&json!({ "migrated": true }), "the database's schema is up to date")
}
