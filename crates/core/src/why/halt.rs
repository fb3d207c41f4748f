//! What stopped a lane, in words for those who run the instance.

use crate::HaltReason;

impl HaltReason {
    /// What stopped the lane and what to do.
    pub fn sentence(&self) -> String {
        match self {
            Self::ForeignUse { nonce, hash, decoded } => format!(
                "nonce {nonce} was used by somebody else ({}): {decoded}. Create a dedicated key \
                 for this engine, or declare with `adit keys adopt` from which nonce on this one \
                 is its own.",
                hash.map_or_else(
                    || "its transaction is not known".to_owned(),
                    |hash| hash.to_string()
                )
            ),
            Self::JournalAhead { detail } => {
                format!("the signer signed what the database does not know: {detail}.")
            }
            Self::BothWentBack { detail } => format!(
                "database and journal were both set back: {detail}. What was given back since is \
                 written nowhere: look at what waits, cancel what is not owed any more, and resume \
                 the lane once blocks hold all of these. If you do not know these payments, \
                 somebody else has the key."
            ),
            Self::Unreleased => {
                "database and journal were restored together. Nothing forgotten can be mined any \
                 more. What waits may have been paid or given back since: cancel what is not owed \
                 any more, then two admins release the lane, each with a credential of their own \
                 (`adit lanes release`)."
                    .to_owned()
            }
            Self::JournalWentBack { detail } => format!(
                "the signer's journal went back: {detail}. Nothing is planned, signed or given \
                 back. Put the newest journal back, or run `adit restore --journal FILE` where it \
                 is lost."
            ),
            Self::PinChanged { fact, pinned, seen } => {
                format!(
                    "{fact} was {pinned} and is {seen} now. Check the endpoint and the token \
                        before anything is paid."
                )
            }
            Self::WalletHasCode => {
                "the wallet carries code (EIP-7702 delegation or a contract); its nonce can move \
                 without us. Use a dedicated key."
                    .to_owned()
            }
            Self::Invariant { detail } => format!("an invariant does not hold: {detail}."),
            Self::Operator { reason } => format!("an operator stopped it: {reason}."),
        }
    }
}
