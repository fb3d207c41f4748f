//! Who claims what in the demo, and what the server must say to it.

/// One claim.
pub struct Act {
    /// Index among the players; the fifth is no member.
    pub player: usize,
    pub title: &'static str,
    /// In whole DG.
    pub amount: &'static str,
    pub twist: Twist,
    pub expected: Expected,
}

/// What is wrong with it, beside its amount and its player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    None,
    /// The very body that this player sent before.
    Replay,
    /// Its deadline has passed.
    Expired,
    /// Signed for Base, sent to the devnet.
    OtherChain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Paid once on chain, and settled.
    Completed,
    /// With this code; nothing changes.
    Refused(&'static str),
}

pub const BASE_CHAIN_ID: u64 = 8453;

const ADA: usize = 0;
const BRUNO: usize = 1;
const CHEN: usize = 2;
const DARA: usize = 3;
const EMIL: usize = 4;

pub const ACTS: [Act; 7] = [
    Act {
        player: ADA,
        title: "a good claim",
        amount: "5000",
        twist: Twist::None,
        expected: Expected::Completed,
    },
    Act {
        player: EMIL,
        title: "not a member",
        amount: "5000",
        twist: Twist::None,
        expected: Expected::Refused("MEMBERSHIP_REQUIRED"),
    },
    Act {
        player: BRUNO,
        title: "below the minimum",
        amount: "2999",
        twist: Twist::None,
        expected: Expected::Refused("BELOW_MINIMUM"),
    },
    Act {
        player: CHEN,
        title: "over the daily limit",
        amount: "100001",
        twist: Twist::None,
        expected: Expected::Refused("DAILY_LIMIT_EXCEEDED"),
    },
    Act {
        player: ADA,
        title: "the same claim again",
        amount: "5000",
        twist: Twist::Replay,
        expected: Expected::Refused("NONCE_USED"),
    },
    Act {
        player: DARA,
        title: "signed too long ago",
        amount: "5000",
        twist: Twist::Expired,
        expected: Expected::Refused("SIGNATURE_EXPIRED"),
    },
    Act {
        player: BRUNO,
        title: "signed for another chain",
        amount: "5000",
        twist: Twist::OtherChain,
        expected: Expected::Refused("SIGNATURE_INVALID"),
    },
];
