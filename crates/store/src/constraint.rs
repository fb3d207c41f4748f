//! Names of the constraints that stand in every store, whatever keeps it. A rule lives in the core;
//! a constraint is its last assertion, and its name says which rule was about to be broken.

/// An anchor is in at most one live lineage.
pub const ANCHOR_LIVE_UNIQUE: &str = "anchor_live_unique";
/// A payout is in at most one live lineage.
pub const PAYOUT_LIVE_UNIQUE: &str = "payout_live_unique";
/// Signed bytes of an attempt are recorded once and never change.
pub const ATTEMPT_BYTES_ONCE: &str = "attempt_bytes_once";
/// A signed digest is accepted once, for ever.
pub const WITHDRAWAL_DIGEST_UNIQUE: &str = "withdrawal_digest_unique";
/// A user's claim nonce is used once.
pub const WITHDRAWAL_CLAIM_NONCE_UNIQUE: &str = "withdrawal_claim_nonce_unique";
/// A client's idempotency key names one request, for ever.
pub const IDEMPOTENCY_UNIQUE: &str = "idempotency_unique";
/// A credit is booked once.
pub const CREDIT_UNIQUE: &str = "credit_unique";
/// An entry of the ledger is written once.
pub const TRANSFER_UNIQUE: &str = "transfer_unique";
/// A hold is resolved once: settled or released.
pub const HOLD_RESOLVED_ONCE: &str = "hold_resolved_once";
/// A place in the limits of a user and asset is taken once.
pub const LIMIT_ENTRY_SEQ_UNIQUE: &str = "limit_entry_seq_unique";
/// An entry of the limits is given back once, and only if it was made.
pub const LIMIT_GIVEN_BACK_ONCE: &str = "limit_given_back_once";
/// An event is written once.
pub const EVENT_UNIQUE: &str = "event_unique";
/// A place in a user's feed is taken once.
pub const EVENT_FEED_UNIQUE: &str = "event_feed_unique";
/// A credential is written once.
pub const CREDENTIAL_UNIQUE: &str = "credential_unique";
/// A secret's hash speaks for one credential.
pub const CREDENTIAL_HASH_UNIQUE: &str = "credential_hash_unique";
/// A wallet belongs to one user.
pub const WALLET_OWNER: &str = "wallet_owner";
/// A user's account never owes less than zero, and never less than what is held.
pub const ACCOUNT_NOT_OVERDRAWN: &str = "account_not_overdrawn";
/// A group is committed once.
pub const COMMIT_GROUP_PK: &str = "commit_group_pk";

/// A store has one row about itself.
pub const INCARNATION_IS_ONE: &str = "incarnation_is_one";

/// All of them.
pub const CONSTRAINTS: [&str; 19] = [
    ANCHOR_LIVE_UNIQUE,
    PAYOUT_LIVE_UNIQUE,
    ATTEMPT_BYTES_ONCE,
    WITHDRAWAL_DIGEST_UNIQUE,
    WITHDRAWAL_CLAIM_NONCE_UNIQUE,
    IDEMPOTENCY_UNIQUE,
    CREDIT_UNIQUE,
    TRANSFER_UNIQUE,
    HOLD_RESOLVED_ONCE,
    LIMIT_ENTRY_SEQ_UNIQUE,
    LIMIT_GIVEN_BACK_ONCE,
    EVENT_UNIQUE,
    EVENT_FEED_UNIQUE,
    CREDENTIAL_UNIQUE,
    CREDENTIAL_HASH_UNIQUE,
    WALLET_OWNER,
    ACCOUNT_NOT_OVERDRAWN,
    COMMIT_GROUP_PK,
    INCARNATION_IS_ONE,
];
