//! Why an unfinished withdrawal is not finished: what is waited for, what happens next and when,
//! and which buttons are safe.

mod halt;
mod reason;
mod sentence;
mod told;

pub use reason::{Reason, Trouble};
pub use told::{AWAITS_APPROVAL_TOLD, HELD_TOLD, Reader};

use serde::Serialize;

use crate::gate::{Gate, gate_of_lane, gate_of_payout};
use crate::next::{LaneView, Obstacle, Step, standstill, step};
use crate::{
    BlockRef, Dear, LaneState, Lineage, Purpose, State, Status, Timestamp, Trust, Withdrawal,
};

/// The explanation of one withdrawal's state: code and parameters, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    pub status: Status,
    #[serde(flatten)]
    pub reason: Reason,
    /// For those who run the instance.
    pub sentence: String,
    /// For the user and the host application.
    pub told: String,
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

/// What the view of a lane does not show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// How many that may be planned stand before it.
    pub ahead: usize,
    pub trouble: Option<Trouble>,
}

/// Explains one withdrawal. `lineage` is its live one, where it has one.
pub fn why(
    view: &LaneView,
    withdrawal: &Withdrawal,
    lineage: Option<&Lineage>,
    line: &Line,
) -> Why {
    let (reason, next_act, next_at) = match (&withdrawal.state, lineage) {
        (State::Pending, _) => (Reason::AwaitsApproval, None, None),
        (State::Approved { .. }, _) => of_gate(view, withdrawal, line),
        (State::Processing { .. }, Some(lineage)) => of_step(view, withdrawal, lineage, line),
        (State::Processing { .. }, None) => (Reason::AwaitsChain, Some("observe"), None),
        (State::HeldForInspection { finding, .. }, _) => {
            (Reason::HeldForInspection { finding: finding.clone() }, None, None)
        }
        (State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. }, _) => {
            (Reason::Finished, None, None)
        }
    };
    let doubt = view
        .lane
        .tip
        .as_ref()
        .filter(|_| reason != Reason::Finished)
        .and_then(|tip| tip.market.doubt());
    let sentence =
        doubt.into_iter().fold(reason.sentence(withdrawal, view.chain), |sentence, doubt| {
            format!("{sentence} {doubt}")
        });
    let sentence = view.chain.kind.written(&sentence);
    let told = reason.told(withdrawal);
    Why {
        status: withdrawal.state.status(),
        reason,
        sentence,
        told,
        next_act,
        next_at,
        buttons: buttons(withdrawal),
        trust: view.chain.trust,
    }
}

type Because = (Reason, Option<&'static str>, Option<Timestamp>);

fn of_gate(view: &LaneView, withdrawal: &Withdrawal, line: &Line) -> Because {
    let gate = gate_of_payout(view, withdrawal);
    match gate.clone() {
        Gate::Suspended { scope, reason } => {
            return (Reason::Suspended { suspended: scope, reason }, None, None);
        }
        Gate::Deferred { reason, tries, until, cause } => {
            return (Reason::Deferred { reason, tries, cause }, Some("plan"), Some(until));
        }
        Gate::Dear(Dear { cost, ceiling, share, until }) => {
            let reason = Reason::AwaitsFairFee { cost, ceiling, share: share.to_string() };
            return (reason, Some("plan"), Some(until));
        }
        Gate::Open
        | Gate::LaneStopped
        | Gate::ClockDoubted(_)
        | Gate::NoTip
        | Gate::ChainStill(_)
        | Gate::FeesAboveCap { .. }
        | Gate::SlowStart { .. }
        | Gate::ReplacesUnknown
        | Gate::InFlightFull { .. }
        | Gate::Gathering { .. } => {}
    }
    match (gate_of_lane(view), gate, &line.trouble) {
        (Gate::Open, _, Some(trouble)) => troubled(trouble),
        (Gate::Open, _, None) if line.ahead > 0 => {
            (Reason::InLine { ahead: line.ahead }, Some("plan"), None)
        }
        (Gate::Open, Gate::Gathering { until }, None) => {
            (Reason::Gathering, Some("plan"), Some(until))
        }
        (shut, ..) => of_lane(view, shut),
    }
}

fn troubled(trouble: &Trouble) -> Because {
    (Reason::LaneTroubled { trouble: trouble.clone() }, Some("plan"), None)
}

fn of_lane(view: &LaneView, gate: Gate) -> Because {
    match gate {
        Gate::LaneStopped => (stopped(view), None, None),
        Gate::ClockDoubted(doubt) => (Reason::ClockDoubted { clock: doubt }, None, None),
        Gate::NoTip => (Reason::AwaitsChain, Some("observe"), None),
        Gate::ChainStill(still) => (Reason::ChainStill { still }, Some("observe"), None),
        Gate::FeesAboveCap { needed, cap } => {
            let reason = Reason::AwaitsLowerFee {
                needed: needed.to_string(),
                cap: cap.to_string(),
                unit: unit(view),
            };
            (reason, Some("plan"), None)
        }
        Gate::SlowStart { in_flight } => (Reason::SlowStart { in_flight }, Some("plan"), None),
        Gate::ReplacesUnknown => (Reason::ReplacesUnknown, Some("plan"), None),
        Gate::InFlightFull { in_flight, most } => {
            (Reason::AwaitsRoom { in_flight, most }, Some("plan"), None)
        }
        Gate::Open
        | Gate::Suspended { .. }
        | Gate::Deferred { .. }
        | Gate::Dear(_)
        | Gate::Gathering { .. } => (Reason::Planning, Some("plan"), Some(view.now)),
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
            format!(
                "the network asks {needed} {}, above our cap of {cap}; raise the cap, or wait \
                 until it asks less",
                unit(view)
            )
        }
        Obstacle::AttemptsUsedUp => {
            "all allowed versions are made; raise attempts_max and restart".to_owned()
        }
        Obstacle::LaneStopped => match &view.lane.state {
            LaneState::Halted { .. } => "the lane is halted; resume it".to_owned(),
            LaneState::Reconciling | LaneState::Running | LaneState::Sweeping => {
                "the lane compares the signer's journal with the database".to_owned()
            }
        },
        Obstacle::ChainUnread => match standstill(view) {
            Some(still) => format!("a new block; {}", still.words()),
            None => "the chain's fees were not read lately; look at its endpoints".to_owned(),
        },
    }
}

fn of_step(view: &LaneView, withdrawal: &Withdrawal, lineage: &Lineage, line: &Line) -> Because {
    let attempts = lineage.attempts.len();
    match step(view, lineage) {
        Step::Do(crate::Act::Sign { .. }) => match &line.trouble {
            Some(trouble) => troubled(trouble),
            None => (Reason::Signing, Some("sign"), Some(view.now)),
        },
        Step::Do(crate::Act::Send { .. }) => (
            Reason::Sending { sends: u32::try_from(attempts).unwrap_or(u32::MAX) },
            Some("send"),
            Some(view.now),
        ),
        Step::Do(crate::Act::Bump { purpose: Purpose::Cancel, .. }) if !lineage.was_sent() => (
            Reason::CancelWaits { needs: "it is made in the lane's next round".to_owned() },
            Some("bump"),
            Some(view.now),
        ),
        Step::Do(crate::Act::Close { .. }) => (
            Reason::CancelWaits { needs: "it is taken back in the lane's next round".to_owned() },
            Some("cancel"),
            Some(view.now),
        ),
        Step::Do(crate::Act::Bump { .. }) => {
            (Reason::AwaitsInclusion { attempts }, Some("bump"), Some(view.now))
        }
        Step::Do(crate::Act::Lift { .. }) => {
            (Reason::AwaitsInclusion { attempts }, Some("lift"), Some(view.now))
        }
        Step::Do(
            crate::Act::Plan { .. }
            | crate::Act::Probe { .. }
            | crate::Act::Consolidate { .. }
            | crate::Act::Sweep { .. },
        ) => (Reason::Planning, Some("plan"), Some(view.now)),
        Step::AwaitInclusion { resend_at, bump_at } => {
            match bump_at.filter(|at| *at <= resend_at) {
                Some(bump_at) => {
                    (Reason::AwaitsInclusion { attempts }, Some("bump"), Some(bump_at))
                }
                None => (Reason::AwaitsInclusion { attempts }, Some("send"), Some(resend_at)),
            }
        }
        Step::FeeCeiling { needed, cap, resend_at } => {
            let reason = Reason::FeeCeiling {
                needed: needed.to_string(),
                cap: cap.to_string(),
                unit: unit(view),
            };
            (reason, Some("send"), Some(resend_at))
        }
        Step::AttemptsUsedUp { resend_at } => {
            (Reason::AttemptsUsedUp { attempts }, Some("send"), Some(resend_at))
        }
        Step::AwaitCosigners { resend_at } => {
            let sent =
                lineage.attempts.iter().filter(|attempt| attempt.sendable().is_some()).count();
            (
                Reason::AwaitsCosigners { attempt: lineage.latest().id, sent },
                resend_at.map(|_| "send"),
                resend_at,
            )
        }
        Step::AwaitUndoing { obstacle } => {
            (Reason::CancelWaits { needs: needs(view, obstacle) }, Some("cancel"), None)
        }
        Step::LaneStopped => (stopped(view), None, None),
        Step::AwaitFinality => (of_block(view, withdrawal, lineage), Some("observe"), None),
    }
}

fn of_block(view: &LaneView, withdrawal: &Withdrawal, lineage: &Lineage) -> Reason {
    let confirmed = matches!(withdrawal.state, State::Processing { confirmed_at: Some(_), .. });
    match (lineage.included().and_then(crate::Attempt::block), &view.lane.tip) {
        (Some(block), Some(tip)) => {
            let confirmations = confirmations(block, tip.head.height);
            Reason::AwaitsFinality {
                block,
                final_height: tip.final_height,
                confirmations,
                confirmed,
            }
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
        State::Processing { sighting: Some(_), .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. } => Vec::new(),
    }
}
