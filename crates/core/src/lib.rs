//! The rules of Adit.
//!
//! Nothing here awaits, reads a clock, draws randomness or logs. A view of the state and a command
//! go in; changes or a refusal come out. Ids and time arrive in commands; what a node said is a
//! command too.
#![warn(clippy::wildcard_enum_match_arm)]

mod actor;
mod amount;
mod asset;
mod audit;
mod change;
mod clock;
mod coin_places;
mod command;
mod context;
mod credential;
mod decide;
mod event;
mod evidence;
mod gate;
mod id;
mod incarnation;
mod journal;
mod keys;
mod lane;
mod ledger;
mod limits;
mod next;
mod opening;
mod outbid;
mod patience;
mod payout;
mod planted;
mod policy;
mod rate;
mod refusal;
mod restoration;
mod signed;
mod suspension;
mod time;
mod transaction;
mod upkeep;
mod user;
mod view;
mod why;
mod withdrawal;

pub use actor::Actor;
pub use amount::{AMOUNT_TEXT_BYTES_MAX, Amount, AmountError, DECIMALS_MAX};
pub use asset::{Asset, AssetForm};
pub use audit::{BrokenInvariant, audit_batch, audit_ledger};
pub use change::{Change, CreditRecord, IdempotencyRecord, ObservationRecord, Said};
pub use clock::{CLOCKS_APART_MAX, ClockDoubt};
pub use coin_places::CoinPlaces;
pub use command::{
    AcceptedPin, AddAttempt, Charge, Claim, Command, Credit, IdBlock, Idempotency, Lost, Matched,
    Order, Request, Reserve, Retirement,
};
pub use context::{ClaimContext, KeyContext, PayoutContext};
pub use credential::{Credential, Role, Standing};
pub use decide::{Answer, Decision, Granted, changed_pin, decide, nobodys};
pub use event::{Event, EventKind, Feed};
pub use evidence::{Effect, Fact, FeeKnown, FeePart, LegEffect, Receipt, Sighting};
pub use gate::{Gate, committed, free, may_join, may_plan, suspension};
pub use id::{
    AssetId, AttemptId, Book, Bytes, ChainName, ClientId, CredentialId, CreditId, Destination,
    EndpointName, EventId, GroupId, Hash32, IdempotencyKey, IncarnationId, JournalId, LeaseToken,
    LineageId, NameError, PayoutId, ReplicaId, Tier, TransferId, UserId, WithdrawalId,
};
pub use incarnation::{
    Finding, Incarnation, MatchedTo, REPEATED_WITHIN, STRAYS_MAX, Stray, Twin, Unmatched, Unread,
    Wanted, WentBack,
};
pub use journal::JournalTip;
pub use keys::keys;
pub use lane::{Funds, HaltReason, Lane, LaneState, Lease, TRAIL_BLOCKS_MAX, Tip};
pub use ledger::{Account, Balance, Cause, LedgerError, Transfer, TransferKind};
pub use limits::{LimitEntry, LimitState, WindowState, WindowUse};
pub use next::{
    Act, LaneView, Obstacle, Standstill, Step, TIP_AGE_MAX, ancestors, fresh_tip_of, in_flight,
    may_be_lifted, next, renewal, standstill, step,
};
pub use opening::{Holding, Opening};
pub use outbid::{FLAT_BUMP_PAUSE_MAX, RAISE_AFTER_BUMPS};
pub use patience::{Dear, Patience, Share};
pub use payout::{
    ATTEMPTS_MAX_LEAST, Anchor, Attempt, BlockRef, CANCELS_KEPT, CancelWish, Epoch, Knowledge,
    LaneId, Leg, Lineage, LineageState, Purpose, Stage,
};
#[cfg(feature = "planted")]
pub use planted::plant;
pub use planted::{Mistake, PLANTED, planted};
pub use policy::{
    AssetRules, Batching, ChainKind, ChainRules, ClaimRules, Fee, Finality, Policy, Rules, Trust,
    Window, WindowLimit,
};
pub use rate::{Rate, RateError};
pub use refusal::Refusal;
pub use restoration::{Released, Restoration, RestorationStage};
pub use signed::{Signed, Submission, SubmissionAnswer};
pub use suspension::{Scope, Suspension};
pub use time::{Span, Timestamp};
pub use transaction::{
    BitcoinDraft, BitcoinMarket, Draft, DraftInput, DraftOutput, EvmDraft, EvmFees, EvmMarket,
    EvmPricing, FEE_HISTORY_EVERY_BLOCKS, FEE_HISTORY_MAX, FEE_HISTORY_MIN, FeeHistory, FeeRate,
    INCREMENTAL_FEE_RATE, Keychain, Market, Offer, OutputPurpose, Place, RELAY_FEE_RATE_MIN,
    TooDear,
};
pub use upkeep::{Consolidation, Upkeep, upkeep};
pub use user::{User, WalletLink};
pub use view::{Appended, Batch, Keys, Row, Slot, View};
pub use why::{
    AWAITS_APPROVAL_TOLD, Button, HELD_TOLD, Line, Reader, Reason, Trouble, Why, confirmations,
    needs, why,
};
pub use withdrawal::{
    Blame, ClaimRecord, DeadLineage, Deferral, DeferralCause, Failure, Payment, State, Status,
    Withdrawal,
};
