//! What a player signs in his wallet to turn points into tokens (EIP-712), and the body that
//! carries it to the server.

use alloy::sol;
use alloy::sol_types::{Eip712Domain, SolStruct};
use serde::Serialize;

use crate::player::Wallet;
use crate::primitives::utils::{ParseUnits, parse_ether};
use crate::primitives::{Address, B256, U256};

sol! {
    struct Withdrawal {
        address user;
        uint256 amount;
        uint256 nonce;
        uint256 deadline;
    }
}

/// The tokens of the demo have 18 decimals.
const DECIMALS: u8 = 18;

/// Where a signature counts: one application, chain and token.
#[derive(Debug, Clone)]
pub struct Domain {
    pub name: String,
    pub version: String,
    pub chain_id: u64,
    pub token: Address,
}

impl Domain {
    /// The application of the requirements, on that chain and token.
    pub fn of(chain_id: u64, token: Address) -> Self {
        Self {
            name: "P2E Inferno DG Withdrawal".to_owned(),
            version: "1".to_owned(),
            chain_id,
            token,
        }
    }

    fn separator(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some(self.name.clone().into()),
            Some(self.version.clone().into()),
            Some(U256::from(self.chain_id)),
            Some(self.token),
            None,
        )
    }
}

/// A wish to be paid, not signed yet.
#[derive(Debug, Clone)]
pub struct Claim {
    pub wallet: Address,
    /// In base units.
    pub amount: U256,
    pub nonce: u64,
    /// Seconds since 1970.
    pub deadline: u64,
}

/// The body of `POST /api/token/withdraw`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedClaim {
    pub wallet_address: String,
    /// In whole tokens.
    pub amount: String,
    /// 65 bytes in hexadecimal.
    pub signature: String,
    pub nonce: u64,
    pub deadline: u64,
}

impl Claim {
    /// The 32 bytes that the wallet signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        let message = Withdrawal {
            user: self.wallet,
            amount: self.amount,
            nonce: U256::from(self.nonce),
            deadline: U256::from(self.deadline),
        };
        message.eip712_signing_hash(&domain.separator())
    }

    /// Signed by `signer`, who need not be the owner of the wallet named in it.
    pub fn sign(&self, domain: &Domain, signer: &Wallet) -> SignedClaim {
        SignedClaim {
            wallet_address: self.wallet.to_checksum(None),
            amount: whole_tokens(self.amount),
            signature: format!("0x{}", hex::encode(signer.sign(self.digest(domain)))),
            nonce: self.nonce,
            deadline: self.deadline,
        }
    }
}

/// `"3000.5"` → base units of a token of 18 decimals.
///
/// # Panics
/// When the text is no such amount: callers pass literals.
pub fn base_units(whole_tokens: &str) -> U256 {
    parse_ether(whole_tokens)
        .unwrap_or_else(|error| panic!("{whole_tokens:?} is no amount of 18 decimals: {error}"))
}

/// Base units → `"3000.5"`, without trailing zeros.
pub fn whole_tokens(base_units: U256) -> String {
    let text = ParseUnits::U256(base_units)
        .format_units(DECIMALS.try_into().expect("18 decimals are allowed"));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::address;

    #[test]
    fn a_claim_is_signed_as_viem_signs_it() {
        let ada = Wallet::named("ada");
        let domain = Domain::of(31_337, address!("5FbDB2315678afecb367f032d93F642f64180aa3"));
        let claim = Claim {
            wallet: ada.address,
            amount: base_units("3000"),
            nonce: 7,
            deadline: 1_800_000_000,
        };

        let digest = "0x2cb9928e614ff212aec6f70c289ea41e251754f4e66fff9fb7045e3ab86e2f40";
        let signature = "0x1933fc5251a4e8f3320d4e2d7ce035053553163750fe2efce68297638e83332f\
                         6d7a6baf5dd84ad78432767eeebf48f1628a1a7a17f189d329a5a54aa2df55261c";
        assert_eq!(claim.digest(&domain).to_string(), digest);
        assert_eq!(claim.sign(&domain, &ada).signature, signature);
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for text in ["3000", "0.5", "100000.000000000000000001", "0"] {
            assert_eq!(whole_tokens(base_units(text)), text);
        }
    }
}
