//! The chain against a real node: anvil, the odd tokens, contract wallets, a lock, and an endpoint
//! that lies or lags.

mod claims;
mod fees;
mod identity;
mod legacy;
mod observing;
mod planning;
mod pruned;
mod quorum;
mod searching;
mod strangers;
mod twist;
mod world;
