//! The store port of one process: the tables in memory behind a network that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use adit_core::*;
use adit_store::{
    Coverage, CredentialCursor, CredentialFilter, CredentialRecord, Cursor, Group, LineageCursor,
    Page, QueueFilter, Replication, Store, StoreClock, StoreFault, UserSheet, WithdrawalFilter,
    common_time,
};
use async_trait::async_trait;

use super::group::SimGroup;
use super::line::{Connected, Line};
use crate::World;
use crate::crash::Process;

pub(super) const READ_MICROS: (u64, u64) = (200, 2_000);
pub(super) const COMMIT_MICROS: (u64, u64) = (500, 9_000);

/// One process's way to the database.
pub struct SimStore {
    world: Arc<World>,
    process: Process,
    line: Arc<Line>,
}

impl SimStore {
    pub fn new(world: Arc<World>, process: Process) -> Self {
        Self { world, process, line: Arc::default() }
    }

    /// The way there, which may be shut, or lead to another history.
    async fn reach(&self) -> Result<Connected, StoreFault> {
        wait(&self.world, READ_MICROS).await;
        let manners = self.world.weather.database();
        if manners.unreachable {
            self.world.weather.count();
            return Err(StoreFault::Unreachable {
                detail: "the simulated database is down".to_owned(),
            });
        }
        if self.world.weather.strikes(manners.contention) {
            return Err(StoreFault::Contention { detail: "a simulated deadlock".to_owned() });
        }
        self.line.connect(&self.world.disk_of(self.process.slot)).await
    }
}

pub(super) async fn wait(world: &World, (from, to): (u64, u64)) {
    world.handle.sleep(world.weather.between(from, to)).await;
}

/// Reads that are the tables' own.
macro_rules! reads {
    ($(async fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> Result<$answer:ty, StoreFault>;)*) => {
        #[async_trait]
        impl Store for SimStore {
            async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
                let connected = self.reach().await?;
                let clock = self.world.database_now();
                let group = connected.disk.tables.load(keys, common_time(clock, now)).await?;
                let (world, process, line) = (self.world.clone(), self.process.clone(), self.line.clone());
                Ok(Box::new(SimGroup { world, process, line, connected, group, clock }))
            }

            async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
                let committed = self.reach().await?.disk.tables.was_committed(group).await?;
                if committed {
                    self.line.committed(group);
                }
                Ok(committed)
            }

            async fn clock(&self) -> Result<Option<StoreClock>, StoreFault> {
                self.reach().await?;
                Ok(Some(StoreClock { now: self.world.database_now(), elsewhere: self.world.database_elsewhere }))
            }

            fn accept_history(&self) {
                self.line.accept_history();
            }

            async fn backup(&self, path: &Path) -> Result<(), StoreFault> {
                self.reach().await?.disk.tables.backup(path).await
            }

            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$answer, StoreFault> {
                self.reach().await?.disk.tables.$name($($argument),*).await
            })*
        }
    };
}

reads! {
    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault>;
    async fn credentials(&self, filter: &CredentialFilter, after: Option<CredentialCursor>, limit: usize) -> Result<Vec<CredentialRecord>, StoreFault>;
    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault>;
    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault>;
    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault>;
    async fn limit(&self, user: &UserId, asset: &AssetId, windows: &[Window], now: Timestamp) -> Result<LimitState, StoreFault>;
    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault>;
    async fn withdrawals_by_id(&self, ids: &BTreeSet<WithdrawalId>) -> Result<Vec<Withdrawal>, StoreFault>;
    async fn withdrawals(&self, filter: &WithdrawalFilter, after: Option<Cursor>, limit: usize) -> Result<Page, StoreFault>;
    async fn queue(&self, wanted: &QueueFilter, now: Timestamp, limit: usize) -> Result<Vec<Withdrawal>, StoreFault>;
    async fn deferred(&self, wanted: &QueueFilter, limit: usize) -> Result<Vec<Withdrawal>, StoreFault>;
    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault>;
    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault>;
    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault>;
    async fn lineages_on(&self, lane: &LaneId, after: Option<LineageCursor>, limit: usize) -> Result<Vec<Lineage>, StoreFault>;
    async fn observations(&self, attempt: AttemptId, limit: usize) -> Result<Vec<ObservationRecord>, StoreFault>;
    async fn lineage_at(&self, lane: &LaneId, number: u64) -> Result<Option<LineageId>, StoreFault>;
    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault>;
    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault>;
    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault>;
    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault>;
    async fn feed(&self, user: &UserId, after: u64, limit: usize) -> Result<Vec<Event>, StoreFault>;
    async fn event_seqs(&self, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, u64>, StoreFault>;
    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault>;
    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault>;
    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault>;
    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault>;
    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault>;
    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault>;
    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault>;
    async fn ping(&self) -> Result<(), StoreFault>;
    async fn replication(&self) -> Result<Option<Replication>, StoreFault>;
}
