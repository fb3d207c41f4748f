//! The store about itself: one row.

use adit_core::{Incarnation, Row, Slot};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{FORM, Fields, count, id, integer, json, json_or_none, time, to_json};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct IncarnationRow {
    pub id: Uuid,
    pub since: i64,
    pub taken_over: bool,
    pub unread: String,
    pub unmatched: String,
    pub strays: String,
    pub finding: Option<String>,
    pub form: i64,
    pub version: i64,
}

impl IncarnationRow {
    pub fn of(row: &Row<Incarnation>) -> Result<Self, CommitFault> {
        let incarnation = &row.row;
        Ok(Self {
            id: incarnation.id.0,
            since: incarnation.since.micros(),
            taken_over: incarnation.taken_over,
            unread: to_json(&incarnation.unread)?,
            unmatched: to_json(&incarnation.unmatched)?,
            strays: to_json(&incarnation.strays)?,
            finding: incarnation.finding.as_ref().map(to_json).transpose()?,
            form: FORM,
            version: integer(row.version, "a version")?,
        })
    }
}

pub fn read_incarnation(row: &impl Fields) -> Result<Slot<Incarnation>, StoreFault> {
    let incarnation = Incarnation {
        id: id(row, "id")?,
        since: time(row, "since")?,
        taken_over: row.flag("taken_over")?,
        unread: json(row, "unread")?,
        unmatched: json(row, "unmatched")?,
        strays: json(row, "strays")?,
        finding: json_or_none(row, "finding")?,
    };
    Ok(Slot::loaded(count(row, "version")?, incarnation))
}
