//! What a person at the terminal sees while something long happens.
//!
//! Progress goes to standard error: standard output belongs to results.

/// One line about what is being done now.
pub fn step(text: impl AsRef<str>) {
    eprintln!("devnet: {}", text.as_ref());
}
