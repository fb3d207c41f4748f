//! Why an unfinished withdrawal is not finished: what is waited for, what happens next and when, and which buttons are safe.

use serde::Serialize;

use crate::gate::{Gate, gate_of_lane, gate_of_payout};
use crate::next::{LaneView, Obstacle, Step, step};
use crate::{
    AttemptId, BlockRef, ClockDoubt, Dear, HaltReason, LaneState, Lineage, Purpose, Scope, State, Status, Timestamp, Trust, Withdrawal,
};

/// The explanation of one withdrawal's state: code and parameters, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    pub status: Status,
    #[serde(flatten)]
    pub reason: Reason,
    pub sentence: String,
    /// What the engine does next by itself, and when at the earliest.
    pub next_act: Option<&'static str>,
    pub next_at: Option<Timestamp>,
    /// What a person may safely do.
    pub buttons: Vec<Button>,
    /// How many endpoints must agree before the engine believes a chain.
    pub trust: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Button {
    Approve,
    Cancel,
    /// Asks for a cancelling transaction; gives back only once that is final.
    RequestCancel,
    Retry,
    Inspect,
}

/// What is waited for. `code` and the fields beside it are the contract; the sentence is English for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    AwaitsApproval,
    AwaitsLane,
    /// Under a new lease one transaction of ours is mined before anyone new is paid (case F91).
    SlowStart {
        in_flight: usize,
    },
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
        cost: String,
        ceiling: String,
        share: String,
    },
    AwaitsChain,
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
    },
    LaneReconciling,
    /// Database and journal were restored together; places at which something forgotten may be mined are used up.
    LaneSweeping,
    LaneHalted {
        halt: HaltReason,
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
    /// A cancel was wished; the payment is not sent, and the cancelling transaction cannot be made yet.
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

/// Explains one withdrawal. `lineage` is its live one, where it has one.
pub fn why(view: &LaneView, withdrawal: &Withdrawal, lineage: Option<&Lineage>) -> Why {
    let (reason, next_act, next_at) = match (&withdrawal.state, lineage) {
        (State::Pending, _) => (Reason::AwaitsApproval, None, None),
        (State::Approved { .. }, _) => of_gate(view, withdrawal),
        (State::Processing { .. }, Some(lineage)) => of_step(view, withdrawal, lineage),
        (State::Processing { .. }, None) => (Reason::AwaitsChain, Some("observe"), None),
        (State::HeldForInspection { finding, .. }, _) => (Reason::HeldForInspection { finding: finding.clone() }, None, None),
        (State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. }, _) => (Reason::Finished, None, None),
    };
    let doubt = view.lane.tip.as_ref().filter(|_| reason != Reason::Finished).and_then(|tip| tip.market.doubt());
    let sentence = doubt.into_iter().fold(reason.sentence(withdrawal), |sentence, doubt| format!("{sentence} {doubt}"));
    let sentence = view.chain.kind.written(&sentence);
    Why { status: withdrawal.state.status(), reason, sentence, next_act, next_at, buttons: buttons(withdrawal), trust: view.chain.trust }
}

type Because = (Reason, Option<&'static str>, Option<Timestamp>);

fn of_gate(view: &LaneView, withdrawal: &Withdrawal) -> Because {
    let gate = gate_of_payout(view, withdrawal);
    match gate.clone() {
        Gate::Suspended { scope, reason } => return (Reason::Suspended { suspended: scope, reason }, None, None),
        Gate::Deferred { reason, tries, until } => return (Reason::Deferred { reason, tries }, Some("plan"), Some(until)),
        Gate::Dear(Dear { cost, ceiling, share, until }) => {
            let reason = Reason::AwaitsFairFee { cost: cost.to_string(), ceiling: ceiling.to_string(), share: share.to_string() };
            return (reason, Some("plan"), Some(until));
        }
        Gate::Open
        | Gate::LaneStopped
        | Gate::ClockDoubted(_)
        | Gate::NoTip
        | Gate::FeesAboveCap { .. }
        | Gate::SlowStart { .. }
        | Gate::InFlightFull { .. }
        | Gate::Gathering { .. } => {}
    }
    match (gate_of_lane(view), gate) {
        (Gate::Open, Gate::Gathering { until }) => (Reason::Gathering, Some("plan"), Some(until)),
        (shut, _) => of_lane(view, shut),
    }
}

fn of_lane(view: &LaneView, gate: Gate) -> Because {
    match gate {
        Gate::LaneStopped => (stopped(view), None, None),
        Gate::ClockDoubted(doubt) => (Reason::ClockDoubted { clock: doubt }, None, None),
        Gate::NoTip => (Reason::AwaitsChain, Some("observe"), None),
        Gate::FeesAboveCap { needed, cap } => {
            let reason = Reason::AwaitsLowerFee { needed: needed.to_string(), cap: cap.to_string(), unit: unit(view) };
            (reason, Some("plan"), None)
        }
        Gate::SlowStart { in_flight } => (Reason::SlowStart { in_flight }, Some("plan"), None),
        Gate::InFlightFull { in_flight, most } => (Reason::AwaitsRoom { in_flight, most }, Some("plan"), None),
        Gate::Open | Gate::Suspended { .. } | Gate::Deferred { .. } | Gate::Dear(_) | Gate::Gathering { .. } => {
            (Reason::Planning, Some("plan"), Some(view.now))
        }
    }
}

/// The unit in which the chain's fees are offered.
fn unit(view: &LaneView) -> &'static str {
    view.lane.tip.as_ref().map_or("", |tip| tip.market.unit())
}

fn stopped(view: &LaneView) -> Reason {
    match &view.lane.state {
        LaneState::Halted { reason, .. } => Reason::LaneHalted { halt: reason.clone() },
        LaneState::Reconciling => Reason::LaneReconciling,
        LaneState::Sweeping => Reason::LaneSweeping,
        LaneState::Running => Reason::AwaitsLane,
    }
}

/// What a cancelling transaction needs before it can be made.
pub fn needs(view: &LaneView, obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::FeeCeiling { needed, cap } => {
            format!("the network asks {needed} {}, above our cap of {cap}; raise the cap, or wait until it asks less", unit(view))
        }
        Obstacle::AttemptsUsedUp => "all allowed versions are made; raise attempts_max and restart".to_owned(),
        Obstacle::LaneStopped => match &view.lane.state {
            LaneState::Halted { .. } => "the lane is halted; resume it".to_owned(),
            LaneState::Reconciling | LaneState::Running | LaneState::Sweeping => {
                "the lane compares the signer's journal with the database".to_owned()
            }
        },
        Obstacle::ChainUnread => "the chain's fees were not read lately; look at its endpoints".to_owned(),
    }
}

fn of_step(view: &LaneView, withdrawal: &Withdrawal, lineage: &Lineage) -> Because {
    let attempts = lineage.attempts.len();
    match step(view, lineage) {
        Step::Do(crate::Act::Sign { .. }) => (Reason::Signing, Some("sign"), Some(view.now)),
        Step::Do(crate::Act::Send { .. }) => {
            (Reason::Sending { sends: u32::try_from(attempts).unwrap_or(u32::MAX) }, Some("send"), Some(view.now))
        }
        Step::Do(crate::Act::Bump { purpose: Purpose::Cancel, .. }) if !lineage.was_sent() => {
            (Reason::CancelWaits { needs: "it is made in the lane's next round".to_owned() }, Some("bump"), Some(view.now))
        }
        Step::Do(crate::Act::Close { .. }) => {
            (Reason::CancelWaits { needs: "it is taken back in the lane's next round".to_owned() }, Some("cancel"), Some(view.now))
        }
        Step::Do(crate::Act::Bump { .. }) => (Reason::AwaitsInclusion { attempts }, Some("bump"), Some(view.now)),
        Step::Do(crate::Act::Lift { .. }) => (Reason::AwaitsInclusion { attempts }, Some("lift"), Some(view.now)),
        Step::Do(crate::Act::Plan { .. } | crate::Act::Probe { .. } | crate::Act::Consolidate { .. } | crate::Act::Sweep { .. }) => {
            (Reason::Planning, Some("plan"), Some(view.now))
        }
        Step::AwaitInclusion { resend_at, bump_at } => match bump_at.filter(|at| *at <= resend_at) {
            Some(bump_at) => (Reason::AwaitsInclusion { attempts }, Some("bump"), Some(bump_at)),
            None => (Reason::AwaitsInclusion { attempts }, Some("send"), Some(resend_at)),
        },
        Step::FeeCeiling { needed, cap, resend_at } => {
            let reason = Reason::FeeCeiling { needed: needed.to_string(), cap: cap.to_string(), unit: unit(view) };
            (reason, Some("send"), Some(resend_at))
        }
        Step::AttemptsUsedUp { resend_at } => (Reason::AttemptsUsedUp { attempts }, Some("send"), Some(resend_at)),
        Step::AwaitCosigners { resend_at } => {
            let sent = lineage.attempts.iter().filter(|attempt| attempt.sendable().is_some()).count();
            (Reason::AwaitsCosigners { attempt: lineage.latest().id, sent }, resend_at.map(|_| "send"), resend_at)
        }
        Step::AwaitUndoing { obstacle } => (Reason::CancelWaits { needs: needs(view, obstacle) }, Some("cancel"), None),
        Step::LaneStopped => (stopped(view), None, None),
        Step::AwaitFinality => (of_block(view, withdrawal, lineage), Some("observe"), None),
    }
}

fn of_block(view: &LaneView, withdrawal: &Withdrawal, lineage: &Lineage) -> Reason {
    let confirmed = matches!(withdrawal.state, State::Processing { confirmed_at: Some(_), .. });
    match (lineage.included().and_then(crate::Attempt::block), &view.lane.tip) {
        (Some(block), Some(tip)) => {
            let confirmations = confirmations(block, tip.head.height);
            Reason::AwaitsFinality { block, final_height: tip.final_height, confirmations, confirmed }
        }
        (Some(_), None) | (None, Some(_) | None) => Reason::AwaitsChain,
    }
}

/// Blocks on top of a block, itself counted.
pub fn confirmations(block: BlockRef, head: u64) -> u64 {
    (head + 1).saturating_sub(block.height)
}

fn buttons(withdrawal: &Withdrawal) -> Vec<Button> {
    match &withdrawal.state {
        State::Pending => vec![Button::Approve, Button::Cancel],
        State::Approved { .. } => vec![Button::Retry, Button::Cancel],
        State::Processing { sighting: None, .. } => vec![Button::Retry, Button::RequestCancel],
        State::HeldForInspection { .. } => vec![Button::Inspect],
        State::Processing { sighting: Some(_), .. } | State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. } => {
            Vec::new()
        }
    }
}

impl Reason {
    fn sentence(&self, withdrawal: &Withdrawal) -> String {
        match self {
            Self::AwaitsApproval => "A person has to approve it; its amount is above what is approved automatically.".to_owned(),
            Self::AwaitsLane => "It is approved and waits for the wallet's line of payments to start.".to_owned(),
            Self::SlowStart { in_flight: 0 } => {
                "The lane starts slowly under a new lease: it is planned when a block has followed the first transaction and the chain counts what our book says.".to_owned()
            }
            Self::SlowStart { in_flight } => format!(
                "The lane starts slowly under a new lease: {in_flight} transactions of this wallet are on their way, and are mined before anyone new is paid."
            ),
            Self::AwaitsRoom { in_flight, most } => {
                format!("{in_flight} payments of this wallet are on their way and at most {most} may be; it is planned when one is mined.")
            }
            Self::AwaitsLowerFee { needed, cap, unit } => {
                format!("The network asks {needed} {unit}, above our cap of {cap}; it is planned when that falls.")
            }
            Self::AwaitsFairFee { cost, ceiling, share } => format!(
                "The network is dear: paying it now would cost {cost} base units, more than {share} of its amount. It is paid at {ceiling} or less, or when its time is over."
            ),
            Self::AwaitsChain => "Too few endpoints of the chain answer; nothing is decided until they do.".to_owned(),
            Self::ClockDoubted { clock } => format!("It is planned when the time is known. {}", clock.sentence()),
            Self::Suspended { suspended, reason } => format!("Payments are suspended ({suspended}): {reason}."),
            Self::Deferred { reason, tries } => format!("It could not be planned ({reason}; refused {tries} times); it is tried again."),
            Self::LaneReconciling => {
                "The engine compares the signer's journal and the chain with its database before it signs anything.".to_owned()
            }
            Self::LaneSweeping => {
                "Database and journal were restored together. What neither remembers may still be mined, so every place for it is used up first; then two admins release what waits.".to_owned()
            }
            Self::LaneHalted { halt } => format!("The wallet's line of payments stopped itself: {}", halt.sentence()),
            Self::Gathering => "It waits a little for others, so that one transaction pays them all.".to_owned(),
            Self::Planning => "It is next in line.".to_owned(),
            Self::Signing => "What it spends is reserved; it is being signed.".to_owned(),
            Self::Sending { .. } => "It is signed; the same bytes are being sent.".to_owned(),
            Self::AwaitsInclusion { attempts } => {
                format!("It was sent ({attempts} versions) and waits for a block. Whatever an endpoint said, it may be mined at any time.")
            }
            Self::AwaitsCosigners { sent: 0, .. } => {
                "It waits for the signatures of others. Whoever has it may also send it himself.".to_owned()
            }
            Self::AwaitsCosigners { .. } => {
                "A better offer waits for the signatures of others; what they signed before is out, and may be mined at any time."
                    .to_owned()
            }
            Self::CancelWaits { needs } => {
                format!("A cancel was wished, and the payment is not sent any more. The cancelling transaction waits: {needs}.")
            }
            Self::AttemptsUsedUp { attempts } => {
                format!("All {attempts} allowed versions were sent; the same bytes are repeated until one is mined.")
            }
            Self::FeeCeiling { needed, cap, unit } => {
                format!("A better offer would need {needed} {unit}, above our cap of {cap}; the same bytes are repeated.")
            }
            Self::AwaitsFinality { block, final_height, confirmations, .. } => {
                format!(
                    "It is in block {} ({confirmations} confirmations); blocks up to {final_height} are final. It is settled when its own is.",
                    block.height
                )
            }
            Self::HeldForInspection { finding } => {
                format!("The transaction did something unexpected: {finding}. A person has to look at it.")
            }
            Self::Finished => format!("It is finished: {}.", withdrawal.state.status().as_str()),
        }
    }
}

impl HaltReason {
    /// What stopped the lane and what to do.
    pub fn sentence(&self) -> String {
        match self {
            Self::ForeignUse { nonce, hash, decoded } => format!(
                "nonce {nonce} was used by somebody else ({}): {decoded}. Create a dedicated key for this engine, or declare with `adit keys adopt` from which nonce on this one is its own.",
                hash.map_or_else(|| "its transaction is not known".to_owned(), |hash| hash.to_string())
            ),
            Self::JournalAhead { detail } => format!("the signer signed what the database does not know: {detail}."),
            Self::BothWentBack { detail } => format!(
                "database and journal were both set back: {detail}. What was given back since is written nowhere: look at what waits, cancel what is not owed any more, and resume the lane once blocks hold all of these. If you do not know these payments, somebody else has the key."
            ),
            Self::Unreleased => {
                "database and journal were restored together. Nothing forgotten can be mined any more. What waits may have been paid or given back since: cancel what is not owed any more, then two admins release the lane, each with a credential of their own (`adit lanes release`)."
                    .to_owned()
            }
            Self::JournalWentBack { detail } => format!(
                "the signer's journal went back: {detail}. Nothing is planned, signed or given back. Put the newest journal back, or run `adit restore --journal FILE` where it is lost."
            ),
            Self::PinChanged { fact, pinned, seen } => {
                format!("{fact} was {pinned} and is {seen} now. Check the endpoint and the token before anything is paid.")
            }
            Self::WalletHasCode => {
                "the wallet carries code (EIP-7702 delegation or a contract); its nonce can move without us. Use a dedicated key."
                    .to_owned()
            }
            Self::Invariant { detail } => format!("an invariant does not hold: {detail}."),
            Self::Operator { reason } => format!("an operator stopped it: {reason}."),
        }
    }
}
