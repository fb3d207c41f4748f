//! What a signature is over.

use sha2::{Digest as _, Sha256};

/// A hash that means one thing only (BIP-340).
pub(super) fn tagged(tag: &str, content: &[u8]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    Sha256::new().chain_update(tag).chain_update(tag).chain_update(content).finalize().into()
}
