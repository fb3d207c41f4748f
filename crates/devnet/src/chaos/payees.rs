//! Who is to be paid what, and by whom he is asked for.

use anyhow::{Context, Result};
use bitcoin::hashes::{Hash as _, hash160, sha256};
use bitcoin::{Network, PubkeyHash, ScriptBuf, ScriptHash, WPubkeyHash, WScriptHash};
use serde_json::json;

use crate::api::Api;
use crate::claim::base_units;
use crate::config::{BTC, DG, ETH};
use crate::primitives::{Address, U256};
use crate::seed::SeededPlayer;

use super::plan::ChainKind;

/// The book in which coins and tokens are owed.
pub const PURSE: &str = "purse";
/// The demo's minimum, and a number that no fee is a multiple of.
const TOKENS: &str = "3000.000000000000000007";
const COINS: &str = "0.1";
/// To which four digits are added: each payee's is an amount of his own.
const BITCOIN: &str = "0.0100";
/// [`base_units`] counts 18 digits, the chain 8.
const WEI_PER_SATOSHI: U256 = U256::from_limbs([10_000_000_000, 0, 0, 0]);
/// The least that a devnet seeds.
const PLAYERS_MIN: usize = 30;
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
    /// Bitcoin that somebody withdraws to him.
    Bitcoin,
}

/// Somebody who is to be paid once.
#[derive(Clone)]
pub struct Payee {
    pub number: usize,
    pub way: Way,
    /// As the chain's addresses are written.
    pub destination: String,
    /// In whole units.
    pub amount: String,
    /// Whose key asks.
    pub asker: SeededPlayer,
}

impl Payee {
    /// On an EVM chain a third of each way; only members may claim.
    ///
    /// # Panics
    /// When there are no members.
    pub fn crowd(chain: ChainKind, count: usize, players: &[SeededPlayer]) -> Vec<Self> {
        let members: Vec<&SeededPlayer> =
            players.iter().filter(|seeded| seeded.player.member).collect();
        (0..count)
            .map(|number| {
                let way = match chain {
                    ChainKind::Evm => [Way::Claim, Way::Coins, Way::Tokens][number % 3],
                    ChainKind::Bitcoin => Way::Bitcoin,
                };
                let asker = members[(number / 3) % members.len()].clone();
                let destination = match way {
                    Way::Claim => asker.player.wallet.address.to_checksum(None),
                    Way::Coins | Way::Tokens => {
                        Address::left_padding_from(&(0xc4a0_0000 + number as u64).to_be_bytes())
                            .to_checksum(None)
                    }
                    Way::Bitcoin => bitcoin_address(number),
                };
                Self { number, way, destination, amount: way.amount(number), asker }
            })
            .collect()
    }

    /// So many players have enough members for `payees`.
    pub fn players(chain: ChainKind, payees: usize) -> Result<u32> {
        let players = match chain {
            ChainKind::Evm => payees.div_ceil(3) * 5 / 4 + 5,
            ChainKind::Bitcoin => 0,
        };
        u32::try_from(players.max(PLAYERS_MIN)).context("so many players")
    }

    pub fn asset(&self) -> &'static str {
        match self.way {
            Way::Coins => ETH,
            Way::Claim | Way::Tokens => DG,
            Way::Bitcoin => BTC,
        }
    }

    pub fn base_units(&self) -> U256 {
        match self.way {
            Way::Coins | Way::Tokens | Way::Claim => base_units(&self.amount),
            Way::Bitcoin => base_units(&self.amount) / WEI_PER_SATOSHI,
        }
    }
}

impl Way {
    /// What a payee of this number gets, where nobody says otherwise.
    fn amount(self, number: usize) -> String {
        match self {
            Self::Coins => COINS.to_owned(),
            Self::Tokens => TOKENS.to_owned(),
            Self::Claim => "3000".to_owned(),
            Self::Bitcoin => format!("{BITCOIN}{number:04}"),
        }
    }
}

/// One that nobody has a key of; of the four kinds that need none to be written down.
fn bitcoin_address(number: usize) -> String {
    let name = format!("chaos {number}");
    let (short, long) = (hash160::Hash::hash(name.as_bytes()), sha256::Hash::hash(name.as_bytes()));
    let script = match number % 4 {
        0 => ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(short)),
        1 => ScriptBuf::new_p2wsh(&WScriptHash::from_raw_hash(long)),
        2 => ScriptBuf::new_p2pkh(&PubkeyHash::from_raw_hash(short)),
        _ => ScriptBuf::new_p2sh(&ScriptHash::from_raw_hash(short)),
    };
    bitcoin::Address::from_script(&script, Network::Regtest)
        .expect("each of these scripts has an address")
        .to_string()
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
                "amount": payee.amount,
            })
        })
        .collect();
    for some in owed.chunks(CREDITS_PER_REQUEST) {
        admin
            .post("/api/admin/credits", &json!({ "credits": some }))
            .await?
            .expect_success("crediting")?;
    }
    Ok(())
}
