//! Columns to values and back.

use std::fmt::Display;
use std::str::FromStr;

use adit_core::{Amount, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{CommitFault, StoreFault};

/// Form of the JSON that this program writes and reads.
pub const FORM: i64 = 1;

/// One row that a database answered.
pub trait Fields {
    fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreFault>;
    fn integer_or_none(&self, column: &'static str) -> Result<Option<i64>, StoreFault>;
    fn flag(&self, column: &'static str) -> Result<bool, StoreFault>;
    fn uuid_or_none(&self, column: &'static str) -> Result<Option<Uuid>, StoreFault>;

    fn text(&self, column: &'static str) -> Result<String, StoreFault> {
        self.text_or_none(column)?.ok_or_else(|| empty(column))
    }

    fn integer(&self, column: &'static str) -> Result<i64, StoreFault> {
        self.integer_or_none(column)?.ok_or_else(|| empty(column))
    }

    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreFault> {
        self.uuid_or_none(column)?.ok_or_else(|| empty(column))
    }
}

fn empty(column: &str) -> StoreFault {
    StoreFault::Corrupt { detail: format!("the column {column} is empty") }
}

/// A value that has one text form.
pub fn value<T: FromStr>(row: &impl Fields, column: &'static str) -> Result<T, StoreFault>
where
    T::Err: Display,
{
    parse(&row.text(column)?, column)
}

pub(super) fn value_or_none<T: FromStr>(
    row: &impl Fields,
    column: &'static str,
) -> Result<Option<T>, StoreFault>
where
    T::Err: Display,
{
    row.text_or_none(column)?.map(|text| parse(&text, column)).transpose()
}

pub(super) fn parse<T: FromStr>(text: &str, column: &str) -> Result<T, StoreFault>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| corrupt(column, &error))
}

pub(super) fn corrupt(column: &str, error: &impl Display) -> StoreFault {
    StoreFault::Corrupt { detail: format!("the column {column}: {error}") }
}

/// A typed id.
pub fn id<T: From<UuidOf>>(row: &impl Fields, column: &'static str) -> Result<T, StoreFault> {
    row.uuid(column).map(|uuid| T::from(UuidOf(uuid)))
}

/// Carries a uuid into a typed id.
pub struct UuidOf(pub Uuid);

macro_rules! ids {
    ($($name:ident),+) => {$(
        impl From<UuidOf> for adit_core::$name {
            fn from(id: UuidOf) -> Self {
                Self(id.0)
            }
        }
    )+};
}

ids!(
    WithdrawalId,
    PayoutId,
    LineageId,
    AttemptId,
    TransferId,
    EventId,
    CredentialId,
    JournalId,
    ReplicaId,
    IncarnationId,
    LeaseToken
);

pub(super) fn amount(row: &impl Fields, column: &'static str) -> Result<Amount, StoreFault> {
    parse(&row.text(column)?, column).map(Amount::new)
}

/// The sum of amounts that are listed with commas between; none is zero.
pub fn sum(list: Option<String>, column: &'static str) -> Result<Amount, StoreFault> {
    let list = list.unwrap_or_default();
    let amounts = list
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|text| parse(text, column).map(Amount::new));
    amounts.into_iter().try_fold(Amount::ZERO, |sum, amount| Ok(sum.plus(amount?)))
}

pub(super) fn time(row: &impl Fields, column: &'static str) -> Result<Timestamp, StoreFault> {
    row.integer(column).map(Timestamp::from_micros)
}

pub(super) fn time_or_none(
    row: &impl Fields,
    column: &'static str,
) -> Result<Option<Timestamp>, StoreFault> {
    Ok(row.integer_or_none(column)?.map(Timestamp::from_micros))
}

/// A count, which is never negative.
pub(super) fn count(row: &impl Fields, column: &'static str) -> Result<u64, StoreFault> {
    u64::try_from(row.integer(column)?).map_err(|error| corrupt(column, &error))
}

pub(super) fn small_count(row: &impl Fields, column: &'static str) -> Result<u32, StoreFault> {
    u32::try_from(row.integer(column)?).map_err(|error| corrupt(column, &error))
}

/// A state's JSON, in the form that this program knows.
pub(super) fn json<T: DeserializeOwned>(
    row: &impl Fields,
    column: &'static str,
) -> Result<T, StoreFault> {
    json_or_none(row, column)?.ok_or_else(|| empty(column))
}

pub(super) fn json_or_none<T: DeserializeOwned>(
    row: &impl Fields,
    column: &'static str,
) -> Result<Option<T>, StoreFault> {
    let Some(text) = row.text_or_none(column)? else { return Ok(None) };
    let form = row.integer("form")?;
    if form != FORM {
        let detail = format!(
            "the column {column} is of form {form}, and this program knows form {FORM}; run the \
             newer program"
        );
        return Err(StoreFault::Corrupt { detail });
    }
    serde_json::from_str(&text).map(Some).map_err(|error| corrupt(column, &error))
}

/// An enum whose JSON is one word.
pub(super) fn word<T: DeserializeOwned>(
    row: &impl Fields,
    column: &'static str,
) -> Result<T, StoreFault> {
    serde_json::from_value(serde_json::Value::String(row.text(column)?))
        .map_err(|error| corrupt(column, &error))
}

pub(super) fn padded(amount: Amount) -> String {
    format!("{:039}", amount.base_units())
}

/// SQL's integers end at 2^63 - 1.
pub(super) fn integer(number: u64, what: &str) -> Result<i64, CommitFault> {
    i64::try_from(number).map_err(|_| CommitFault::Unwritable {
        detail: format!("{what} is {number}, and a database keeps at most 2^63 - 1"),
    })
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, CommitFault> {
    serde_json::to_string(value)
        .map_err(|error| CommitFault::Unwritable { detail: error.to_string() })
}

/// The word that an enum's JSON is.
pub(super) fn to_word(value: &impl Serialize) -> Result<String, CommitFault> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(CommitFault::Unwritable { detail: format!("{other} is not one word") }),
        Err(error) => Err(CommitFault::Unwritable { detail: error.to_string() }),
    }
}

/// The tag of an enum with data.
pub(super) fn to_tag(value: &impl Serialize, tag: &str) -> Result<String, CommitFault> {
    let json = serde_json::to_value(value)
        .map_err(|error| CommitFault::Unwritable { detail: error.to_string() })?;
    match json.get(tag) {
        Some(serde_json::Value::String(word)) => Ok(word.clone()),
        Some(_) | None => {
            Err(CommitFault::Unwritable { detail: format!("{json} has no tag {tag}") })
        }
    }
}
