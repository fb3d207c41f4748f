//! One context under its user's key.

use adit_core::{Bytes, PayoutContext, PayoutId};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::compact;
use super::key::{KeyId, UserKey};

/// The longest that a sealed context is, without its key's id.
pub const CONTEXT_BYTES_MAX: usize = 512;
const NONCE_BYTES: usize = 12;

/// A context as the journal has it: whose it is stands in the keys' file alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedContext {
    pub payout: PayoutId,
    pub key: KeyId,
    /// Nonce, ciphertext and tag.
    pub sealed: Bytes,
}

/// Equal contexts of a payout are sealed to equal bytes. The nonce is made of key and content (as
/// in RFC 5297), so that no two contents share one, and no randomness is needed.
pub(super) fn seal(key: &UserKey, payout: PayoutId, context: &PayoutContext) -> SealedContext {
    let content = compact::write(context);
    let nonce = nonce(key, payout, &content);
    let payload = Payload { msg: &content, aad: payout.0.as_bytes() };
    let sealed = cipher(key)
        .encrypt(&Nonce::from(nonce), payload)
        .expect("some hundred bytes are below the cipher's limit");
    let sealed = [&nonce[..], &sealed].concat();
    assert!(sealed.len() <= CONTEXT_BYTES_MAX, "names are bounded, and the longest ones fit");
    SealedContext { payout, key: key.id, sealed: Bytes(sealed) }
}

/// None where it was sealed by another key or for another payout.
pub(super) fn open(key: &UserKey, context: &SealedContext) -> Option<PayoutContext> {
    let (nonce, sealed) = context.sealed.0.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: context.payout.0.as_bytes() };
    compact::read(&cipher(key).decrypt(&Nonce::from(*nonce), payload).ok()?)
}

fn cipher(key: &UserKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new((&*key.secret).into())
}

fn nonce(key: &UserKey, payout: PayoutId, content: &[u8]) -> [u8; NONCE_BYTES] {
    let digest = Sha256::new()
        .chain_update(*key.secret)
        .chain_update(payout.0.as_bytes())
        .chain_update(content)
        .finalize();
    *digest.first_chunk().expect("32 bytes")
}
