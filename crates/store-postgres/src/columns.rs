//! Asking Postgres, and reading what it answers.

use adit_store::StoreFault;
use adit_store::rows::Fields;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Column, PgConnection, Postgres, Row, TypeInfo};
use uuid::Uuid;

use crate::digits::Digits;
use crate::fault::unreachable;

pub(crate) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// One row, by the names of its columns.
pub(crate) struct Columns<'a>(&'a PgRow);

impl Fields for Columns<'_> {
    fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreFault> {
        let kind = self.0.try_column(column).map_err(unreachable)?.type_info().name();
        match kind {
            "NUMERIC" => {
                self.0.try_get(column).map(|digits: Option<Digits>| digits.map(|digits| digits.0))
            }
            // JSON is sent as its text.
            "JSON" => self.0.try_get_unchecked(column),
            _ => self.0.try_get(column),
        }
        .map_err(unreachable)
    }

    fn integer_or_none(&self, column: &'static str) -> Result<Option<i64>, StoreFault> {
        self.0.try_get(column).map_err(unreachable)
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreFault> {
        self.0.try_get(column).map_err(unreachable)
    }

    fn uuid_or_none(&self, column: &'static str) -> Result<Option<Uuid>, StoreFault> {
        self.0.try_get(column).map_err(unreachable)
    }
}

/// Every row that a question finds.
pub(crate) async fn all<T>(
    connection: &mut PgConnection,
    question: Query,
    read: impl Fn(&Columns<'_>) -> Result<T, StoreFault>,
) -> Result<Vec<T>, StoreFault> {
    let rows = question.fetch_all(connection).await.map_err(unreachable)?;
    rows.iter().map(|row| read(&Columns(row))).collect()
}

/// The row that a question finds, if any.
pub(crate) async fn one<T>(
    connection: &mut PgConnection,
    question: Query,
    read: impl Fn(&Columns<'_>) -> Result<T, StoreFault>,
) -> Result<Option<T>, StoreFault> {
    let row = question.fetch_optional(connection).await.map_err(unreachable)?;
    row.map(|row| read(&Columns(&row))).transpose()
}

/// Names as a statement takes them.
pub(crate) fn texts<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

/// SQL's counts end at 2^63 - 1; no list is as long.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
