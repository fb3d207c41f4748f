//! The world failed: a time-out, a closed connection, endpoints that disagree. Never a statement
//! about money.

use adit_core::EndpointName;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too few endpoints answered in time.
    #[error(
        "only {answered} of {needed} endpoints of {chain} answered ({detail}); try again, or add \
         endpoints"
    )]
    Unreachable { chain: String, answered: usize, needed: usize, detail: String },
    /// They answered, and not the same.
    #[error("the endpoints of {chain} disagree about {subject}: {detail}")]
    Disagreement { chain: String, subject: String, detail: String },
    /// An endpoint serves another network than the pinned one.
    #[error("{endpoint} serves {seen}, and {chain} is pinned to {pinned}")]
    WrongNetwork { chain: String, endpoint: EndpointName, pinned: String, seen: String },
    /// The chain says something else than the configuration.
    #[error(
        "{subject} on {chain} is configured as {configured}, and the chain says {seen}; correct \
         the configuration"
    )]
    Misconfigured { chain: String, subject: String, configured: String, seen: String },
    /// They have lost, or do not show yet, a block of which the book has the effects: what the
    /// wallet holds is not known meanwhile.
    #[error(
        "the endpoints of {chain} stand at block {head}, and payments in block {booked} are booked already: what the wallet holds is \
         not known until they show that block"
    )]
    Behind { chain: String, head: u64, booked: u64 },
    /// The answer is not of the form that the method has.
    #[error("{endpoint} answered {method} with something else than it promises: {detail}")]
    Malformed { endpoint: EndpointName, method: String, detail: String },
    /// The node refused the question itself (an `error` answer).
    #[error("{endpoint} refused {method}: {text}")]
    Refused { endpoint: EndpointName, method: String, text: String },
}
