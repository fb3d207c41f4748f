//! Two admins let the lanes go on, as docs/operations.md says; what must be refused on the way is tried.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::chaos::ChainKind;
use crate::config::{BITCOIN, CHAIN};

use super::super::world::World;
use super::people::{People, cancel};

/// Cancels what is not owed, and releases every lane.
///
/// # Errors
/// Fails if the server does not answer, or a lane is not released.
pub async fn release(world: &World, people: &People, findings: &mut Vec<String>) -> Result<()> {
    let admin = world.devnet.admin()?;
    let second = second_admin(&admin, people).await?;
    let chains: &[&str] = match world.chain {
        ChainKind::Evm => &[CHAIN],
        ChainKind::Bitcoin => &[CHAIN, BITCOIN],
    };
    for chain in chains {
        let path = format!("/api/admin/lanes/{chain}/release");
        for id in not_owed(&waiting(&admin, &path).await?, people) {
            cancel(&admin, &id, "not owed any more").await?;
        }
        let now = waiting(&admin, &path).await?;
        let seen = now["waiting"].as_u64().with_context(|| format!("no count in {now}"))?;
        let say = async |admin: &Api, seen: u64| admin.post(&path, &json!({ "seen": seen })).await;
        refused("another number", &say(&admin, seen + 1).await?, "CHANGED_MEANWHILE", findings);
        let resumed = admin.post(&format!("/api/admin/lanes/{chain}/resume"), &json!({})).await?;
        refused("a resume", &resumed, "BAD_ATTEMPT", findings);
        let once = say(&admin, seen).await?.expect_success("the first release")?;
        if once["releasedOnce"] != true {
            findings.push(format!("one admin has released {chain}, and it says {once}"));
        }
        refused("the same admin again", &say(&admin, seen).await?, "SECOND_ADMIN_NEEDED", findings);
        say(&second, seen).await?.expect_success("the second release")?;
    }
    Ok(())
}

async fn second_admin(admin: &Api, people: &People) -> Result<Api> {
    let user = &people.recalled().payee.asker.player.id;
    let body = json!({ "role": "admin", "label": "a second admin" });
    let key = admin.post(&format!("/api/admin/users/{user}/keys"), &body).await?.expect_success("making a second admin")?;
    Ok(admin.with_token(key["token"].as_str().context("a new key has a token")?))
}

async fn waiting(admin: &Api, path: &str) -> Result<Value> {
    admin.get(path).await?.expect_success("reading what waits")
}

/// Of what is listed: the one who was given back, and the one who was cancelled and has asked anew.
fn not_owed(list: &Value, people: &People) -> Vec<String> {
    let gone = [&people.cast.given_back.ids[0], &people.recalled().ids[0]];
    let listed = list["items"].as_array().into_iter().flatten().filter_map(|item| item["withdrawalId"].as_str());
    listed.filter(|id| gone.iter().any(|gone| gone.as_str() == *id)).map(str::to_owned).collect()
}

fn refused(what: &str, answer: &Answer, code: &str, findings: &mut Vec<String>) {
    if answer.status.is_success() || answer.code() != code {
        findings.push(format!("{what} should be refused with {code}, and was answered with {} {}", answer.status, answer.body));
    }
}
