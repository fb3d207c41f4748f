//! Typed data: the digest is EIP-712's, computed here by hand; what wallets are shown describes
//! what is hashed; no field is left out.
#![no_main]

use adit_core::{Amount, Destination};
use adit_evm::{Claim, ClaimDomain, canonical};
use alloy::primitives::{Address, U256, keccak256};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq, Arbitrary)]
struct Case {
    chain_id: u64,
    token: [u8; 20],
    user: [u8; 20],
    amount: u128,
    nonce: u64,
    deadline: u64,
    name: String,
    version: String,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let (Ok(change), Ok(case)) = (u8::arbitrary(&mut input), Case::arbitrary_take_rest(input))
    else {
        return;
    };
    let digest = case.digest();
    assert_eq!(digest, case.by_hand(), "{case:?}");
    case.is_told(&case.domain().typed_data_of(&case.claim()));
    let other = case.changed(change);
    assert_ne!(other.digest(), digest, "{case:?} and {other:?}");
});

impl Case {
    fn domain(&self) -> ClaimDomain {
        let token = Address::from(self.token).to_string();
        ClaimDomain::new(&self.name, &self.version, self.chain_id, &token).expect("an address")
    }

    fn claim(&self) -> Claim {
        Claim {
            user: self.user(),
            amount: Amount::new(self.amount),
            nonce: self.nonce,
            deadline: self.deadline,
        }
    }

    fn user(&self) -> Destination {
        canonical(Address::from(self.user))
    }

    fn digest(&self) -> [u8; 32] {
        self.domain().digest(&self.claim()).expect("an address").0
    }

    /// `keccak256(0x1901 || domainSeparator || hashStruct(message))`, as the EIP writes it down.
    fn by_hand(&self) -> [u8; 32] {
        let domain = [
            keccak256(
                "EIP712Domain(string name,string version,uint256 chainId,address \
                verifyingContract)",
            )
            .0,
            keccak256(&self.name).0,
            keccak256(&self.version).0,
            U256::from(self.chain_id).to_be_bytes(),
            word(self.token),
        ];
        let message = [
            keccak256("Withdrawal(address user,uint256 amount,uint256 nonce,uint256 deadline)").0,
            word(self.user),
            U256::from(self.amount).to_be_bytes(),
            U256::from(self.nonce).to_be_bytes(),
            U256::from(self.deadline).to_be_bytes(),
        ];
        keccak256(
            [
                &[0x19, 0x01],
                keccak256(domain.concat()).as_slice(),
                keccak256(message.concat()).as_slice(),
            ]
            .concat(),
        )
        .0
    }

    fn is_told(&self, data: &Value) {
        let domain = &data["domain"];
        assert_eq!(
            (domain["name"].as_str(), domain["version"].as_str()),
            (Some(&*self.name), Some(&*self.version))
        );
        assert_eq!(domain["verifyingContract"], canonical(Address::from(self.token)).as_str());
        let message = &data["message"];
        assert_eq!(message["user"], self.user().as_str());
        for (field, value) in [
            ("amount", self.amount.to_string()),
            ("nonce", self.nonce.to_string()),
            ("deadline", self.deadline.to_string()),
        ] {
            assert_eq!(message[field], value.as_str(), "{field}");
        }
    }

    /// One field, and only that one, is another.
    fn changed(&self, change: u8) -> Self {
        let mut other = self.clone();
        match change % 8 {
            0 => other.chain_id ^= 1 << (change / 8),
            1 => other.token[usize::from(change / 8) % 20] ^= 1,
            2 => other.user[usize::from(change / 8) % 20] ^= 0x80,
            3 => other.amount ^= 1 << (4 * (change / 8)),
            4 => other.nonce ^= 1 << (change / 8),
            5 => other.deadline ^= 1 << (2 * (change / 8)),
            6 => other.name.push(char::from(change)),
            _ => other.version.push(char::from(change)),
        }
        other
    }
}

fn word(address: [u8; 20]) -> [u8; 32] {
    Address::from(address).into_word().0
}
