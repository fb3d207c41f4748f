//! `target/devnet.json`: all that somebody else's test needs to know about a running devnet.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The first server's address.
    pub api: String,
    /// Also a service key.
    pub admin_token: String,
    /// The first server's.
    pub server_pid: u32,
    /// Every server, the first included.
    pub replicas: Vec<Replica>,
    pub evm: Evm,
    pub users: Vec<User>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replica {
    pub api: String,
    pub pid: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evm {
    pub rpc: String,
    pub chain_id: u64,
    pub token: String,
    pub lock: String,
    pub hot_wallet: String,
    pub deployer_key: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    pub token: String,
    pub wallet: String,
    pub private_key: String,
    /// In whole points.
    pub xp: u64,
    pub member: bool,
}

impl Manifest {
    /// Written beside and renamed, so that nobody reads half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("the manifest is not expressible in JSON")?;
        let draft = path.with_extension("json.new");
        std::fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
        std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
    }
}
