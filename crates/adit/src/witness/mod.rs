//! The third witness (case F91): a file on another volume, or an object in a store elsewhere.

mod file;
mod object;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use adit_engine::{AnchoredClock, ThirdWitness};
use anyhow::{Result, bail};

use crate::config::Witness;

use file::FileWitness;
use object::{ObjectWitness, Proof};

/// Opens the configured witness. An object store is asked at once whether it keeps its conditions;
/// one that cannot be reached yet is asked again before it is used.
///
/// # Errors
/// When the store does not keep them, or no client of it can be made.
pub async fn open(
    config: &Witness,
    clock: &AnchoredClock,
) -> Result<Option<Arc<dyn ThirdWitness>>> {
    Ok(match config {
        Witness::None => None,
        Witness::File(path) => Some(Arc::new(FileWitness::new(path))),
        Witness::Object(object) => {
            let witness = ObjectWitness::new(object, clock.clone())?;
            match witness.prove().await {
                Ok(Proof::Keeps) => {}
                Ok(Proof::Fails(sentence)) => bail!("{sentence}"),
                Err(fault) => {
                    tracing::warn!(%fault, "nothing is signed before the object store answers")
                }
            }
            Some(Arc::new(witness))
        }
    })
}
