//! Signatures: one accepted form, the refusals in their order, and the signer that another
//! implementation of the curve finds.
#![no_main]

use adit_evm::{InvalidSignature, SignatureForms, recover, verify};
use alloy::primitives::{Address, B256, U256, uint};
use arbitrary::{Arbitrary, Unstructured};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use libfuzzer_sys::fuzz_target;

const ORDER: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);
const BOTH: SignatureForms = SignatureForms { compact: true };
const ONLY_65: SignatureForms = SignatureForms { compact: false };

#[derive(Debug, Arbitrary)]
enum Case<'a> {
    /// Whatever somebody sends.
    Sent { digest: [u8; 32], compact: bool, bytes: &'a [u8] },
    /// r, s and v from all corners of their ranges.
    Parts { digest: [u8; 32], r: Part, s: Part, v: u8 },
    /// What a real key made.
    Signed { digest: [u8; 32], key: [u8; 32] },
}

#[derive(Debug, Arbitrary)]
enum Part {
    Any([u8; 32]),
    Small(u8),
    NearOrder(i8),
    NearHalf(i8),
}

fuzz_target!(|data: &[u8]| {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match case {
        Case::Sent { digest, compact, bytes } => judge(digest, bytes, SignatureForms { compact }),
        Case::Parts { digest, r, s, v } => {
            let bytes =
                [&r.value().to_be_bytes::<32>()[..], &s.value().to_be_bytes::<32>(), &[v]].concat();
            judge(digest, &bytes, ONLY_65);
            judge(digest, &bytes[..64], BOTH);
        }
        Case::Signed { digest, key } => signed(digest, key),
    }
});

impl Part {
    fn value(&self) -> U256 {
        let near = |middle: U256, step: i8| {
            let by = U256::from(step.unsigned_abs());
            if step < 0 { middle - by } else { middle + by }
        };
        match self {
            Self::Any(bytes) => U256::from_be_bytes(*bytes),
            Self::Small(value) => U256::from(*value),
            Self::NearOrder(step) => near(ORDER, *step),
            Self::NearHalf(step) => near(ORDER >> 1, *step),
        }
    }
}

fn judge(digest: [u8; 32], bytes: &[u8], forms: SignatureForms) {
    let got = recover(B256::from(digest), bytes, forms);
    assert_eq!(
        got,
        meant(digest, bytes, forms),
        "digest {} signature {}",
        B256::from(digest),
        alloy::primitives::hex::encode(bytes)
    );
    if let Ok(signer) = got {
        assert_eq!(verify(signer, B256::from(digest), bytes, forms), Ok(()));
        assert!(verify(Address::ZERO, B256::from(digest), bytes, forms).is_err());
        assert_eq!(
            recover(B256::from(digest), &mirrored(bytes), forms),
            Err(InvalidSignature::HighS),
            "a second form is accepted"
        );
    }
}

/// The other signature of the same key for the same digest: n - s with the other parity.
fn mirrored(bytes: &[u8]) -> Vec<u8> {
    let (r, s, odd) = parts(bytes);
    let v = 27 + u8::from(!odd);
    [&r.to_be_bytes::<32>()[..], &(ORDER - s).to_be_bytes::<32>(), &[v]].concat()
}

fn parts(bytes: &[u8]) -> (U256, U256, bool) {
    let (r, s) = (U256::from_be_slice(&bytes[..32]), U256::from_be_slice(&bytes[32..64]));
    match bytes.get(64) {
        Some(v) => (r, s, matches!(v, 1 | 28)),
        None => (r, s & (U256::MAX >> 1), s.bit(255)),
    }
}

fn meant(
    digest: [u8; 32],
    bytes: &[u8],
    forms: SignatureForms,
) -> Result<Address, InvalidSignature> {
    let allowed = if forms.compact { "65 or 64" } else { "65" };
    if bytes.len() != 65 && !(forms.compact && bytes.len() == 64) {
        return Err(InvalidSignature::Length { got: bytes.len(), allowed });
    }
    if let Some(v) = bytes.get(64).filter(|v| ![0, 1, 27, 28].contains(*v)) {
        return Err(InvalidSignature::Parity { got: *v });
    }
    let (r, s, odd) = parts(bytes);
    if s > ORDER >> 1 {
        return Err(InvalidSignature::HighS);
    }
    if r.is_zero() || s.is_zero() || r >= ORDER {
        return Err(InvalidSignature::OutOfRange);
    }
    let signature =
        Signature::from_scalars(r.to_be_bytes(), s.to_be_bytes()).expect("both are in range");
    let key = VerifyingKey::recover_from_prehash(&digest, &signature, RecoveryId::new(odd, false));
    key.map(|key| address(&key)).map_err(|_| InvalidSignature::Unrecoverable)
}

fn signed(digest: [u8; 32], key: [u8; 32]) {
    let Ok(key) = SigningKey::from_slice(&key) else { return };
    let (signature, id) = key.sign_prehash_recoverable(&digest).expect("a digest can be signed");
    let mut bytes = signature.to_vec();
    bytes.push(27 + u8::from(id.is_y_odd()));
    assert_eq!(recover(B256::from(digest), &bytes, ONLY_65), Ok(address(key.verifying_key())));
    let parity = bytes.pop().expect("65 bytes") - 27;
    bytes[32] |= parity << 7;
    assert_eq!(recover(B256::from(digest), &bytes, BOTH), Ok(address(key.verifying_key())));
}

fn address(key: &VerifyingKey) -> Address {
    Address::from_raw_public_key(&key.to_encoded_point(false).as_bytes()[1..])
}
