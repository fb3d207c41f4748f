//! Events: a user's feed, a withdrawal's history, fees in doubt.

use adit_core::{Event, Timestamp, UserId, WithdrawalId};
use adit_store::StoreFault;
use adit_store::rows::read_event;
use sqlx::{PgConnection, query};

use crate::columns::{all, limit as bound};

pub(crate) async fn feed(
    connection: &mut PgConnection,
    user: &UserId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, StoreFault> {
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let question =
        query("SELECT * FROM event WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
    all(connection, question.bind(user.to_string()).bind(after).bind(bound(limit)), |row| {
        read_event(row)
    })
    .await
}

pub(crate) async fn history(
    connection: &mut PgConnection,
    withdrawal: WithdrawalId,
) -> Result<Vec<Event>, StoreFault> {
    let question =
        query("SELECT * FROM event WHERE withdrawal_id = $1 ORDER BY at, seq NULLS FIRST, id")
            .bind(withdrawal.0);
    all(connection, question, |row| read_event(row)).await
}

pub(crate) async fn fee_doubts(
    connection: &mut PgConnection,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Event>, StoreFault> {
    let question = query(
        "SELECT * FROM event WHERE kind = 'fee_doubted' AND at >= $1 ORDER BY at DESC, id DESC \
         LIMIT $2",
    );
    all(connection, question.bind(since.micros()).bind(bound(limit)), |row| read_event(row)).await
}
