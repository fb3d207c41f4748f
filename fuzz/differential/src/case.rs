//! One claim, who signs what, and what is done to the signature on its way.

use adit_core::{Amount, Hash32};
use adit_evm::{Claim, ClaimDomain, InvalidSignature, SignatureForms, canonical, recover, verify};
use alloy::primitives::{Address, B256, hex};
use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::{Value, json};

use crate::Oracle;

/// A JSON number above it is another one for JavaScript; `chains.NAME.chain_id` allows no larger.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;

#[derive(Debug, Clone)]
pub struct Case {
    key: [u8; 32],
    chain_id: u64,
    token: Address,
    /// None: the signer himself.
    user: Option<Address>,
    amount: u128,
    nonce: u64,
    deadline: u64,
    name: String,
    version: String,
    compact: bool,
    twist: Twist,
}

/// What is not as it should be.
#[derive(Debug, Clone, Arbitrary)]
enum Twist {
    Nothing,
    Compact,
    HighS,
    V(u8),
    OtherChain(u64),
    OtherToken([u8; 20]),
    /// The wallet signs for any uint256; a claim's amount has 128 bits.
    OtherAmount([u8; 32]),
    Flip {
        byte: u8,
        bit: u8,
    },
    R(Corner),
    S(Corner),
    Bytes(Vec<u8>),
}

/// Around the ends of a scalar's range.
#[derive(Debug, Clone, Arbitrary)]
enum Corner {
    Zero(u8),
    Order(i8),
    HalfOrder(i8),
    Last(u8),
}

impl Case {
    /// # Errors
    /// When the bytes do not suffice.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Unstructured::new(bytes);
        let user = <[u8; 20]>::arbitrary(&mut input)?;
        Ok(Self {
            key: input.arbitrary()?,
            chain_id: wide(&mut input)?.clamp(1, u128::from(CHAIN_ID_MAX)) as u64,
            token: Address::from(<[u8; 20]>::arbitrary(&mut input)?),
            user: input.ratio(1u8, 4u8)?.then(|| Address::from(user)),
            amount: wide(&mut input)?,
            nonce: wide(&mut input)? as u64,
            deadline: wide(&mut input)? as u64,
            compact: input.arbitrary()?,
            twist: input.arbitrary()?,
            name: input.arbitrary()?,
            version: input.arbitrary()?,
        })
    }

    /// # Panics
    /// Where Adit and viem differ.
    pub fn judge(&self, oracle: &mut Oracle) {
        let answer = oracle.ask(&json!({ "address": format!("0x{}", hex::encode(self.key)) }));
        let Some(signer) =
            answer["address"].as_str().map(|text| text.parse::<Address>().expect("an address"))
        else {
            return; // These bytes are no key of the curve.
        };
        let user = self.user.unwrap_or(signer);
        let claim = Claim {
            user: canonical(user),
            amount: Amount::new(self.amount),
            nonce: self.nonce,
            deadline: self.deadline,
        };
        let domain =
            ClaimDomain::new(&self.name, &self.version, self.chain_id, &self.token.to_string())
                .expect("an address");
        let digest = domain.digest(&claim).expect("an address");
        let answer = oracle.ask(&self.question(&domain, &claim, digest));
        assert_eq!(
            answer["shown"],
            digest.to_string(),
            "the digest of the typed data that wallets are shown: {self:?}"
        );
        assert_eq!(answer["built"], digest.to_string(), "the digest of the fields: {self:?}");
        self.agrees(&answer, digest, user);
    }

    fn agrees(&self, answer: &Value, digest: Hash32, user: Address) {
        let sent = hex::decode(answer["sent"].as_str().expect("a signature")).expect("hex");
        let (digest, forms) = (B256::from(digest.0), SignatureForms { compact: self.compact });
        let got = recover(digest, &sent, forms);
        assert_eq!(
            answer["judged"],
            said(&got),
            "{self:?}, digest {digest}, sent {}",
            answer["sent"]
        );
        assert_eq!(verify(user, digest, &sent, forms).is_ok(), got == Ok(user));
    }

    fn question(&self, domain: &ClaimDomain, claim: &Claim, digest: Hash32) -> Value {
        json!({
            "typedData": domain.typed_data_of(claim),
            "fields": {
                "name": self.name, "version": self.version, "chainId": self.chain_id.to_string(), "verifyingContract": self.token,
                "user": claim.user, "amount": self.amount.to_string(), "nonce": self.nonce.to_string(), "deadline": self.deadline.to_string(),
            },
            "key": format!("0x{}", hex::encode(self.key)),
            "digest": digest,
            "compact": self.compact,
            "twist": self.twist.told(),
        })
    }
}

/// Whom Adit found, or why nobody.
fn said(got: &core::result::Result<Address, InvalidSignature>) -> String {
    match got {
        Ok(address) => address.to_checksum(None),
        Err(InvalidSignature::Length { .. }) => "length".to_owned(),
        Err(InvalidSignature::Parity { .. }) => "parity".to_owned(),
        Err(InvalidSignature::HighS) => "high s".to_owned(),
        Err(InvalidSignature::OutOfRange) => "out of range".to_owned(),
        Err(InvalidSignature::Unrecoverable) => "unrecoverable".to_owned(),
        Err(InvalidSignature::OtherSigner { .. }) => {
            unreachable!("recovering compares with nobody")
        }
    }
}

/// Numbers of every length, and the ends of their types more often than chance would have them.
fn wide(input: &mut Unstructured<'_>) -> Result<u128> {
    let value = u128::arbitrary(input)?;
    Ok(match u8::arbitrary(input)? % 8 {
        0 => u128::MAX,
        1 => u128::from(u64::MAX),
        2 => u128::from(CHAIN_ID_MAX),
        3 => value % 3,
        shift => value >> (16 * (shift - 4)),
    })
}

impl Twist {
    fn told(&self) -> Value {
        match self {
            Self::Nothing => json!({ "kind": "nothing" }),
            Self::Compact => json!({ "kind": "compact" }),
            Self::HighS => json!({ "kind": "high s" }),
            Self::V(v) => json!({ "kind": "v", "v": v }),
            Self::OtherChain(chain_id) => {
                json!({ "kind": "field", "chainId": chain_id.to_string() })
            }
            Self::OtherToken(token) => {
                json!({ "kind": "field", "verifyingContract": Address::from(*token) })
            }
            Self::OtherAmount(amount) => {
                json!({ "kind": "field", "amount": format!("0x{}", hex::encode(amount)) })
            }
            Self::Flip { byte, bit } => json!({ "kind": "flip", "byte": byte, "bit": bit % 8 }),
            Self::R(corner) => json!({ "kind": "part", "part": "r", "near": corner.told() }),
            Self::S(corner) => json!({ "kind": "part", "part": "s", "near": corner.told() }),
            Self::Bytes(bytes) => {
                json!({ "kind": "bytes", "bytes": format!("0x{}", hex::encode(bytes)) })
            }
        }
    }
}

impl Corner {
    fn told(&self) -> Value {
        match self {
            Self::Zero(step) => json!({ "end": "zero", "step": step }),
            Self::Order(step) => json!({ "end": "order", "step": step }),
            Self::HalfOrder(step) => json!({ "end": "half order", "step": step }),
            Self::Last(step) => json!({ "end": "last", "step": -i16::from(*step) }),
        }
    }
}
