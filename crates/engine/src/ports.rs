//! What the engine takes from outside: clock, randomness, tasks, store, chains, signer.
//!
//! Nothing in this crate reads a clock or draws a number by itself, so the same code runs on a
//! simulated world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_chain::Chain;
use adit_core::{ChainName, IdBlock, Span, Timestamp};
use adit_signer::Signer;
use adit_store::Store;
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::{AnchoredClock, ThirdWitness};

/// A machine's clocks, and waiting.
pub trait Clock: Send + Sync + 'static {
    /// What the machine shows. Somebody may set it, and it may be wrong.
    fn now(&self) -> Timestamp;
    /// The time since any moment; nobody sets it.
    fn monotonic(&self) -> Duration;
    /// Completes after `span`.
    fn sleep(&self, span: Span) -> BoxFuture<'static, ()>;
}

/// Randomness for ids.
pub trait Entropy: Send + Sync + 'static {
    fn bytes(&self) -> [u8; 16];
}

/// Runs a task until it ends.
pub trait Spawner: Send + Sync + 'static {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
}

/// Everything together.
#[derive(Clone)]
pub struct Ports {
    /// The engine's time; never the machine's own (case F97).
    pub clock: AnchoredClock,
    pub entropy: Arc<dyn Entropy>,
    pub spawner: Arc<dyn Spawner>,
    pub store: Arc<dyn Store>,
    pub chains: BTreeMap<ChainName, Arc<dyn Chain>>,
    pub signer: Arc<dyn Signer>,
    /// A third place that says how far store and journal were; none where none is configured.
    pub witness: Option<Arc<dyn ThirdWitness>>,
}

impl Ports {
    /// A UUIDv7 (RFC 9562): milliseconds, then randomness.
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().micros() / 1_000).unwrap_or(0);
        let random = self.entropy.bytes();
        let mut ten = [0; 10];
        ten.copy_from_slice(&random[..10]);
        uuid::Builder::from_unix_timestamp_millis(millis, &ten).into_uuid()
    }

    /// Ids for one order.
    pub fn ids(&self) -> IdBlock {
        IdBlock::new(self.uuid())
    }
}
