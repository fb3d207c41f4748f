//! What is waited for, as code and parameters.

use serde::Serialize;

use crate::{
    Amount, AttemptId, BlockRef, ClockDoubt, DeferralCause, HaltReason, Scope, Standstill,
};

/// What is waited for. `code` and the fields beside it are the contract; the sentence is English
/// for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    AwaitsApproval,
    AwaitsLane,
    /// Under a new lease one transaction of ours is mined before anyone new is paid (case F91).
    SlowStart {
        in_flight: usize,
    },
    /// A transaction that pays nobody was found beside both stores, and is not final (case F91).
    ReplacesUnknown,
    AwaitsRoom {
        in_flight: usize,
        most: u32,
    },
    AwaitsLowerFee {
        needed: String,
        cap: String,
        unit: &'static str,
    },
    AwaitsFairFee {
        /// Base units of the chain's coin.
        cost: Amount,
        ceiling: Amount,
        share: String,
    },
    AwaitsChain,
    /// Endpoints answer and agree, and show no new block (case F42).
    ChainStill {
        #[serde(flatten)]
        still: Standstill,
    },
    /// Nobody knows what time it is (case F97).
    ClockDoubted {
        clock: ClockDoubt,
    },
    Suspended {
        suspended: Scope,
        reason: String,
    },
    Deferred {
        reason: String,
        tries: u32,
        #[serde(flatten)]
        cause: DeferralCause,
    },
    LaneReconciling,
    /// Database and journal were restored together; places at which something forgotten may be
    /// mined are used up.
    LaneSweeping,
    LaneHalted {
        halt: HaltReason,
    },
    /// Others stand before it.
    InLine {
        ahead: usize,
    },
    /// The lane would plan or sign, and something outside of the book keeps it from that.
    LaneTroubled {
        #[serde(flatten)]
        trouble: Trouble,
    },
    Gathering,
    Planning,
    Signing,
    Sending {
        sends: u32,
    },
    AwaitsInclusion {
        attempts: usize,
    },
    AwaitsCosigners {
        attempt: AttemptId,
        sent: usize,
    },
    /// A cancel was wished; the payment is not sent, and the cancelling transaction cannot be made
    /// yet.
    CancelWaits {
        needs: String,
    },
    AttemptsUsedUp {
        attempts: usize,
    },
    FeeCeiling {
        needed: String,
        cap: String,
        unit: &'static str,
    },
    AwaitsFinality {
        block: BlockRef,
        final_height: u64,
        confirmations: u64,
        confirmed: bool,
    },
    HeldForInspection {
        finding: String,
    },
    Finished,
}

/// What keeps a lane from planning or signing that stands in no row: this process sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "trouble")]
pub enum Trouble {
    /// Another state of this database took its place at the signer.
    Superseded,
    /// No server has the lane's lease.
    NotLeased,
    /// The third witness cannot be read or written.
    WitnessUnusable {
        detail: String,
    },
    SignerRefuses {
        detail: String,
    },
    /// Rounds of the lane fail one after another.
    RoundsFail {
        detail: String,
    },
}
