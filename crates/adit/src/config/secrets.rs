//! What is given by the environment only, so that no file carries it. Never shown.

use adit_signer::{Key, PASSPHRASE_BYTES_MIN};
use secrecy::SecretString;

use super::environment::Environment;
use super::problem::Notes;

/// An admin's token must not be guessed: 20 characters of letters and digits carry about 119 bits.
pub const ADMIN_TOKEN_CHARS_MIN: usize = 20;

#[derive(Debug, Default)]
pub struct Secrets {
    /// `LOCK_MANAGER_PRIVATE_KEY`, proved to be a key.
    pub private_key: Option<SecretString>,
    /// `ADIT_KEY_PASSPHRASE`.
    pub passphrase: Option<SecretString>,
    /// `ADIT_ADMIN_TOKEN`.
    pub admin_token: Option<SecretString>,
}

impl Secrets {
    pub fn read(environment: &Environment, notes: &Notes) -> Self {
        let private_key = environment.get("LOCK_MANAGER_PRIVATE_KEY");
        if let Some(error) = private_key.and_then(|text| Key::from_hex(text).err()) {
            notes.problem("LOCK_MANAGER_PRIVATE_KEY", "is no private key", error.to_string());
        }
        let passphrase = environment.get("ADIT_KEY_PASSPHRASE");
        if passphrase.is_some_and(|text| text.len() < PASSPHRASE_BYTES_MIN) {
            notes.problem(
                "ADIT_KEY_PASSPHRASE",
                "is too short",
                format!("allowed are {PASSPHRASE_BYTES_MIN} bytes or more"),
            );
        }
        let admin_token = environment.get("ADIT_ADMIN_TOKEN");
        if admin_token.is_some_and(|text| {
            text.len() < ADMIN_TOKEN_CHARS_MIN || !text.chars().all(|c| c.is_ascii_graphic())
        }) {
            let allowed = format!(
                "allowed are {ADMIN_TOKEN_CHARS_MIN} or more visible ASCII characters, like the \
                 output of `openssl rand -hex 32`"
            );
            notes.problem("ADIT_ADMIN_TOKEN", "cannot be used", allowed);
        }
        let secret = |text: Option<&str>| text.map(|text| SecretString::from(text.to_owned()));
        Self {
            private_key: secret(private_key),
            passphrase: secret(passphrase),
            admin_token: secret(admin_token),
        }
    }
}
