//! HTTP: one route, one file.
//!
//! The API decides nothing. It reads requests strictly, finds out who asks, turns what is
//! well-formed into a command for the engine's writer, and renders what the rules answered.
//! Invariants: a refusal has one code with one status, whichever route it leaves by; no input is a
//! 500; what a caller may not see does not exist for him.

mod amounts;
pub mod auth;
mod bounds;
mod camel;
mod carry;
pub mod codes;
mod cursor;
mod docs;
mod extract;
mod gate;
mod gate_evm;
mod headers;
mod live;
mod memo;
mod metrics;
mod problem;
mod query;
mod rate;
mod record;
mod refused;
mod router;
mod routes;
mod serve;
mod settings;
mod state;
mod strict_json;
mod units;
mod wakes;
mod written;

pub use cursor::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
pub use gate::{ClaimGate, ClaimTerms, SignatureVerdict};
pub use gate_evm::EvmGate;
pub use headers::{WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX};
pub use problem::Problem;
pub use record::{WithdrawalView, withdrawal_view, withdrawal_views};
pub use refused::refused;
pub use router::{metrics_router, openapi, router};
pub use serve::{serve, serve_metrics};
pub use settings::{ApiSettings, JwksSource, JwtProvider, Membership, SettingsError};
pub use state::ApiState;
pub use units::{rfc3339, units};
