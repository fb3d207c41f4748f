//! How the shell moves; nothing in here decides about money.

use std::collections::BTreeMap;

use adit_core::{Amount, AssetId, Span};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a lease lasts. Another replica takes over at the earliest after this; a zombie is
    /// fenced by its epoch.
    pub lease: Span,
    /// This process holds a lock that keeps every other one off the store: a lease that is not its
    /// own belongs to nobody.
    pub alone: bool,
    /// How often a lane looks by itself, without being woken.
    pub lane_beat: Span,
    /// How often the chain is read.
    pub observe_beat: Span,
    /// How often the wallets' balances are read.
    pub funds_beat: Span,
    /// How often the pinned facts are compared while a lane runs.
    pub identity_beat: Span,
    /// How often it is judged whether people must know something.
    pub alerts_beat: Span,
    /// How often the whole ledger is audited: every account is read.
    pub audit_beat: Span,
    /// How often the machine's clock is compared with the time that has passed.
    pub clock_beat: Span,
    /// How often second clocks are asked while there is no doubt about the time.
    pub witness_beat: Span,
    /// The `Date` headers of this machine's own servers count as second clocks: on a devnet alone.
    pub own_dates: bool,
    /// The writer commits at least this often, so that a store which takes no commits shows.
    pub heartbeat: Span,
    /// A running lane that signs nothing for so long, while something is due, is told to people.
    pub silent_after: Span,
    /// Below these balances of a wallet people are told, in base units.
    pub low: BTreeMap<AssetId, Amount>,
    /// A payment that is unmined for longer than this is told to people.
    pub stuck_after: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Span::from_seconds(3),
            alone: false,
            lane_beat: Span::from_millis(250),
            observe_beat: Span::from_millis(500),
            funds_beat: Span::from_seconds(5),
            identity_beat: Span::from_seconds(30),
            alerts_beat: Span::from_seconds(5),
            audit_beat: Span::from_seconds(600),
            clock_beat: Span::from_seconds(1),
            witness_beat: Span::from_seconds(30),
            own_dates: false,
            heartbeat: Span::from_seconds(1),
            silent_after: Span::from_seconds(60),
            low: BTreeMap::new(),
            stuck_after: Span::from_seconds(600),
        }
    }
}

/// Live lineages that a lane keeps in view. More may exist; they are taken up as the first ones
/// end.
pub const LIVE_LINEAGES_MAX: usize = 20_000;
/// Withdrawals that are planned in one round.
pub const PLAN_MAX: usize = 500;
