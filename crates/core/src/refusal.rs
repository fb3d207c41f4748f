//! Why something was not done, for a person: a stable code, its parameters, and one English
//! sentence rendered at the edge.

use serde::Serialize;

use crate::{
    Amount, AssetId, ClientId, ClockDoubt, CredentialId, Destination, Hash32, LineageId, PayoutId,
    Retirement, Status, Timestamp, UserId, WindowUse, WithdrawalId,
};

/// A refusal changes nothing and consumes nothing. Amounts are base units of the named asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "refusal")]
pub enum Refusal {
    UnknownUser {
        user: UserId,
    },
    /// Payments that nobody has been matched to stand under this name (case F95).
    ReservedUser {
        user: UserId,
    },
    UnknownAsset {
        asset: AssetId,
    },
    UnknownWithdrawal,
    /// The asset cannot be asked for this way: points are paid by claims, others by withdrawals.
    NotWithdrawable {
        asset: AssetId,
    },
    Suspended {
        scope: String,
        reason: String,
    },
    WalletNotLinked {
        wallet: Destination,
    },
    WalletTaken {
        wallet: Destination,
    },
    WalletCooling {
        wallet: Destination,
        usable_at: Timestamp,
    },
    NonceUsed {
        expected: u64,
        got: u64,
        withdrawal: Option<WithdrawalId>,
    },
    NonceAhead {
        expected: u64,
        got: u64,
    },
    /// This signed digest was accepted before, under whatever nonce.
    DigestUsed {
        withdrawal: WithdrawalId,
    },
    SignatureExpired {
        deadline: u64,
        now: i64,
    },
    DeadlineTooFar {
        deadline: u64,
        latest: i64,
    },
    BelowMinimum {
        asset: AssetId,
        minimum: Amount,
        asked: Amount,
    },
    AboveMaximum {
        asset: AssetId,
        maximum: Amount,
        asked: Amount,
    },
    TooLarge {
        asset: AssetId,
    },
    Cooldown {
        until: Timestamp,
    },
    InsufficientBalance {
        asset: AssetId,
        available: Amount,
        needed: Amount,
    },
    LimitExceeded {
        asset: AssetId,
        asked: Amount,
        limit: WindowUse,
    },
    IdempotencyMismatch {
        withdrawal: WithdrawalId,
    },
    CreditMismatch {
        credit: String,
    },
    NotCancellable {
        status: Status,
    },
    NotRetryable {
        status: Status,
    },
    NotApprovable {
        status: Status,
    },
    NotUnderInspection {
        status: Status,
    },
    TooManyCancels {
        until: Timestamp,
    },
    /// The caller acted on an older state of the row; read it again.
    Changed {
        what: String,
    },
    /// The process does not hold the lane's lease of that epoch.
    NotLeased {
        lane: String,
    },
    LeaseHeld {
        lane: String,
        until: Timestamp,
    },
    /// The lane is pinned to another signer's journal.
    ForeignJournal {
        lane: String,
    },
    LaneStopped {
        lane: String,
    },
    /// The store has gone back, or its lanes have not read the signer's journal since: what was
    /// accepted before is not known yet.
    StoreWentBack {
        because: String,
    },
    /// Nobody knows what time it is: nothing is accepted, and nothing new is planned (case F97).
    ClockDoubted {
        #[serde(flatten)]
        doubt: ClockDoubt,
    },
    /// Nothing is given back before the wallet's lane has read the signer's journal under its
    /// present lease.
    JournalUnread {
        lane: String,
    },
    /// The signer has signed the payment: it can only be cancelled by the chain.
    PaymentSigned {
        payout: PayoutId,
        lineage: LineageId,
    },
    /// The signer has not retired these payouts, whose holds would be given back. Whoever submits
    /// the command retires them, and submits it again.
    NotRetired {
        payouts: Vec<Retirement>,
    },
    /// A withdrawal that is made again meets one that consumed its key or claim since; the command
    /// has to carry it.
    Rival {
        withdrawal: WithdrawalId,
    },
    /// The payment cannot be matched so.
    NotMatchable {
        detail: String,
    },
    /// After both stores were restored something forgotten may still be mined: nothing is released
    /// yet.
    NotSwept {
        lane: String,
    },
    UnknownCredential {
        credential: CredentialId,
    },
    /// Whoever asked for it approves it, by whichever of their keys.
    SelfApproval {
        client: ClientId,
    },
    /// This client released the lane before; another one has to, too (case F96).
    ReleasedBySame {
        lane: String,
    },
    /// No transaction of this hash waits to be explained.
    UnknownStray {
        hash: Hash32,
    },
    /// An attempt would break the rules of its lineage.
    BadAttempt {
        detail: String,
    },
}

impl Refusal {
    /// The stable code, the same on every route.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownUser { .. } => "USER_UNKNOWN",
            Self::ReservedUser { .. } => "INVALID_NAME",
            Self::UnknownAsset { .. } => "ASSET_UNKNOWN",
            Self::UnknownWithdrawal => "WITHDRAWAL_NOT_FOUND",
            Self::NotWithdrawable { .. } => "ASSET_NOT_WITHDRAWABLE",
            Self::Suspended { .. } => "SUSPENDED",
            Self::WalletNotLinked { .. } => "WALLET_NOT_LINKED",
            Self::WalletTaken { .. } => "WALLET_TAKEN",
            Self::WalletCooling { .. } => "WALLET_COOLING",
            Self::NonceUsed { .. } | Self::DigestUsed { .. } => "NONCE_USED",
            Self::NonceAhead { .. } => "NONCE_INVALID",
            Self::SignatureExpired { .. } => "SIGNATURE_EXPIRED",
            Self::DeadlineTooFar { .. } => "DEADLINE_TOO_FAR",
            Self::BelowMinimum { .. } => "BELOW_MINIMUM",
            Self::AboveMaximum { .. } => "ABOVE_MAXIMUM",
            Self::TooLarge { .. } => "INVALID_AMOUNT",
            Self::Cooldown { .. } => "COOLDOWN",
            Self::InsufficientBalance { .. } => "INSUFFICIENT_BALANCE",
            Self::LimitExceeded { limit, .. } => match limit.window {
                crate::Window::Rolling24h | crate::Window::CalendarDay { .. } => {
                    "DAILY_LIMIT_EXCEEDED"
                }
                crate::Window::Rolling7d => "WEEKLY_LIMIT_EXCEEDED",
                crate::Window::Rolling30d => "MONTHLY_LIMIT_EXCEEDED",
            },
            Self::IdempotencyMismatch { .. } => "IDEMPOTENCY_MISMATCH",
            Self::CreditMismatch { .. } => "CREDIT_MISMATCH",
            Self::NotCancellable { .. } => "NOT_CANCELLABLE",
            Self::NotRetryable { .. } => "NOT_RETRYABLE",
            Self::NotApprovable { .. } => "NOT_APPROVABLE",
            Self::NotUnderInspection { .. } => "NOT_UNDER_INSPECTION",
            Self::TooManyCancels { .. } => "TOO_MANY_CANCELS",
            Self::Changed { .. } => "CHANGED_MEANWHILE",
            Self::NotLeased { .. } => "NOT_LEASED",
            Self::LeaseHeld { .. } => "LEASE_HELD",
            Self::ForeignJournal { .. } => "FOREIGN_JOURNAL",
            Self::LaneStopped { .. } => "LANE_STOPPED",
            Self::StoreWentBack { .. } => "STORE_RECONCILING",
            Self::ClockDoubted { .. } => "CLOCK_DOUBTED",
            Self::JournalUnread { .. } => "JOURNAL_UNREAD",
            Self::PaymentSigned { .. } => "PAYMENT_SIGNED",
            Self::NotRetired { .. } => "NOT_RETIRED",
            Self::Rival { .. } => "CHANGED_MEANWHILE",
            Self::NotMatchable { .. } => "NOT_MATCHABLE",
            Self::NotSwept { .. } => "NOT_SWEPT",
            Self::UnknownCredential { .. } => "API_KEY_NOT_FOUND",
            Self::SelfApproval { .. } => "SELF_APPROVAL",
            Self::ReleasedBySame { .. } => "SECOND_ADMIN_NEEDED",
            Self::UnknownStray { .. } => "STRAY_NOT_FOUND",
            Self::BadAttempt { .. } => "BAD_ATTEMPT",
        }
    }
}
