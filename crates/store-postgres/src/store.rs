//! The store: a pool of connections, and the port's methods handed on to the questions of their noun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use adit_core::{
    Account, AssetId, AttemptId, Balance, Credential, Destination, Event, GroupId, Hash32, Incarnation, Keys, Lane, LaneId, LimitState, Lineage,
    LineageId, ObservationRecord, Status, Suspension, Timestamp, UserId, WalletLink, Window, Withdrawal, WithdrawalId,
};
use adit_store::rows::Fields;
use adit_store::{Coverage, Cursor, Group, Page, Replication, Store, StoreFault, UserSheet, WithdrawalFilter};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction, query};

use crate::columns::one;
use crate::fault::unreachable;
use crate::group::PostgresGroup;
use crate::load;
use crate::migrate::migrate;
use crate::read::{event, incarnation, ledger, limit, lineage, people, replication, withdrawal};

const CONNECTIONS_MAX: u32 = 16;
/// How long a caller waits for a connection.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);
/// Set on every connection. A transaction whose client is gone ends by itself, so nobody waits for its locks for ever; a group that
/// waits for locks longer than this is tried again.
const SETTINGS: [(&str, &str); 4] = [
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("lock_timeout", "40s"),
    ("application_name", "adit"),
];

/// One database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Connects to `postgres://…` and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreFault::NewerSchema`] when a newer program wrote it; otherwise what kept it from opening.
    pub async fn connect(url: &str) -> Result<Self, StoreFault> {
        let options: PgConnectOptions = url.parse().map_err(unreachable)?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(TURN_WAIT_MAX);
        let pool = pool.connect_with(options.options(SETTINGS)).await.map_err(unreachable)?;
        migrate(&pool).await?;
        Ok(Self { pool })
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// One consistent moment to read in.
    async fn read(&self) -> Result<Transaction<'static, Postgres>, StoreFault> {
        self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(unreachable)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, keys: &Keys, _: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(unreachable)?;
        let view = load::view(&mut transaction, keys).await?;
        Ok(Box::new(PostgresGroup { transaction, view }))
    }

    /// Settles the question. The asker tries to take the group's id: that waits for a COMMIT that may still be under way, finds the
    /// group if it was committed, and otherwise keeps the id, so that a transaction that was given up can never commit late.
    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
        const TAKE: &str = "INSERT INTO commit_group (id, at, settled) VALUES ($1, 0, TRUE) ON CONFLICT (id) DO NOTHING";
        const ASK: &str = "SELECT settled FROM commit_group WHERE id = $1";
        let mut connection = self.pool.acquire().await.map_err(unreachable)?;
        query(TAKE).bind(group.0).execute(&mut *connection).await.map_err(unreachable)?;
        let settled = one(&mut connection, query(ASK).bind(group.0), |row| row.flag("settled")).await?;
        Ok(settled == Some(false))
    }

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault> {
        people::credential(&mut *self.read().await?, hash).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault> {
        people::sheet(&mut *self.read().await?, user).await
    }

    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault> {
        let found = people::wallets(&mut *self.read().await?, &BTreeSet::from([address.clone()])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn limit(&self, user: &UserId, asset: &AssetId, windows: &[Window], _: Timestamp) -> Result<LimitState, StoreFault> {
        let mut reader = self.read().await?;
        let now = load::now(&mut reader).await?;
        let asked = BTreeMap::from([((user.clone(), asset.clone()), windows.to_vec())]);
        let found = limit::limits(&mut reader, &asked, now).await?;
        Ok(found.into_values().next().unwrap_or_default())
    }

    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault> {
        let found = withdrawal::withdrawals(&mut *self.read().await?, &BTreeSet::from([id])).await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn withdrawals_by_id(&self, ids: &BTreeSet<WithdrawalId>) -> Result<Vec<Withdrawal>, StoreFault> {
        withdrawal::by_id(&mut *self.read().await?, ids).await
    }

    async fn withdrawals(&self, filter: &WithdrawalFilter, after: Option<Cursor>, limit: usize) -> Result<Page, StoreFault> {
        withdrawal::page(&mut *self.read().await?, filter, after, limit).await
    }

    async fn queue(&self, assets: &[AssetId], now: Timestamp, limit: usize) -> Result<Vec<Withdrawal>, StoreFault> {
        withdrawal::queue(&mut *self.read().await?, assets, now, limit).await
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

    async fn unmined_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault> {
        lineage::unmined(&mut *self.read().await?, lane, limit).await
    }

    async fn observations(&self, attempt: AttemptId, limit: usize) -> Result<Vec<ObservationRecord>, StoreFault> {
        lineage::observations(&mut *self.read().await?, attempt, limit).await
    }

    async fn lineage_at(&self, lane: &LaneId, number: u64) -> Result<Option<LineageId>, StoreFault> {
        lineage::at_number(&mut *self.read().await?, lane, number).await
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

    async fn feed(&self, user: &UserId, after: u64, limit: usize) -> Result<Vec<Event>, StoreFault> {
        event::feed(&mut *self.read().await?, user, after, limit).await
    }

    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault> {
        event::history(&mut *self.read().await?, withdrawal).await
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
        const ADD: &str = "
            INSERT INTO policy_revision (rules, hash, at) VALUES ($1, sha256(convert_to($1, 'UTF8')), $2)
            ON CONFLICT (hash) DO NOTHING";
        const ASK: &str = "SELECT revision FROM policy_revision WHERE hash = sha256(convert_to($1, 'UTF8'))";
        let mut connection = self.pool.acquire().await.map_err(unreachable)?;
        let known = || query(ASK).bind(rules.to_owned());
        if let Some(revision) = one(&mut connection, known(), |row| row.integer("revision")).await? {
            return Ok(revision.unsigned_abs());
        }
        query(ADD).bind(rules.to_owned()).bind(now.micros()).execute(&mut *connection).await.map_err(unreachable)?;
        let revision = one(&mut connection, known(), |row| row.integer("revision")).await?;
        Ok(revision.unwrap_or_default().unsigned_abs())
    }

    /// Writes, so that a full disk or a standby shows.
    async fn ping(&self) -> Result<(), StoreFault> {
        query("UPDATE policy_revision SET at = at WHERE revision = 0").execute(&self.pool).await.map(drop).map_err(unreachable)
    }

    async fn replication(&self) -> Result<Replication, StoreFault> {
        replication::replication(&mut *self.read().await?).await
    }

    async fn backup(&self, _: &Path) -> Result<(), StoreFault> {
        Err(StoreFault::Unsupported { wish: "a copy of a Postgres database", instead: "run pg_dump, or archive its log continuously" })
    }
}
