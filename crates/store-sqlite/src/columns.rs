//! Asking SQLite, and reading what it answers. Uuids are text, flags are 0 and 1.

use adit_store::StoreFault;
use adit_store::rows::Fields;
use serde::Serialize;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::fault::unreachable;

pub(crate) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// One row, by the names of its columns.
pub(crate) struct Columns<'a>(&'a SqliteRow);

impl Fields for Columns<'_> {
    fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreFault> {
        self.0.try_get(column).map_err(unreachable)
    }

    fn integer_or_none(&self, column: &'static str) -> Result<Option<i64>, StoreFault> {
        self.0.try_get(column).map_err(unreachable)
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreFault> {
        self.integer(column).map(|flag| flag != 0)
    }

    fn uuid_or_none(&self, column: &'static str) -> Result<Option<Uuid>, StoreFault> {
        let text: Option<&str> = self.0.try_get(column).map_err(unreachable)?;
        let parse = |text| {
            Uuid::parse_str(text).map_err(|error| StoreFault::Corrupt {
                detail: format!("the column {column}: {error}"),
            })
        };
        text.map(parse).transpose()
    }
}

/// Every row that a question finds.
pub(crate) async fn all<T>(
    connection: &mut SqliteConnection,
    question: Query,
    read: impl Fn(&Columns<'_>) -> Result<T, StoreFault>,
) -> Result<Vec<T>, StoreFault> {
    let rows = question.fetch_all(connection).await.map_err(unreachable)?;
    rows.iter().map(|row| read(&Columns(row))).collect()
}

/// The row that a question finds, if any.
pub(crate) async fn one<T>(
    connection: &mut SqliteConnection,
    question: Query,
    read: impl Fn(&Columns<'_>) -> Result<T, StoreFault>,
) -> Result<Option<T>, StoreFault> {
    let row = question.fetch_optional(connection).await.map_err(unreachable)?;
    row.map(|row| read(&Columns(&row))).transpose()
}

/// Keys or rows as one JSON array: what a set-based statement takes.
pub(crate) fn array(items: &impl Serialize) -> Result<String, StoreFault> {
    serde_json::to_string(items).map_err(|error| StoreFault::Corrupt { detail: error.to_string() })
}

/// SQLite's counts end at 2^63 - 1; no list is as long.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
