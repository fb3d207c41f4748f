//! For host applications (service keys) and those who run the instance (admin keys).

pub mod alerts;
pub mod api_keys;
pub mod clock;
pub mod coverage;
pub mod credits;
pub mod import;
pub mod keys;
pub mod lane;
pub mod lanes;
pub mod matching;
pub mod psbts;
pub mod release;
pub mod stray;
pub mod suspensions;
pub mod unmatched;
pub mod users;
pub mod wallets;
pub mod withdrawals;
