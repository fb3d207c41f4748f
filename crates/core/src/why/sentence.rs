//! Each reason as a sentence for those who run the instance.

use super::reason::{Reason, Trouble};
use super::told::AWAITS_APPROVAL_TOLD;
use crate::{ChainRules, Standstill, Withdrawal};

impl Reason {
    /// For those who run the instance: it may name endpoints, other payments and what nodes said.
    pub(super) fn sentence(&self, withdrawal: &Withdrawal, chain: &ChainRules) -> String {
        match self {
            Self::AwaitsApproval => AWAITS_APPROVAL_TOLD.to_owned(),
            Self::AwaitsLane => "It is approved and waits for the wallet's line of payments to \
                start."
                .to_owned(),
            Self::SlowStart { in_flight: 0 } => {
                "The lane starts slowly under a new lease: it is planned when a block has followed \
                    the first transaction and the chain counts what our book says."
                    .to_owned()
            }
            Self::SlowStart { in_flight } => format!(
                "The lane starts slowly under a new lease: {in_flight} transactions of this wallet \
                 are on their way, and are mined before anyone new is paid."
            ),
            Self::ReplacesUnknown => {
                "A transaction of this wallet that pays nobody was found after database and \
                    journal went back. What it replaced is not known and may be mined instead; it \
                    is planned when that transaction is final."
                    .to_owned()
            }
            Self::AwaitsRoom { in_flight, most } => {
                format!(
                    "{in_flight} payments of this wallet are on their way and at most {most} \
                    may be; it is planned when one is mined."
                )
            }
            Self::AwaitsLowerFee { needed, cap, unit } => {
                format!(
                    "The network asks {needed} {unit}, above our cap of {cap}; it is planned \
                    when that falls."
                )
            }
            Self::AwaitsFairFee { cost, ceiling, share } => format!(
                "The network is dear: paying it now would cost {}, more than {share} of its \
                 amount. It is paid at {} or less, or when its time is over.",
                chain.coins(*cost),
                chain.coins(*ceiling)
            ),
            Self::AwaitsChain => "Too few endpoints of the chain answer; nothing is decided until \
                they do."
                .to_owned(),
            Self::ChainStill { still } => {
                format!("It is planned when a new block comes: {}.", still.words())
            }
            Self::ClockDoubted { clock } => {
                format!("It is planned when the time is known. {}", clock.sentence())
            }
            Self::Suspended { suspended, reason } => {
                format!("Payments are suspended ({suspended}): {reason}.")
            }
            Self::Deferred { reason, tries, .. } => format!(
                "It could not be planned ({reason}; refused {tries} times); it is tried again."
            ),
            Self::LaneReconciling => {
                "The engine compares the signer's journal and the chain with its database before \
                    it signs anything."
                    .to_owned()
            }
            Self::LaneSweeping => {
                "Database and journal were restored together. What neither remembers may still be \
                    mined, so every place for it is used up first; then two admins release what \
                    waits."
                    .to_owned()
            }
            Self::LaneHalted { halt } => {
                format!("The wallet's line of payments stopped itself: {}", halt.sentence())
            }
            Self::InLine { ahead: 1 } => "One payment is before it.".to_owned(),
            Self::InLine { ahead } => format!("{ahead} payments are before it."),
            Self::LaneTroubled { trouble } => trouble.sentence(),
            Self::Gathering => "It waits a little for others, so that one transaction pays them \
                all."
                .to_owned(),
            Self::Planning => "It is next in line.".to_owned(),
            Self::Signing => "What it spends is reserved; it is being signed.".to_owned(),
            Self::Sending { .. } => "It is signed; the same bytes are being sent.".to_owned(),
            Self::AwaitsInclusion { attempts } => {
                format!(
                    "It was sent ({attempts} versions) and waits for a block. Whatever an \
                    endpoint said, it may be mined at any time."
                )
            }
            Self::AwaitsCosigners { sent: 0, .. } => {
                "It waits for the signatures of others. Whoever has it may also send it himself."
                    .to_owned()
            }
            Self::AwaitsCosigners { .. } => {
                "A better offer waits for the signatures of others; what they signed before is \
                 out, and may be mined at any time."
                    .to_owned()
            }
            Self::CancelWaits { needs } => {
                format!(
                    "A cancel was wished, and the payment is not sent any more. The cancelling \
                    transaction waits: {needs}."
                )
            }
            Self::AttemptsUsedUp { attempts } => {
                format!(
                    "All {attempts} allowed versions were sent; the same bytes are repeated \
                    until one is mined."
                )
            }
            Self::FeeCeiling { needed, cap, unit } => {
                format!(
                    "A better offer would need {needed} {unit}, above our cap of {cap}; the \
                    same bytes are repeated."
                )
            }
            Self::AwaitsFinality { block, final_height, confirmations, .. } => {
                format!(
                    "It is in block {} ({confirmations} confirmations); blocks up to \
                     {final_height} are final. It is settled when its own is.",
                    block.height
                )
            }
            Self::HeldForInspection { finding } => {
                format!(
                    "The transaction did something unexpected: {finding}. A person has to look \
                    at it."
                )
            }
            Self::Finished => format!("It is finished: {}.", withdrawal.state.status().as_str()),
        }
    }
}

impl Standstill {
    /// How old the newest block is, what is allowed, and what to do.
    pub fn words(&self) -> String {
        let Self { age_seconds, most_seconds, on_demand } = self;
        match on_demand {
            true => format!(
                "the newest block is {age_seconds} s old, and a payment of ours waits for one for longer than the {most_seconds} s that are \
                 allowed (head_age_seconds_max). The chain, or its endpoints, stand still"
            ),
            false => format!(
                "the newest block is {age_seconds} s old, and at most {most_seconds} s are allowed (head_age_seconds_max). The endpoints \
                 answer and agree; they, or the chain, stand still. Of a chain that makes blocks only when there is something in them say \
                 blocks_on_demand = true"
            ),
        }
    }
}

impl Trouble {
    fn sentence(&self) -> String {
        match self {
            Self::Superseded => {
                "The signer follows another state of this database; this one accepts and pays \
                    nothing. See the alert StoreSuperseded."
                    .to_owned()
            }
            Self::NotLeased => {
                "No server has the lane's lease: the one that had it is gone, or cannot reach the \
                 database. It is planned when one takes it."
                    .to_owned()
            }
            Self::WitnessUnusable { detail } => {
                format!("Nothing is signed while the third witness cannot be used: {detail}")
            }
            Self::SignerRefuses { detail } => {
                format!("The signer refuses what it is asked: {detail}.")
            }
            Self::RoundsFail { detail } => format!(
                "The lane's rounds fail one after another; the last: {detail}. It is tried again."
            ),
        }
    }
}
