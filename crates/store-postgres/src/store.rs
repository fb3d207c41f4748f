//! The store: a pool of connections, and the port's methods handed on to the questions of their
//! noun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adit_core::{
    Account, AssetId, AttemptId, Balance, Credential, CredentialId, Destination, Event, GroupId,
    Hash32, Incarnation, Keys, Lane, LaneId, LimitState, Lineage, LineageId, ObservationRecord,
    Status, Suspension, Timestamp, UserId, WalletLink, Window, Withdrawal, WithdrawalId,
};
use adit_store::rows::Fields;
use adit_store::{
    CommitWait, Coverage, CredentialCursor, CredentialFilter, CredentialRecord, Cursor,
    GROUPS_REMEMBERED, Group, LineageCursor, Page, QueueFilter, Replication, Store, StoreClock,
    StoreFault, UserSheet, WithdrawalFilter,
};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction, query};

use crate::columns::one;
use crate::fault::unreachable;
use crate::group::PostgresGroup;
use crate::line::Line;
use crate::load;
use crate::migrate::migrate;
use crate::read::{
    clock, credential, event, incarnation, ledger, limit, lineage, people, replication, withdrawal,
};

const CONNECTIONS_MAX: u32 = GROUPS_REMEMBERED as u32;
/// How long a caller waits for a connection; less than any answer is waited for.
const TURN_WAIT_SECONDS: u64 = 4;
/// A database that starts together with this program is waited for.
const OPEN_WAIT_SECONDS: u64 = 30;
/// A process that still talks to a former primary, and would not be let in anew, learns of it by
/// then.
const CONNECTION_LIFETIME_SECONDS: u64 = 60;
/// All that loading a group may take: a connection, the locks, the rows.
const LOAD_TIMEOUT_SECONDS: u64 = 5;
/// All that asking for a group's fate may take. It can be asked again.
const SETTLE_TIMEOUT_SECONDS: u64 = 5;
/// All that a read may take. `statement_timeout` is the same.
const READ_TIMEOUT_SECONDS: u64 = 10;
/// Every account, for an audit.
const AUDIT_TIMEOUT_SECONDS: u64 = 60;

/// Set on every connection that decides or reads. A transaction whose client is gone or silent ends
/// by itself, so nobody waits for its locks for long: idle after 5 s, waiting for a lock after 4,
/// in a statement after 10, in sending an answer that nobody acknowledges after 5. A group that
/// waits for locks longer is tried again. The times of TCP are in seconds and milliseconds; a
/// system that has no such option ignores them.
const SETTINGS: [(&str, &str); 9] = [
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("lock_timeout", "4s"),
    ("statement_timeout", "10s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
    ("application_name", "adit"),
];

/// One database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    line: Arc<Line>,
}

impl PostgresStore {
    /// Connects to `postgres://…` and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreFault::NewerSchema`] when a newer program wrote it, [`StoreFault::CommitsUnsynced`]
    /// when it answers commits before they are on its disk; otherwise what kept it from opening.
    pub async fn connect(url: &str) -> Result<Self, StoreFault> {
        let options: PgConnectOptions = url.parse().map_err(unreachable)?;
        migrate(&options, Duration::from_secs(OPEN_WAIT_SECONDS)).await?;
        let line = Arc::new(Line::default());
        let pool = pool(&line)
            .connect_with(options.options(SETTINGS))
            .await
            .map_err(|error| line.not_opened(error))?;
        let store = Self { pool, line };
        match store
            .read(async { replication::commits(&mut *store.connection().await?).await })
            .await?
        {
            lost @ CommitWait::Off => Err(StoreFault::CommitsUnsynced { found: lost.as_str() }),
            CommitWait::Local
            | CommitWait::RemoteWrite
            | CommitWait::On
            | CommitWait::RemoteApply => Ok(store),
        }
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(
        &self,
        statement: &'static str,
    ) -> Result<Transaction<'static, Postgres>, StoreFault> {
        self.pool.begin_with(statement).await.map_err(|error| self.line.not_opened(error))
    }

    async fn connection(&self) -> Result<PoolConnection<Postgres>, StoreFault> {
        self.pool.acquire().await.map_err(|error| self.line.not_opened(error))
    }

    /// One consistent moment to read in.
    async fn moment(&self) -> Result<Transaction<'static, Postgres>, StoreFault> {
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn read<T>(
        &self,
        question: impl Future<Output = Result<T, StoreFault>>,
    ) -> Result<T, StoreFault> {
        self.line.within(READ_TIMEOUT_SECONDS, question).await
    }
}

/// Connections are examined when they are opened, and asked for a sign of life before they serve
/// and after.
fn pool(line: &Arc<Line>) -> PgPoolOptions {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(Duration::from_secs(TURN_WAIT_SECONDS))
        .max_lifetime(Duration::from_secs(CONNECTION_LIFETIME_SECONDS))
        .test_before_acquire(false);
    let (opened, asked, released) = (Arc::clone(line), Arc::clone(line), Arc::clone(line));
    pool.after_connect(move |connection, _| {
        let line = Arc::clone(&opened);
        Box::pin(async move { line.examine(connection).await })
    })
    .before_acquire(move |connection, times| {
        let line = Arc::clone(&asked);
        Box::pin(async move { line.may_serve(connection, &times).await })
    })
    .after_release(move |connection, times| {
        let line = Arc::clone(&released);
        Box::pin(async move { line.may_rest(connection, &times).await })
    })
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, keys: &Keys, now: Timestamp) -> Result<Box<dyn Group>, StoreFault> {
        self.line.own_history()?;
        let loading = async {
            let mut transaction = self.begin("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
            // The connection may be a new one, and have found another history.
            self.line.own_history()?;
            let view = load::view(&mut transaction, keys, now).await?;
            Ok(PostgresGroup { transaction, view, line: Arc::clone(&self.line) })
        };
        let group = self.line.within(LOAD_TIMEOUT_SECONDS, loading).await?;
        Ok(Box::new(group))
    }

    /// Settles the question. The asker tries to take the group's id: that waits for a COMMIT that
    /// may still be under way, finds the group if it was committed, and otherwise keeps the id, so
    /// that a transaction that was given up can never commit late.
    async fn was_committed(&self, group: GroupId) -> Result<bool, StoreFault> {
        const TAKE: &str = "INSERT INTO commit_group (id, at, settled) VALUES ($1, 0, TRUE) ON CONFLICT (id) DO \
             NOTHING";
        const ASK: &str = "SELECT settled FROM commit_group WHERE id = $1";
        let asking = async {
            let mut connection = self.connection().await?;
            query(TAKE).bind(group.0).execute(&mut *connection).await.map_err(unreachable)?;
            one(&mut connection, query(ASK).bind(group.0), |row| row.flag("settled")).await
        };
        let committed = self.line.within(SETTLE_TIMEOUT_SECONDS, asking).await? == Some(false);
        if committed {
            self.line.committed(group);
        }
        Ok(committed)
    }

    async fn credential(&self, hash: Hash32) -> Result<Option<Credential>, StoreFault> {
        self.read(async { credential::by_hash(&mut *self.moment().await?, hash).await }).await
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
        after: Option<CredentialCursor>,
        limit: usize,
    ) -> Result<Vec<CredentialRecord>, StoreFault> {
        self.read(async {
            credential::page(&mut *self.moment().await?, filter, after, limit).await
        })
        .await
    }

    async fn note_used(&self, used: &BTreeMap<CredentialId, Timestamp>) -> Result<(), StoreFault> {
        let writing = async {
            crate::write::credential::used(&mut *self.connection().await?, used)
                .await
                .map_err(|fault| StoreFault::Unreachable { detail: fault.to_string() })
        };
        self.read(writing).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserSheet>, StoreFault> {
        self.read(async { people::sheet(&mut *self.moment().await?, user).await }).await
    }

    async fn wallet(&self, address: &Destination) -> Result<Option<WalletLink>, StoreFault> {
        let found = self
            .read(async {
                people::wallets(&mut *self.moment().await?, &BTreeSet::from([address.clone()]))
                    .await
            })
            .await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn limit(
        &self,
        user: &UserId,
        asset: &AssetId,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<LimitState, StoreFault> {
        let asked = BTreeMap::from([((user.clone(), asset.clone()), windows.to_vec())]);
        let asking = async {
            let mut moment = self.moment().await?;
            let now = load::moment(&mut moment, now).await?.now;
            limit::limits(&mut moment, &asked, now).await
        };
        Ok(self.read(asking).await?.into_values().next().unwrap_or_default())
    }

    async fn withdrawal(&self, id: WithdrawalId) -> Result<Option<Withdrawal>, StoreFault> {
        let found = self
            .read(async {
                withdrawal::withdrawals(&mut *self.moment().await?, &BTreeSet::from([id])).await
            })
            .await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn withdrawals_by_id(
        &self,
        ids: &BTreeSet<WithdrawalId>,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.read(async { withdrawal::by_id(&mut *self.moment().await?, ids).await }).await
    }

    async fn withdrawals(
        &self,
        filter: &WithdrawalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreFault> {
        self.read(async {
            withdrawal::page(&mut *self.moment().await?, filter, after, limit).await
        })
        .await
    }

    async fn queue(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.read(async { withdrawal::queue(&mut *self.moment().await?, wanted, now, limit).await })
            .await
    }

    async fn ahead(
        &self,
        wanted: &QueueFilter,
        now: Timestamp,
        place: Cursor,
        most: usize,
    ) -> Result<usize, StoreFault> {
        self.read(async {
            withdrawal::ahead(&mut *self.moment().await?, wanted, now, place, most).await
        })
        .await
    }

    async fn deferred(
        &self,
        wanted: &QueueFilter,
        limit: usize,
    ) -> Result<Vec<Withdrawal>, StoreFault> {
        self.read(async { withdrawal::deferred(&mut *self.moment().await?, wanted, limit).await })
            .await
    }

    async fn lineage(&self, id: LineageId) -> Result<Option<Lineage>, StoreFault> {
        let found = self
            .read(async {
                lineage::lineages(&mut *self.moment().await?, &BTreeSet::from([id])).await
            })
            .await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn lineages_of(&self, withdrawal: WithdrawalId) -> Result<Vec<Lineage>, StoreFault> {
        self.read(async { lineage::of_withdrawal(&mut *self.moment().await?, withdrawal).await })
            .await
    }

    async fn live_lineages(&self, lane: &LaneId, limit: usize) -> Result<Vec<Lineage>, StoreFault> {
        self.read(async { lineage::live(&mut *self.moment().await?, lane, limit).await }).await
    }

    async fn lineages_on(
        &self,
        lane: &LaneId,
        after: Option<LineageCursor>,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        self.read(async { lineage::on_lane(&mut *self.moment().await?, lane, after, limit).await })
            .await
    }

    async fn unmined_lineages(
        &self,
        lane: &LaneId,
        limit: usize,
    ) -> Result<Vec<Lineage>, StoreFault> {
        self.read(async { lineage::unmined(&mut *self.moment().await?, lane, limit).await }).await
    }

    async fn observations(
        &self,
        attempt: AttemptId,
        limit: usize,
    ) -> Result<Vec<ObservationRecord>, StoreFault> {
        self.read(async { lineage::observations(&mut *self.moment().await?, attempt, limit).await })
            .await
    }

    async fn lineage_at(
        &self,
        lane: &LaneId,
        number: u64,
    ) -> Result<Option<LineageId>, StoreFault> {
        self.read(async { lineage::at_number(&mut *self.moment().await?, lane, number).await })
            .await
    }

    async fn lineage_with(&self, hash: Hash32) -> Result<Option<LineageId>, StoreFault> {
        self.read(async { lineage::with_hash(&mut *self.moment().await?, hash).await }).await
    }

    async fn incarnation(&self) -> Result<Option<Incarnation>, StoreFault> {
        Ok(self.read(async { incarnation::slot(&mut *self.moment().await?).await }).await?.row)
    }

    async fn lane(&self, id: &LaneId) -> Result<Option<Lane>, StoreFault> {
        let found = self
            .read(async {
                lineage::lanes(&mut *self.moment().await?, &BTreeSet::from([id.clone()])).await
            })
            .await?;
        Ok(found.into_iter().find_map(|slot| slot.row))
    }

    async fn lanes(&self) -> Result<Vec<Lane>, StoreFault> {
        self.read(async { lineage::all_lanes(&mut *self.moment().await?).await }).await
    }

    async fn feed(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreFault> {
        self.read(async { event::feed(&mut *self.moment().await?, user, after, limit).await }).await
    }

    async fn event_seqs(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, u64>, StoreFault> {
        self.read(async { people::event_seqs(&mut *self.moment().await?, users).await }).await
    }

    async fn history(&self, withdrawal: WithdrawalId) -> Result<Vec<Event>, StoreFault> {
        self.read(async { event::history(&mut *self.moment().await?, withdrawal).await }).await
    }

    async fn fee_doubts(&self, since: Timestamp, limit: usize) -> Result<Vec<Event>, StoreFault> {
        self.read(async { event::fee_doubts(&mut *self.moment().await?, since, limit).await }).await
    }

    async fn suspensions(&self) -> Result<Vec<Suspension>, StoreFault> {
        self.read(async { people::suspensions(&mut *self.moment().await?).await }).await
    }

    async fn coverage(&self) -> Result<Vec<Coverage>, StoreFault> {
        self.read(async { ledger::coverage(&mut *self.moment().await?).await }).await
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreFault> {
        self.read(async { withdrawal::counts(&mut *self.moment().await?).await }).await
    }

    async fn accounts(&self) -> Result<Vec<(Account, Balance)>, StoreFault> {
        let asking = async {
            let mut moment = self.moment().await?;
            query("SET LOCAL statement_timeout = '60s'")
                .execute(&mut *moment)
                .await
                .map_err(unreachable)?;
            ledger::all_accounts(&mut moment).await
        };
        self.line.within(AUDIT_TIMEOUT_SECONDS, asking).await
    }

    async fn policy_revision(&self, rules: &str, now: Timestamp) -> Result<u64, StoreFault> {
        const ADD: &str = "
            INSERT INTO policy_revision (rules, hash, at) VALUES ($1, sha256(convert_to($1, 'UTF8')), $2)
            ON CONFLICT (hash) DO NOTHING";
        const ASK: &str =
            "SELECT revision FROM policy_revision WHERE hash = sha256(convert_to($1, 'UTF8'))";
        let known = || query(ASK).bind(rules.to_owned());
        let asking = async {
            let mut connection = self.connection().await?;
            let revision = one(&mut connection, known(), |row| row.integer("revision")).await?;
            if revision.is_some() {
                return Ok(revision);
            }
            query(ADD)
                .bind(rules.to_owned())
                .bind(now.micros())
                .execute(&mut *connection)
                .await
                .map_err(unreachable)?;
            one(&mut connection, known(), |row| row.integer("revision")).await
        };
        Ok(self.read(asking).await?.unwrap_or_default().unsigned_abs())
    }

    /// Writes, so that a full disk or a standby shows.
    async fn ping(&self) -> Result<(), StoreFault> {
        const WRITE: &str = "UPDATE policy_revision SET at = at WHERE revision = 0";
        let writing = async {
            query(WRITE)
                .execute(&mut *self.connection().await?)
                .await
                .map(drop)
                .map_err(unreachable)
        };
        self.read(writing).await
    }

    async fn clock(&self) -> Result<Option<StoreClock>, StoreFault> {
        self.read(async { clock::clock(&mut *self.moment().await?).await.map(Some) }).await
    }

    async fn replication(&self) -> Result<Option<Replication>, StoreFault> {
        self.read(async { replication::replication(&mut *self.moment().await?).await.map(Some) })
            .await
    }

    fn accept_history(&self) {
        self.line.accept_history();
    }

    async fn backup(&self, _: &Path) -> Result<(), StoreFault> {
        Err(StoreFault::Unsupported {
            wish: "a copy of a Postgres database",
            instead: "run pg_dump, or archive its log continuously",
        })
    }
}
