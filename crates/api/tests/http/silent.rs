//! A store whose database can fall silent (nothing is refused, nothing is answered), take no
//! commits while it is read as always, or be looked at too early.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use adit_core::*;
use adit_store::*;
use async_trait::async_trait;

#[derive(Clone)]
pub struct Silent {
    inner: MemStore,
    silent: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    reads: Arc<Reads>,
    before: Arc<AtomicBool>,
}

/// How often it was asked by anybody, the engine included.
#[derive(Default)]
pub struct Reads {
    all: AtomicU64,
    /// Of one user: their row, their feed, a withdrawal of theirs.
    own: AtomicU64,
    /// Whether feeds have grown.
    looks: AtomicU64,
    lineages: AtomicU64,
    loads: AtomicU64,
    lanes: AtomicU64,
    counts: AtomicU64,
}

impl Reads {
    /// Loads for the writer, reads of one lane, counts of the withdrawals.
    pub fn so_far(&self) -> [u64; 3] {
        [&self.loads, &self.lanes, &self.counts].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Reads {
    /// Questions of any kind.
    pub fn asked_in_all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    /// What live connections ask for themselves, and what is asked for all of them together.
    pub fn of_sockets(&self) -> [u64; 2] {
        [&self.own, &self.looks].map(|count| count.load(Ordering::Relaxed))
    }

    /// Lineages that came in lists.
    pub fn lineages_read(&self) -> u64 {
        self.lineages.load(Ordering::Relaxed)
    }
}

impl Silent {
    pub fn new(inner: MemStore) -> Self {
        Self {
            inner,
            silent: Arc::default(),
            full: Arc::default(),
            reads: Arc::default(),
            before: Arc::default(),
        }
    }

    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The next look at a user is answered as of the moment before they were put there.
    pub fn look_too_early(&self) {
        self.before.store(true, Ordering::Relaxed);
    }

    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// As on a full disk: nothing is committed until it has room again.
    pub fn fill(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Never completes while the database is silent.
    async fn heard(&self) -> &MemStore {
        self.reads.all.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        &self.inner
    }
}

#[async_trait]
impl Store for Silent {
    async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
        self.reads.loads.fetch_add(1, Ordering::Relaxed);
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreFault::Unreachable { detail: "its disk is full".to_owned() });
        }
        self.heard().await.load(keys, now).await
    }

    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
        self.heard().await.was_committed(group).await
    }

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault> {
        self.heard().await.credential(hash).await
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
        after: Option<CredentialCursor>,
        limit: usize,
    ) -> Result<Vec<CredentialRecord>, StoreFault> {
        self.heard().await.credentials(filter, after, limit).await
    }

    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault> {
        self.heard().await.note_used(used).await
    }

    async fn event_seqs(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, u64>, StoreFault> {
        self.reads.looks.fetch_add(1, Ordering::Relaxed);
        self.heard().await.event_seqs(users).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault> {
        self.reads.own.fetch_add(1, Ordering::Relaxed);
        if self.before.swap(false, Ordering::Relaxed) {
            return Ok(None);
        }
        self.heard().await.user(user).await
    }

    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault> {
        self.heard().await.wallet(address).await
    }

    async fn limit(
        &self,
        user: &UserId,
        asset: &AssetId,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<LimitState, StoreFault> {
        self.heard().await.limit(user, asset, windows, now).await
    }

    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault> {
        self.reads.own.fetch_add(1, Ordering::Relaxed);
        self.heard().await.withdrawal(id).await
    }

    async fn withdrawals_by_id(
        &self,
        ids: &BTreeSet<WithdrawalId>,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.heard().await.withdrawals_by_id(ids).await
    }

    async fn withdrawals(
        &self,
        filter: &WithdrawalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreFault> {
        self.heard().await.withdrawals(filter, after, limit).await
    }

    async fn queue(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.heard().await.queue(wanted, now, limit).await
    }

    async fn deferred(
        &self,
        wanted: &QueueFilter,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.heard().await.deferred(wanted, limit).await
    }

    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault> {
        self.heard().await.lineage(id).await
    }

    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault> {
        self.heard().await.lineages_of(withdrawal).await
    }

    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault> {
        let found = self.heard().await.live_lineages(lane, limit).await?;
        self.reads.lineages.fetch_add(found.len() as u64, Ordering::Relaxed);
        Ok(found)
    }

    async fn unmined_lineages(
        &self,
        lane: &LaneId,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        let found = self.heard().await.unmined_lineages(lane, limit).await?;
        self.reads.lineages.fetch_add(found.len() as u64, Ordering::Relaxed);
        Ok(found)
    }

    async fn lineages_on(
        &self,
        lane: &LaneId,
        after: Option<LineageCursor>,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        self.heard().await.lineages_on(lane, after, limit).await
    }

    async fn observations(
        &self,
        attempt: AttemptId,
        limit: usize,
    ) -> Result<Vec<ObservationRecord>, StoreFault> {
        self.heard().await.observations(attempt, limit).await
    }

    async fn lineage_at(
        &self,
        lane: &LaneId,
        number: u64,
    ) -> Result<Option<LineageId>, StoreFault> {
        self.heard().await.lineage_at(lane, number).await
    }

    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault> {
        self.heard().await.lineage_with(hash).await
    }

    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault> {
        self.heard().await.incarnation().await
    }

    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault> {
        self.reads.lanes.fetch_add(1, Ordering::Relaxed);
        self.heard().await.lane(id).await
    }

    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault> {
        self.heard().await.lanes().await
    }

    async fn feed(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreFault> {
        self.reads.own.fetch_add(1, Ordering::Relaxed);
        self.heard().await.feed(user, after, limit).await
    }

    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault> {
        self.heard().await.history(withdrawal).await
    }

    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault> {
        self.heard().await.fee_doubts(since, limit).await
    }

    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault> {
        self.heard().await.suspensions().await
    }

    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault> {
        self.heard().await.coverage().await
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault> {
        self.reads.counts.fetch_add(1, Ordering::Relaxed);
        self.heard().await.counts().await
    }

    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault> {
        self.heard().await.accounts().await
    }

    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault> {
        self.heard().await.policy_revision(rules, now).await
    }

    async fn ping(&self) -> Result<(), StoreFault> {
        self.heard().await.ping().await
    }

    async fn backup(&self, path: &Path) -> Result<(), StoreFault> {
        self.heard().await.backup(path).await
    }
}
