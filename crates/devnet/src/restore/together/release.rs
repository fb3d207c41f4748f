//! Two admins let the lanes go on, as docs/operations.md says; what must be refused on the way is
//! tried.

use anyhow::Result;
use serde_json::{Value, json};

use crate::api::Answer;
use crate::both::operator::cancel;
use crate::both::release::{chains, count, say, second_admin, waiting};

use super::super::world::World;
use super::people::People;

/// Cancels what is not owed, and releases every lane.
///
/// # Errors
/// Fails if the server does not answer, or a lane is not released.
pub async fn release(world: &World, people: &People, findings: &mut Vec<String>) -> Result<()> {
    let admin = world.devnet.admin()?;
    let second = second_admin(&admin, &people.recalled().payee.asker.player.id).await?;
    for chain in chains(world.chain) {
        for id in not_owed(&waiting(&admin, chain).await?, people) {
            cancel(&admin, &id, "not owed any more").await?;
        }
        let seen = count(&waiting(&admin, chain).await?)?;
        refused(
            "another number",
            &say(&admin, chain, seen + 1).await?,
            "CHANGED_MEANWHILE",
            findings,
        );
        let resumed = admin.post(&format!("/api/admin/lanes/{chain}/resume"), &json!({})).await?;
        refused("a resume", &resumed, "BAD_ATTEMPT", findings);
        let once = say(&admin, chain, seen).await?.expect_success("the first release")?;
        if once["releasedOnce"] != true {
            findings.push(format!("one admin has released {chain}, and it says {once}"));
        }
        refused(
            "the same admin again",
            &say(&admin, chain, seen).await?,
            "SECOND_ADMIN_NEEDED",
            findings,
        );
        say(&second, chain, seen).await?.expect_success("the second release")?;
    }
    Ok(())
}

/// Of what is listed: the one who was given back, and the one who was cancelled and has asked anew.
fn not_owed(list: &Value, people: &People) -> Vec<String> {
    let gone = [&people.cast.given_back.ids[0], &people.recalled().ids[0]];
    let listed = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["withdrawalId"].as_str());
    listed.filter(|id| gone.iter().any(|gone| gone.as_str() == *id)).map(str::to_owned).collect()
}

fn refused(what: &str, answer: &Answer, code: &str, findings: &mut Vec<String>) {
    if answer.status.is_success() || answer.code() != code {
        findings.push(format!(
            "{what} should be refused with {code}, and was answered with {} {}",
            answer.status, answer.body
        ));
    }
}
