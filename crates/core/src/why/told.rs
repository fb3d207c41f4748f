//! Each reason as a sentence for the user whose withdrawal it is, and for the host application:
//! their own state and what follows from it. It never names an endpoint, repeats what a node said,
//! or shows anything of other payees (abuse case +31).

use super::reason::Reason;
use crate::{Actor, DeferralCause, HaltReason, Status, Withdrawal};

/// What is told of a withdrawal that waits for an approval, wherever it is shown.
pub const AWAITS_APPROVAL_TOLD: &str = "A person has to approve it.";
/// What is told of one that is held for inspection.
pub const HELD_TOLD: &str = "A person has to look at it: the chain shows something unexpected.";

/// Who asks why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Whose withdrawal it is.
    User,
    /// The application that speaks for its users.
    Host,
    /// Somebody who runs the instance.
    Operator,
}

impl Reader {
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::User { .. } => Self::User,
            Actor::Service { .. } => Self::Host,
            Actor::Admin { .. } | Actor::Engine => Self::Operator,
        }
    }
}

impl Reason {
    /// For the user and the host application.
    pub fn told(&self, withdrawal: &Withdrawal) -> String {
        match self {
            Self::AwaitsApproval => AWAITS_APPROVAL_TOLD.to_owned(),
            Self::AwaitsLane
            | Self::LaneReconciling
            | Self::SlowStart { .. }
            | Self::ReplacesUnknown => {
                "Payments have just started again; it follows when everything was compared."
                    .to_owned()
            }
            Self::LaneSweeping => "Payments stand while the operator restores the books. Yours is \
                kept."
                .to_owned(),
            Self::LaneHalted { halt } => halt.told(),
            Self::LaneTroubled { .. } => "Payments cannot be made just now; it is tried again by \
                itself. Yours is kept."
                .to_owned(),
            Self::AwaitsRoom { .. } => "Many payments are on their way; it follows when one of \
                them is mined."
                .to_owned(),
            Self::InLine { ahead: 1 } => "One payment is before it.".to_owned(),
            Self::InLine { ahead } => format!("{ahead} payments are before it."),
            Self::AwaitsLowerFee { .. } => "The network asks more than we pay; it is made when \
                that falls."
                .to_owned(),
            Self::AwaitsFairFee { .. } => {
                "The network is dear for this amount just now. It is paid when it is cheaper, or \
                    when its time is over."
                    .to_owned()
            }
            Self::AwaitsChain => "The chain cannot be read reliably just now; nothing is decided \
                until it can."
                .to_owned(),
            Self::ChainStill { .. } => "The chain makes no blocks just now; it follows when it \
                does."
                .to_owned(),
            Self::ClockDoubted { .. } => {
                "It is paid when the server is sure of the time.".to_owned()
            }
            Self::Suspended { .. } => {
                "Payments are suspended by the operator. Yours is kept.".to_owned()
            }
            Self::Deferred { cause, .. } => cause.told().to_owned(),
            Self::Gathering => "It waits a little for others, so that one transaction pays them \
                all."
                .to_owned(),
            Self::Planning => "It is next in line.".to_owned(),
            Self::Signing => "It is being signed.".to_owned(),
            Self::Sending { .. } => "It is signed and is being sent.".to_owned(),
            Self::AwaitsInclusion { .. }
            | Self::AttemptsUsedUp { .. }
            | Self::FeeCeiling { .. } => "It was sent and waits for a block.".to_owned(),
            Self::AwaitsCosigners { .. } => "It waits for the signatures of others.".to_owned(),
            Self::CancelWaits { .. } => "The payment is being cancelled; whether it is paid or \
                given back, the chain will say."
                .to_owned(),
            Self::AwaitsFinality { confirmations: 1, .. } => {
                "It is in a block, with one confirmation; it is settled when that is final."
                    .to_owned()
            }
            Self::AwaitsFinality { confirmations, .. } => {
                format!(
                    "It is in a block, with {confirmations} confirmations; it is settled when \
                    that is final."
                )
            }
            Self::HeldForInspection { .. } => HELD_TOLD.to_owned(),
            Self::Finished => finished(withdrawal.state.status()).to_owned(),
        }
    }
}

fn finished(status: Status) -> &'static str {
    match status {
        Status::Completed => "It is paid, and that is final.",
        Status::Failed => "It was not paid; the amount was given back.",
        Status::Cancelled => "It was cancelled; the amount was given back.",
        Status::Pending | Status::Approved | Status::Processing | Status::HeldForInspection => {
            "It is finished."
        }
    }
}

impl HaltReason {
    /// The kind, and nothing that stands in it.
    fn told(&self) -> String {
        let word = match self {
            Self::Operator { .. } => "the operator has stopped them",
            Self::Unreleased
            | Self::BothWentBack { .. }
            | Self::JournalAhead { .. }
            | Self::JournalWentBack { .. } => "the books are compared after a restore",
            Self::ForeignUse { .. }
            | Self::PinChanged { .. }
            | Self::WalletHasCode
            | Self::Invariant { .. } => "something unexpected has to be looked at",
        };
        format!(
            "Payments of this asset stand until a person lets them go on: {word}. Yours is kept."
        )
    }
}

impl DeferralCause {
    /// What a user is told of it.
    pub fn told(&self) -> &'static str {
        match self {
            Self::WouldFail => {
                "The chain would not carry it as it is: the recipient refuses it. It is tried \
                 again, and given back if that stays so."
            }
            Self::Untold => {
                "The chain does not say whether it would carry it. It is tried again, and in the \
                 end a person decides."
            }
            Self::Unfunded { .. } => {
                "The wallet that pays is being refilled; it follows by itself."
            }
            Self::Unclear | Self::SignerRefuses | Self::ClaimUnread | Self::Unknown => {
                "It could not be planned yet; it is tried again by itself."
            }
        }
    }
}
