//! The seam between the engine and any database.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    Account, Amount, AssetId, AttemptId, Balance, Batch, Credential, CredentialId, Destination,
    Event, GroupId, Hash32, Incarnation, Keys, Lane, LaneId, LimitState, Lineage, LineageId,
    ObservationRecord, Scope, Status, Suspension, Timestamp, User, UserId, View, WalletLink,
    Window, Withdrawal, WithdrawalId,
};
use async_trait::async_trait;

use crate::{CommitFault, CredentialCursor, CredentialFilter, CredentialRecord, StoreFault};

/// A database of Adit. Decisions are made on its primary alone.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens a transaction, creates and locks the guard rows that `keys` names in one global order
    /// (users, withdrawals, lineages, lanes, accounts; each by id), and reads every row that they
    /// name. `now` is the caller's time; a database with a clock of its own uses that one while the
    /// two agree. Never before the newest committed time, unless a wrong clock has dated that (case
    /// F97). The view's `now` says which.
    async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault>;

    /// Whether this group was committed: asked after a lost answer to COMMIT, when nothing of it
    /// can still be under way.
    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault>;

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault>;
    /// API keys, newest first (by creation time, then id), after this one, at most `limit`.
    async fn credentials(
        &self,
        filter: &CredentialFilter,
        after: Option<CredentialCursor>,
        limit: usize,
    ) -> Result<Vec<CredentialRecord>, StoreFault>;
    /// Notes when keys were used; an earlier time changes nothing. No decision reads it.
    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault>;
    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault>;
    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault>;
    async fn limit(
        &self,
        user: &UserId,
        asset: &AssetId,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<LimitState, StoreFault>;
    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault>;
    /// Those of these withdrawals that are there, in order of their ids.
    async fn withdrawals_by_id(
        &self,
        ids: &BTreeSet<WithdrawalId>,
    ) -> Result<Vec<Withdrawal>, StoreFault>;
    /// Newest first (by creation time, then id).
    async fn withdrawals(
        &self,
        filter: &WithdrawalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreFault>;
    /// Approved withdrawals that pass and whose deferral has passed at `now`, oldest first.
    async fn queue(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault>;
    /// Approved withdrawals that pass and could not be planned, whether their deferral has passed
    /// or not, oldest first.
    async fn deferred(
        &self,
        wanted: &QueueFilter,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault>;
    /// How many of these stand before this place, counted up to `most`.
    async fn ahead(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        place: Cursor,
        most: usize,
    ) -> Result<usize, StoreFault> {
        let before = |row: &&Withdrawal| (row.created_at, row.id) < (place.created_at, place.id);
        Ok(self.queue(wanted, now, most).await?.iter().take_while(before).count())
    }
    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault>;
    /// Every lineage that ever carried this withdrawal, oldest first.
    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault>;
    /// Live lineages of a lane, in order of their creation, at most `limit`.
    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault>;
    /// The live lineages on which depends what a lane does next ([`Lineage::concerns_plans`]), in
    /// the same order, at most `limit`: those that no block holds, nearly always.
    async fn unmined_lineages(
        &self,
        lane: &LaneId,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        let live = self.live_lineages(lane, usize::MAX).await?.into_iter();
        Ok(live.filter(Lineage::concerns_plans).take(limit).collect())
    }
    /// Lineages of a lane, live and ended, after this one, in order of their own numbers (of one
    /// number by creation, then id), at most `limit`.
    async fn lineages_on(
        &self,
        lane: &LaneId,
        after: Option<LineageCursor>,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault>;
    /// The newest observations of an attempt, newest first.
    async fn observations(
        &self,
        attempt: AttemptId,
        limit: usize,
    ) -> Result<Vec<ObservationRecord>, StoreFault>;
    /// The newest lineage by creation, live or ended, whose own number on this lane is `number`. A
    /// number belongs to one lineage; a key that was adopted may have had several.
    async fn lineage_at(&self, lane: &LaneId, number: u64)
    -> Result<Option<LineageId>, StoreFault>;
    /// The lineage, live or ended, of which the transaction of this hash is a signed version.
    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault>;
    /// The store about itself; none in a store that was never leased.
    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault>;
    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault>;
    /// Every lane, in order of its id.
    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault>;
    /// A user's feed after `seq`, in order.
    async fn feed(&self, user: &UserId, after: u64, limit: usize)
    -> Result<Vec<Event>, StoreFault>;
    /// The sequence of each of these users' last event; of those who are there.
    async fn event_seqs(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, u64>, StoreFault>;
    /// What happened to one withdrawal, in order of time.
    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault>;
    /// The newest payments since then whose network fee is in doubt, newest first.
    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault>;
    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault>;
    /// What users are owed, per asset.
    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault>;
    /// How many withdrawals stand in each status.
    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault>;
    /// Every account and its totals, in order of its path: for audits and tests.
    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault>;
    /// Remembers a configuration and gives its number: the same text always has the same one.
    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault>;
    /// Whether reads and writes work now.
    async fn ping(&self) -> Result<(), StoreFault>;
    /// The clock of the database's own host, read now; none where the store has none of its own.
    async fn clock(&self) -> Result<Option<StoreClock>, StoreFault> {
        Ok(None)
    }
    /// What would be left of a commit if this host were lost now; none where this kind of store has
    /// no standbys.
    async fn replication(&self) -> Result<Option<Replication>, StoreFault> {
        Ok(None)
    }
    /// Takes the database as it is for this store's history, after [`StoreFault::WentBack`]: what
    /// was committed before is no longer looked for. The caller writes the finding to the
    /// incarnation's row before anything else. Where nothing is in doubt, nothing changes.
    fn accept_history(&self) {}
    /// Writes a consistent copy to `path`, where this kind of database can do that itself.
    async fn backup(&self, path: &std::path::Path) -> Result<(), StoreFault>;
}

/// One open transaction with the rows that were asked for. Dropped without commit, it changes
/// nothing.
#[async_trait]
pub trait Group: Send {
    /// Hands over what was loaded.
    fn take_view(&mut self) -> View;

    /// Writes the batch and the group's id, and commits. One set-based statement per table.
    async fn commit(self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault>;
}

/// A user with everything that belongs to him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSheet {
    pub user: User,
    pub wallets: Vec<WalletLink>,
    /// Their accounts and their debts, in order of their paths.
    pub balances: Vec<(Account, Balance)>,
}

/// Which withdrawals to list. Absent means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WithdrawalFilter {
    pub user: Option<UserId>,
    pub status: Option<Status>,
    pub asset: Option<AssetId>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    /// Only claims (`true`) or only others (`false`).
    pub claims: Option<bool>,
}

/// Which of the approved withdrawals to queue: what is stopped is left out here, so that it fills
/// no page (case F102).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueFilter {
    /// Of these only.
    pub assets: Vec<AssetId>,
    /// Not those that are paid for with these.
    pub stopped_sources: BTreeSet<AssetId>,
    /// Not those of these users.
    pub stopped_users: BTreeSet<UserId>,
    /// From here on.
    pub after: Option<Cursor>,
}

impl QueueFilter {
    /// All of these assets.
    pub fn of(assets: Vec<AssetId>) -> Self {
        Self { assets, ..Self::default() }
    }

    /// Those of them that no suspension covers.
    pub fn without(mut self, standing: &BTreeMap<Scope, Suspension>) -> Self {
        for scope in standing.keys() {
            match scope {
                Scope::All => self.assets.clear(),
                Scope::Asset { asset } => {
                    self.assets.retain(|known| known != asset);
                    self.stopped_sources.insert(asset.clone());
                }
                Scope::User { user } => {
                    self.stopped_users.insert(user.clone());
                }
            }
        }
        self
    }

    /// Returns whether an approved withdrawal passes.
    pub fn passes(&self, row: &Withdrawal) -> bool {
        self.assets.contains(&row.asset)
            && !self.stopped_sources.contains(&row.source_asset)
            && !self.stopped_users.contains(&row.user)
            && self
                .after
                .is_none_or(|after| (row.created_at, row.id) > (after.created_at, after.id))
    }
}

/// Where a page of a lane's lineages ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineageCursor {
    pub number: u64,
    pub created_at: Timestamp,
    pub id: LineageId,
}

impl LineageCursor {
    pub fn of(lineage: &Lineage) -> Self {
        Self { number: lineage.number(), created_at: lineage.created_at, id: lineage.id }
    }
}

/// A place in a list: the last row seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: Timestamp,
    pub id: WithdrawalId,
}

impl Cursor {
    pub fn of(row: &Withdrawal) -> Self {
        Self { created_at: row.created_at, id: row.id }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<Withdrawal>,
    /// Where the next page begins; none on the last one.
    pub next: Option<Cursor>,
}

/// A database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreClock {
    pub now: Timestamp,
    /// It is on another host than this process, so that the two clocks are not one.
    pub elsewhere: bool,
}

/// How a database is copied to other hosts while it runs, and what a commit of this program waits
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replication {
    pub commits: CommitWait,
    /// The configuration names standbys that are to be synchronous (`synchronous_standby_names`).
    pub named: bool,
    pub standbys: Standbys,
}

/// What is done before a commit is answered: Postgres' `synchronous_commit`, from the least to the
/// most. <https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitWait {
    /// Nothing: a crash of this host loses what was answered.
    Off,
    /// It is on this host's disk.
    Local,
    /// The synchronous standbys have it in memory.
    RemoteWrite,
    /// They have it on their disks.
    On,
    /// They show it.
    RemoteApply,
}

impl CommitWait {
    /// As Postgres names them.
    const NAMES: [(Self, &str); 5] = [
        (Self::Off, "off"),
        (Self::Local, "local"),
        (Self::RemoteWrite, "remote_write"),
        (Self::On, "on"),
        (Self::RemoteApply, "remote_apply"),
    ];

    pub fn as_str(self) -> &'static str {
        let (_, name) =
            Self::NAMES.into_iter().find(|(known, _)| *known == self).expect("each has a name");
        name
    }

    /// Reads Postgres' name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(known, _)| known)
    }
}

/// Hosts that copy the database now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standbys {
    Seen {
        /// Those that stream now.
        streaming: u64,
        /// Those of them that a commit waits for.
        synchronous: u64,
    },
    /// So many are connected; the role that this program connects as may not see what they are (on
    /// Postgres: it is not in `pg_monitor`).
    Unseen { connected: u64 },
}

/// What is owed in one asset, and how much of that is held for unfinished withdrawals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    pub asset: AssetId,
    pub owed: Amount,
    pub held: Amount,
}

impl Page {
    /// Makes a page of at most `limit` rows out of rows that were read with one to spare.
    pub fn cut(mut items: Vec<Withdrawal>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| Cursor { created_at: last.created_at, id: last.id });
        Self { items, next }
    }
}

impl Coverage {
    pub fn none(asset: AssetId) -> Self {
        Self { asset, owed: Amount::ZERO, held: Amount::ZERO }
    }

    /// Adds one user's account.
    pub fn add(&mut self, balance: &Balance) {
        self.owed = self.owed.plus(balance.owed());
        self.held = self.held.plus(balance.held);
    }
}
