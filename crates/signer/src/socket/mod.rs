//! One signer for several processes, on a Unix socket that only its owner may use.
//!
//! A frame is a length (4 bytes, big-endian) and that much JSON. A client sends a call and reads
//! its answer; it may use several connections at once. Every call may be repeated: asking again to
//! sign gives the journalled bytes, so a client that is in doubt asks again and never concludes.

mod client;
mod parts;
mod server;
mod wire;

pub use client::SocketSigner;
pub use server::{SignerSocket, SocketError, serve};
