//! A claim: what a user signs in his wallet to be paid (EIP-712).
//!
//! The domain is the application's own (window F81): name, version, chain and token. A signature
//! for another chain or token has another digest, so it recovers to somebody else.

use adit_core::{Amount, Destination, Hash32};
use alloy::primitives::{Address, U256};
use alloy::sol;
use alloy::sol_types::{Eip712Domain, SolStruct};
use serde_json::{Value, json};

use crate::address_of;

sol! {
    /// The type that is signed, with the amount in base units and the deadline in seconds since
    /// 1970.
    struct Withdrawal {
        address user;
        uint256 amount;
        uint256 nonce;
        uint256 deadline;
    }
}

/// Where a signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimDomain {
    name: String,
    version: String,
    chain_id: u64,
    token: Address,
}

/// One claim, not yet judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub user: Destination,
    /// Base units of the token.
    pub amount: Amount,
    pub nonce: u64,
    /// Seconds since 1970.
    pub deadline: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the claim domain's verifying contract is {got:?}; it must be the token's address, 0x and 40 \
     hex digits"
)]
pub struct InvalidDomain {
    got: String,
}

impl ClaimDomain {
    /// # Errors
    /// [`InvalidDomain`] when `token` is no address.
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        chain_id: u64,
        token: &str,
    ) -> Result<Self, InvalidDomain> {
        let token = token.parse().map_err(|_| InvalidDomain { got: token.to_owned() })?;
        Ok(Self { name: name.into(), version: version.into(), chain_id, token })
    }

    /// The 32 bytes that the wallet signs. None when the user's address is not one.
    pub fn digest(&self, claim: &Claim) -> Option<Hash32> {
        let message = Withdrawal {
            user: address_of(&claim.user)?,
            amount: U256::from(claim.amount.base_units()),
            nonce: U256::from(claim.nonce),
            deadline: U256::from(claim.deadline),
        };
        Some(Hash32(message.eip712_signing_hash(&self.separator()).0))
    }

    /// `{domain, types, primaryType}`, as wallets want it beside the message
    /// (`eth_signTypedData_v4`).
    pub fn typed_data(&self) -> Value {
        let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
        json!({
            "domain": {
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.token.to_checksum(None),
            },
            "types": {
                "EIP712Domain": [
                    field("name", "string"), field("version", "string"), field("chainId", "uint256"), field("verifyingContract", "address"),
                ],
                "Withdrawal": [
                    field("user", "address"), field("amount", "uint256"), field("nonce", "uint256"), field("deadline", "uint256"),
                ],
            },
            "primaryType": "Withdrawal",
        })
    }

    /// The same with the message filled in.
    pub fn typed_data_of(&self, claim: &Claim) -> Value {
        let mut data = self.typed_data();
        data["message"] = json!({
            "user": claim.user,
            "amount": claim.amount,
            "nonce": claim.nonce.to_string(),
            "deadline": claim.deadline.to_string(),
        });
        data
    }

    fn separator(&self) -> Eip712Domain {
        let text = |text: &str| Some(text.to_owned().into());
        Eip712Domain::new(
            text(&self.name),
            text(&self.version),
            Some(U256::from(self.chain_id)),
            Some(self.token),
            None,
        )
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{b256, keccak256};

    use super::*;

    fn domain(chain_id: u64) -> ClaimDomain {
        ClaimDomain::new(
            "P2E Inferno DG Withdrawal",
            "1",
            chain_id,
            "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        )
        .expect("a domain")
    }

    fn claim() -> Claim {
        Claim {
            user: "0x88C46Da0C52814f7f98d8a29F66572376dFc1142".parse().expect("an address"),
            amount: Amount::parse("3000", 18).expect("an amount"),
            nonce: 7,
            deadline: 1_800_000_000,
        }
    }

    /// The digest that viem 2 and ethers 6 compute of the same typed data.
    #[test]
    fn f81_the_digest_is_the_wallets() {
        let digest = domain(31_337).digest(&claim()).expect("an address").to_string();
        assert_eq!(digest, "0x2cb9928e614ff212aec6f70c289ea41e251754f4e66fff9fb7045e3ab86e2f40");
    }

    /// The domain separator of EIP-712's example.
    #[test]
    fn the_published_domain_separator() {
        let mail =
            ClaimDomain::new("Ether Mail", "1", 1, "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")
                .expect("a domain");
        let published = b256!("f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
        assert_eq!(mail.separator().separator(), published);
    }

    #[test]
    fn f81_f82_another_chain_token_or_field_is_another_digest() {
        let other_token = ClaimDomain::new(
            "P2E Inferno DG Withdrawal",
            "1",
            31_337,
            "0x0000000000000000000000000000000000000007",
        );
        let digests = [
            domain(31_337).digest(&claim()),
            domain(1).digest(&claim()),
            other_token.expect("a domain").digest(&claim()),
            domain(31_337).digest(&Claim { nonce: 8, ..claim() }),
            domain(31_337).digest(&Claim { deadline: 0, ..claim() }),
            domain(31_337).digest(&Claim { amount: Amount::ZERO, ..claim() }),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }

    /// Abuse case 14: every field of the domain counts, byte by byte.
    #[test]
    fn f81_a_domain_that_differs_in_a_space_is_another() {
        let digest = |name: &str, version: &str| {
            let domain = ClaimDomain::new(
                name,
                version,
                31_337,
                "0x0000000000000000000000000000000000000007",
            )
            .expect("a domain");
            domain.digest(&claim()).expect("an address")
        };
        let good = digest("Adit", "1");
        assert_eq!(good, digest("Adit", "1"));
        for (name, version) in
            [("Adit ", "1"), ("adit", "1"), ("Adit", "1 "), ("Adit", "2"), ("", "1"), ("Adit", "")]
        {
            assert_ne!(good, digest(name, version), "{name:?} {version:?}");
        }
        assert!(ClaimDomain::new("Adit", "1", 1, "no address").is_err());
        assert_eq!(
            domain(1).digest(&Claim { user: "nobody".parse().expect("a destination"), ..claim() }),
            None
        );
    }

    #[test]
    fn the_typed_data_describes_the_type_that_is_hashed() {
        let data = domain(31_337).typed_data_of(&claim());
        let fields = data["types"]["Withdrawal"].as_array().expect("fields");
        let described: Vec<String> = fields
            .iter()
            .map(|field| {
                format!(
                    "{} {}",
                    field["type"].as_str().expect("a type"),
                    field["name"].as_str().expect("a name")
                )
            })
            .collect();
        let encoded = format!("Withdrawal({})", described.join(","));
        assert_eq!(encoded, Withdrawal::eip712_root_type());
        assert_eq!(
            keccak256(encoded),
            Withdrawal {
                user: Address::ZERO,
                amount: U256::ZERO,
                nonce: U256::ZERO,
                deadline: U256::ZERO
            }
            .eip712_type_hash()
        );
        let message = json!({ "user": claim().user, "amount": "3000000000000000000000", "nonce": "7", "deadline": "1800000000" });
        assert_eq!(data["message"], message);
        let domain = json!({ "name": data["domain"]["name"], "version": "1", "chainId": 31_337, "verifyingContract": data["domain"]["verifyingContract"] });
        assert_eq!((&data["domain"], &data["primaryType"]), (&domain, &json!("Withdrawal")));
    }
}
