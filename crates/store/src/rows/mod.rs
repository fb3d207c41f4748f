//! Rows as SQL keeps them, for every store that speaks it: plain columns, one struct per table.
//! What is written here is read back here, so the two databases cannot disagree about the meaning
//! of a column.
//!
//! Amounts are 39 digits with leading zeros: as text they compare like numbers. Times are
//! microseconds since 1970. Words and numbers that people look for have columns of their own; a
//! state's whole value stands beside them as JSON, with the number of its form.

mod account;
mod credential;
mod event;
mod fields;
mod incarnation;
mod lane;
mod limit;
mod lineage;
mod people;
mod withdrawal;

pub use account::{AccountRow, CreditRow, TransferRow, read_account, read_credit};
pub use credential::{CredentialAt, CredentialRow, read_credential, read_credential_record};
pub use event::{EventRow, ObservationRow, read_event, read_observation};
pub use fields::{FORM, Fields, id, sum, value};
pub use incarnation::{IncarnationRow, read_incarnation};
pub use lane::{LaneRow, read_lane};
pub use limit::{LimitGivenBackRow, LimitKeyRow, LimitRow, WindowKeyRow, limit_keys};
pub use lineage::{
    AnchorRow, AttemptRow, LineageParts, LineageRow, PayoutRow, read_anchor, read_attempt,
    read_leg, read_lineage,
};
pub use people::{SuspensionRow, UserRow, WalletRow, read_suspension, read_user, read_wallet};
pub use withdrawal::{
    ClaimNonceKeyRow, IdempotencyKeyRow, IdempotencyRow, WithdrawalRow, claim_nonce_keys,
    idempotency_keys, read_idempotency, read_status, read_withdrawal,
};
