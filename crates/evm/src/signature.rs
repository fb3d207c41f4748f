//! A 65-byte ECDSA signature, read strictly, and the address that made it.
//!
//! Strict by length and range (windows F83, F84): one signature has one accepted form. Uniqueness
//! of a claim never rests on these bytes, but on its digest and nonce. Recovery is libsecp256k1's,
//! and takes some 40 µs.

use alloy::primitives::{Address, B256, U256, uint};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

/// Half the order of secp256k1: EIP-2 allows no larger `s`.
const S_MAX: U256 = uint!(0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0_U256);
const ORDINARY_BYTES: usize = 65;
/// EIP-2098: the parity is the highest bit of `s`.
const COMPACT_BYTES: usize = 64;

/// Which forms are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignatureForms {
    /// 64 bytes, as EIP-2098 has it.
    pub compact: bool,
}

/// Why bytes are no signature of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    #[error(
        "a signature has {allowed} bytes, and this has {got}; send r, s and v as 0x and 130 hex \
         digits"
    )]
    Length { got: usize, allowed: &'static str },
    #[error("the last byte of a signature is 0, 1, 27 or 28, and this is {got}")]
    Parity { got: u8 },
    #[error(
        "s is above half of the curve's order (EIP-2); sign again with a wallet that normalises s"
    )]
    HighS,
    #[error("r or s is zero or not below the curve's order")]
    OutOfRange,
    #[error("no key has made this signature")]
    Unrecoverable,
    #[error(
        "over the claim's fields it is of {signer}, not of {user}: another wallet signed, or \
         another user, amount, nonce, deadline, chain or token was signed"
    )]
    OtherSigner { signer: Address, user: Address },
}

/// Whether `user`'s own key signed the digest.
///
/// # Errors
/// [`InvalidSignature`].
pub fn verify(
    user: Address,
    digest: B256,
    signature: &[u8],
    forms: SignatureForms,
) -> Result<(), InvalidSignature> {
    let signer = recover(digest, signature, forms)?;
    if signer == user { Ok(()) } else { Err(InvalidSignature::OtherSigner { signer, user }) }
}

/// The address whose key signed the digest.
///
/// # Errors
/// [`InvalidSignature`].
pub fn recover(
    digest: B256,
    signature: &[u8],
    forms: SignatureForms,
) -> Result<Address, InvalidSignature> {
    let (r, s, odd) = split(signature, forms)?;
    recover_parts(digest, r, s, odd)
}

fn split(signature: &[u8], forms: SignatureForms) -> Result<(U256, U256, bool), InvalidSignature> {
    let word = |at: usize| U256::from_be_slice(&signature[at..at + 32]);
    match signature.len() {
        ORDINARY_BYTES => Ok((word(0), word(32), parity(signature[64])?)),
        COMPACT_BYTES if forms.compact => {
            Ok((word(0), word(32) & !(U256::from(1u8) << 255_usize), signature[32] & 0x80 != 0))
        }
        got => Err(InvalidSignature::Length {
            got,
            allowed: if forms.compact { "65 or 64" } else { "65" },
        }),
    }
}

fn parity(v: u8) -> Result<bool, InvalidSignature> {
    match v {
        0 | 27 => Ok(false),
        1 | 28 => Ok(true),
        got => Err(InvalidSignature::Parity { got }),
    }
}

/// The same for a signature that is already in parts, as in a transaction.
pub(crate) fn recover_parts(
    digest: B256,
    r: U256,
    s: U256,
    odd: bool,
) -> Result<Address, InvalidSignature> {
    if s > S_MAX {
        return Err(InvalidSignature::HighS);
    }
    if r.is_zero() || s.is_zero() {
        return Err(InvalidSignature::OutOfRange);
    }
    let compact = [r.to_be_bytes::<32>(), s.to_be_bytes::<32>()].concat();
    let id = if odd { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(&compact, id)
        .map_err(|_| InvalidSignature::OutOfRange)?;
    let key = signature
        .recover_ecdsa(Message::from_digest(digest.0))
        .map_err(|_| InvalidSignature::Unrecoverable)?;
    Ok(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{address, b256, hex};
    use proptest::prelude::*;

    use super::*;

    /// The example of EIP-712: "Mail" from Cow to Bob, signed with keccak256("cow").
    const COW: Address = address!("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826");
    const DIGEST: B256 = b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    const R_AND_S: [u8; 64] = hex!(
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
        "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562"
    );
    const ORDER: U256 =
        uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);
    const ONLY_65: SignatureForms = SignatureForms { compact: false };

    fn with_v(v: u8) -> Vec<u8> {
        [R_AND_S.as_slice(), &[v]].concat()
    }

    fn signed(r: U256, s: U256, v: u8) -> Vec<u8> {
        [r.to_be_bytes::<32>().as_slice(), &s.to_be_bytes::<32>(), &[v]].concat()
    }

    #[test]
    fn the_published_signature_is_cows() {
        for v in [28, 1] {
            assert_eq!(verify(COW, DIGEST, &with_v(v), ONLY_65), Ok(()));
        }
        assert!(matches!(
            verify(COW, DIGEST, &with_v(27), ONLY_65),
            Err(InvalidSignature::OtherSigner { .. })
        ));
    }

    #[test]
    fn f83_other_parities_are_refused() {
        for v in (0..=255).filter(|v| ![0, 1, 27, 28].contains(v)) {
            assert_eq!(
                recover(DIGEST, &with_v(v), ONLY_65),
                Err(InvalidSignature::Parity { got: v })
            );
        }
    }

    #[test]
    fn f84_a_compact_signature_is_read_only_where_it_is_configured() {
        let mut compact = R_AND_S;
        compact[32] |= 0x80;
        assert_eq!(
            recover(DIGEST, &compact, ONLY_65),
            Err(InvalidSignature::Length { got: 64, allowed: "65" })
        );
        assert_eq!(recover(DIGEST, &compact, SignatureForms { compact: true }), Ok(COW));
    }

    #[test]
    fn f83_the_mirrored_signature_is_refused() {
        let (r, s) = (U256::from_be_slice(&R_AND_S[..32]), U256::from_be_slice(&R_AND_S[32..]));
        assert_eq!(
            recover(DIGEST, &signed(r, ORDER - s, 27), ONLY_65),
            Err(InvalidSignature::HighS)
        );
        assert_eq!(
            recover(DIGEST, &signed(r, S_MAX + U256::from(1), 27), ONLY_65),
            Err(InvalidSignature::HighS)
        );
    }

    /// The largest `s` that EIP-2 allows is read: what is refused later is refused for another
    /// reason.
    #[test]
    fn f83_half_of_the_order_is_not_above_it() {
        let r = U256::from_be_slice(&R_AND_S[..32]);
        assert!(!matches!(
            recover(DIGEST, &signed(r, S_MAX, 27), ONLY_65),
            Err(InvalidSignature::HighS)
        ));
    }

    /// F84: the parity of the short form is its highest bit, and no part of `s`.
    #[test]
    fn f84_both_parities_of_the_short_form_are_read_as_those_of_the_long_one() {
        let compact = SignatureForms { compact: true };
        for (bit, v) in [(0, 27), (0x80, 28)] {
            let mut short = R_AND_S;
            short[32] |= bit;
            assert_eq!(
                recover(DIGEST, &short, compact),
                recover(DIGEST, &with_v(v), ONLY_65),
                "v {v}"
            );
        }
    }

    #[test]
    fn f83_f84_only_65_bytes_or_64_where_configured() {
        for length in (0..200).filter(|length| ![64, 65].contains(length)) {
            let got = recover(DIGEST, &vec![1; length], SignatureForms { compact: true });
            assert_eq!(got, Err(InvalidSignature::Length { got: length, allowed: "65 or 64" }));
        }
    }

    #[test]
    fn f83_zero_and_too_large_parts_are_refused() {
        let one = U256::from(1);
        for (r, s) in [
            (U256::ZERO, one),
            (one, U256::ZERO),
            (U256::ZERO, U256::ZERO),
            (ORDER, one),
            (U256::MAX, one),
        ] {
            assert_eq!(
                recover(DIGEST, &signed(r, s, 27), ONLY_65),
                Err(InvalidSignature::OutOfRange)
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), compact: bool) {
            let _ = recover(DIGEST, &bytes, SignatureForms { compact });
        }
    }
}
