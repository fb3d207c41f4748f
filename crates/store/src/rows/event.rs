//! Events and observations: what is only ever added, to be read.

use adit_core::{Event, Feed, ObservationRecord, Said};
use serde::Serialize;
use uuid::Uuid;

use super::fields::{FORM, Fields, count, id, integer, json, time, to_json, to_tag, value_or_none};
use crate::{CommitFault, StoreFault};

#[derive(Debug, Serialize)]
pub struct EventRow {
    pub id: Uuid,
    pub at: i64,
    pub actor: String,
    pub user_id: Option<String>,
    pub seq: Option<i64>,
    pub withdrawal_id: Option<Uuid>,
    pub kind: String,
    pub body: String,
    pub form: i64,
}

impl EventRow {
    pub fn of(event: &Event) -> Result<Self, CommitFault> {
        Ok(Self {
            id: event.id.0,
            at: event.at.micros(),
            actor: to_json(&event.actor)?,
            user_id: event.feed.as_ref().map(|feed| feed.user.to_string()),
            seq: event
                .feed
                .as_ref()
                .map(|feed| integer(feed.seq, "an event's sequence"))
                .transpose()?,
            withdrawal_id: event.withdrawal.map(|withdrawal| withdrawal.0),
            kind: to_tag(&event.kind, "event")?,
            body: to_json(&event.kind)?,
            form: FORM,
        })
    }
}

pub fn read_event(row: &impl Fields) -> Result<Event, StoreFault> {
    let feed = match value_or_none(row, "user_id")? {
        Some(user) => Some(Feed { user, seq: count(row, "seq")? }),
        None => None,
    };
    Ok(Event {
        id: id(row, "id")?,
        at: time(row, "at")?,
        actor: json(row, "actor")?,
        feed,
        withdrawal: row.uuid_or_none("withdrawal_id")?.map(adit_core::WithdrawalId),
        kind: json(row, "body")?,
    })
}

#[derive(Debug, Serialize)]
pub struct ObservationRow {
    pub attempt_id: Uuid,
    pub at: i64,
    pub kind: String,
    pub said: String,
    pub form: i64,
}

impl ObservationRow {
    pub fn of(record: &ObservationRecord) -> Result<Self, CommitFault> {
        let kind = match &record.said {
            Said::Submission { .. } => "submission",
            Said::Sighting { .. } => "sighting",
        };
        Ok(Self {
            attempt_id: record.attempt.0,
            at: record.at.micros(),
            kind: kind.to_owned(),
            said: to_json(&record.said)?,
            form: FORM,
        })
    }
}

pub fn read_observation(row: &impl Fields) -> Result<ObservationRecord, StoreFault> {
    Ok(ObservationRecord {
        attempt: id(row, "attempt_id")?,
        at: time(row, "at")?,
        said: json(row, "said")?,
    })
}
