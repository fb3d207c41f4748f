//! Chance that can be repeated: every random choice of a test comes from one printed seed.

pub use adit_devnet::chance::Chance;
