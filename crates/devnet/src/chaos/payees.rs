//! Who is to be paid what, and by whom he is asked for.

use crate::api::Api;
use crate::claim::base_units;
use crate::config::{DG, ETH};
use crate::primitives::{Address, U256};
use crate::seed::SeededPlayer;
use anyhow::{Context, Result};
use serde_json::json;

/// The book in which coins and tokens are owed.
pub const PURSE: &str = "purse";
/// The demo's minimum, and a number that no fee is a multiple of.
const TOKENS: &str = "3000.000000000000000007";
const COINS: &str = "0.1";
/// Every member is asked for so much at most: below the demo's daily limit.
const CREDITS_PER_REQUEST: usize = 500;

/// How a payee is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Points of his own, by a claim that he signs.
    Claim,
    /// Coins that somebody withdraws to him.
    Coins,
    /// Tokens that somebody withdraws to him.
    Tokens,
}

/// Somebody who is to be paid once.
#[derive(Clone)]
pub struct Payee {
    pub number: usize,
    pub way: Way,
    pub address: Address,
    /// Whose key asks.
    pub asker: SeededPlayer,
}

impl Payee {
    /// A third of each way. Only members may claim.
    ///
    /// # Panics
    /// When there are no members.
    pub fn crowd(count: usize, players: &[SeededPlayer]) -> Vec<Self> {
        let members: Vec<&SeededPlayer> = players.iter().filter(|seeded| seeded.player.member).collect();
        (0..count)
            .map(|number| {
                let way = [Way::Claim, Way::Coins, Way::Tokens][number % 3];
                let asker = members[(number / 3) % members.len()].clone();
                let address = match way {
                    Way::Claim => asker.player.wallet.address,
                    Way::Coins | Way::Tokens => Address::left_padding_from(&(0xc4a0_0000 + number as u64).to_be_bytes()),
                };
                Self { number, way, address, asker }
            })
            .collect()
    }

    /// So many players have enough members for `payees`.
    pub fn players(payees: usize) -> Result<u32> {
        let players = payees.div_ceil(3) * 5 / 4 + 5;
        u32::try_from(players.max(20)).context("so many players")
    }

    pub fn asset(&self) -> &'static str {
        match self.way {
            Way::Coins => ETH,
            Way::Claim | Way::Tokens => DG,
        }
    }

    pub fn amount(&self) -> &'static str {
        match self.way {
            Way::Coins => COINS,
            Way::Tokens => TOKENS,
            Way::Claim => "3000",
        }
    }

    pub fn base_units(&self) -> U256 {
        base_units(self.amount())
    }
}

/// Owes the askers what they will withdraw; `admin` carries a service key.
///
/// # Errors
/// When it is refused.
pub async fn endow(admin: &Api, payees: &[Payee]) -> Result<()> {
    let owed: Vec<_> = payees
        .iter()
        .filter(|payee| payee.way != Way::Claim)
        .map(|payee| {
            json!({
                "id": format!("chaos-{}", payee.number),
                "userId": payee.asker.player.id,
                "book": PURSE,
                "asset": payee.asset(),
                "amount": payee.amount(),
            })
        })
        .collect();
    for some in owed.chunks(CREDITS_PER_REQUEST) {
        admin.post("/api/admin/credits", &json!({ "credits": some })).await?.expect_success("crediting")?;
    }
    Ok(())
}
