//! An emergency stop: everything, one asset, one user.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Actor, AssetId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub enum Scope {
    All,
    Asset { asset: AssetId },
    User { user: UserId },
}

/// The scope's key, as stored and shown.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Asset { asset } => write!(f, "asset/{asset}"),
            Self::User { user } => write!(f, "user/{user}"),
        }
    }
}

/// While it stands, nothing in its scope is accepted or newly reserved; what is signed is still
/// watched to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    pub scope: Scope,
    pub by: Actor,
    pub reason: String,
    pub since: Timestamp,
}
