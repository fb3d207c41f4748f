//! Who is paid what in bitcoin, and what must come of it.

use std::ops::Range;

use adit_devnet::config::{BTC, BTC_MULTISIG};

/// What one player asks for, or some at once.
pub struct Act {
    pub players: Range<usize>,
    pub title: &'static str,
    /// In whole BTC, to each.
    pub amount: &'static str,
    pub scene: Scene,
}

impl Act {
    /// What is asked for: the coin of the wallet that pays it.
    pub fn asset(&self) -> &'static str {
        match self.scene {
            Scene::Cosigned => BTC_MULTISIG,
            Scene::Paid | Scene::Outbid | Scene::Refused { .. } => BTC,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// All in one transaction.
    Paid,
    /// While it waits to be mined, blocks become dear: another version of the transaction has to
    /// take its place.
    Outbid,
    /// Out of the wallet of three keys: handed out as a PSBT, signed by a bitcoind's wallet,
    /// brought back.
    Cosigned,
    /// With this code; nothing changes.
    Refused { destination: Destination, code: &'static str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    Own,
    /// On the main network.
    Elsewhere,
}

/// From BIP-173's test vectors: nobody of the demo has it.
pub const MAINNET_ADDRESS: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

/// What each player is credited with, in whole BTC.
pub const CREDIT: &str = "0.1";

// Emil and those before him play in the claims, too.
pub const ACTS: [Act; 6] = [
    Act { players: 0..1, title: "a single payout", amount: "0.05", scene: Scene::Paid },
    Act {
        players: 5..30,
        title: "a batch in one transaction",
        amount: "0.001",
        scene: Scene::Paid,
    },
    Act { players: 1..2, title: "outbid in a fee spike", amount: "0.02", scene: Scene::Outbid },
    Act {
        players: 4..5,
        title: "2 of 3 keys, co-signed by a bitcoind",
        amount: "0.03",
        scene: Scene::Cosigned,
    },
    Act {
        players: 2..3,
        title: "an address of the main network",
        amount: "0.01",
        scene: Scene::Refused { destination: Destination::Elsewhere, code: "INVALID_ADDRESS" },
    },
    Act {
        players: 3..4,
        title: "less than dust",
        amount: "0.000001",
        scene: Scene::Refused { destination: Destination::Own, code: "BELOW_MINIMUM" },
    },
];
