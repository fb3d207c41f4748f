//! Names of things. Each is its own type: a withdrawal's id cannot stand where a payout's is
//! wanted.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// One request of a user to be paid. UUIDv7, made by the shell.
    WithdrawalId,
    /// What one withdrawal owes to one destination.
    PayoutId,
    /// Attempts that all contain every anchor of the first.
    LineageId,
    /// One version of a transaction in a lineage.
    AttemptId,
    /// One immutable entry of the ledger.
    TransferId,
    /// One thing that happened.
    EventId,
    /// One API credential.
    CredentialId,
    /// One group of commands that was committed together.
    GroupId,
    /// One journal of a signer.
    JournalId,
    /// One running process, for leases.
    ReplicaId,
    /// One life of a store: new whenever the store is found or declared to have gone back.
    IncarnationId,
    /// Drawn with each lease, so that two stores which give the same epoch are told apart.
    LeaseToken,
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {allowed}, and this is {got:?}")]
pub struct NameError {
    pub what: &'static str,
    pub allowed: &'static str,
    pub got: String,
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident($what:literal, $allowed:literal, $max:expr, $fits:expr)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// [`NameError`] when the text is empty, too long or has other characters.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let fits: fn(char) -> bool = $fits;
                if text.is_empty() || text.len() > $max || !text.chars().all(fits) {
                    let got = text.chars().take(64).collect();
                    return Err(NameError { what: $what, allowed: $allowed, got });
                }
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    )+};
}

text_id! {
    /// The host application's name for a user: opaque, compared byte by byte.
    UserId("a user id", "1 to 128 visible ASCII characters without '/'", 128, |c| c.is_ascii_graphic() && c != '/'),
    /// A pool or a points program: where a balance belongs.
    Book("a book", "1 to 32 of a-z, 0-9, '-', '_'", 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
    /// An asset's name in this instance, as configured.
    AssetId("an asset", "1 to 24 of A-Z, a-z, 0-9, '.', '-', '_'", 24, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
    /// A chain's name in this instance, as configured.
    ChainName("a chain", "1 to 32 of a-z, 0-9, '-', '_'", 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
    /// One way to a chain, as configured; never with its secrets.
    EndpointName("an endpoint", "1 to 128 visible ASCII characters", 128, |c| c.is_ascii_graphic()),
    /// A destination in its chain's one canonical form (EIP-55, bech32).
    Destination("a destination", "1 to 128 ASCII letters or digits", 128, |c| c.is_ascii_alphanumeric()),
    /// The caller's own name for a request that he may send twice.
    IdempotencyKey("an idempotency key", "1 to 128 visible ASCII characters", 128, |c| c.is_ascii_graphic()),
    /// Whose idempotency keys they are: a user, or a host application's credential.
    ClientId("a client", "1 to 140 visible ASCII characters", 140, |c| c.is_ascii_graphic()),
    /// The host application's name for a credit.
    CreditId("a credit id", "1 to 128 visible ASCII characters", 128, |c| c.is_ascii_graphic()),
    /// A set of limits that some users have instead of the default ones.
    Tier("a tier", "1 to 32 of a-z, 0-9, '-', '_'", 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
}

impl IdempotencyKey {
    /// Returns the SHA-256 of the key: all that is stored of it.
    pub fn digest(&self) -> Hash32 {
        Hash32(Sha256::digest(self.0.as_bytes()).into())
    }

    /// Returns the name under which a key is stored. Rows of earlier versions have the key itself.
    pub fn stored(digest: Hash32) -> Self {
        Self(format!("sha256:{}", digest.hex()))
    }
}

/// 32 bytes of a transaction's or block's hash, or of a signed digest. Written as 0x and 64 hex
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash32(pub [u8; 32]);

impl Hash32 {
    /// 64 hex digits and no prefix: how Bitcoin writes ids.
    pub fn hex(&self) -> String {
        hex(&self.0).split_off(2)
    }
}

impl fmt::Display for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Hash32 {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            what: "a hash",
            allowed: "0x and 64 hex digits",
            got: text.chars().take(80).collect(),
        };
        let bytes = Bytes::from_str(text).map_err(|_| wrong())?;
        bytes.0.try_into().map(Self).map_err(|_| wrong())
    }
}

/// Raw bytes (a signed transaction, a signature, call data). Written as 0x and hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Bytes {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            what: "a byte string",
            allowed: "0x and an even number of hex digits",
            got: text.chars().take(80).collect(),
        };
        let digits = text.strip_prefix("0x").ok_or_else(wrong)?;
        if digits.len() % 2 != 0 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Self(
            digits
                .as_bytes()
                .chunks_exact(2)
                .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
                .collect(),
        ))
    }
}

/// 0x and two digits a byte. Hashes and bytes are written for every row, so this does not go
/// through the formatter.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The value of one hex digit, which the caller has checked to be one.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text!(Hash32, Bytes);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_pairs_of_hex_digits() {
        assert_eq!("0x00fFA9".parse(), Ok(Bytes(vec![0, 255, 169])));
        for text in ["", "00", "0x0", "0xzz", "0x+1", "0x０１"] {
            assert!(text.parse::<Bytes>().is_err(), "{text:?}");
        }
        assert!("0x01".parse::<Hash32>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let bytes = Bytes(bytes);
            prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
        }
    }
}
