//! The store: a writer, some readers, and the port's methods handed on to the questions of their
//! noun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use adit_core::{
    Account, AssetId, AttemptId, Balance, Credential, CredentialId, Destination, Event, GroupId,
    Hash32, Incarnation, Keys, Lane, LaneId, LimitState, Lineage, LineageId, ObservationRecord,
    Status, Suspension, Timestamp, UserId, WalletLink, Window, Withdrawal, WithdrawalId,
};
use adit_store::rows::Fields;
use adit_store::{
    Coverage, CredentialCursor, CredentialFilter, CredentialRecord, Cursor, Group, LineageCursor,
    Page, QueueFilter, Store, StoreFault, UserSheet, WithdrawalFilter,
};
use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool, Transaction, query};

use crate::columns::{all, one};
use crate::copy::vacuum_into;
use crate::fault::{not_migrated, unreachable};
use crate::group::SqliteGroup;
use crate::load;
use crate::read::{credential, event, incarnation, ledger, limit, lineage, people, withdrawal};

/// Forward only. An applied migration that is not among these comes from a newer program, and is
/// refused.
static MIGRATIONS: Migrator = sqlx::migrate!();

const READERS_MAX: u32 = 4;
/// The log is folded into the file after so many pages of 4 KiB; seldom, since the writer does it
/// while others wait.
const CHECKPOINT_AFTER_PAGES: &str = "8192";
/// Negative: KiB.
const WRITER_CACHE: &str = "-65536";
/// Rows that the connection's thread reads ahead of whoever asked: else the two wait for each other
/// every few rows.
const READ_AHEAD_ROWS: usize = 4_096;
/// Another process may hold the file for a moment: a backup, a person with a shell.
pub(crate) const BUSY_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a group waits for the one before it.
const TURN_WAIT_MAX: Duration = Duration::from_secs(60);

/// One database file.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) writer: SqlitePool,
    readers: SqlitePool,
    options: SqliteConnectOptions,
}

impl SqliteStore {
    /// Opens the file, creates it where it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreFault::NewerSchema`] when a newer program wrote it; otherwise what kept it from
    /// opening.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreFault> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_WAIT_MAX)
            .row_buffer_size(READ_AHEAD_ROWS);
        let writing = options
            .clone()
            .pragma("wal_autocheckpoint", CHECKPOINT_AFTER_PAGES)
            .pragma("cache_size", WRITER_CACHE);
        let one = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(TURN_WAIT_MAX)
            .idle_timeout(None)
            .max_lifetime(None);
        let one = one
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(is_at_rest(connection)));
        let writer = one.connect_with(writing).await.map_err(unreachable)?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        MIGRATIONS.run(&writer).await.map_err(|error| not_migrated(error, known))?;
        let options = options.create_if_missing(false);
        let reading = options.clone().pragma("query_only", "ON");
        let some = SqlitePoolOptions::new().max_connections(READERS_MAX).test_before_acquire(false);
        let readers = some
            .before_acquire(|connection, _| Box::pin(is_at_rest(connection)))
            .connect_lazy_with(reading);
        Ok(Self { writer, readers, options })
    }

    /// Ends all connections; the log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Takes the one right to write, at once: a transaction that begins by reading could find that
    /// it may not write after all.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreFault> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unreachable)
    }

    /// One consistent moment to read in.
    async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreFault> {
        self.readers.begin().await.map_err(unreachable)
    }
}

/// Whether a connection may serve again; one that may not is closed, and another is opened.
///
/// A full disk or an I/O error makes SQLite end the transaction by itself. The ROLLBACK that
/// follows then fails, and the driver goes on counting a transaction that is not there: it would
/// refuse every BEGIN from then on.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback may still be under way on the connection's thread.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
        let mut transaction = self.write().await?;
        let view = load::view(&mut transaction, keys, now).await?;
        Ok(Box::new(SqliteGroup { transaction, view }))
    }

    /// Asks as the writer: its turn comes when no group is under way.
    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
        let mut writer = self.write().await?;
        let question =
            query("SELECT 1 AS found FROM commit_group WHERE id = ?1").bind(group.to_string());
        Ok(one(&mut writer, question, |row| row.integer("found")).await?.is_some())
    }

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault> {
        credential::by_hash(&mut *self.read().await?, hash).await
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
        after: Option<CredentialCursor>,
        limit: usize,
    ) -> Result<Vec<CredentialRecord>, StoreFault> {
        credential::page(&mut *self.read().await?, filter, after, limit).await
    }

    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault> {
        let mut writer = self.write().await?;
        crate::write::credential::used(&mut writer, used)
            .await
            .map_err(|fault| StoreFault::Unreachable { detail: fault.to_string() })?;
        writer.commit().await.map_err(unreachable)
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault> {
        people::sheet(&mut *self.read().await?, user).await
    }

    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault> {
        let found =
            people::wallets(&mut *self.read().await?, &BTreeSet::from([address.clone()])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn limit(
        &self,
        user: &UserId,
        asset: &AssetId,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<LimitState, StoreFault> {
        let mut reader = self.read().await?;
        let now = load::not_before_newest(&mut reader, now).await?;
        let asked = BTreeMap::from([((user.clone(), asset.clone()), windows.to_vec())]);
        let found = limit::limits(&mut reader, &asked, now).await?;
        Ok(found.into_values().next().unwrap_or_default())
    }

    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault> {
        let found =
            withdrawal::withdrawals(&mut *self.read().await?, &BTreeSet::from([id])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn withdrawals_by_id(
        &self,
        ids: &BTreeSet<WithdrawalId>,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        withdrawal::by_id(&mut *self.read().await?, ids).await
    }

    async fn withdrawals(
        &self,
        filter: &WithdrawalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreFault> {
        withdrawal::page(&mut *self.read().await?, filter, after, limit).await
    }

    async fn queue(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        withdrawal::queue(&mut *self.read().await?, wanted, now, limit).await
    }

    async fn ahead(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        place: Cursor,
        most: usize,
    ) -> Result<usize, StoreFault> {
        withdrawal::ahead(&mut *self.read().await?, wanted, now, place, most).await
    }

    async fn deferred(
        &self,
        wanted: &QueueFilter,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        withdrawal::deferred(&mut *self.read().await?, wanted, limit).await
    }

    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault> {
        let found = lineage::lineages(&mut *self.read().await?, &BTreeSet::from([id])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault> {
        lineage::of_withdrawal(&mut *self.read().await?, withdrawal).await
    }

    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault> {
        lineage::live(&mut *self.read().await?, lane, limit).await
    }

    async fn lineages_on(
        &self,
        lane: &LaneId,
        after: Option<LineageCursor>,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        lineage::on_lane(&mut *self.read().await?, lane, after, limit).await
    }

    async fn unmined_lineages(
        &self,
        lane: &LaneId,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        lineage::unmined(&mut *self.read().await?, lane, limit).await
    }

    async fn observations(
        &self,
        attempt: AttemptId,
        limit: usize,
    ) -> Result<Vec<ObservationRecord>, StoreFault> {
        lineage::observations(&mut *self.read().await?, attempt, limit).await
    }

    async fn lineage_at(
        &self,
        lane: &LaneId,
        number: u64,
    ) -> Result<Option<LineageId>, StoreFault> {
        lineage::at_number(&mut *self.read().await?, lane, number).await
    }

    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault> {
        lineage::with_hash(&mut *self.read().await?, hash).await
    }

    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault> {
        Ok(incarnation::slot(&mut *self.read().await?).await?.row)
    }

    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault> {
        let found = lineage::lanes(&mut *self.read().await?, &BTreeSet::from([id.clone()])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault> {
        lineage::all_lanes(&mut *self.read().await?).await
    }

    async fn feed(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreFault> {
        event::feed(&mut *self.read().await?, user, after, limit).await
    }

    async fn event_seqs(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, u64>, StoreFault> {
        people::event_seqs(&mut *self.read().await?, users).await
    }

    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault> {
        event::history(&mut *self.read().await?, withdrawal).await
    }

    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault> {
        event::fee_doubts(&mut *self.read().await?, since, limit).await
    }

    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault> {
        people::suspensions(&mut *self.read().await?).await
    }

    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault> {
        ledger::coverage(&mut *self.read().await?).await
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault> {
        withdrawal::counts(&mut *self.read().await?).await
    }

    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault> {
        ledger::all_accounts(&mut *self.read().await?).await
    }

    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault> {
        let mut writer = self.write().await?;
        let known =
            query("SELECT revision FROM policy_revision WHERE rules = ?1").bind(rules.to_owned());
        if let Some(revision) = one(&mut writer, known, |row| row.integer("revision")).await? {
            return Ok(revision.unsigned_abs());
        }
        let new =
            query("INSERT INTO policy_revision (rules, at) VALUES (?1, ?2) RETURNING revision")
                .bind(rules.to_owned());
        let revision =
            all(&mut writer, new.bind(now.micros()), |row| row.integer("revision")).await?;
        writer.commit().await.map_err(unreachable)?;
        Ok(revision.first().copied().unwrap_or_default().unsigned_abs())
    }

    /// Writes, so that a full or read-only disk shows.
    async fn ping(&self) -> Result<(), StoreFault> {
        let mut writer = self.write().await?;
        query("UPDATE policy_revision SET at = at WHERE revision = 0")
            .execute(&mut *writer)
            .await
            .map_err(unreachable)?;
        one(&mut *self.read().await?, query("SELECT 1 AS one"), |row| row.integer("one"))
            .await
            .map(drop)
    }

    /// A copy of one moment, made while the store goes on, over a connection of its own: readers
    /// may write nowhere.
    async fn backup(&self, path: &Path) -> Result<(), StoreFault> {
        let mut copying = self.options.connect().await.map_err(unreachable)?;
        vacuum_into(&mut copying, path).await?;
        copying.close().await.map_err(unreachable)
    }
}
