//! Two admins let the lanes of a chain go on.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::chaos::ChainKind;
use crate::config::{BITCOIN, CHAIN};

/// How often a list changes while it is read.
const TRIES_MAX: usize = 20;

/// Every chain of the servers that pay on this one, as the configuration names it.
pub fn chains(of: ChainKind) -> &'static [&'static str] {
    match of {
        ChainKind::Evm => &[CHAIN],
        ChainKind::Bitcoin => &[CHAIN, BITCOIN],
    }
}

/// A second admin, whose key is in the name of this user.
///
/// # Errors
/// Fails if the server refuses.
pub async fn second_admin(admin: &Api, user: &str) -> Result<Api> {
    let body = json!({ "role": "admin", "label": "a second admin" });
    let key = admin
        .post(&format!("/api/admin/users/{user}/keys"), &body)
        .await?
        .expect_success("making a second admin")?;
    Ok(admin.with_token(key["token"].as_str().context("a new key has a token")?))
}

/// What waits of before the restore.
///
/// # Errors
/// Fails if the server does not answer.
pub async fn waiting(admin: &Api, chain: &str) -> Result<Value> {
    admin.get(&path(chain)).await?.expect_success("reading what waits")
}

/// An admin says that they have seen so many.
///
/// # Errors
/// Fails if the server does not answer.
pub async fn say(admin: &Api, chain: &str, seen: u64) -> Result<Answer> {
    admin.post(&path(chain), &json!({ "seen": seen })).await
}

/// How many wait, in such a list.
///
/// # Errors
/// Fails if it does not say so.
pub fn count(list: &Value) -> Result<u64> {
    list["waiting"].as_u64().with_context(|| format!("no count in {list}"))
}

/// Both admins release a chain, again where another number waits by then.
///
/// # Errors
/// Fails if it is refused for another reason.
pub async fn by_both(admins: [&Api; 2], chain: &str) -> Result<()> {
    let mut last = String::new();
    for _ in 0..TRIES_MAX {
        let seen = count(&waiting(admins[0], chain).await?)?;
        let mut released = 0;
        for admin in admins {
            let answer = say(admin, chain, seen).await?;
            last = format!("{} {}", answer.status, answer.body);
            if answer.code() == "CHANGED_MEANWHILE" {
                break;
            }
            answer.expect_success("releasing a lane")?;
            released += 1;
        }
        if released == admins.len() {
            return Ok(());
        }
    }
    bail!("{chain} is not released: {last}")
}

fn path(chain: &str) -> String {
    format!("/api/admin/lanes/{chain}/release")
}
