//! After a restore: what application, people and operator do, and what they are told.

use anyhow::Result;
use serde_json::json;

use crate::chaos::ledger::Ledger;
use crate::chaos::payees::{self, Way};
use crate::seed;

use super::cast::Cast;
use super::money::{self, Amounts};
use super::run::Lost;
use super::world::{World, XP};

/// How many who asked again were told of their first withdrawal.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    pub told: usize,
    /// Of these, by a claim whose nonce is used.
    pub by_nonce: usize,
}

/// The application introduces its new users again, and sends all credits since the backup again.
/// Gives how many accounts had a debt until then.
///
/// # Errors
/// Fails if the server refuses the application, or the database cannot be read.
pub async fn credit_again(
    world: &World,
    cast: &mut Cast,
    lost: &Lost,
    findings: &mut Vec<String>,
) -> Result<usize> {
    let admin = world.devnet.admin()?;
    let expected = money::debts_to_come(&lost.book, &lost.backup, &lost.ledger_of_backup)?;
    let found = money::debts(&Ledger::read(&world.source()).await?);
    findings.extend(money::differences("the debt", &expected, &found));
    findings.extend(money::hidden_debts(&admin, &expected).await?);
    let seeded = seed::seed(&admin, cast.newcomers.clone(), XP).await?;
    cast.enrol(&seeded);
    for late in [false, true] {
        payees::endow(&admin, &cast.credited(late)).await?;
    }
    let left = money::debts(&Ledger::read(&world.source()).await?);
    findings.extend(money::differences("after all credits the debt", &Amounts::new(), &left));
    Ok(found.len())
}

/// Everybody who was accepted asks again, with the same key or claim, and is told of the first
/// withdrawal.
///
/// # Errors
/// Fails if the HTTP client cannot be built.
pub async fn ask_again(
    world: &World,
    cast: &mut Cast,
    findings: &mut Vec<String>,
) -> Result<Answers> {
    let (mut told, mut by_nonce) = (0, 0);
    world.ask(cast.accepted()).await?;
    for request in cast.accepted() {
        match (&request.ids[..], &request.refused) {
            ([_], None) => {
                told += 1;
                by_nonce += usize::from(request.payee.way == Way::Claim);
            }
            (ids, refused) => findings
                .push(format!("payee {} asked again: {ids:?} {refused:?}", request.payee.number)),
        }
    }
    Ok(Answers { told, by_nonce })
}

/// New requests are accepted, and an operator approves what still waits.
///
/// # Errors
/// Fails if the server cannot be reached.
pub async fn go_on(world: &World, cast: &mut Cast, findings: &mut Vec<String>) -> Result<()> {
    let admin = world.devnet.admin()?;
    let accepted = world.ask(cast.fresh.iter_mut()).await?;
    if accepted != cast.fresh.len() {
        let refused = cast.fresh.iter().find_map(|request| request.refused.as_deref());
        findings.push(format!(
            "{accepted} of {} new requests are accepted: {refused:?}",
            cast.fresh.len()
        ));
    }
    let waiting = &cast.waiting.ids[0];
    let approved =
        admin.post(&format!("/api/admin/withdrawals/{waiting}/approve"), &json!({})).await?;
    if !approved.status.is_success() {
        findings
            .push(format!("what waited cannot be approved: {} {}", approved.status, approved.body));
    }
    Ok(())
}
