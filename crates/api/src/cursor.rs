//! A place in a list, as callers carry it: opaque, and nothing but a place.

use adit_core::{CredentialId, Timestamp, WithdrawalId};
use adit_store::{CredentialCursor, Cursor};
use uuid::Uuid;

use crate::codes;
use crate::problem::Problem;
use crate::query::whole;

/// Rows of a page where the caller does not say.
pub const PAGE_ROWS_DEFAULT: usize = 50;
/// Most rows of a page.
pub const PAGE_ROWS_MAX: usize = 100;
const CURSOR_BYTES: usize = 24;

/// A row's time and id, in whichever list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub created_at: Timestamp,
    pub id: Uuid,
}

pub fn write(place: impl Into<Place>) -> String {
    let Place { created_at, id } = place.into();
    let mut bytes = [0; CURSOR_BYTES];
    bytes[..8].copy_from_slice(&created_at.micros().to_be_bytes());
    bytes[8..].copy_from_slice(id.as_bytes());
    hex::encode(bytes)
}

/// # Errors
/// `INVALID_CURSOR` for everything that [`write`] did not make.
pub fn read<T: From<Place>>(text: &str) -> Result<T, Problem> {
    let wrong = || {
        let got: String = text.chars().take(64).collect();
        let detail = format!(
            "The cursor {got:?} is not one of ours. Send nextCursor of the page before as it is, \
             or none for the first page."
        );
        Problem::new(&codes::INVALID_CURSOR, detail)
    };
    let mut bytes = [0; CURSOR_BYTES];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| wrong())?;
    let (micros, id) = bytes.split_at(8);
    let micros = i64::from_be_bytes(micros.try_into().map_err(|_| wrong())?);
    let id = Uuid::from_slice(id).map_err(|_| wrong())?;
    Ok(Place { created_at: Timestamp::from_micros(micros), id }.into())
}

impl From<Cursor> for Place {
    fn from(cursor: Cursor) -> Self {
        Self { created_at: cursor.created_at, id: cursor.id.0 }
    }
}

impl From<Place> for Cursor {
    fn from(place: Place) -> Self {
        Self { created_at: place.created_at, id: WithdrawalId(place.id) }
    }
}

impl From<CredentialCursor> for Place {
    fn from(cursor: CredentialCursor) -> Self {
        Self { created_at: cursor.created_at, id: cursor.id.0 }
    }
}

impl From<Place> for CredentialCursor {
    fn from(place: Place) -> Self {
        Self { created_at: place.created_at, id: CredentialId(place.id) }
    }
}

/// # Errors
/// `INVALID_QUERY` outside of 1 to [`PAGE_ROWS_MAX`].
pub fn rows(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = limit else { return Ok(PAGE_ROWS_DEFAULT) };
    let rows = whole("limit", text, 1, PAGE_ROWS_MAX as u64)?;
    Ok(usize::try_from(rows).unwrap_or(PAGE_ROWS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let cursor = Cursor {
            created_at: Timestamp::from_micros(-7),
            id: WithdrawalId(uuid::Uuid::from_u128(42)),
        };
        assert_eq!(read(&write(cursor)).map_err(|problem| problem.detail), Ok(cursor));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", "zz", &"0".repeat(47), &"0".repeat(49), &"0".repeat(50), "' OR 1=1"] {
            assert_eq!(
                read::<Cursor>(text).map_err(|problem| problem.code.name),
                Err("INVALID_CURSOR"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(rows(None).ok(), Some(PAGE_ROWS_DEFAULT));
        assert_eq!((rows(Some("1")).ok(), rows(Some("100")).ok()), (Some(1), Some(PAGE_ROWS_MAX)));
        assert!(rows(Some("0")).is_err() && rows(Some("101")).is_err());
    }
}
