//! The store port of one process: the tables in memory behind a network that fails, with a crash point around every commit.

use std::path::Path;
use std::sync::Arc;

use adit_core::*;
use adit_store::{CommitFault, Coverage, Cursor, Group, Page, Store, StoreFault, UserSheet, WithdrawalFilter};
use async_trait::async_trait;

use super::label::label;
use crate::World;
use crate::crash::{Phase, Process};

const READ_MICROS: (u64, u64) = (200, 2_000);
const COMMIT_MICROS: (u64, u64) = (500, 9_000);

/// One process's way to the database.
#[derive(Clone)]
pub struct SimStore {
    world: Arc<World>,
    process: Process,
}

impl SimStore {
    pub fn new(world: Arc<World>, process: Process) -> Self {
        Self { world, process }
    }

    async fn wait(&self, (from, to): (u64, u64)) {
        self.world.handle.sleep(self.world.weather.between(from, to)).await;
    }

    /// The way there, which may be shut.
    async fn reach(&self) -> Result<(), StoreFault> {
        self.wait(READ_MICROS).await;
        let manners = self.world.weather.database();
        if manners.unreachable {
            self.world.weather.count();
            return Err(StoreFault::Unreachable { detail: "the simulated database is down".to_owned() });
        }
        if self.world.weather.strikes(manners.contention) {
            return Err(StoreFault::Contention { detail: "a simulated deadlock".to_owned() });
        }
        Ok(())
    }

    fn tables(&self) -> &adit_store::MemStore {
        &self.world.disk.tables
    }
}

/// Reads that are the tables' own.
macro_rules! reads {
    ($(async fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> Result<$answer:ty, StoreFault>;)*) => {
        #[async_trait]
        impl Store for SimStore {
            async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
                self.reach().await?;
                let group = self.tables().load(keys, now).await?;
                Ok(Box::new(SimGroup { store: self.clone(), timeline: self.world.timeline(), group }))
            }

            async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
                self.reach().await?;
                self.tables().was_committed(group).await
            }

            async fn backup(&self, path: &Path) -> Result<(), StoreFault> {
                self.tables().backup(path).await
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreFault> {
                self.reach().await?;
                self.tables().$name($($argument),*).await
            })*
        }
    };
}

reads! {
    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault>;
    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault>;
    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault>;
    async fn limit(&self, user: &UserId, asset: &AssetId, windows: &[Window], now: Timestamp) -> Result<LimitState, StoreFault>;
    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault>;
    async fn withdrawals(&self, filter: &WithdrawalFilter, after: Option<Cursor>, limit: usize) -> Result<Page, StoreFault>;
    async fn queue(&self, assets: &[AssetId], now: Timestamp, limit: usize) -> Result<Vec<Withdrawal>, StoreFault>;
    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault>;
    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault>;
    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault>;
    async fn observations(&self, attempt: AttemptId, limit: usize) -> Result<Vec<ObservationRecord>, StoreFault>;
    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault>;
    async fn feed(&self, user: &UserId, after: u64, limit: usize) -> Result<Vec<Event>, StoreFault>;
    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault>;
    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault>;
    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault>;
    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault>;
    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault>;
    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault>;
    async fn ping(&self) -> Result<(), StoreFault>;
}

/// An open transaction of one process.
struct SimGroup {
    store: SimStore,
    /// The database's history when it was opened; after a failover it belongs to a server that is gone.
    timeline: u64,
    group: Box<dyn Group>,
}

impl SimGroup {
    /// Commits, and has the commit checked.
    async fn write(group: Box<dyn Group>, world: &World, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        group.commit(id, batch.clone()).await?;
        world.committed(id, batch);
        Ok(())
    }
}

#[async_trait]
impl Group for SimGroup {
    fn take_view(&mut self) -> View {
        self.group.take_view()
    }

    async fn commit(self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        let Self { store, timeline, group } = *self;
        let (world, process, deed) = (store.world.clone(), store.process.clone(), label(&batch));
        world.crashes.pass(&process, deed, Phase::Before, &world.story).await;
        store.wait(COMMIT_MICROS).await;
        let manners = world.weather.database();
        let lost = |detail: &str| Err(CommitFault::Unknown { detail: detail.to_owned() });
        if world.timeline() != timeline || manners.unreachable {
            world.weather.count();
            return lost("the connection to the simulated database broke");
        }
        if manners.full {
            world.weather.count();
            return Err(CommitFault::Unwritable { detail: "the simulated disk is full".to_owned() });
        }
        let strikes = world.weather.strikes(manners.lost_commits);
        if strikes && world.weather.between(0, 2) == 0 {
            return lost("the simulated commit never arrived");
        }
        Self::write(group, &world, id, batch).await?;
        world.crashes.pass(&process, deed, Phase::Effect, &world.story).await;
        if strikes {
            return lost("the answer to the simulated commit was lost");
        }
        store.wait(READ_MICROS).await;
        world.crashes.pass(&process, deed, Phase::After, &world.story).await;
        Ok(())
    }
}
