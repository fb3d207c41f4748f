//! What a decision changes. Rows are whole: a change says what is true afterwards, not how it came
//! about.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, AssetId, AttemptId, Book, ClientId, Credential, CredentialId, CreditId, Event, Hash32,
    IdempotencyKey, Incarnation, Lane, LimitEntry, Lineage, Scope, Submission, Suspension,
    Timestamp, Transfer, User, UserId, WalletLink, Withdrawal, WithdrawalId,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    User(User),
    Wallet(WalletLink),
    Credential(Credential),
    Revoked { credential: CredentialId, at: Timestamp },
    Transfer(Transfer),
    Withdrawal(Withdrawal),
    Limit(LimitEntry),
    LimitGivenBack(LimitEntry),
    Idempotency(IdempotencyRecord),
    Credit(CreditRecord),
    Lineage(Lineage),
    Lane(Lane),
    Incarnation(Incarnation),
    Suspended(Suspension),
    Resumed(Scope),
    Event(Event),
    Observation(ObservationRecord),
}

/// One client's key, once used, forever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    pub client: ClientId,
    pub key: IdempotencyKey,
    pub fingerprint: Hash32,
    pub withdrawal: WithdrawalId,
    pub at: Timestamp,
}

/// One credit, once booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditRecord {
    pub id: CreditId,
    pub user: UserId,
    pub book: Book,
    pub asset: AssetId,
    pub amount: Amount,
    pub at: Timestamp,
}

/// What an endpoint said about an attempt. Append-only: it explains, and decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationRecord {
    pub attempt: AttemptId,
    pub at: Timestamp,
    pub said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "said")]
pub enum Said {
    Submission { submission: Submission },
    Sighting { sighting: crate::Sighting },
}
