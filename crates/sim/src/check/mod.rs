//! What must hold after every commit and every block, whatever happened before.
//!
//! [`Books`] keeps its own account of everything that was committed, from the changes alone, with
//! the plainest means: sums, sets and lists. [`Truth`] sees the EVM chain without any endpoint,
//! [`CoinTruth`] the UTXO chain, and [`Notary`] everything that the signer answers. None of them
//! shares a rule with the engine.

mod books;
mod coins;
mod limits;
mod notary;
mod payments;
mod reading;
mod truth;
mod wishes;

pub use books::{Books, Known};
pub use coins::CoinTruth;
pub use notary::Notary;
pub use truth::{Foul, Truth};

/// How database and journal went back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BothBack {
    /// The operator says so, before any server starts.
    pub declared: bool,
    /// Every endpoint hides what no block holds.
    pub hidden: bool,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which one, in a word or two that stay the same.
    pub invariant: &'static str,
    /// Where, and how.
    pub detail: String,
}

impl Broken {
    pub fn new(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

/// # Errors
/// [`Broken`] where `holds` is false.
pub(crate) fn must(
    holds: bool,
    invariant: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::new(invariant, detail())) }
}
