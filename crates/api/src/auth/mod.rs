//! Who asks: API keys of ours, or signed tokens of an external provider.

mod admit;
mod jwks;
mod jwt;
mod keys;
mod principal;
mod wallets;

pub(crate) use admit::unknown_token;
pub use admit::{admit, authenticate};
pub use jwt::JwtDesk;
pub use keys::{KeyRing, TOKEN_PREFIX, hash_token, new_token};
pub(crate) use keys::{LOOK_SECONDS, LOOKS_A_NOTE};
pub use principal::{Admin, Caller, Principal, Service};
