//! One user's key, and its line in the file.
//!
//! `user id secret check\n`: the id is 16 random bytes, the secret 32, the check the first 8 of
//! SHA-256 over what stands before it; all in hex. No user's id has a space in it.

use std::io;

use adit_core::UserId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(super) const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 16;
const CHECK_BYTES: usize = 8;

/// A key's name in the journal. It says nothing of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; ID_BYTES]);

pub(super) struct UserKey {
    pub user: UserId,
    pub id: KeyId,
    pub secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl UserKey {
    pub(super) fn draw(
        user: &UserId,
        draw: &mut dyn FnMut(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut key = Self {
            user: user.clone(),
            id: KeyId([0; ID_BYTES]),
            secret: Zeroizing::new([0; SECRET_BYTES]),
        };
        draw(&mut key.id.0)?;
        draw(&mut *key.secret)?;
        Ok(key)
    }

    pub(super) fn line(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex::encode(*self.secret));
        let content =
            Zeroizing::new(format!("{} {} {}", self.user, hex::encode(self.id.0), *secret));
        Zeroizing::new(format!("{} {}\n", *content, check(&content)))
    }

    /// None where the line, without its end, is damaged or was cut short.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (content, check_of) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
        let mut parts = content.split(' ');
        let (user, id, secret) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let mut key =
            Self { user, id: KeyId([0; ID_BYTES]), secret: Zeroizing::new([0; SECRET_BYTES]) };
        hex::decode_to_slice(id, &mut key.id.0).ok()?;
        hex::decode_to_slice(secret, &mut *key.secret).ok()?;
        (check_of == check(content) && parts.next().is_none()).then_some(key)
    }
}

fn check(content: &str) -> String {
    hex::encode(&Sha256::digest(content)[..CHECK_BYTES])
}

impl TryFrom<String> for KeyId {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut id = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        hex::encode(id.0)
    }
}
