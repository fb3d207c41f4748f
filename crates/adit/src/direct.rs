//! One order, decided and committed without an engine: for commands that work while no server runs.

use std::collections::BTreeSet;

use adit_core::{Actor, Answer, Command, GroupId, IdBlock, Order, Refusal, Rules, decide, keys};
use adit_engine::Entropy as _;
use adit_store::Store;
use anyhow::{Result, anyhow};
use uuid::Uuid;

use crate::world::{SystemEntropy, now};

/// # Errors
/// When the rules refuse it, or the store cannot take it.
pub async fn submit(store: &dyn Store, rules: &Rules, command: Command) -> Result<Answer> {
    let order = Order {
        actor: Actor::Engine,
        ids: IdBlock::new(uuid()),
        retired: BTreeSet::new(),
        command,
    };
    let mut group = store.load(&keys(&order, rules), now()).await?;
    let mut view = group.take_view();
    let decision = decide(&view, rules, &order).map_err(refused)?;
    view.apply(decision.changes);
    let batch = view.into_batch();
    if !batch.is_empty() {
        group.commit(GroupId(uuid()), batch).await?;
    }
    Ok(decision.answer)
}

fn refused(refusal: Refusal) -> anyhow::Error {
    match &refusal {
        Refusal::BadAttempt { detail } => anyhow!("{detail}"),
        other => anyhow!("the rules refuse it: {} ({other:?})", other.code()),
    }
}

/// A UUIDv7 of now.
pub fn uuid() -> Uuid {
    let millis = u64::try_from(now().micros() / 1_000).unwrap_or(0);
    let mut random = [0; 10];
    random.copy_from_slice(&SystemEntropy.bytes()[..10]);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
