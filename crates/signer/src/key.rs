//! A secp256k1 key of a wallet, wiped when it is dropped, and never shown.

use std::fmt;

use adit_core::{ChainName, Destination, LaneId};
use alloy::primitives::{Address, Signature, U256, keccak256};
use secp256k1::{Message, PublicKey, SecretKey, ecdsa::RecoverableSignature};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a private key.
const KEY_BYTES: usize = 32;

/// A wallet's private key. `Debug` shows the address alone.
pub struct Key {
    secret: SecretBox<[u8; KEY_BYTES]>,
    address: Address,
}

/// Why something is not a private key. Never carries what was given: it may be one digit away from
/// a real key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "a private key is 64 hex digits, with or without 0x, and this has {digits} characters; \
         paste the whole key"
    )]
    Length { digits: usize },
    #[error(
        "a private key is 64 hex digits (0-9, a-f), and this has other characters; paste the key \
         alone, without quotes or spaces"
    )]
    NotHex,
    #[error(
        "these 32 bytes are no private key: allowed is 1 up to the order of secp256k1; create a \
         new key"
    )]
    OutOfRange,
}

impl Key {
    /// Reads 64 hex digits, with or without `0x`: the form of `LOCK_MANAGER_PRIVATE_KEY`.
    ///
    /// # Errors
    /// [`KeyError`], which does not repeat the text.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() != 2 * KEY_BYTES {
            return Err(KeyError::Length { digits: digits.chars().count() });
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| KeyError::NotHex)?;
        Self::from_bytes(&bytes)
    }

    /// # Errors
    /// [`KeyError::OutOfRange`] for zero and for the order of the curve and above.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let mut secret = SecretKey::from_secret_bytes(*bytes).map_err(|_| KeyError::OutOfRange)?;
        let address = address_of(&PublicKey::from_secret_key(&secret));
        secret.non_secure_erase();
        Ok(Self {
            secret: SecretBox::init_with_mut(|kept: &mut [u8; KEY_BYTES]| {
                kept.copy_from_slice(bytes)
            }),
            address,
        })
    }

    /// The wallet's address in its canonical form (EIP-55).
    pub fn wallet(&self) -> Destination {
        Destination::new(self.address.to_checksum(None))
            .expect("an EIP-55 address is 42 letters and digits")
    }

    /// The lane of this wallet on a chain.
    pub fn lane(&self, chain: ChainName) -> LaneId {
        LaneId { chain, wallet: self.wallet() }
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Signs a digest: deterministic (RFC 6979) and low-s (EIP-2), so the same digest always gives
    /// the same bytes.
    pub(crate) fn sign(&self, digest: [u8; 32]) -> Signature {
        let mut secret = SecretKey::from_secret_bytes(*self.secret.expose_secret())
            .expect("checked when the key was read");
        let signed =
            RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest), &secret);
        secret.non_secure_erase();
        let (recovery, compact) = signed.serialize_compact();
        let half = |at: usize| U256::from_be_slice(&compact[at..at + 32]);
        Signature::new(half(0), half(32), recovery.to_u8() & 1 == 1)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

/// Last 20 bytes of keccak-256 of the uncompressed public key without its prefix (Yellow Paper,
/// appendix F).
fn address_of(public: &PublicKey) -> Address {
    let mut point = public.serialize_uncompressed();
    let address = Address::from_slice(&keccak256(&point[1..])[12..]);
    point.zeroize();
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first account of anvil and hardhat, published in their documentation.
    const PUBLISHED: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn reads_a_key_with_and_without_prefix() {
        for text in [PUBLISHED, &PUBLISHED[2..], &format!(" {PUBLISHED}\n")] {
            let key = Key::from_hex(text).expect("a published key");
            assert_eq!(key.wallet().as_str(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        }
    }

    #[test]
    fn refuses_what_is_no_key_without_repeating_it() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let words = "z".repeat(64);
        for (text, expected) in [
            ("", KeyError::Length { digits: 0 }),
            (&PUBLISHED[..65], KeyError::Length { digits: 63 }),
            (words.as_str(), KeyError::NotHex),
            (&format!("0x{PUBLISHED}"), KeyError::Length { digits: 66 }),
            (order, KeyError::OutOfRange),
            (&"0".repeat(64), KeyError::OutOfRange),
        ] {
            let error = Key::from_hex(text).expect_err("not a key");
            assert_eq!(error, expected);
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::from_hex(PUBLISHED).expect("a published key");
        assert_eq!(format!("{key:?}"), "Key(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266)");
    }

    #[test]
    fn the_same_digest_gives_the_same_low_s_signature() {
        let key = Key::from_hex(PUBLISHED).expect("a published key");
        for digest in (0u8..32).map(|byte| [byte + 1; 32]) {
            let signature = key.sign(digest);
            assert_eq!(signature, key.sign(digest));
            assert!(signature.normalize_s().is_none(), "s is in the lower half");
        }
    }
}
