//! The one signer that all replicas share: its host, and the way there.

mod host;
mod port;

pub use host::{SignerDisk, SignerHost};
pub use port::SimSigner;
