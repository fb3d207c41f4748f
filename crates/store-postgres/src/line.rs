//! What stands between this process and the database: which history it writes to, and which
//! connections may still serve.
//!
//! A host that disappears without a reset answers nothing: nothing here waits for an answer without
//! a bound, and a connection that did not answer in time is closed and never used again (case F98).
//! A new connection may lead to another database than the one that this process wrote to: each is
//! examined before it serves (case F101).

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adit_core::GroupId;
use adit_store::{History, StoreFault};
use sqlx::pool::PoolConnectionMetadata;
use sqlx::{Connection, Executor, PgConnection};

use crate::fault::unreachable;
use crate::read::history::{self, Found};

/// An idle connection that does not answer by then is closed, and another is opened.
const REST_TIMEOUT_SECONDS: u64 = 1;

/// One process's line to its database, shared by all connections of its pool.
#[derive(Default)]
pub(crate) struct Line {
    history: Mutex<History>,
    /// Connections that were opened before this moment serve no more.
    cut: Mutex<Option<Instant>>,
    /// Why the last new connection was not taken.
    refused: Mutex<Option<String>>,
}

impl Line {
    /// Does the work, or gives it up at the deadline and cuts the line: the connection that it
    /// waits on is closed when it is dropped here.
    pub async fn until<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
        // Dropped at the end of this function, and so after the cut.
        let work = pin!(work);
        let answer = tokio::time::timeout_at(deadline.into(), work).await.ok();
        if answer.is_none() {
            self.cut_off();
        }
        answer
    }

    /// As [`Line::until`], for what changes nothing.
    pub async fn within<T>(
        &self,
        seconds: u64,
        work: impl Future<Output = Result<T, StoreFault>>,
    ) -> Result<T, StoreFault> {
        let answer = self.until(Instant::now() + Duration::from_secs(seconds), work).await;
        answer.unwrap_or_else(|| {
            Err(StoreFault::Unreachable { detail: format!("it did not answer within {seconds} s") })
        })
    }

    /// Fails with [`StoreFault::WentBack`] while another history has not been accepted.
    pub fn own_history(&self) -> Result<(), StoreFault> {
        match locked(&self.history).doubt() {
            None => Ok(()),
            Some(because) => Err(StoreFault::WentBack { because: because.clone() }),
        }
    }

    pub fn committed(&self, group: GroupId) {
        locked(&self.history).committed(group);
    }

    /// Takes the other history for its own. Connections of before are examined anew, by being
    /// opened anew.
    pub fn accept_history(&self) {
        locked(&self.history).accept();
        self.cut_off();
    }

    /// Compares a new connection with what this process remembers. A standby is refused: what it
    /// shows is not what is decided.
    pub async fn examine(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // Taken first: what is committed meanwhile is not missed by this connection.
        let sought = locked(&self.history).sought();
        let found = history::found(connection, &sought).await;
        let refusal = match &found {
            Ok(Found::Primary { .. }) => None,
            Ok(Found::Standby) => Some("it is a standby, which decides nothing".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        locked(&self.refused).clone_from(&refusal);
        match found? {
            Found::Standby => Err(sqlx::Error::Protocol(refusal.unwrap_or_default())),
            Found::Primary { identity, missing } => {
                let known = self.own_history().is_ok();
                locked(&self.history).compare(identity, missing);
                if known && self.own_history().is_err() {
                    self.cut_off();
                }
                Ok(())
            }
        }
    }

    /// Returns whether a connection that has served may rest, with no transaction open in it.
    /// Whoever gave up while BEGIN was on its way left one that the driver does not count, and does
    /// not roll back.
    pub async fn may_rest(
        &self,
        connection: &mut PgConnection,
        times: &PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        // BEGIN keeps the server from warning where none is open, which is nearly always.
        let ends = async { connection.execute("BEGIN; ROLLBACK").await.map(drop) };
        Ok(self.is_whole(times) && in_time(ends).await.map(|()| true)?)
    }

    /// Returns whether a connection at rest may serve. One that answered a moment ago is not asked
    /// again.
    pub async fn may_serve(
        &self,
        connection: &mut PgConnection,
        times: &PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        let recent = times.idle_for < Duration::from_secs(REST_TIMEOUT_SECONDS);
        Ok(self.is_whole(times) && (recent || in_time(connection.ping()).await.map(|()| true)?))
    }

    fn is_whole(&self, times: &PoolConnectionMetadata) -> bool {
        locked(&self.cut).is_none_or(|cut| times.age < cut.elapsed())
    }

    /// Why no connection was there in time: what the last new one was refused for, if that is
    /// known.
    pub fn not_opened(&self, error: sqlx::Error) -> StoreFault {
        let refused = locked(&self.refused).clone();
        match (error, refused) {
            (sqlx::Error::PoolTimedOut, Some(detail)) => StoreFault::Unreachable { detail },
            (error, _) => unreachable(error),
        }
    }

    fn cut_off(&self) {
        *locked(&self.cut) = Some(Instant::now());
    }
}

async fn in_time(answer: impl Future<Output = Result<(), sqlx::Error>>) -> Result<(), sqlx::Error> {
    let silent =
        |_| sqlx::Error::Protocol(format!("it did not answer within {REST_TIMEOUT_SECONDS} s"));
    tokio::time::timeout(Duration::from_secs(REST_TIMEOUT_SECONDS), answer).await.map_err(silent)?
}

/// Nothing that is done under these locks can be left half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
